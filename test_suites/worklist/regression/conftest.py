"""Fixtures of the regression suite: items of people of one's own, removed afterwards."""

import hashlib

import pytest
from folder import Folder, file_of, item_of


@pytest.fixture(scope="session")
def folder(replica):
    opened = Folder(replica.services[replica.under_test].container)
    yield opened
    opened.close()


@pytest.fixture
def put(folder):
    """A factory of files in the worklist's folder."""
    names = []

    def put_file(name, content):
        names.append(name)
        folder.put(name, content)

    yield put_file
    folder.remove(*names)


@pytest.fixture
def schedule(request, put):
    """A factory of items that no other test uses; returns the accession number.

    Numbers are derived from the test's name: the same on every run, and on both versions.
    """
    prefix = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    count = 0

    def schedule_item(step=None, **item):
        nonlocal count
        count += 1
        accession = item.get("AccessionNumber", f"T{prefix}.{count}")
        put(f"{prefix}.{count}.wl", file_of(item_of(accession, step or {}, item)))
        return accession

    return schedule_item

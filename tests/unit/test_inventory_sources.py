"""Inventories of whole replicas, from every source that their environment has."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clinops.adapters.inventories import ReplicaInventories
from clinops.domain.environment import Environment
from clinops.domain.inventory import Inventory, Source, keyed
from clinops.domain.parsing import parse
from clinops.domain.replica import Replica
from clinops.domain.suite import Role
from clinops.errors import BadInputError, InfrastructureError, NotFoundError
from clinops.ports import EstateTree, Inventories
from tests.fakes.databases import System
from tests.fakes.inventories import PATIENTS, FakeInventories
from tests.fakes.replicas import FakeReplicas
from tests.fakes.suites import FakeSuites
from tests.fakes.trees import FakeTree

COMPOSE = """\
name: archive
services:
  db:
    build: {context: ./images/db}
    volumes: [data:/var/lib/data]
  app:
    image: package
    volumes: [images:/var/lib/images, spare:/var/spare]
volumes: {data: , images: , spare: }
x-clinops:
  under_test: app
  endpoints: {sql: "db:5432"}
"""
TREE = FakeTree({})


class ReportingSuites(FakeSuites):
    """Programs leave what they are told to leave."""

    def __init__(self, result: bytes) -> None:
        super().__init__()
        self._result = result

    def run_program(self, program: str, replica: Replica, tree: EstateTree) -> bytes:
        return self._result


class StoringReplicas(FakeReplicas):
    """Each volume has one file, named after its service; `/var/none` is not there."""

    def archive(self, replica: Replica, service: str, path: str) -> Iterator[bytes]:
        if path == "/var/none":
            raise NotFoundError(f"{service} has nothing at {path}")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(f"{path.rpartition('/')[2]}/{service}.txt"))
        yield packed.getvalue()


def environment(**section: object) -> Environment:
    plain = parse("compose.yaml", COMPOSE.encode(), Environment)
    return plain.model_copy(update={"clinops": plain.clinops.model_copy(update=section)})


def replica(door: str = "192.0.2.2:5432") -> Replica:
    return Replica(
        id="archive-1",
        product="archive",
        version="1.0",
        role=Role.CANDIDATE,
        release="archive-1.0",
        under_test="app",
        services={},
        endpoints={"sql": door},
    )


def read(result: object, reads: Environment, door: str = "192.0.2.2:5432") -> Inventory:
    written = result if isinstance(result, bytes) else json.dumps(result).encode()
    inventories = ReplicaInventories(ReportingSuites(written), StoringReplicas(), 30)
    return inventories.read(replica(door), reads, TREE)


def test_reads_program_tables_and_files_but_not_the_files_of_a_database(
    postgresql: System,
) -> None:
    postgresql.execute("CREATE TABLE resources (id int)")
    reads = environment(inventory="inventory.py", databases={"index": postgresql.database})
    found = read({"patients": PATIENTS}, reads, postgresql.door).collections
    assert {name: collection.source for name, collection in found.items()} == {
        "patients": Source.PROGRAM,
        "index.resources": Source.TABLE,
        "app:/var/lib/images": Source.FILES,
        "app:/var/spare": Source.FILES,
    }
    assert found["patients"].records == PATIENTS
    assert list(found["app:/var/spare"].records) == ["app.txt"]


def test_reads_every_volume_where_no_database_is_declared() -> None:
    assert set(read(b"", environment()).collections) == {
        "db:/var/lib/data",
        "app:/var/lib/images",
        "app:/var/spare",
    }


def test_takes_a_folder_that_is_not_there_for_an_empty_one() -> None:
    compose = COMPOSE.replace("/var/spare", "/var/none").encode()
    found = read(b"", parse("compose.yaml", compose, Environment)).collections
    assert found["app:/var/none"].records == {}


def test_leaves_out_what_is_null_and_digests_what_is_long() -> None:
    result = {"letters": {"1": {"text": "x" * 201, "signed": None}}}
    (fields,) = read(result, environment(inventory="i.py")).collections["letters"].records.values()
    assert list(fields) == ["text"]
    assert fields["text"].startswith("sha256:")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (b"", "it wrote nothing"),
        (b"{", "Expecting"),
        (b"\xff", "utf-8"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "dictionary"),
        ({"patients": {"1": {"age": 7}}}, "patients → 1 → age: Input should be a valid string"),
        (b'{"patients": {"1": {}, "1": {}}}', "`1` is there twice"),
    ],
)
def test_takes_no_result_for_an_inventory_that_is_none(result: object, why: str) -> None:
    with pytest.raises(BadInputError, match=why) as caught:
        read(result, environment(inventory="inventory.py"))
    assert str(caught.value).startswith("environments/archive/inventory.py: ")
    assert caught.value.mend


def test_lets_no_collection_hide_another() -> None:
    with pytest.raises(InfrastructureError, match="are called `app:/var/spare`"):
        read({"app:/var/spare": {}}, environment(inventory="i.py"))


def test_names_a_database_that_does_not_answer(postgresql: System) -> None:
    reads = environment(databases={"index": postgresql.database})
    with pytest.raises(InfrastructureError, match="the database `index` can't be read"):
        read(b"", reads, "127.0.0.1:1")
    with postgresql.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_fake_gives_what_a_system_holds_as_its_version_reads_it() -> None:
    fake = FakeInventories({"archive-1": PATIENTS})
    inventories: Inventories = fake
    real = read({"patients": PATIENTS}, environment(inventory="i.py")).collections
    asked = environment(inventory="i.py")
    found = inventories.read(replica(), asked, TREE).collections
    assert found == {"patients": real["patients"]}
    fake.reads["1.0"] = lambda _: {}
    assert inventories.read(replica(), asked, TREE).collections["patients"].records == {}
    behind = inventories.read(replica(), environment(), TREE).collections["patients"]
    assert (behind.source, behind.records) == (Source.TABLE, PATIENTS)
    fake.in_memory = True
    assert inventories.read(replica(), environment(), TREE).collections["patients"].records == {}
    fake.fails["1.0"] = InfrastructureError("gone")
    with pytest.raises(InfrastructureError):
        inventories.read(replica(), environment(), TREE)


def test_of_two_records_with_one_key_neither_hides_the_other() -> None:
    twins = [("a", {"name": "one"}), ("b", {}), ("a", {"name": "two"}), ("a", {"name": "three"})]
    assert keyed(twins) == {
        "a": {"name": "one"},
        "b": {},
        "a (again: 1)": {"name": "two"},
        "a (again: 2)": {"name": "three"},
    }

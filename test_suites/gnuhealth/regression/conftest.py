"""Fixtures of the regression suite."""

import pytest
from people import People


@pytest.fixture
def people(request, record):
    """Makes people of the test's own."""
    return People(record, request.node.nodeid)

"""An emergency overtakes what waits: real pushes, a real flow server and worker, real replicas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench_push import Estate, estate, product

from clinops.domain.ledger import Kind
from clinops.wiring import Wiring
from tests.ward import close

pytestmark = [pytest.mark.docker, pytest.mark.server]

TEN = range(10)
EMERGENCY = 10


@pytest.fixture(scope="module")
def made() -> Iterator[Estate]:
    with estate(products=11) as one:
        yield one


def begun(made: Estate) -> list[str]:
    """Return the products whose qualifications have begun, in that order."""
    wiring = Wiring(made.root)
    products = {record.id: record.product for record in wiring.ledger.releases()}
    entries = [
        entry
        for record in products
        for entry in wiring.ledger.entries(record)
        if entry.kind is Kind.QUALIFICATION_STARTED
    ]
    close(wiring)
    return [products[entry.subject] for entry in sorted(entries, key=lambda entry: entry.sequence)]


def test_an_emergency_is_qualified_next_though_ten_releases_wait(made):
    made.hold_workers(held=True)
    made.qualify_one_at_a_time()
    made.push(TEN)
    made.alert(EMERGENCY)
    made.push([EMERGENCY])
    names = made.named([*TEN, EMERGENCY])
    made.until_there(names)
    assert begun(made) == []
    made.hold_workers(held=False)
    made.until_verdicts([EMERGENCY])
    order = begun(made)
    # One that came first may have begun in its own place at the same moment.
    assert product(EMERGENCY) in order[:2]
    assert len(order) < len(names)

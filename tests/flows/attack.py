"""What an attack on the ward's estate must come to: refused, on record, and nothing deployed."""

from __future__ import annotations

import pytest

from clinops.adapters.docker_sites import DockerSites
from clinops.domain.digest import digest_bytes
from clinops.domain.envelope import Envelope
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.errors import RefusedError
from clinops.ports import Clock
from clinops.wiring import utc_now
from tests.ward import PRODUCT, Ward


def refused(ward: Ward, release: str, envelope: Envelope, clock: Clock = utc_now) -> str:
    """Hand in a signature that must not count, and return what the ledger says why."""
    with pytest.raises(RefusedError) as error:
        ward.hand_in(envelope, clock)
    last = ward.entries(release)[-1]
    assert last.kind is Kind.SIGNATURE_REFUSED
    assert last.body["envelope"] == digest_bytes(envelope.to_bytes())
    assert last.body["reasons"] == [str(error.value)]
    return str(error.value)


def shut(ward: Ward, release: str, clock: Clock = utc_now) -> str:
    """Promote a release that must not go live, and return what the ledger says why."""
    assert ward.promote(release, clock) in {State.AWAITING_SIGN_OFF, State.SUPERSEDED}
    last = ward.entries(release)[-1]
    assert last.kind is Kind.PROMOTION_REFUSED
    assert in_use(ward) == "1.0"
    return "; ".join(last.body["reasons"])


def pushed_back(ward: Ward, changes: dict[str, str | None], who: str, to: str = "") -> str:
    """Push what must not be taken, and return who tried it and why not, as the ledger says."""
    before = ward.head()
    done = ward.push(changes, who, to)
    assert done.returncode != 0
    assert ward.head() == before
    last = ward.entries("estate")[-1]
    assert last.kind is Kind.PUSH_REFUSED
    return f"{last.body['principal']}: {'; '.join(last.body['problems'])}"


def in_use(ward: Ward) -> str:
    """Ask the engine which version runs at the ward's site."""
    sites = DockerSites({ward.site: None}, utc_now)
    try:
        system = sites.running(PRODUCT, ward.site)
        assert system is not None
        return str(system.version)
    finally:
        sites.close()

"""What the tests of the gate share: sign-offs of a prepared release, and why it is shut."""

from __future__ import annotations

from typing import Any

from clinops.domain.fold import ReleaseRecord
from clinops.domain.signoff import Meaning, SignOff, statement_bytes
from flows.gate import check_everything, prepare_sign_off, record
from tests.fakes.wiring import KEYS, FakeWiring, document

WAIVERS = "environments/pas/waivers.yaml"
CALENDAR = "environments/calendar.yaml"
HOUR = 3600


def prepared(wiring: FakeWiring, release: ReleaseRecord, who: str = "joy", **more: Any) -> SignOff:
    """Prepare a sign-off: by the safety officer, approving, unless something else is said."""
    given = {"role": "safety", "meaning": Meaning.APPROVED, "reason": "Read it.", **more}
    return prepare_sign_off(wiring.release(release.id), wiring, who, **given)


def put(wiring: FakeWiring, made: Any, key: str = "joy") -> Any:
    """Sign what was prepared, and hand it in."""
    return record(KEYS.sign(statement_bytes(made), key), wiring)


def why_closed(wiring: FakeWiring, release: ReleaseRecord) -> str:
    """Return what the gate says against a release; it must be shut."""
    check = check_everything(wiring.release(release.id), wiring)
    assert not check.open
    return "; ".join(check.refusals)


def waivers(*found: dict[str, Any]) -> bytes:
    """The file of waivers."""
    return document({"schema": 1, "product": "pas", "waivers": [*found]})

"""What the tests of signing in the gatehouse share."""

from __future__ import annotations

import base64

from clinops.domain.ledger import Entry
from clinops.domain.signoff import signed_from
from tests.fakes.visitor import Gatehouse

REASON = "Read the evidence."
SIGN = {"role": "safety", "reason": REASON}
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def last(gatehouse: Gatehouse, subject: str) -> Entry:
    """Return the last entry about a release or a product."""
    *_, entry = gatehouse.wiring.ledger.entries(subject)
    return entry


def statement_of(entry: Entry) -> object:
    """Return what is signed in an entry."""
    return signed_from(base64.b64decode(entry.body["envelope"]["payload"]))

"""What the tests of passkeys share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from clinops.domain.signer import Key
from tests.fakes.authenticator import Authenticator

STATEMENT = b'{"reason":"Read it."}'
ORIGIN = "http://localhost:4201"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoaXMgaXMgYSBrZXkgb2YgdGhpcnR5LXR3byBieXQ="


def key_of(authenticator: Authenticator, **changes: Any) -> Key:
    """Return the key on file of an authenticator, in force in 2025."""
    validity = {"valid_from": dt.date(2025, 1, 1), "valid_until": dt.date(2025, 12, 31)}
    return Key(**{**authenticator.entry(**validity), **changes})

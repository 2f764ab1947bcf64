"""A witness of the ledger: a file of this machine that remembers which signatures it saw recorded.

The chain shows every change but one: whoever drops its newest entries and makes the rest right
again leaves a chain that holds, with a rejection gone. The witness is no part of the database, so
that its administrator alone, or an old copy of it, is found out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from clinops.domain.ledger import Anchor, Entry
from clinops.errors import InfrastructureError, LedgerError


class Witness:
    """Remembers places in the chain.

    Args:
        path: The file; made when the first place is remembered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, entry: Entry) -> None:
        """Write down an entry's place; raises InfrastructureError."""
        line = f"{entry.sequence} {entry.digest}\n".encode("ascii")
        try:
            # One short write to the end of a file: several processes don't mix their lines.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise InfrastructureError(
                f"entry {entry.sequence} is on the ledger, but not in {self._path}: {error}"
            ) from error

    def places(self) -> Iterator[Anchor]:
        """Yield every place that was remembered; raises LedgerError where one can't be read."""
        try:
            text = self._path.read_text("ascii", "replace") if self._path.exists() else ""
        except OSError as error:
            raise LedgerError(f"{self._path} can't be read: {error.strerror}") from error
        for number, line in enumerate(text.splitlines(), 1):
            sequence, _, digest = line.partition(" ")
            try:
                yield Anchor(sequence=int(sequence), digest=digest)
            except ValueError:
                raise LedgerError(f"{self._path} line {number} can't be read") from None

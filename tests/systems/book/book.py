"""Talk to the book."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from clinops.domain.replica import Replica


def ask(line: str, within: float = 10) -> str:
    replica = Replica.model_validate_json(Path(os.environ["CLINOPS_REPLICA"]).read_bytes())
    host, port = replica.endpoints["book"].split(":")
    with socket.create_connection((host, int(port)), timeout=within) as book:
        book.sendall(f"{line}\n".encode())
        with book.makefile() as answer:
            said = answer.read()
    if not said or said.startswith("NO"):
        raise SystemExit(f"{line}: {said or 'no answer'}")
    return said

"""Agreements as they stand: what a vendor and the trust have both signed, and nothing else."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from clinops.domain.agreement import Agreement, acceptance_path, agreement_path
from clinops.errors import BadInputError, NotFoundError, RefusedError
from clinops.wiring import Wiring


class Standing(NamedTuple):
    """What is agreed with a vendor."""

    agreed: Agreement | None
    """What is in force; where the trust offers another one, still the one that was accepted."""
    offered: Agreement | None
    """What the trust offers now, where it is not what is agreed."""
    said: str
    """How it stands, in plain words."""


def standing(vendor: str, wiring: Wiring) -> Standing:
    """Say what is agreed with a vendor.

    Both have agreed where the last commit that changed the acceptance is signed by a key of that
    vendor, and names the agreement that was there then. Who may push for the trust can write
    either file into a repository, but can't sign for the vendor.
    """
    offered = _offered(vendor, wiring)
    try:
        agreed = _accepted(vendor, wiring)
    except NotFoundError:
        why = "the vendor has not accepted it" if offered else "nothing was offered"
        return Standing(None, offered, f"nothing is agreed: {why}")
    except (BadInputError, RefusedError) as error:
        return Standing(None, offered, f"nothing is agreed: {error}")
    if offered is None or offered == agreed:
        return Standing(agreed, None, f"agreed from {agreed.since} until {agreed.until}")
    said = f"agreed from {agreed.since} until {agreed.until}; another offer is not accepted"
    return Standing(agreed, offered, said)


def _offered(vendor: str, wiring: Wiring) -> Agreement | None:
    try:
        return wiring.estate(wiring.repository.head()).agreement(vendor)
    except BadInputError:
        return None


def _accepted(vendor: str, wiring: Wiring) -> Agreement:
    repository, path = wiring.repository, acceptance_path(vendor)
    head = repository.head()
    wiring.estate(head).acceptance(vendor)
    commit = repository.introduced(path, head.commit)
    signer = repository.signer_of(commit)
    if signer != f"vendor:{vendor}":
        raise RefusedError(f"the acceptance was signed by {signer}, not by vendor:{vendor}")
    tree = repository.at(commit)
    then = wiring.estate(tree)
    accepted, agreement = then.acceptance(vendor), then.agreement(vendor)
    if sha256(tree.read(agreement_path(vendor))).hexdigest() != accepted.agreement:
        raise RefusedError("the acceptance is of another agreement")
    return agreement

"""Signing: what a person is about to sign, written down for them."""

from __future__ import annotations

from collections.abc import Mapping

from clinops.domain.circumstances import HAZARD_LOG, WAIVERS, Wanted, document_of
from clinops.domain.digest import digest_bytes
from clinops.domain.fold import MAY_FOLLOW, ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.signer import Signer
from clinops.domain.signoff import (
    Approval,
    ChangeType,
    LineAction,
    LineOrder,
    Meaning,
    SignOff,
    approval_for,
    line_order_for,
    sign_off_for,
)
from clinops.errors import BadInputError, NotFoundError, RefusedError
from clinops.wiring import Wiring
from flows.judgement import WENT_LIVE, circumstances, load_evidence, owed_for

KIND_OF = {Meaning.APPROVED: Kind.SIGNED, Meaning.REJECTED: Kind.REJECTED}
"""What a sign-off is recorded as."""


def prepare_sign_off(
    record: ReleaseRecord,
    wiring: Wiring,
    signer_id: str,
    *,
    role: str,
    meaning: Meaning,
    reason: str,
    change: ChangeType = ChangeType.NORMAL,
    accepts: Mapping[str, str] | None = None,
    site: str | None = None,
) -> SignOff:
    """Write down a sign-off for a person to sign.

    Args:
        record: The release.
        wiring: The estate.
        signer_id: The person's id in signers.yaml.
        role: The role that they sign in.
        meaning: Whether they approve or reject.
        reason: Why.
        change: Whether it may go live as an emergency, before everybody has signed.
        accepts: Hazards without passing evidence that they accept, each with the reason why.
        site: The site that they speak for.

    Raises:
        BadInputError: This can't be signed, because of what was asked for.
        RefusedError: This can't be signed now.
    """
    ensure_it_may_be_signed(record, KIND_OF[meaning], wiring)
    evidence = load_evidence(record, wiring)
    known = circumstances(record, evidence, wiring)
    for hazard in accepts or {}:
        found = next((one for one in known.coverage if one.hazard == hazard), None)
        if found is None or found.covered or found.status == "closed":
            open_ones = [one.hazard for one in known.coverage if not one.covered]
            raise BadInputError(
                f"there is nothing to accept in the hazard {hazard}",
                mend=f"without passing evidence are: {', '.join(open_ones) or 'none'}",
            )
    if site is not None and site not in known.sites:
        going = ", ".join(known.sites) or "none"
        raise BadInputError(
            f"{record.id} does not go to the site {site}", mend=f"it goes to {going}"
        )
    return sign_off_for(
        evidence,
        signer_id,
        person(signer_id, wiring),
        role=role,
        meaning=meaning,
        reason=reason,
        now=wiring.clock(),
        ledger=wiring.ledger.head(),
        change=change,
        accepts=dict(accepts or {}),
        site=site,
    )


def prepare_approval(
    product: str,
    document: str,
    item: str,
    wiring: Wiring,
    signer_id: str,
    *,
    role: str,
    reason: str,
) -> Approval:
    """Write down an approval of the hazard log, or of a waiver, as the protected branch has it.

    Args:
        product: The product.
        document: The document's path: environments/<product>/hazards.yaml or waivers.yaml.
        item: The waiver's id; empty for the hazard log.
        wiring: The estate.
        signer_id: The person's id in signers.yaml.
        role: The role that they sign in.
        reason: Why.

    Raises:
        BadInputError: There is no such document or waiver, or this can't be signed.
    """
    wanted = wanted_of(product, document, item, wiring)
    return approval_for(
        signer_id,
        person(signer_id, wiring),
        role=role,
        now=wiring.clock(),
        product=product,
        document=wanted.document,
        item=wanted.item,
        digest=wanted.digest,
        reason=reason,
        ledger=wiring.ledger.head(),
    )


def prepare_line_order(
    product: str,
    action: LineAction,
    wiring: Wiring,
    signer_id: str,
    *,
    role: str,
    reason: str,
) -> LineOrder:
    """Write down an order to stop a product's line, or to let it go on; raises BadInputError."""
    wiring.estate(wiring.repository.head()).gate(product)
    return line_order_for(
        signer_id,
        person(signer_id, wiring),
        role=role,
        now=wiring.clock(),
        product=product,
        action=action,
        reason=reason,
        ledger=wiring.ledger.head(),
    )


def person(signer_id: str, wiring: Wiring) -> Signer:
    """Return somebody of the trust by their id; raises NotFoundError."""
    signers = wiring.estate(wiring.repository.head()).signers().signers
    if signer_id not in signers:
        raise NotFoundError(
            f"nobody is on file as {signer_id}", mend="see environments/signers.yaml"
        )
    return signers[signer_id]


def ensure_it_may_be_signed(release: ReleaseRecord, kind: Kind, wiring: Wiring) -> None:
    """Raise RefusedError where a release takes no such signature now."""
    what, mend = f"{release.id} is {release.state}", f"clinops release show {release.id}"
    if release.state not in MAY_FOLLOW[kind]:
        why = f"{what}: only a release that awaits sign-off can be signed"
        raise RefusedError(why, mend=mend)
    if release.state in WENT_LIVE and owed_for(release, wiring) is None:
        raise RefusedError(f"{what}, and no sign-off is owed for it", mend=mend)


def wanted_of(product: str, document: str, item: str, wiring: Wiring) -> Wanted:
    """Return the version of a document that may be approved now; raises BadInputError."""
    head = wiring.repository.head()
    estate = wiring.estate(head)
    if document == document_of(product, HAZARD_LOG) and not item:
        estate.hazard_log(product)
        return Wanted(document, item, digest_bytes(head.read(document)))
    if document != document_of(product, WAIVERS):
        raise BadInputError(f"{document} {item}".rstrip() + " is nothing that can be approved")
    for waiver in estate.waivers(product):
        if waiver.id == item:
            return Wanted(document, item, waiver.digest)
    raise NotFoundError(f"{document} has no waiver {item}")

"""The check of a push against what was there before: what stays, and what is never deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256

from clinops.adapters.estate import Estate
from clinops.adapters.estate_validation import problems_in
from clinops.domain import board_policy, request_rules
from clinops.domain import estate_rules as rules
from clinops.domain.agreement import Acceptance, acceptance_path, agreement_path
from clinops.domain.board_policy import BoardPolicy
from clinops.domain.hazard import HazardLog
from clinops.domain.manifest import Manifest
from clinops.errors import BadInputError, Problem
from clinops.ports import EstateTree

_HAZARDS = re.compile(r"environments/[^/]+/hazards\.yaml")


def validate_change(tree: EstateTree, before: EstateTree, live: Mapping[str, str]) -> list[Problem]:
    """Find everything that a push may not do to what was there before it.

    Args:
        tree: The estate after the push.
        before: The estate before it.
        live: The version that is live, by product.
    """
    return [
        *changed_in_place(tree, before, live),
        *hazards_deleted(tree, before),
        *requests_deleted(tree, before),
        *policies_reused(tree, before),
        *agreements_broken(tree, before),
    ]


def changed_in_place(
    tree: EstateTree, before: EstateTree, live: Mapping[str, str]
) -> list[Problem]:
    """Find manifests of versions that are live and that a push would change.

    Args:
        tree: The estate after the push.
        before: The estate before it.
        live: The version that is live, by product.
    """
    after, problems = Estate(tree), []
    for path in after.manifest_paths():
        try:
            manifest = after.parsed(path, Manifest)
            was = Estate(before).manifest(path) if before.exists(path) else None
        except BadInputError:
            continue  # `validate` says what is wrong with it
        in_use = live.get(manifest.document.product)
        problems += rules.live_manifest_is_unchanged(manifest, was, in_use)
    return problems


def hazards_deleted(tree: EstateTree, before: EstateTree) -> list[Problem]:
    """Find hazards that were in a log before and are gone: they are closed, never deleted.

    Args:
        tree: The estate after the push.
        before: The estate before it.
    """
    after, was = Estate(tree), Estate(before)
    problems: list[Problem] = []
    for path in (path for path in was.files if _HAZARDS.fullmatch(path)):
        try:
            logged = was.parsed(path, HazardLog).document
        except BadInputError:
            continue  # it comes from a time when nobody read it
        try:
            kept = after.parsed(path, HazardLog).document if path in after.files else None
            problems += rules.hazards_are_kept(path, logged, kept)
        except BadInputError as error:
            # `validate` does not look at it where the product's environment is gone as well.
            problems += problems_in(path, error)
    return problems


def requests_deleted(tree: EstateTree, before: EstateTree) -> list[Problem]:
    """Find requests that are gone: they are closed, never deleted, so that all are accounted for.

    Args:
        tree: The estate after the push.
        before: The estate before it.
    """
    what, mend = "the request is deleted", "put it back, with `closed: {day: …, reason: …}`"
    gone = (path for path in Estate(before).request_paths() if not tree.exists(path))
    return [Problem(path, 1, what, mend) for path in gone]


def policies_reused(tree: EstateTree, before: EstateTree) -> list[Problem]:
    """Find a policy of the board that a push changes without giving it a new version.

    Args:
        tree: The estate after the push.
        before: The estate before it.
    """
    path = board_policy.PATH
    try:
        was = Estate(before).board() if before.exists(path) else None
        after = Estate(tree).parsed(path, BoardPolicy)
    except BadInputError:
        return []  # `validate` says what is wrong with it
    return list(request_rules.policy_is_a_newer_version(after, was))


def agreements_broken(tree: EstateTree, before: EstateTree) -> list[Problem]:
    """Find acceptances that a push takes back, or that accept what is not there.

    What a vendor has accepted it keeps to, and the trust can't undo it either: an agreement ends on
    its last day, or where both agree on another one.

    Args:
        tree: The estate after the push.
        before: The estate before it.
    """
    after, was = Estate(tree), Estate(before)
    vendors = {path.split("/")[1] for path in (*after.files, *was.files) if path.count("/") > 1}
    return [problem for vendor in sorted(vendors) for problem in _of_acceptance(vendor, after, was)]


def _of_acceptance(vendor: str, after: Estate, was: Estate) -> Iterator[Problem]:
    path, agreement = acceptance_path(vendor), agreement_path(vendor)
    if path not in after.files:
        if path in was.files and f"vendor_manifests/{vendor}/vendor.yaml" in after.files:
            what = "what was accepted can't be taken back"
            yield Problem(path, 1, what, "put it back; agree on another `until` instead")
    elif path not in was.files or after.tree.read(path) != was.tree.read(path):
        try:
            found = after.parsed(path, Acceptance)
        except BadInputError:
            return  # `validate` says what is wrong with it
        real = sha256(after.tree.read(agreement)).hexdigest() if agreement in after.files else ""
        if found.document.agreement != real:
            what = "this is not the agreement that is offered"
            mend = f"read {agreement}, then write {real}" if real else "wait for the trust's offer"
            yield found.problem(("agreement",), what, mend)

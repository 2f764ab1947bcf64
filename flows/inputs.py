"""What each result of a qualification depends on, part by part, as digests.

Two results with the same inputs are of the same thing. Whatever might matter is among them: what
is left out by mistake lets something pass untested, what is too much costs a run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from clinops.domain.circumstances import document_of
from clinops.domain.digest import digest_bytes, digest_of
from clinops.domain.measured import BEHAVIOUR, REHEARSAL, of_fault, of_suite, of_version
from clinops.domain.plan import Plan
from clinops.domain.suite import Role
from clinops.ports import EstateTree
from clinops.wiring import Bench, estate_of
from flows.replicas import Obtained
from flows.snapshots import NOISE, environment_digest

Inputs = Mapping[str, str]
"""The digest of each part that a result depends on, by what it is."""


def inputs_of(
    plan: Plan, obtained: Obtained, tree: EstateTree, bench: Bench, conditions: Inputs
) -> dict[str, Inputs]:
    """Digest what everything in a plan depends on, by result.

    Args:
        plan: The plan.
        obtained: The images of both versions.
        tree: The estate at the release's commit.
        bench: What it is measured with.
        conditions: What ClinOps itself is made of, and how it is set up.

    Raises:
        PackageError: A version on the upgrade path can't be had.
    """
    product = plan.release.product
    around = {
        **conditions,
        "engine": bench.replicas.engine(),
        "product": digest_of(product),
        "environment": environment_digest(product, tree),
        "compose": digest_of(plan.environment.model_dump(mode="json")),
        "suites": plan.release.inputs.suites,
    }
    in_use = around | _version(Role.BASELINE, plan, obtained)
    offered = in_use | _version(Role.CANDIDATE, plan, obtained)
    if plan.baseline is not None:
        offered["upgrade path"] = _upgrade_path(plan, bench)
    found: dict[str, Inputs] = {
        of_suite(suite, role): in_use if role is Role.BASELINE else offered
        for suite, role in plan.runs
    }
    found |= {of_fault(fault): offered for fault in plan.environment.clinops.faults}
    if plan.baseline is not None:
        way_back = digest_of(plan.manifest.rollback.model_dump(mode="json"))
        found[REHEARSAL] = offered | {"way back": way_back}
        noise = _noise(product, tree, bench.clock().date())
        found[BEHAVIOUR] = offered | {"noise rules": noise}
    return found


def _version(role: Role, plan: Plan, obtained: Obtained) -> dict[str, str]:
    images = obtained.images.get(role)
    if images is None:
        return {}
    return {role.value: of_version(plan.version_of(role), images)}


def _upgrade_path(plan: Plan, bench: Bench) -> str:
    """Digest what the way up passes through: versions, commands, and the images that there are."""
    steps = [step.model_dump(mode="json") for step in plan.manifest.upgrade_path]
    return digest_of([steps, dict(_images_passed(plan, bench))])


def _images_passed(plan: Plan, bench: Bench) -> Iterator[tuple[str, str]]:
    passed = {step.version for step in plan.waypoints}
    for step in plan.steps:
        if step.version in passed:
            name = f"{plan.release.product}-{step.version}"
            tree = bench.tree_at(step.commit)
            yield step.version, bench.images.obtain(step.package, tree, name=name)


def _noise(product: str, tree: EstateTree, day: dt.date) -> str:
    """Digest the noise rules, and which of them are in force."""
    path = document_of(product, NOISE)
    text = digest_bytes(tree.read(path)) if tree.exists(path) else ""
    rules = estate_of(tree).noise_rules(product)
    return digest_of([text, [rule.id for rule in rules if rule.holds(day)]])

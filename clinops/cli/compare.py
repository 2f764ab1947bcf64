"""`compare`: what the candidate does otherwise than the version in use, as the evidence has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
import yaml

from clinops.cli.context import AsJson, next_step, of, print_json, say, show
from clinops.cli.release_view import print_carried, print_findings
from clinops.domain.behaviour import examples, findings
from clinops.domain.comparison import Comparison, Example
from clinops.domain.difference import Difference
from clinops.domain.evidence import Evidence
from clinops.domain.finding import Weight
from clinops.domain.measured import BEHAVIOUR
from clinops.domain.plain_words import count
from clinops.errors import NotFoundError, RefusedError

_SHOWN = 3
"""Examples of one cause."""


def register(root: typer.Typer) -> None:
    """Put the command on the root."""
    root.command()(compare)


def compare(
    context: typer.Context,
    release: Annotated[
        str,
        typer.Argument(
            metavar="RELEASE", help="Its id, the only prefix of one, or a bundle's file."
        ),
    ],
    *,
    propose: Annotated[
        bool,
        typer.Option("--propose", help="Print noise rules that would explain what is unexplained."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the candidate's behaviour differs from the version in use, a line for each cause.

    Ends with 1 where something differs that nobody declared, or nothing can be told.

    Example: [bold]clinops --estate DIR compare orthanc-1.12.7[/bold]
    """
    from flows.compared import kept

    evidence, proposed = kept(release, lambda: of(context).wiring)
    if propose:
        _print_proposed(evidence, proposed)
        return
    if evidence.comparison is None:
        raise NotFoundError(
            f"{evidence.release.id}: behaviour was not compared",
            mend="write probes into test_suites/PRODUCT/probes, or look at its findings",
        )
    differences = [one for one in evidence.differences if one.kind == "behaviour"]
    origin = evidence.origin_of(BEHAVIOUR)
    if as_json:
        print_json(
            {
                "release": evidence.release.id,
                "carried": origin.json_value() if origin else None,
                "comparison": evidence.comparison.json_value(),
                "differences": [one.json_value() for one in differences],
            }
        )
    else:
        print_carried(one for one in evidence.carried if one[0].what == BEHAVIOUR)
        _print(evidence.comparison, differences)
    _ensure_alike(evidence.release.id, evidence.comparison, differences)


def _print(compared: Comparison, differences: Sequence[Difference]) -> None:
    show(f"compared  {count(compared.answers, 'answer')} to {count(compared.probes, 'probe')}")
    shown = examples(compared)
    for one in sorted(differences, key=lambda one: (one.declared_by is not None, not one.refuses)):
        _print_difference(one, shown.get(one.subject, ()))
    for speed in compared.speeds:
        times = f"median {speed.median_before:.1f} ms, now {speed.median_after:.1f} ms"
        show(f"speed     {speed.probe}: {times}")
    print_findings(finding.json_value() for finding in findings(compared))
    if not differences:
        show("differs   nothing")


def _print_difference(difference: Difference, found: Sequence[Example]) -> None:
    """Print a cause with how much hangs on it, and where it shows."""
    undeclared = "REFUSES" if difference.refuses else "noted"
    standing = "declared" if difference.declared_by else undeclared
    facts = [f"in {count(difference.count, 'place')}", *difference.hazards]
    if difference.protected:
        facts.append("protected")
    show(f"{standing:9} {difference.subject} ({', '.join(facts)})")
    for example in found[:_SHOWN]:
        show(f"            {example.probe} {example.path}: {example.before}, now {example.after}")


def _ensure_alike(release: str, compared: Comparison, differences: Sequence[Difference]) -> None:
    """Raise RefusedError where something differs that nobody declared, or nothing can be told."""
    silent = sum(one.declared_by is None for one in differences)
    said = [count(silent, "undeclared difference")] if silent else []
    said += [one.summary for one in findings(compared) if one.weight is not Weight.NOTE]
    if said:
        raise RefusedError(f"{release}: {'; '.join(said)}")


def _print_proposed(evidence: Evidence, proposed: list[dict[str, Any]]) -> None:
    """Print rules as YAML; a person approves them in git, with an owner and an end."""
    if not proposed:
        say("nothing to propose: the two baselines answered alike, or rules explain the rest")
        return
    product = evidence.release.product
    document = {"schema": 1, "product": product, "rules": proposed}
    typer.echo(yaml.safe_dump(document, sort_keys=False, width=100).rstrip("\n"))
    next_step(f"give each a reason, an owner and an end in environments/{product}/noise.yaml")

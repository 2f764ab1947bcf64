"""The engine's attestation: what it measured, as an in-toto test result in a DSSE envelope.

For other tools, which know that predicate: it follows from the evidence alone, word for word. It
is no sign-off. Nobody takes responsibility by it, and no gate ever asks for it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from clinops.domain.digest import canonical
from clinops.domain.envelope import PAYLOAD_TYPE
from clinops.domain.evidence import Evidence
from clinops.domain.outcome import Outcome
from clinops.domain.signoff import STATEMENT_TYPE
from clinops.domain.suite import Role, SuiteRun, Verdict
from clinops.errors import RefusedError

PREDICATE_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"

_HAZARD_LOG = "environment/hazards.yaml"
_A_FOLDER = "canonical JSON (RFC 8785) of an object: the digest of each file, by its path"


def statement_about(evidence: Evidence) -> bytes:
    """Return the in-toto Statement that follows from evidence, in canonical JSON."""
    images = sorted(evidence.candidate_images().items())
    subjects = {"evidence": evidence.digest} | {f"image:{name}": image for name, image in images}
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [_descriptor(name, digest) for name, digest in subjects.items()],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "result": _result(evidence),
                "configuration": _configuration(evidence),
                **_tests(evidence),
            },
        }
    )


def _descriptor(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}


def _result(evidence: Evidence) -> str:
    """Anything but a pass has failed; a pass with anything to be said of it is a warning."""
    if evidence.outcome is not Outcome.QUALIFIED:
        return "FAILED"
    return "WARNED" if evidence.findings else "PASSED"


def _configuration(evidence: Evidence) -> list[dict[str, Any]]:
    release = evidence.release
    log = evidence.files.get(_HAZARD_LOG)
    folders = {
        f"environments/{release.product}": release.inputs.environment,
        f"test_suites/{release.product}": release.inputs.suites,
    }
    return [
        _descriptor(release.manifest_path, release.inputs.manifest),
        *(
            {**_descriptor(name, digest), "annotations": {"digestOf": _A_FOLDER}}
            for name, digest in folders.items()
        ),
        *([_descriptor(f"environments/{release.product}/hazards.yaml", log)] if log else []),
        *(
            {**_descriptor(origin.release, origin.evidence), "annotations": {"carried": one.what}}
            for one, origin in evidence.carried
        ),
    ]


def _tests(evidence: Evidence) -> dict[str, list[str]]:
    """Sort every test of the candidate, and what it lacks of the baseline's, into three lists."""
    waived = {finding.occurrence for finding in evidence.findings if finding.waiver}
    found: dict[str, set[str]] = {"passedTests": set(), "warnedTests": set(), "failedTests": set()}
    for name, verdict in _verdicts(evidence):
        passed = verdict is Verdict.PASSED
        failed = verdict in {Verdict.FAILED, Verdict.ERROR} and name not in waived
        found["passedTests" if passed else "failedTests" if failed else "warnedTests"].add(name)
    # A test that ran twice counts by its worse end.
    found["warnedTests"] -= found["failedTests"]
    found["passedTests"] -= found["failedTests"] | found["warnedTests"]
    return {kind: sorted(names) for kind, names in found.items()}


def _verdicts(evidence: Evidence) -> Iterator[tuple[str, Verdict | None]]:
    """Yield how each test ended on the candidate; None where it did not run to an end."""
    ran = set()
    for run in evidence.runs:
        for name, case in zip(_names(run), run.cases, strict=True):
            if run.role is Role.CANDIDATE:
                ran.add(name)
                # What passed before its run broke off has not passed.
                passed_in_part = case.verdict is Verdict.PASSED and not run.completed
                yield name, None if passed_in_part else case.verdict
    missing = {name for run in evidence.runs for name in _names(run)} - ran
    yield from ((name, None) for name in missing)


def _names(run: SuiteRun) -> list[str]:
    return [f"{run.suite}: {case.name}" for case in run.cases]


def envelope_around(statement: bytes, keyid: str, signature: bytes) -> bytes:
    """Put a statement and a raw signature over it into a DSSE envelope, in its one byte form."""
    return canonical(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(statement).decode(),
            "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
        }
    )


def signature_in(envelope: bytes, statement: bytes, keyid: str) -> bytes:
    """Take the signature out of an envelope.

    Raises:
        RefusedError: The envelope is anything but one signature by that key over that statement,
            in the form that `envelope_around` gives it. Whether it holds is not said yet.
    """
    try:
        signature = base64.b64decode(json.loads(envelope)["signatures"][0]["sig"], validate=True)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise RefusedError("the attestation is no envelope with a signature") from None
    if envelope != envelope_around(statement, keyid, signature):
        raise RefusedError("the attestation says something else than the evidence, or is not whole")
    return signature

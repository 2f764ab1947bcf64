"""Attacks on what is on record, by somebody who holds the database, the files or a bundle."""

from __future__ import annotations

import dataclasses
import multiprocessing
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from clinops.adapters import bundle as bundles
from clinops.domain.digest import canonical
from clinops.domain.evidence import Evidence
from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.domain.signoff import Meaning
from clinops.errors import ClinOpsError, DeploymentError, EvidenceError, LedgerError
from flows.bundle import export_release, verify_bundle
from tests.fakes.forger import Forger, Line
from tests.flows.attack import in_use, shut
from tests.ward import PRODUCT, SIGNERS, Ward

pytestmark = pytest.mark.docker

CSO, OPS = "j-okafor", "s-reid"
CHAN = {"name": "Dr Min Chan", "roles": ["clinical-safety-officer"]}


@pytest.fixture(scope="module")
def release(ward: Ward) -> str:
    """A release that everybody has signed: nothing but an attack would keep it from going live."""
    ward.decide({SIGNERS: ward.signers(chan={**CHAN, "keys": [ward.public("a-stranger")]})})
    ward.approve_the_hazard_log()
    offered = ward.offer("2.0")
    assert ward.qualify(offered) is State.AWAITING_SIGN_OFF
    ward.sign_off(offered, CSO, OPS)
    return offered


@pytest.fixture(autouse=True)
def every_attack_on_its_own(ward: Ward, release: str) -> Iterator[None]:
    with ward.unchanged():
        yield


@pytest.fixture
def forger(ward: Ward) -> Forger:
    return Forger(ward.estate / "state/ledger.sqlite")


def reject(ward: Ward, release: str) -> None:
    """Have the second safety officer reject a release."""
    draft = ward.draft(release, CSO, meaning=Meaning.REJECTED, reason="Names are garbled.")
    claims = {"signer": "chan", "name": "Dr Min Chan", "registration": None}
    ward.hand_in(ward.envelope(draft.model_copy(update=claims), "a-stranger"))
    assert ward.state(release) is State.REJECTED


# Edited, deleted, reordered


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (["UPDATE ledger SET body = replace(body, '2.0', '2.1') WHERE sequence = 3"], "entry 3"),
        (["UPDATE ledger SET time = '2020-01-01T00:00:00' WHERE sequence = 3"], "entry 3"),
        (["DELETE FROM ledger WHERE sequence = 2"], "entry 2 is missing"),
        (
            [
                "UPDATE ledger SET sequence = -2 WHERE sequence = 2",
                "UPDATE ledger SET sequence = 2 WHERE sequence = 3",
                "UPDATE ledger SET sequence = 3 WHERE sequence = -2",
            ],
            "entry 2",
        ),
        (["UPDATE releases SET known = 1"], "is filed under something else"),
        (["DELETE FROM live"], "missing from the folded table"),
        (["UPDATE live SET record = replace(record, '1.0', '0.9')"], "the folded row of the live"),
    ],
    ids=["an entry", "a time", "a deletion", "the order", "a row", "what is live", "its version"],
)
def test_a_database_edited_by_hand_opens_nothing(ward, release, forger, statements, why):
    forger.execute(*statements)
    said = shut(ward, release)
    assert said.startswith("the ledger is broken: ")
    assert why in said


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)",
        "UPDATE ledger_head SET sequence = sequence - 1",
    ],
)
def test_a_ledger_without_its_end_takes_no_more_entries(ward, release, forger, statement):
    """It can't record the refusal either: it refuses everything."""
    forger.execute(statement)
    with pytest.raises(LedgerError, match="last entries are missing"):
        ward.promote(release)
    assert ward.clinops("ledger", "verify").returncode == 1
    assert in_use(ward) == "1.0"


def test_a_release_that_was_set_to_promoting_by_hand_is_not_deployed(ward, release, forger):
    set_state(forger, "promoting")
    with pytest.raises(DeploymentError, match="the ledger that says what was there is broken"):
        ward.promote(release)
    last = ward.entries(release)[-1]
    assert last.kind is Kind.PROMOTION_REFUSED
    assert "says something else than its entries" in str(last.body["reasons"])
    assert in_use(ward) == "1.0"


def test_a_release_that_was_set_to_live_by_hand_is_not_taken_for_live(ward, release, forger):
    set_state(forger, "live")
    with pytest.raises(LedgerError, match="is on file as live, but the ledger is broken"):
        ward.promote(release)
    last = ward.entries(release)[-1]
    assert last.kind is Kind.PROMOTION_REFUSED
    assert "says something else than its entries" in str(last.body["reasons"])
    assert in_use(ward) == "1.0"


def set_state(forger: Forger, state: str) -> None:
    """Edit where a release stands, wherever that is filed."""
    edit = f"replace({{0}}, 'awaiting-sign-off', '{state}')"
    forger.execute(
        f"UPDATE releases SET state = {edit.format('state')}, record = {edit.format('record')}"  # noqa: S608  # our own text
    )


# Rewritten with every digest right


def drop(kind: Kind) -> Callable[[list[Line]], list[Line]]:
    """Leave out every entry of a kind."""
    return lambda lines: [line for line in lines if line.kind is not kind]


def test_a_past_that_was_rewritten_contradicts_what_was_signed_upon_it(ward, release, forger):
    """The forged verdict stands in a chain that is right in itself; the sign-offs are not."""

    def another_verdict(lines: list[Line]) -> list[Line]:
        return [
            line._replace(body={**line.body, "junit": {"tests": 900, "failures": 0}})
            if line.kind is Kind.VERDICT
            else line
            for line in lines
        ]

    forger.rewrite(another_verdict)
    assert "was signed upon a ledger whose entry" in shut(ward, release)


def test_a_signature_written_straight_into_the_database_counts_for_nothing(ward, release, forger):
    """The chain holds, signed anchors and all, and the witness is gone; only that nobody signed."""
    (ward.estate / "state/witness").unlink()
    forger.rewrite(drop(Kind.SIGNED))
    real = ward.draft(release, CSO)
    resealed = ward.envelope(real.model_copy(update={"reason": "Something else."}), CSO)
    payload = ward.envelope(real, "a-second-key").payload
    forged = [
        ward.envelope(real, "a-second-key"),
        resealed.model_copy(update={"payload": payload}),
    ]
    forger.rewrite(
        lambda lines: [
            *lines,
            *(
                Line(lines[-1].time, Kind.SIGNED, release, {"envelope": one.json_value()})
                for one in forged
            ),
        ]
    )
    assert ward.clinops("ledger", "verify").returncode == 0
    why = shut(ward, release)
    assert "not counted: the key belongs to nobody in signers.yaml" in why
    assert "not counted: the signature does not verify" in why


def test_a_rejection_that_was_dropped_is_missed_by_the_next_signature(ward, release, forger):
    reject(ward, release)
    ward.approve_the_hazard_log()
    forger.rewrite(drop(Kind.REJECTED))
    assert ward.state(release) is State.AWAITING_SIGN_OFF
    assert "was signed upon a ledger whose entry" in shut(ward, release)


def test_a_rejection_that_was_dropped_as_the_newest_entry_has_a_witness(ward, release, forger):
    """The chain without it holds: only outside of the database it can be known."""
    reject(ward, release)
    gone = ward.entries(release)[-1]
    forger.rewrite(drop(Kind.REJECTED))
    said = shut(ward, release)
    assert said == (
        f"the ledger is broken: entry {gone.sequence} was a signature with the digest {gone.digest}"
    )


# Evidence


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.write_bytes(file.read_bytes() + b" "), "was altered"),
        (lambda file: file.unlink(), "has no file"),
    ],
    ids=["changed", "removed"],
)
def test_evidence_that_is_not_as_it_was_closes_the_gate(ward, release, spoil, why):
    with ward.opened() as wiring:
        evidence = wiring.release(release).evidence
        files = Evidence.model_validate_json(wiring.evidence.get(evidence)).files
    for digest in (files["environment/hazards.yaml"], evidence):
        file = ward.estate / "state/evidence/sha256" / digest[7:9] / digest[9:]
        kept = file.read_bytes()
        file.chmod(0o644)
        spoil(file)
        assert why in shut(ward, release)
        file.write_bytes(kept)


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/passwd", "a/../../b", "a\\b", ""])
def test_no_name_of_an_evidence_file_leads_anywhere(ward, release, forger, name):
    with ward.opened() as wiring:
        real = wiring.evidence.get(wiring.release(release).evidence)
        first = min(Evidence.model_validate_json(real).files)
        forged = wiring.evidence.put(real.replace(f'"{first}":'.encode(), f'"{name}":'.encode()))
        with pytest.raises(EvidenceError, match="is no digest"):
            wiring.evidence.get(f"sha256:{name}")

    def forged_verdict(lines: list[Line]) -> list[Line]:
        return [
            line._replace(body={**line.body, "evidence": forged})
            if line.kind is Kind.VERDICT
            else line
            for line in drop(Kind.SIGNED)(lines)
        ]

    forger.rewrite(forged_verdict)
    assert "is no evidence" in shut(ward, release)


# Bundles


@pytest.fixture
def bundle(ward: Ward, release: str, tmp_path: Path) -> Path:
    """A release's bundle; it has been rejected by one person and approved by two."""
    reject(ward, release)
    with ward.opened() as wiring:
        export_release(wiring.release(release), wiring, tmp_path / "bundle.tar")
    return tmp_path / "bundle.tar"


@pytest.mark.parametrize(
    "name", ["../escaped", "/tmp/escaped", "files/../../escaped", "files/a\\b"]
)
def test_no_name_in_a_bundle_leads_out_of_it(ward, bundle, name, tmp_path):
    with tarfile.open(bundle, "a") as archive:
        info = tarfile.TarInfo(name)
        info.size = 4
        archive.addfile(info, BytesIO(b"evil"))
    done = ward.clinops("evidence", "verify", bundle)
    assert done.returncode == 1
    assert "is no name for a file of a bundle" in done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"bundle.tar"}


def test_a_rejection_left_out_of_a_bundle_is_not_proven_absent(ward, release, bundle):
    """A bundle can't prove it; it says so, and the ledger's digests do."""
    real = bundles.read(bundle)
    assert "rejected it" in str(verify_bundle(bundle, digest=None, signers=None).good)
    (gone,) = (entry for entry in real.entries if entry.kind is Kind.REJECTED)
    entries = [entry for entry in real.entries if entry is not gone]
    envelopes = [one for one in real.envelopes if one != canonical(gone.body["envelope"])]
    forged = dataclasses.replace(real, entries=tuple(entries), envelopes=tuple(envelopes))
    bundle.write_bytes(bundles._pack(forged))
    verdict = verify_bundle(bundle, digest=None, signers=None)
    assert "rejected it" not in str(verdict.good)
    assert "that no entry was left out" in str(verdict.unproven)
    assert shut_for_good(ward, release)


def shut_for_good(ward: Ward, release: str) -> bool:
    """Whether the estate itself still knows of the rejection."""
    return ward.promote(release) is State.REJECTED and in_use(ward) == "1.0"


# Two at once


def promote(ward: Ward, release: str) -> str:
    """Promote in a process of its own."""
    try:
        return ward.promote(release).value
    except ClinOpsError as error:
        return str(error)


def test_two_promotions_at_once_deploy_once(ward, release):
    """The last test here: the site has the new version afterwards."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawned) as pool:
        ends = [one.result() for one in [pool.submit(promote, ward, release) for _ in range(2)]]
    assert "live" in ends
    assert all(end == "live" or "another process is at work on it" in end for end in ends)
    kinds = [entry.kind for entry in ward.entries(release)]
    assert kinds.count(Kind.DEPLOYMENT_STARTED) == kinds.count(Kind.DEPLOYED) == 1
    site = [entry.kind for entry in ward.entries(f"{PRODUCT}@{ward.site}")]
    assert site.count(Kind.SITE_LIVE) == 1
    assert in_use(ward) == "2.0"

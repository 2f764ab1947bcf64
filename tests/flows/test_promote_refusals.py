from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from clinops.domain.digest import canonical
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.outcome import Outcome, State
from clinops.errors import (
    NotFoundError,
)
from flows.gate import load_evidence
from flows.promote import promote_release
from flows.reconcile import reconcile
from tests.fakes.wiring import (
    BOTH_ON_OLD,
    COMPOSE,
    FIRST,
    GATE,
    MANIFEST,
    REVOKED,
    SIGNERS,
    SITES,
    SMOKE,
    FakeWiring,
    compose,
    document,
    gate,
    joys_key,
    key,
    manifest,
    signer,
    signers,
    sites,
)
from tests.flows.setback import Arrange

# What closes a gate


def signed_by_both(wiring: FakeWiring, release: ReleaseRecord) -> None:
    wiring.sign(release, "joy")
    wiring.sign(release, "sam")


def then(change: Arrange) -> Arrange:
    """Sign as one should, and then let something happen."""

    def arrange(wiring: FakeWiring, release: ReleaseRecord) -> None:
        signed_by_both(wiring, release)
        change(wiring, release)

    return arrange


def committed(path: str, content: bytes | None, who: str = "ops") -> Arrange:
    return then(lambda wiring, release: wiring.commit({path: content}, who) and None)


def instead_of_joy(**claims: object) -> Arrange:
    def arrange(wiring: FakeWiring, release: ReleaseRecord) -> None:
        wiring.sign(release, "joy", **claims)
        wiring.sign(release, "sam")

    return arrange


def only_joy(wiring: FakeWiring, release: ReleaseRecord) -> None:
    wiring.sign(release, "joy")


def joy_twice(wiring: FakeWiring, release: ReleaseRecord) -> None:
    wiring.sign(release, "joy", role="safety")
    wiring.sign(release, "joy", role="operations")


def vendor_signs(wiring: FakeWiring, release: ReleaseRecord) -> None:
    eve = signer("acme", "safety")
    wiring.commit({SIGNERS: signers(eve=eve)})
    wiring.sign(release, "eve", with_key="acme")
    wiring.sign(release, "sam")


def forged(wiring: FakeWiring, release: ReleaseRecord) -> None:
    wiring.sign(release, "sam")
    (envelope,) = (
        e.body["envelope"] for e in wiring.ledger.entries(release.id) if e.kind is Kind.SIGNED
    )
    (good,) = envelope["signatures"]
    bad = {**envelope, "signatures": [{**good, "sig": "AAAA" + good["sig"][4:]}]}
    wiring.ledger.append(Kind.SIGNED, release.id, {"envelope": bad})


def of_file(name: str, change: Callable[[bytes], bytes | None]) -> Arrange:
    def alter(wiring: FakeWiring, release: ReleaseRecord) -> None:
        digest = load_evidence(release, wiring).files[name]
        wiring.alter(digest, change)

    return then(alter)


def of_evidence(change: Callable[[bytes], bytes | None]) -> Arrange:
    return then(lambda wiring, release: wiring.alter(str(release.evidence), change))


def one_byte(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def missing(data: bytes) -> None:
    return None


def other_version_live(wiring: FakeWiring, release: ReleaseRecord) -> None:
    live = wiring.ledger.live("pas")[0].model_copy(update={"version": "1.5"})
    wiring.ledger.append(Kind.SYSTEM_ADOPTED, f"pas@{FIRST}", {"live": live.json_value()})


def another_on_its_way(wiring: FakeWiring, release: ReleaseRecord) -> None:
    other = {**release.release, "id": "pas-1.9-000000000000", "version": "1.9"}
    append = wiring.ledger.append
    append(Kind.RELEASE_KNOWN, other["id"], {"release": other})
    append(Kind.QUALIFICATION_STARTED, other["id"], {"attempt": 1})
    body = {"outcome": "qualified", "evidence": release.evidence}
    append(Kind.VERDICT, other["id"], body)
    append(Kind.DEPLOYMENT_STARTED, other["id"], {"sites": [FIRST]})


REFUSALS: dict[str, tuple[Arrange, str]] = {
    "no sign-off": (lambda wiring, release: None, "nobody has signed yet"),
    "a key of nobody": (instead_of_joy(with_key="stranger"), "the key belongs to nobody"),
    "another person's key": (instead_of_joy(with_key="sam"), "belongs to sam, not to joy"),
    "a revoked key": (committed(SIGNERS, joys_key(revoked=REVOKED)), "the key was revoked on"),
    "an expired key": (
        committed(SIGNERS, joys_key(valid_until=dt.date(2025, 6, 9))),
        "the key had expired",
    ),
    "other evidence": (
        instead_of_joy(evidence="sha256:" + "0" * 64),
        "it was made for other evidence",
    ),
    "another release": (instead_of_joy(release="pas-1.9-0"), "it was made for another release"),
    "other images": (instead_of_joy(images={}), "not those that were tested"),
    "the vendor": (vendor_signs, "signs for the vendor acme"),
    "a role short": (only_joy, "1 more sign-off by role operations"),
    "one person in two roles": (joy_twice, "one person fills one role"),
    "a role not held": (instead_of_joy(role="porter"), "does not hold the role porter"),
    "a sign-off that is too old": (
        then(lambda wiring, release: wiring.clock.advance(15 * 86_400)),
        "more than 14 days old",
    ),
    "a time of the signer's own": (
        instead_of_joy(time="2025-06-09T12:00:00+00:00"),
        "it says 2025-06-09T12:00:00",
    ),
    "a signature that does not hold": (forged, "the signature does not verify"),
    "someone who left": (committed(SIGNERS, signers(joy=signer("ops"))), "belongs to nobody"),
    "an evidence file missing": (of_file("log/smoke-candidate.txt", missing), "log/smoke-cand"),
    "an evidence file altered": (of_file("junit.xml", one_byte), "junit.xml: "),
    "the evidence missing": (of_evidence(missing), "has no file"),
    "the evidence altered": (of_evidence(one_byte), "was altered"),
    "an image gone": (
        then(lambda wiring, release: wiring.images.held.clear()),
        "is not on this engine any more",
    ),
    "another suite": (committed(SMOKE, b"pass\n"), "since the evidence was made: suites"),
    "another environment": (
        committed(COMPOSE, compose(ready_within=90)),
        "since the evidence was made: environment",
    ),
    "another gate": (
        committed(GATE, gate(requires=[{"role": "safety", "count": 2}])),
        "1 more sign-off by role safety",
    ),
    "a newer release": (
        committed(MANIFEST, manifest("3.0"), "acme"),
        "since the evidence was made: manifest",
    ),
    "no manifest any more": (committed(MANIFEST, None), "not on the protected branch any more"),
    "no site": (committed(SITES, sites(elsewhere=0).replace(b"pas", b"lab")), "no site of"),
    "another version live": (then(other_version_live), f"{FIRST}: 1.5 is live"),
    "an edited ledger": (
        then(lambda wiring, release: wiring.edit_ledger()),
        "the ledger is broken: entry 1 was changed",
    ),
    "another on its way": (then(another_on_its_way), "pas-1.9-000000000000 is being promoted"),
    "the committer's key revoked": (
        then(lambda wiring, release: _revoke_the_vendors_key(wiring)),
        "signed by nobody known",
    ),
}


def _revoke_the_vendors_key(wiring: FakeWiring) -> None:
    vendor = {"schema": 1, "name": "Acme", "keys": [key("acme", revoked=REVOKED)]}
    wiring.commit({"vendor_manifests/acme/vendor.yaml": document(vendor)})


def refused_because(wiring: FakeWiring, release: ReleaseRecord, reason: str) -> None:
    """Promote; it must be refused for that reason, on the ledger, with nothing touched."""
    before = wiring.live_versions()
    assert wiring.promote(release) is State.AWAITING_SIGN_OFF
    assert wiring.kinds(release.id)[-1] is Kind.PROMOTION_REFUSED
    reasons = wiring.last_body(release.id)["reasons"]
    assert isinstance(reasons, list)
    assert any(reason in one for one in reasons), reasons
    assert wiring.sites.calls == []
    assert (wiring.live_versions(), wiring.running()) == (before, BOTH_ON_OLD)
    assert wiring.stages.tables["gate"]


@pytest.mark.parametrize("name", REFUSALS)
def test_is_refused_for(wiring, name):
    arrange, reason = REFUSALS[name]
    release = wiring.qualify(wiring.offer())
    arrange(wiring, release)
    refused_because(wiring, release, reason)


def test_is_refused_where_the_committer_signed_it_off(wiring):
    wiring.commit({SIGNERS: signers(ops=signer("ops", "safety", may_push=True))})
    wiring.commit({MANIFEST: manifest("2.0")}, "ops")
    (known,) = reconcile(wiring).known
    release = wiring.qualify(wiring.release(known))
    wiring.sign(release, "ops", role="safety")
    wiring.sign(release, "sam")
    refused_because(wiring, release, "signed the release's commit")


def pretended(wiring: FakeWiring, evidence: str, **claims: object) -> ReleaseRecord:
    """Write a release on the ledger as an insider would, with evidence of their choice."""
    known = wiring.offer("2.1").release
    release = {**known, **claims}
    release_id = str(release["id"])
    if claims:
        wiring.ledger.append(Kind.RELEASE_KNOWN, release_id, {"release": release})
    wiring.ledger.append(Kind.QUALIFICATION_STARTED, release_id, {"attempt": 1})
    body = {"outcome": "qualified", "evidence": evidence}
    wiring.ledger.append(Kind.VERDICT, release_id, body)
    return wiring.release(release_id)


def test_is_refused_on_evidence_about_another_release(wiring):
    good = wiring.qualify(wiring.offer())
    release = pretended(wiring, str(good.evidence))
    refused_because(wiring, release, "is about another release")


def test_is_refused_on_evidence_in_another_form(wiring):
    good = wiring.qualify(wiring.offer())
    text = wiring.evidence.get(str(good.evidence)).replace(b'","', b'", "')
    release = pretended(wiring, wiring.evidence.put(text))
    refused_because(wiring, release, "is not in its canonical form")


def test_is_refused_on_evidence_whose_runs_say_something_else_than_its_outcome(wiring):
    wiring.suites.failing = {("smoke", "2.0")}
    bad = wiring.qualify(wiring.offer())
    evidence = load_evidence(bad, wiring)
    claims = {**bad.release, "id": "pas-2.0-ffffffffffff"}
    about = evidence.release.model_validate(claims)
    better = evidence.model_copy(update={"outcome": Outcome.QUALIFIED, "release": about})
    release = pretended(wiring, wiring.evidence.put(canonical(better.json_value())), **claims)
    refused_because(wiring, release, "the evidence contradicts itself: the outcome is qualified")


def test_is_refused_on_evidence_that_leaves_out_what_its_own_files_ask_for(wiring):
    wiring.commit({COMPOSE: compose(faults=["paused"])})
    good = wiring.qualify(wiring.offer())
    evidence = load_evidence(good, wiring)
    claims = {**good.release, "id": "pas-2.0-ffffffffffff"}
    about = evidence.release.model_validate(claims)
    fewer = evidence.model_copy(update={"faults": None, "release": about})
    release = pretended(wiring, wiring.evidence.put(canonical(fewer.json_value())), **claims)
    refused_because(wiring, release, "the environment asks for the fault paused, and the evidence")


def test_is_refused_where_git_names_another_committer(wiring):
    good = wiring.qualify(wiring.offer())
    evidence = load_evidence(good, wiring)
    claims = {"id": "pas-2.1-ffffffffffff", "committer": "vendor:other"}
    known = wiring.release(good.id).release
    about = evidence.release.model_validate({**known, **claims, "version": "2.1"})
    forged_evidence = evidence.model_copy(update={"release": about, "measured": ()})
    digest = wiring.evidence.put(canonical(forged_evidence.json_value()))
    release = pretended(wiring, digest, **{**known, **claims, "version": "2.1"})
    refused_because(wiring, release, "git says that vendor:acme committed it, not vendor:other")


@pytest.mark.parametrize("outcome", ["failing", "crashing"])
def test_what_is_not_qualified_is_never_deployed(wiring, outcome):
    release = wiring.offer()
    setattr(wiring.suites, outcome, {("smoke", "2.0")})
    state = wiring.qualify(release).state
    assert wiring.promote(release) is state
    assert wiring.last_body(release.id) == {"reasons": [f"the release is {state}"]}
    assert wiring.sites.calls == []


def test_a_release_that_is_only_known_is_not_deployed(wiring):
    release = wiring.offer()
    assert wiring.promote(release) is State.KNOWN
    assert wiring.sites.calls == []


def test_an_unknown_release_is_not_found(wiring):
    with pytest.raises(NotFoundError):
        promote_release("pas-9.9-000000000000", wiring, wiring.stages)

"""Pushes that would open a gate, tried on a real estate: refused, on record, nothing in force."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from clinops.domain.ledger import Kind
from clinops.domain.outcome import State
from clinops.gatehouse.app import application
from flows.dossier import dossier
from tests.fakes.browser import Browser
from tests.flows.attack import pushed_back, refused, shut
from tests.ward import (
    GATE,
    HAZARDS,
    MANIFEST,
    PEOPLE,
    PRODUCT,
    SIGNERS,
    SMOKE,
    VENDOR,
    WAIVERS,
    Ward,
    document,
    hazard,
    manifest,
)

pytestmark = pytest.mark.docker

CSO, OPS = "j-okafor", "s-reid"
PROGRAM = f"environments/{PRODUCT}/images/board/board.pl"
WAIVER = {
    "id": "W-001",
    "version": "1.9",
    "finding": "test-failed",
    "occurrence": "regression: test_regression.py::test_a_name_keeps_its_letters",
    "reason": "The ward was closed.",
    "owner": "Clinical safety officer",
    "expires": "2099-12-31",
}
Changes = dict[str, str | None]


@pytest.fixture(scope="module")
def release(ward: Ward) -> str:
    """A release that everybody has signed; its gate is open."""
    waivers = document({"schema": 1, "product": PRODUCT, "waivers": [WAIVER]})
    assert ward.push({WAIVERS: waivers}, "a-admin").returncode == 0
    ward.approve_the_hazard_log()
    offered = ward.offer("2.0")
    assert ward.qualify(offered) is State.AWAITING_SIGN_OFF
    ward.sign_off(offered, CSO, OPS)
    return offered


@pytest.fixture(autouse=True)
def every_attack_on_its_own(ward: Ward, release: str) -> Iterator[None]:
    with ward.unchanged():
        yield


def made_up(ward: Ward, key: str = "a-stranger", **changes: Any) -> dict[str, Any]:
    """Describe a safety officer who does not exist, with a key of the attacker's."""
    return {
        "name": "Dr Made Up",
        "roles": ["clinical-safety-officer", "operations"],
        "registration": {"body": "GMC", "number": "7999999"},
        "keys": [ward.public(key)],
        **changes,
    }


# Who decides


def test_one_administrator_makes_nobody_up(ward):
    why = pushed_back(ward, {SIGNERS: ward.signers(ghost=made_up(ward))}, "a-admin")
    assert "trust:a-admin: environments/signers.yaml: needs a second person" in why


def test_a_signer_does_not_come_in_with_what_they_would_approve(ward):
    changes: Changes = {
        SIGNERS: ward.signers(ghost=made_up(ward)),
        MANIFEST: document(manifest("2.1", supersedes="1.0")),
    }
    assert "split the push" in pushed_back(ward, changes, "a-admin")
    branch = f"review/{secrets.token_hex(4)}"
    assert "split the push" in pushed_back(ward, changes, "a-admin", to=branch)


def test_a_signer_who_waits_for_a_second_person_is_nobody_yet(ward, release):
    proposed = ward.push({SIGNERS: ward.signers(ghost=made_up(ward))}, "a-admin", to="review/ghost")
    assert proposed.returncode == 0
    ghost = {
        "signer": "ghost",
        "name": "Dr Made Up",
        "registration": {"body": "GMC", "number": "7999999"},
    }
    claimed = type(ward.draft(release, CSO)).model_validate(
        {**ward.draft(release, CSO).json_value(), **ghost}
    )
    forged = ward.envelope(claimed, "a-stranger")
    assert "the key belongs to nobody in signers.yaml" in refused(ward, release, forged)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key": VENDOR}, "this key belongs to signer ghost as well"),
        ({"registration": dict(PEOPLE[CSO]["registration"])}, "the registration of signer"),
    ],
    ids=["a vendor's key", "a second id"],
)
def test_not_even_a_proposal_gives_one_person_two_identities(ward, changes, why):
    signers: Changes = {SIGNERS: ward.signers(ghost=made_up(ward, **changes))}
    assert why in pushed_back(ward, signers, "a-admin", to="review/ghost")


def test_one_administrator_does_not_relax_the_gate(ward):
    lax = document(
        {"schema": 1, "requires": [{"role": "operations"}], "sign_offs_expire_after_days": 365}
    )
    assert "needs a second person" in pushed_back(ward, {GATE: lax}, "a-admin")
    assert "needs a second person" in pushed_back(ward, {GATE: None}, "a-admin")


# What a vendor pushes


@pytest.mark.parametrize(
    "path",
    [
        GATE,
        HAZARDS,
        WAIVERS,
        SIGNERS,
        SMOKE,
        PROGRAM,
        f"test_suites/{PRODUCT}/smoke/conftest.py",
        f"environments/{PRODUCT}/hazards.yml",
        "environments/sites.yaml",
        "environments/calendar.yaml",
        "vendor_manifests/other/board.yaml",
    ],
)
def test_a_vendor_changes_nothing_that_it_is_judged_by(ward, path):
    """Together with its manifest, as a change that belongs to the release."""
    changes: Changes = {MANIFEST: document(manifest("2.1", supersedes="1.0")), path: "schema: 1\n"}
    why = pushed_back(ward, changes, VENDOR)
    assert f"vendor:{VENDOR}: {path}: vendor:{VENDOR} may only touch" in why


def test_a_vendor_does_not_change_its_own_keys(ward):
    keys = {"schema": 1, "name": "Acme Boards", "keys": [ward.public("a-stranger")]}
    path = f"vendor_manifests/{VENDOR}/vendor.yaml"
    assert "only the trust changes" in pushed_back(ward, {path: document(keys)}, VENDOR)


@pytest.mark.parametrize(
    "changes",
    [
        {"package": {"build": {"folder": f"vendor_manifests/{VENDOR}/../../environments"}}},
        {"package": {"build": {"folder": "/etc"}}},
        {"package": {"archive": {"file": "../../etc/passwd", "sha256": "0" * 64}}},
        {"safety_case": {"document": "../../environments/signers.yaml", "sha256": "0" * 64}},
        {"product": "../ward-board"},
        {"version": "../../2.1"},
    ],
    ids=["build folder", "absolute", "archive", "safety case", "product", "version"],
)
def test_no_path_in_a_manifest_leads_out_of_the_vendors_own(ward, changes):
    offered = {**manifest("2.1", supersedes="1.0"), **changes}
    assert f"vendor:{VENDOR}: {MANIFEST}" in pushed_back(
        ward, {MANIFEST: document(offered)}, VENDOR
    )


def test_who_has_no_key_here_pushes_nothing_and_is_on_record(ward):
    why = pushed_back(ward, {MANIFEST: document(manifest("2.1"))}, "a-stranger")
    assert why.startswith("None: ")
    assert "a key of nobody known here" in why


@pytest.mark.parametrize("hazards", [None, [hazard(1, "The board is unavailable")]])
def test_a_hazard_is_never_deleted(ward, hazards):
    log = {"schema": 1, "product": PRODUCT, "hazards": hazards}
    why = pushed_back(ward, {HAZARDS: document(log) if hazards else None}, "a-admin")
    assert "WRD-002" in why or HAZARDS in why


# One byte


def _as_it_is_pushed(ward: Ward, path: str, text: str) -> None:
    if path == GATE:
        ward.decide({path: text})
        return
    assert ward.push({path: text}, "a-admin").returncode == 0


@pytest.mark.parametrize(
    ("path", "part", "letters"),
    [
        (PROGRAM, "environment, package", ("no such page", "no such Page")),
        (SMOKE, "suites", ("The board answers.", "The board answers!")),
        (HAZARDS, "environment", ("harm: Delayed", "harm: delayed")),
        (WAIVERS, "environment", ("was closed", "was Closed")),
        (GATE, "environment", ("after_days: 14", "after_days: 15")),
    ],
    ids=["image", "suite", "hazard log", "waiver", "policy"],
)
def test_one_byte_makes_earlier_sign_offs_count_no_longer_and_the_page_names_it(
    ward, release, path, part, letters
):
    assert sum(a != b for a, b in zip(*letters, strict=True)) == 1
    text = ward.read(path)
    _as_it_is_pushed(ward, path, text.replace(*letters, 1))
    why = shut(ward, release)
    assert f"changed on the protected branch since the evidence was made: {part} ({path})" in why

    with ward.opened() as wiring:
        assert dossier(wiring.release(release), wiring).changed == (path,)
        page = Browser(application(wiring)).text(f"/releases/{release}")
    assert f"<li><code>{path}</code></li>" in page

    other = ward.known()
    assert other != release
    assert Kind.SIGNED not in {entry.kind for entry in ward.entries(other)}

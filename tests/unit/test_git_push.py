"""The rules of a push about who may change what, held against real commits."""

from __future__ import annotations

import pytest

from clinops.adapters.git_push import PushVerdict, Update, judge, read_updates
from clinops.adapters.git_repository import NO_OBJECT
from clinops.errors import BadInputError
from tests.fakes.git_estate import ACME, MANIFEST, GitEstate, vendor_file
from tests.unit.pushing import MAIN, SIGNERS, nothing_wrong, only_problem, pushed


def test_accepts_a_vendors_own_manifest_and_names_it(estate: GitEstate) -> None:
    commit = estate.commit({MANIFEST: b"version: 2\n"})
    verdict = pushed(estate, commit)
    assert verdict == PushVerdict("vendor:acme", (MANIFEST,), ())
    assert verdict.accepted
    assert verdict.report() == "ClinOps: accepted, signed by vendor:acme"


def test_accepts_several_commits_and_names_each_file_that_changed(estate: GitEstate) -> None:
    first = estate.commit({MANIFEST: None, "vendor_manifests/acme/docs/safety.txt": b"x"})
    second = estate.commit({"vendor_manifests/acme/ris.yaml": b"x\n"}, parents=[first])
    verdict = pushed(estate, second)
    assert verdict.accepted
    assert set(verdict.changed) == {
        MANIFEST,
        "vendor_manifests/acme/docs/safety.txt",
        "vendor_manifests/acme/ris.yaml",
    }


def test_refuses_an_unsigned_commit(estate: GitEstate) -> None:
    problem = only_problem(pushed(estate, estate.commit({MANIFEST: b"2\n"}, key=None)))
    assert "no SSH signature" in problem
    assert "sign with a key" in problem


def test_refuses_a_key_that_nobody_knows(estate: GitEstate) -> None:
    commit = estate.commit({MANIFEST: b"2\n"}, key="stranger")
    assert "nobody known here" in only_problem(pushed(estate, commit))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"revoked": "2026-06-01"}, "was revoked"),
        ({"valid_until": "2026-06-14"}, "is not valid on 2026-06-15"),
    ],
)
def test_refuses_a_key_that_is_not_in_force(
    estate: GitEstate, limits: dict[str, str], words: str
) -> None:
    entry = estate.keys.entry("acme", **limits)
    estate.advance(estate.commit({ACME: vendor_file(entry)}, key="ops"))
    assert words in only_problem(pushed(estate, estate.commit({MANIFEST: b"2\n"})))


def test_judges_by_key_whatever_the_mail_address_claims(estate: GitEstate) -> None:
    change = {"vendor_manifests/globex/lis.yaml": b"2\n"}
    as_ops = estate.commit(change, key="acme", mail="ops@trust.example")
    assert "vendor:acme may only touch" in only_problem(pushed(estate, as_ops))
    as_acme = estate.commit(change, key="globex", mail="someone@acme.example")
    assert pushed(estate, as_acme).principal == "vendor:globex"


@pytest.mark.parametrize(
    "path",
    [
        "vendor_manifests/globex/lis.yaml",
        "vendor_manifests/acme-two/pas.yaml",
        "vendor_manifests/pas.yaml",
        "environments/pas/compose.yaml",
        "environments/pas/gate.yaml",
        "environments/pas/hazards.yaml",
        "environments/pas/waivers.yaml",
        "environments/sites.yaml",
        "environments/board.yaml",
        "requests/archive.yaml",
        SIGNERS,
        "test_suites/pas/smoke/test_a.py",
        "README.md",
    ],
)
def test_refuses_a_vendor_outside_its_own_folder_and_names_the_path(
    estate: GitEstate, path: str
) -> None:
    problem = only_problem(pushed(estate, estate.commit({path: b"mine now\n"})))
    assert problem.startswith(f"{path}: vendor:acme may only touch vendor_manifests/acme/")


@pytest.mark.parametrize("path", [ACME, "vendor_manifests/acme/Vendor.YAML"])
def test_refuses_a_vendor_its_own_keys(estate: GitEstate, path: str) -> None:
    change = vendor_file(estate.keys.entry("acme"), estate.keys.entry("second"))
    assert "only the trust changes" in only_problem(pushed(estate, estate.commit({path: change})))


@pytest.mark.parametrize("name", ["agreement.yaml", "Agreement.YAML"])
def test_refuses_a_vendor_to_write_its_own_agreement(estate: GitEstate, name: str) -> None:
    problem = only_problem(
        pushed(estate, estate.commit({f"vendor_manifests/acme/{name}": b"schema: 1\n"}))
    )
    assert "only the trust writes an agreement" in problem


@pytest.mark.parametrize("name", ["acceptance.yaml", "Acceptance.YAML"])
def test_refuses_the_trust_to_accept_for_a_vendor(estate: GitEstate, name: str) -> None:
    path = f"vendor_manifests/acme/{name}"
    mine = estate.commit({path: b"schema: 1\n"}, key="ops")
    assert "only the vendor accepts" in only_problem(pushed(estate, mine))
    theirs = estate.commit({"vendor_manifests/acme/acceptance.yaml": b"schema: 1\n"})
    assert pushed(estate, theirs).accepted


def test_refuses_a_vendor_to_remove_what_is_not_its_own(estate: GitEstate) -> None:
    commit = estate.commit({"vendor_manifests/globex/lis.yaml": None})
    assert "may only touch" in only_problem(pushed(estate, commit))


def test_a_signer_with_may_push_changes_anything(estate: GitEstate) -> None:
    changes = {
        ACME: vendor_file(estate.keys.entry("second")),
        "environments/pas/gate.yaml": b"a new product's gate",
        "environments/pas/seed.py": b"",
        MANIFEST: None,
    }
    verdict = pushed(estate, estate.commit(dict(changes), key="ops"))
    assert (verdict.accepted, verdict.principal) == (True, "trust:ops")


@pytest.mark.parametrize("path", ["environments/pas/gate.yaml", MANIFEST])
def test_refuses_a_signer_without_may_push(estate: GitEstate, path: str) -> None:
    problem = only_problem(pushed(estate, estate.commit({path: b"x\n"}, key="cso")))
    assert "trust:cso may not push" in problem


def test_a_folder_whose_name_is_a_pattern_is_nobodys(estate: GitEstate) -> None:
    keys = vendor_file(estate.keys.entry("eve"))
    estate.advance(estate.commit({"vendor_manifests/*/vendor.yaml": keys}, key="ops"))
    commit = estate.commit({MANIFEST: b"2\n"}, key="eve")
    assert "nobody known here" in only_problem(pushed(estate, commit))


def test_reads_the_lines_that_git_writes() -> None:
    lines = [f"{NO_OBJECT} {'a' * 40} {MAIN}\n", f"{'a' * 40} {'b' * 40} refs/tags/odd name"]
    assert read_updates(lines) == [
        Update(NO_OBJECT, "a" * 40, MAIN),
        Update("a" * 40, "b" * 40, "refs/tags/odd name"),
    ]


def test_refuses_to_be_run_by_hand() -> None:
    with pytest.raises(BadInputError, match="standard input"):
        read_updates(["hello\n"])


def test_one_bad_ref_refuses_the_whole_push(estate: GitEstate) -> None:
    good = estate.commit({MANIFEST: b"2\n"})
    updates = [Update(estate.tip(), good, MAIN), Update(NO_OBJECT, good, "refs/tags/v2")]
    verdict = judge(updates, estate.repository, nothing_wrong)
    assert only_problem(verdict).startswith("refs/tags/v2:")
    assert verdict.report().startswith("ClinOps: refused, nothing was changed\n  refs/tags/v2:")
    assert judge(updates[:1], estate.repository, nothing_wrong).accepted
    with pytest.raises(BadInputError, match="no ref"):
        judge([], estate.repository, nothing_wrong)


def test_a_long_report_is_cut(estate: GitEstate) -> None:
    verdict = PushVerdict(None, (), tuple(f"file{number}: bad" for number in range(60)))
    lines = verdict.report().splitlines()
    assert lines[0] == "ClinOps: refused, nothing was changed"
    assert lines[-1] == "  and 10 more"
    assert len(lines) == 52

"""A whole estate: what must hold between its documents, and how quickly all is told."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from hashlib import sha256

import pytest

from clinops.adapters.estate import Estate
from clinops.adapters.estate_validation import validate
from clinops.adapters.push_validation import changed_in_place, hazards_deleted
from clinops.errors import BadInputError, NotFoundError, Problem
from tests.fakes.trees import FakeTree


def public_key(owner: str) -> str:
    blob = (11).to_bytes(4) + b"ssh-ed25519" + (32).to_bytes(4) + sha256(owner.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {owner}"


def key(owner: str, comment: str = "") -> str:
    public = public_key(owner) + comment
    return f'{{public: "{public}", valid_from: 2026-01-01, valid_until: 2027-01-01}}'


MANIFEST = """\
schema: 1
product: archive
vendor: acme
version: "2.0"
supersedes: "1.0"
package:
  build:
    folder: environments/archive/images/archive
kind: upgrade
rollback: {strategy: restore}
"""
COMPOSE = """\
name: archive
services:
  archive:
    image: package
  db:
    build: {context: images/db}
x-clinops:
  under_test: archive
  endpoints: {http: archive:80}
  seed: seed.py
"""
SIGNERS = f"""\
schema: 1
signers:
  ada:
    name: Ada
    roles: [clinical-safety-officer]
    keys:
      - {key("ada")}
  bea:
    name: Bea
    roles: [operations]
    demonstration: true
    keys:
      - {key("bea")}
"""
GATE = """\
schema: 1
requires:
  - role: clinical-safety-officer
sign_offs_expire_after_days: 30
"""
HAZARDS = """\
schema: 1
product: archive
hazards:
  - id: ARC-001
    name: Images are lost
    type: data integrity
    description: Deleting one object removes others.
    causes: [delete reaches too far]
    effect: Images of record no longer exist.
    harm: Repeated examination.
    initial: {severity: considerable, likelihood: low}
    residual: {severity: considerable, likelihood: very-low}
    owner: Head of radiology systems
    status: open
"""
WAIVERS = "schema: 1\nproduct: archive\nwaivers: []\n"
SITES = "schema: 1\nsites:\n  ward:\n    ring: 0\n    products: [archive]\n"
VENDOR = f"schema: 1\nname: Acme\nkeys:\n  - {key('acme')}\n"

M, C = "vendor_manifests/acme/archive.yaml", "environments/archive/compose.yaml"
G, S = "environments/archive/gate.yaml", "environments/signers.yaml"
H, X = "environments/archive/hazards.yaml", "environments/archive/waivers.yaml"
T = "test_suites/archive/smoke/test_alive.py"
V, W = "vendor_manifests/acme/vendor.yaml", "environments/sites.yaml"
GOOD = {
    M: MANIFEST,
    V: VENDOR,
    C: COMPOSE,
    G: GATE,
    H: HAZARDS,
    S: SIGNERS,
    W: SITES,
    "environments/archive/images/archive/Dockerfile": "FROM scratch\n",
    "environments/archive/images/db/Dockerfile": "FROM scratch\n",
    "environments/archive/seed.py": "",
    T: 'import pytest\n\npytestmark = pytest.mark.hazard("ARC-001")\n',
    "test_suites/archive/regression/worklist/test_order.py": "",
    "test_suites/archive/helpers/names.py": "",
}


def tree(files: Mapping[str, str | None]) -> FakeTree:
    return FakeTree({path: data.encode() for path, data in files.items() if data is not None})


def problems_of(changes: Mapping[str, str | None], live: str | None = "1.0") -> list[Problem]:
    return validate(tree({**GOOD, **changes}), live={"archive": live} if live else {})


def test_finds_nothing_wrong_in_a_good_estate():
    assert problems_of({}) == []
    assert problems_of({}, live=None) == []


def test_takes_a_manifest_of_what_is_live_already():
    assert problems_of({}, live="2.0") == []


CASE = MANIFEST + f"safety_case:\n  document: case.pdf\n  sha256: {sha256(b'case').hexdigest()}\n"


def test_takes_a_safety_case_that_is_the_file_it_says():
    assert problems_of({M: CASE, "vendor_manifests/acme/case.pdf": "case"}) == []


PINNED = MANIFEST.replace(
    "  build:\n    folder: environments/archive/images/archive", f"  image: a@sha256:{'a' * 64}"
)


def test_takes_a_pinned_image_and_an_environment_without_a_seed():
    assert problems_of({M: PINNED, C: COMPOSE.replace("  seed: seed.py\n", "")}) == []


def test_takes_a_build_in_the_vendors_own_folder():
    manifest = MANIFEST.replace("environments/archive/images/archive", "vendor_manifests/acme/img")
    assert problems_of({M: manifest, "vendor_manifests/acme/img/Dockerfile": ""}) == []


OTHER = "vendor_manifests/other/archive.yaml"
OTHERS = {OTHER: MANIFEST.replace("acme", "other"), "vendor_manifests/other/vendor.yaml": VENDOR}


@pytest.mark.parametrize(
    ("changes", "file", "line", "what", "mend"),
    [
        ({M: "{"}, M, 1, "not valid YAML", "quotes"),
        ({M: MANIFEST.replace("acme", "acne")}, M, 3, "the folder is that of the vendor", "acme"),
        ({M: MANIFEST.replace("t: archive", "t: archiv")}, M, 2, "not named after", "archiv.yaml"),
        ({M: MANIFEST.replace("t: archive", "t: archiv")}, M, 2, "no environment", "`archive`?"),
        ({M: MANIFEST.replace("t: archive", "t: zzz")}, M, 2, "no environment", "are: archive"),
        (OTHERS, OTHER, 2, f"a manifest already: {M}", "delete one"),
        (OTHERS, "vendor_manifests/other/vendor.yaml", 4, "belongs to vendor acme", ""),
        ({M: MANIFEST.replace("2.0", "0.9").replace('"1.0"', '"0.8"')}, M, 4, "not above 1.0", ""),
        ({M: MANIFEST.replace('"1.0"', '"0.9"')}, M, 5, "is 0.9, but 1.0 is live", '"1.0"'),
        ({M: MANIFEST.replace('supersedes: "1.0"\n', "")}, M, 1, "is missing, but 1.0", '"1.0"'),
        ({M: MANIFEST.replace("images/archive", "images/x")}, M, 8, "no file environments/", ""),
        (
            {M: MANIFEST.replace("r: environments/archive/", "r: ")},
            M,
            8,
            "neither the prod",
            "move",
        ),
        ({M: MANIFEST.replace("s/archive/im", "s/archive2/im")}, M, 8, "neither the", "move it"),
        ({M: CASE}, M, 12, "no file vendor_manifests/acme/case.pdf", "add it"),
        ({M: CASE, "vendor_manifests/acme/case.pdf": "x"}, M, 13, "another file", "write 2d711"),
        (
            {"vendor_manifests/acme/a.yml": ""},
            "vendor_manifests/acme/a.yml",
            1,
            "not read",
            ".yaml",
        ),
        ({"vendor_manifests/a.yaml": ""}, "vendor_manifests/a.yaml", 1, "not read", "folder"),
        ({V: None}, V, 1, "no such file", "add it"),
        ({V: VENDOR.replace("name", "nam")}, V, 2, "`nam` is not a known key", "`name`?"),
        ({V: VENDOR.replace(key("acme"), key("ada", "!"))}, V, 4, "belongs to signer ada", "own"),
        ({S: SIGNERS.replace(key("bea"), key("ada"))}, S, 13, "belongs to signer ada", "own"),
        ({S: SIGNERS.replace("ssh-ed", "ssh-id", 1)}, S, 7, "is not an SSH public key", ".pub"),
        ({S: SIGNERS.replace("AAAAC3", "AAAAC4", 1)}, S, 7, "the key is damaged", ""),
        ({S: SIGNERS.replace("2027", "2025", 1)}, S, 7, "is before valid_from", "swap"),
        ({S: None}, S, 1, "no such file", "add it"),
        ({G: None}, G, 1, "no such file", "add it"),
        ({G: GATE.replace("clinical", "chief")}, G, 3, "is held by nobody", "signers.yaml"),
        ({G: GATE.replace("officer\n", "officer\n    count: 2\n")}, G, 3, "held by ada", "role"),
        ({G: GATE.replace("clinical-safety-officer", "operations")}, G, 3, "held by nobody", ""),
        ({C: "name: [\n"}, C, 2, "not valid YAML", ""),
        ({C: COMPOSE.replace("db}", "dbx}")}, C, 6, "no file environments/archive/images/dbx/", ""),
        ({C: COMPOSE.replace("seed.py", "seeds.py")}, C, 10, "no file environments/archive/s", ""),
        ({C: COMPOSE + "  site_checks: [smoke, smok]\n"}, C, 11, "no suite smok", "`smoke`?"),
        ({T: None}, C, 1, "no suite test_suites/", "add"),
        ({H: None}, H, 1, "no such file", "add it"),
        ({H: HAZARDS.replace("open", "closed")}, H, 14, "nothing shows why", "add `evidence"),
        ({H: HAZARDS.replace("archive", "archives")}, H, 2, "the folder is that of", "`product: a"),
        ({H: HAZARDS.replace("ARC-001", "ARC-002")}, T, 3, "no ARC-001", "`ARC-002`?"),
        (
            {T: "@mark.hazard(\n  'ARC-001',\n  'ARC-009')"},
            T,
            3,
            "log has no ARC-009",
            "`ARC-001`?",
        ),
        ({X: "schema: 1\n"}, X, 1, "`product` is missing", "add"),
        ({X: WAIVERS.replace("archive", "pas")}, X, 2, "the folder is that of the product", ""),
        ({W: None}, W, 1, "no such file", "add it"),
        ({W: SITES.replace("[archive]", "[archives]")}, W, 5, "no product archives", "`archive`?"),
    ],
)
def test_tells_each_problem_where_it_is(
    changes: dict[str, str | None], file: str, line: int, what: str, mend: str
):
    problems = problems_of(changes)
    assert any(
        p.file == file and p.line == line and what in p.what and mend in p.mend for p in problems
    ), problems


def test_counts_a_demonstrations_people_where_the_gate_takes_them():
    gate = GATE.replace("clinical-safety-officer", "operations") + "accept_demonstration: true\n"
    assert problems_of({G: gate}) == []


CHOICES = (
    "  - any_of: [{role: head-of-radiology}, {role: operations}]\n"
    "  - n_of: {count: 1, among: [{role: clinical-safety-officer}, {role: operations}]}\n"
)


def test_a_choice_can_be_met_where_one_way_can():
    gate = GATE.replace("sign_offs", f"{CHOICES}sign_offs")
    told = [(problem.file, problem.line, problem.what) for problem in problems_of({G: gate})]
    said = "1 must sign as head-of-radiology, which is held by nobody"
    assert told == [(G, 4, said)]
    assert problems_of({G: gate + "accept_demonstration: true\n"}) == []


def test_says_everything_that_the_nearest_way_lacks():
    gate = GATE.replace("sign_offs", "  - any_of: [{all_of: [{role: a}, {role: b}]}]\nsign_offs")
    [problem] = problems_of({G: gate})
    assert problem.what == (
        "1 must sign as a, which is held by nobody and 1 must sign as b, which is held by nobody"
    )


def test_says_that_nobody_could_approve_the_hazard_log():
    [problem] = problems_of({G: GATE + "hazards:\n  approved_by: chief-nurse\n"})
    assert (problem.line, problem.what) == (
        6,
        "1 must sign as chief-nurse, which is held by nobody",
    )


def test_lets_one_person_list_one_key_twice():
    twice = f"{key('ada')}\n      - {key('ada', ' renewed')}"
    assert problems_of({S: SIGNERS.replace(key("ada"), twice)}) == []


def test_tells_everything_in_one_go_and_each_thing_once():
    problems = problems_of({M: "x: 1\n", C: "y: 1\n", S: "z: 1\n", W: None, V: None})
    assert {problem.file for problem in problems} == {M, C, S, W, V}
    assert len(problems) == len(set(problems))


def test_tells_only_of_the_paths_that_were_asked_for():
    broken = tree({**GOOD, M: "x: 1\n", W: "y: 1\n"})
    assert {p.file for p in validate(broken, live={}, paths=[M])} == {M}
    assert {p.file for p in validate(broken, live={}, paths=["environments/"])} == {W}
    assert validate(broken, live={}, paths=[G]) == []


def test_says_that_a_path_that_was_asked_for_is_not_there():
    (problem,) = validate(tree(GOOD), live={}, paths=["vendor_manifest"])
    assert problem.what == "there is no such file or folder"


def test_says_that_a_file_could_not_be_read():
    class LargeFiles(FakeTree):
        def read(self, path: str) -> bytes:
            if path == M:
                raise BadInputError("too large", mend="make it smaller")
            return super().read(path)

    large = LargeFiles(tree(GOOD).files)
    assert validate(large, live={}) == [Problem(M, 1, "too large", "make it smaller")]


def test_says_that_what_is_live_has_no_order():
    with pytest.raises(BadInputError, match="spring"):
        problems_of({}, live="spring-release")


def test_reads_no_document_twice_and_is_quick_with_five_hundred_products():
    files = {S: SIGNERS, W: "schema: 1\nsites: {}\n", V: VENDOR}
    for number in range(500):
        name = f"archive{number}"
        for path, data in GOOD.items():
            if "/archive" in path:
                moved = data.replace("t: archive", f"t: {name}") if path == H else data
                files[path.replace("/archive", f"/{name}", 1)] = moved
        files[f"vendor_manifests/acme/{name}.yaml"] = MANIFEST.replace(
            "t: archive", f"t: {name}"
        ).replace("s/archive/", f"s/{name}/")
    estate = tree(files)
    started = time.process_time()
    assert validate(estate, live={}) == []
    assert time.process_time() - started < 3
    assert len(estate.reads) == len(set(estate.reads))


def estate() -> Estate:
    return Estate(tree(GOOD))


def test_gives_each_document_by_what_it_is_for():
    assert estate().manifest_paths() == [M]
    assert estate().manifest_for("archive") == (M, estate().manifest(M))
    assert estate().products == ["archive"]
    assert estate().environment("archive").name == "archive"
    assert estate().gate("archive").requires[0].role == "clinical-safety-officer"
    assert estate().hazard_log("archive").hazards[0].id == "ARC-001"
    assert estate().waivers("archive") == ()
    assert estate().suites("archive") == ["regression", "smoke"]
    assert estate().signers().signers["ada"].name == "Ada"
    assert estate().sites().running("archive") == ["ward"]
    assert estate().vendor("acme") == estate().vendors()["acme"]


def test_names_the_nearest_product():
    with pytest.raises(NotFoundError) as caught:
        estate().manifest_for("archiv")
    assert caught.value.mend == "did you mean `archive`?"
    with pytest.raises(NotFoundError) as caught:
        estate().environment("archiv")
    assert caught.value.mend == "did you mean `archive`?"


def test_gives_the_waivers_of_a_product_that_has_some():
    waiver = (
        '  - {id: W-001, version: "2.0", finding: test-failed, occurrence: "smoke: x", '
        "reason: r, owner: o, expires: 2026-01-31}\n"
    )
    found = Estate(tree({**GOOD, X: WAIVERS.replace(" []", "\n" + waiver)})).waivers("archive")
    assert [waiver.id for waiver in found] == ["W-001"]


def test_says_that_there_is_no_hazard_log():
    with pytest.raises(NotFoundError):
        Estate(tree({**GOOD, H: None})).hazard_log("archive")


def test_reads_no_suite_as_text_that_is_none():
    assert problems_of({"test_suites/archive/smoke/scan.dcm": "hazard('ARC-009')"}) == []
    assert validate(FakeTree({**tree(GOOD).files, T: b"\xff hazard('ARC-001')"}), live={}) == []


TWO = HAZARDS + HAZARDS.split("hazards:\n")[1].replace("ARC-001", "ARC-002")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (TWO, TWO, []),
        (HAZARDS, TWO, []),
        (None, TWO, []),
        (TWO, TWO.replace("status: open", "status: closed\n    evidence: [minutes]"), []),
        (TWO, HAZARDS, ["the hazard ARC-002 is deleted"]),
        (TWO, TWO.replace("ARC-001", "ARC-003"), ["the hazard ARC-001 is deleted"]),
        (TWO, None, ["the hazard ARC-001 is deleted", "the hazard ARC-002 is deleted"]),
        (TWO, "schema: 1\n", ["`hazards` is missing", "`product` is missing"]),
        ("schema: 1\n", HAZARDS, []),
    ],
)
def test_hazards_are_closed_never_deleted(before, after, told):
    problems = hazards_deleted(tree({H: after}), tree({H: before}))
    assert [(problem.file, problem.what) for problem in problems] == [(H, what) for what in told]


def test_refuses_to_choose_between_two_manifests():
    with pytest.raises(BadInputError, match="several manifests"):
        Estate(tree({**GOOD, **OTHERS})).manifest_for("archive")


@pytest.mark.parametrize(
    ("path", "manifest"),
    [
        (M, MANIFEST),
        (M, PINNED),
        ("environments/archive/seed.py", MANIFEST),
        ("environments/archive/images/archive/Dockerfile", MANIFEST),
        ("test_suites/archive/helpers/names.py", MANIFEST),
    ],
)
def test_names_another_release_when_an_input_changes(path: str, manifest: str):
    files = {**GOOD, M: manifest}
    found, _, before = Estate(tree(files)).inputs(M)
    _, _, after = Estate(tree({**files, path: files[path] + "# changed\n"})).inputs(M)
    assert found.version == "2.0"
    assert before.startswith("archive-2.0-")
    assert after != before


def test_names_the_same_release_when_something_else_changes():
    _, _, before = estate().inputs(M)
    _, _, after = Estate(tree({**GOOD, W: SITES + "# changed\n"})).inputs(M)
    assert after == before


@pytest.mark.parametrize(
    ("live", "changed", "told"),
    [
        ({"archive": "2.0"}, MANIFEST.replace("upgrade", "patch"), 1),
        ({"archive": "2.0"}, MANIFEST + "# a remark\n", 0),
        ({"archive": "1.0"}, MANIFEST.replace("upgrade", "patch"), 0),
        ({"archive": "2.0"}, MANIFEST.replace('"2.0"', '"2.1"'), 0),
        ({"archive": "2.0"}, "schema: broken", 0),
    ],
)
def test_a_version_that_is_live_is_not_changed_in_place(live, changed, told):
    before, after = FakeTree({M: MANIFEST.encode()}), FakeTree({M: changed.encode()})
    problems = changed_in_place(after, before, live)
    assert [(p.file, p.line, p.mend) for p in problems] == [
        (M, 4, "give the change a newer version")
    ] * told


def test_an_estate_without_anybody_in_it_may_have_gates():
    assert problems_of({S: "schema: 1\nsigners: {}\n"}) == []

"""Commissioning from a page: what is written becomes a commit, or is told beside its field."""

from __future__ import annotations

import re
import subprocess
from types import SimpleNamespace

import pytest
import yaml

from clinops.adapters.estate import Estate
from clinops.adapters.git_proposals import GitProposals
from clinops.domain.parsing import parse
from clinops.domain.request import Request
from flows.commission import commission
from tests.fakes.git_estate import GitEstate
from tests.fakes.visitor import Gatehouse, Visitor
from tests.ranked import BOARD, asked, board

HOSTILE = "<script>alert(1)</script>"
FILLED = {
    "id": "openssl-archive",
    "title": "Mend OpenSSL",
    "commissioned_by": "operations",
    "owner": "Head of cyber security",
    "kind": "security-patch",
    "systems": "pas\n",
    "hazards": "PAS-001",
    "benefit.points": "3",
    "benefit.reasons": "Nobody listens\nNobody can",
    "deadline.by": "2025-07-07T12:00",
    "deadline.source": "patch-14-days",
    "deadline.reference": "Cyber Essentials",
    "effort.integration": "2",
    "effort.testing": "0.5",
    "confidence": "high",
    "fix.component": "openssl",
    "fix.versions": ">=3.0.16,<3.1",
    "releases": "pas 2.0",
}
PATH = "requests/openssl-archive.yaml"


@pytest.fixture
def gatehouse() -> Gatehouse:
    found = Gatehouse()
    found.wiring.commit({BOARD: board()})
    return found


@pytest.fixture
def joy(gatehouse) -> Visitor:
    visitor = gatehouse.person("joy")
    visitor.get("/requests/new")
    return visitor


def wrong(answer) -> dict[str, str]:
    """What is said to be wrong, by field."""
    assert answer.status_code == 400, answer.text
    found = re.findall(r'class="failure" id="([^"]*)-wrong\d*">([^<]*)<', answer.text)
    return dict(found)


def test_what_is_written_lies_on_a_branch_as_the_estate_would_take_it(gatehouse, joy):
    answer = joy.post("/requests/new", FILLED)
    assert answer.status_code == 200, answer.text
    assert "Written down" in answer.text
    assert "git fetch origin request/openssl-archive" in answer.text
    changes = gatehouse.wiring.proposals.branches["request/openssl-archive"]
    data = changes[PATH]
    request = parse(PATH, data, Request)
    assert yaml.safe_load(data)["commissioned"] == gatehouse.wiring.clock().date().isoformat()
    assert request.effort == {"integration": 2, "testing": 0.5}
    assert request.benefit.reasons == ["Nobody listens", "Nobody can"]
    assert request.deadline.by.isoformat() == "2025-07-07T12:00:00+00:00"
    assert request.awaits == {"pas": "2.0"}
    assert gatehouse.wiring.repository.head().exists(PATH) is False


def test_the_least_that_can_be_asked_for_leaves_everything_else_out(gatehouse, joy):
    more = ("deadline", "fix", "releases", "hazards", "effort.testing")
    least = {name: text for name, text in FILLED.items() if not name.startswith(more)}
    assert joy.post("/requests/new", least).status_code == 200
    data = gatehouse.wiring.proposals.branches["request/openssl-archive"][PATH]
    assert set(yaml.safe_load(data)).isdisjoint({"deadline", "fix", "releases", "hazards"})


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"title": ""}, "title", ""),
        ({"id": "Open SSL"}, "id", "lower-case"),
        ({"kind": "wish"}, "kind", ""),
        ({"systems": "pass", "releases": "", "hazards": ""}, "systems", "there is no product pass"),
        ({"systems": "pas\npas"}, "systems", "listed twice"),
        ({"hazards": "PAS-009"}, "hazards", "no hazard log of its systems has PAS-009"),
        ({"benefit.points": "11"}, "benefit.points", "10"),
        ({"benefit.points": "many"}, "benefit.points", ""),
        ({"benefit.points": "nan"}, "benefit.points", ""),
        ({"benefit.reasons": ""}, "benefit.reasons", ""),
        ({"deadline.by": "soon"}, "deadline.by", ""),
        ({"deadline.source": ""}, "deadline.source", ""),
        ({"effort.testing": "inf"}, "effort", ""),
        ({"effort.nobody": "3"}, "effort", "knows no team nobody"),
        ({"effort.integration": "", "effort.testing": ""}, "effort", ""),
        ({"fix.versions": "newer"}, "fix.versions", "is not a range of versions"),
        ({"fix.versions": ""}, "fix.component", "only one of"),
        ({"releases": "lab 2.0"}, "releases", "none of the systems"),
        ({"releases": "pas"}, "releases", ""),
        ({"owner": "An\u202eowner"}, "owner", ""),
    ],
)
def test_what_is_wrong_stands_beside_its_field(gatehouse, joy, changes, field, said):
    answer = joy.post("/requests/new", {**FILLED, **changes})
    found = wrong(answer)
    assert set(found) == {field}
    assert said.casefold() in found[field].casefold()
    assert not gatehouse.wiring.proposals.branches
    assert f'value="{changes.get("title", FILLED["title"])}"' in answer.text


def test_a_name_that_is_taken_is_told(gatehouse, joy):
    assert joy.post("/requests/new", FILLED).status_code == 200
    joy.get("/requests/new")
    assert "another request" in wrong(joy.post("/requests/new", FILLED))["id"]
    gatehouse.wiring.commit(asked("r-1"))
    assert "another request" in wrong(joy.post("/requests/new", {**FILLED, "id": "r-1"}))["id"]


def test_who_has_not_signed_in_gets_no_form_and_writes_nothing(gatehouse):
    stranger = gatehouse.visitor("joy")
    page = stranger.text("/requests/new")
    assert "Sign in to commission something" in page
    assert "<textarea" not in page
    assert stranger.post("/requests/new", FILLED).status_code == 401
    assert not gatehouse.wiring.proposals.branches


def test_another_sites_page_writes_nothing(gatehouse, joy):
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert joy.post("/requests/new", FILLED, headers=headers).status_code == 403
    assert joy.post("/requests/new", FILLED, token="0" * 64).status_code == 403
    assert not gatehouse.wiring.proposals.branches


def test_what_is_written_stays_text(joy):
    answer = joy.post("/requests/new", {**FILLED, "title": HOSTILE})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    answer = joy.post("/requests/new", {**FILLED, "title": HOSTILE, "kind": ""})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_without_capacities_nothing_can_be_commissioned(joy, gatehouse):
    gatehouse.wiring.commit({BOARD: None})
    assert "The board has set no team" in joy.text("/requests/new")
    assert joy.post("/requests/new", FILLED).status_code == 200


def test_the_commands_on_the_page_bring_it_in_on_a_real_repository(estate: GitEstate, tmp_path):
    """Git itself says whether the branch can be fetched and its commit signed by another."""

    served = SimpleNamespace(
        repository=estate.repository, proposals=GitProposals(estate.path, "main"), estate=Estate
    )
    content = {
        "schema": 1, "id": "study", "title": "Find out", "commissioned_by": "board",
        "commissioned": "2026-06-15", "owner": "Head of research", "kind": "research",
        "benefit": {"points": 1, "reasons": ["To know"]}, "effort": {"testing": 1},
        "confidence": "low",
    }  # fmt: skip
    made = commission(content, "Joy (joy)", served)
    work = tmp_path / "work"

    def git(*arguments: str) -> str:
        signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={estate.keys.private('ops')}",
                   "-c", "user.name=Ops", "-c", "user.email=o@trust.example")  # fmt: skip
        done = subprocess.run(
            ["git", *signing, *arguments], cwd=work, check=True, capture_output=True, text=True
        )
        return done.stdout

    subprocess.run(["git", "clone", "-q", str(estate.path), str(work)], check=True)
    git("fetch", "-q", "origin", made.branch)
    git("cherry-pick", "--gpg-sign", "FETCH_HEAD")
    git("push", "-q", "origin", "HEAD:main")
    head = estate.repository.head()
    assert head.exists("requests/study.yaml")
    assert estate.repository.signer_of(head.commit) == "trust:ops"
    assert "Written by Joy (joy)" in git("log", "-1", "--format=%B")

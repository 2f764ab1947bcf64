"""What one fix would meet, and what only looks like it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from clinops.domain.fixes import Fix, built_from, possible_fixes, shared_fixes
from clinops.domain.rank import rank
from clinops.domain.request import Request
from tests.fakes.materials import bill, deb
from tests.ranked import NOW, policy, request, residuals


def fixes(*requests: Request, built: Mapping[str, Mapping[str, str]] | None = None) -> list[Fix]:
    return shared_fixes(rank(requests, policy(), residuals(), NOW).ranked, built)


def wanting(*fixes: Any) -> list[Request]:
    return [request(name, fix=fix) for name, fix in zip("abcdef", fixes, strict=False)]


def groups(*requests: Request, **built: Mapping[str, str]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for fix in fixes(*requests, built=built):
        found["".join(one.request.id for one in fix.meets)] = [fix.names]
    return found


def of(component: str, versions: str) -> dict[str, str]:
    return {"component": component, "versions": versions}


def release(product: str, version: str) -> dict[str, dict[str, str]]:
    return {"release": {"product": product, "version": version}}


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ({"cve": "CVE-2026-1234"}, {"cve": "CVE-2026-1234"}, "CVE-2026-1234"),
        (release("pas", "2.0"), release("pas", "2.0.0"), "release pas 2.0"),
        ({"interface": "hl7-orders"}, {"interface": "hl7-orders"}, "interface hl7-orders"),
        (of("openssl", ">=3.0.16,<3.1"), of("openssl", ">=3.0.15"), "openssl 3.0.16"),
        (of("openssl", "==3.0.15"), of("openssl", ">=3.0.14"), "openssl 3.0.15"),
        ({"cve": "CVE-2026-1234"}, {"cve": "CVE-2026-1234", "interface": "x"}, "CVE-2026-1234"),
    ],
)
def test_requests_for_one_fix_are_one_piece_of_work(one, other, name):
    (found,) = fixes(*wanting(one, other))
    assert [one.request.id for one in found.meets] == ["a", "b"]
    assert found.names == (name,)
    assert found.id == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"cve": "CVE-2026-1234"}, {"cve": "CVE-2026-12345"}),
        (release("pas", "2.0"), release("pas", "2.1")),
        (release("pas", "2.0"), release("lab", "2.0")),
        ({"interface": "hl7-orders"}, {"interface": "hl7-results"}),
        (of("openssl", ">=3.0.16,<3.1"), of("openssl", ">=3.1")),
        (of("openssl", ">=3.0.16"), of("openssl11", ">=3.0.16")),
        (None, None),
    ],
)
def test_what_is_only_alike_is_no_piece_of_work(one, other):
    assert fixes(*wanting(one, other)) == []


def test_what_a_request_waits_for_is_its_fix_wherever_it_says_so():
    waits = request("a", releases=[{"product": "pas", "version": "2.0"}])
    assert list(groups(waits, request("b", fix=release("pas", "2.0")))) == ["ab"]


def test_a_request_between_two_belongs_to_both_and_nothing_is_concluded_across():
    both = {"cve": "CVE-2026-1234", "interface": "hl7-orders"}
    found = groups(*wanting({"cve": "CVE-2026-1234"}, both, {"interface": "hl7-orders"}))
    assert sorted(found) == ["ab", "bc"]


def test_of_ranges_that_meet_by_turns_each_version_is_a_piece_of_work():
    ranges = wanting(of("x", ">=1,<3"), of("x", ">=2,<5"), of("x", ">=4"))
    assert groups(*ranges) == {"ab": [("x 2",)], "bc": [("x 4",)]}


def test_a_part_of_a_group_is_not_told_but_may_be_chosen():
    ranges = wanting(of("x", ">=1"), of("x", ">=1"), of("x", ">=2"))
    assert list(groups(*ranges)) == ["abc"]
    ranked = rank(ranges, policy(), residuals(), NOW).ranked
    possible = {"".join(one.request.id for one in fix.meets) for fix in possible_fixes(ranked)}
    assert possible == {"a", "b", "c", "ab", "abc"}


def test_one_group_under_two_names_is_told_once():
    fix = {"cve": "CVE-2026-1234", **of("x", ">=1")}
    assert groups(*wanting(fix, fix)) == {"ab": [("CVE-2026-1234", "x 1")]}


def test_packages_of_one_source_are_one_component_by_the_bill_of_materials():
    one = request("a", systems=["pas"], fix=of("libssl3", ">=3.0.15"))
    other = request("b", systems=["lab"], fix=of("openssl", ">=3.0.14"))
    assert groups(one, other) == {}
    built = built_from(bill(deb("libssl3", "3.0.15-1", "openssl@3.0.15"), deb("openssl", "3.0.15")))
    assert built == {"libssl3": "openssl"}
    assert groups(one, other, pas=built) == {"ab": [("openssl 3.0.15",)]}


def test_a_component_whose_systems_disagree_keeps_its_name():
    one = request("a", systems=["pas", "lab"], fix=of("libssl3", ">=3.0.15"))
    other = request("b", systems=["pas"], fix=of("openssl", ">=3.0.15"))
    assert groups(one, other, pas={"libssl3": "openssl"}, lab={"libssl3": "libressl"}) == {}


def test_a_package_without_a_url_is_built_from_itself():
    assert built_from(bill(deb("x", "1").model_copy(update={"purl": ""}))) == {}


def test_the_same_systems_share_the_work_and_others_have_their_own():
    cve = {"cve": "CVE-2026-1234"}
    found = fixes(
        request("a", fix=cve, effort={"integration": 3.0, "testing": 1.0}),
        request("b", fix=cve, effort={"integration": 2.0, "testing": 2.0}),
        request("c", fix=cve, effort={"testing": 4.0}, systems=["lab"]),
    )[0]
    assert found.effort == {"integration": 3, "testing": 6}
    assert (found.days, found.apart) == (9, 12)
    assert found.benefit == pytest.approx(3 * 7.5)
    told = found.json_value()
    assert told["benefit"] == sum(told["benefits"].values())  # type: ignore[attr-defined]
    assert told["requests"] == ["a", "b", "c"]


def test_new_systems_share_no_work_because_neither_is_there_yet():
    new = {"kind": "new-system", "systems": [], "fix": {"interface": "hl7-orders"}}
    (found,) = fixes(request("a", **new), request("b", **new))
    assert found.effort == {"integration": 4}


def test_a_fix_for_one_request_is_called_after_it():
    ranked = rank([request("a")], policy(), residuals(), NOW).ranked
    (alone,) = possible_fixes(ranked)
    assert (alone.id, alone.names) == ("a", ())

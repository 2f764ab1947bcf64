"""Which verdicts the demonstration takes for those that docs/examples promises."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from scripts import demo

FAULTY, MENDED = Path("lab-2.0.yaml"), Path("lab-2.0.post1.yaml")


class Offering(demo.Demo):
    """A demonstration of two releases, of which nothing is carried out."""

    def __init__(self) -> None:
        """Stand nothing up."""

    def offers(self) -> list[Path]:
        return [FAULTY, MENDED]


@pytest.fixture
def carried(monkeypatch):
    """Carry releases to the outcomes that stand here, in their order."""
    outcomes: list[str] = []

    def carry(_demo, offer, *, wanted, sign):
        return {"release": offer.stem, "outcome": outcomes.pop(0), "wanted": wanted, "sign": sign}

    monkeypatch.setattr(demo, "carry", carry)
    monkeypatch.setattr(demo, "stand_up", lambda _demo: None)
    return outcomes


def test_a_faulty_release_must_be_refused_and_the_last_one_qualify(carried):
    carried += ["refused", "qualified"]
    result = demo.run(Offering(), sign=True)
    assert (result["release"], result["wanted"]) == (MENDED.stem, "qualified")
    assert [one["wanted"] for one in result["before"]] == ["refused"]


@pytest.mark.parametrize("outcome", ["qualified", "inconclusive", "errored"])
def test_what_is_not_refused_though_it_is_faulty_ends_the_demonstration(carried, outcome):
    carried += [outcome, "qualified"]
    result = demo.run(Offering(), sign=True)
    assert (result["release"], result["wanted"], result["before"]) == (FAULTY.stem, "refused", [])


@pytest.mark.parametrize("product", ["orthanc", "gnuhealth", "worklist", "sekmet-fhir"])
def test_every_product_of_the_estate_has_offers_above_what_is_in_use(product):
    made = demo.Demo(Path("nowhere"), product=product)
    offered = [yaml.safe_load(path.read_text()) for path in made.offers()]
    versions = [Version(made.in_use), *(Version(offer["version"]) for offer in offered)]
    assert versions == sorted(set(versions))
    assert len(versions) > 1
    assert {offer["supersedes"] for offer in offered} == {made.in_use}

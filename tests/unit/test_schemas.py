"""The JSON Schemas for editors say what the models say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from clinops.adapters import schemas
from clinops.domain.yaml_text import read_yaml
from tests.unit.test_environment import GOOD as ENVIRONMENT
from tests.unit.test_hazard import GOOD as HAZARDS
from tests.unit.test_manifest import GOOD as MANIFEST
from tests.unit.test_probe import GOOD as PROBES
from tests.unit.test_request import BOARD
from tests.unit.test_request import GOOD as REQUEST
from tests.unit.test_waiver import GOOD as WAIVERS


def test_no_schema_has_drifted_from_its_model():
    assert schemas.drifted() == [], "run python -m clinops.adapters.schemas"


def test_names_what_is_missing_stale_or_superfluous(tmp_path: Path):
    schemas.write(tmp_path)
    assert schemas.drifted(tmp_path) == []
    (tmp_path / "gate.json").unlink()
    (tmp_path / "sites.json").write_text("{}")
    (tmp_path / "wards.json").write_text("{}")
    assert schemas.drifted(tmp_path) == ["gate", "sites", "wards"]


@pytest.mark.parametrize("name", sorted(schemas.MODELS))
def test_every_schema_is_itself_valid(name: str):
    Draft202012Validator.check_schema(json.loads(schemas.schema_of(name)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest", MANIFEST),
        ("environment", ENVIRONMENT),
        ("hazards", HAZARDS),
        ("waivers", WAIVERS),
        ("probes", PROBES),
        ("request", REQUEST),
        ("board", BOARD),
    ],
)
def test_a_good_document_meets_its_schema_and_a_bad_one_does_not(name: str, text: str):
    validator = Draft202012Validator(json.loads(schemas.schema_of(name)))
    document = read_yaml(name, text.encode()).data
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "unknown": 1})

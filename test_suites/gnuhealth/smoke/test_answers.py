"""The service as its clients see it."""

import socket

import httpx
import pytest
from record import Record, RefusedError

pytestmark = pytest.mark.hazard("GNU-009")

MODELS = [
    "gnuhealth.patient",
    "gnuhealth.patient.disease",
    "gnuhealth.patient.medication",
    "gnuhealth.lab",
    "gnuhealth.appointment",
    "gnuhealth.imaging.test.result",
]


def test_answers_whoever_signs_in(record):
    assert record.call("model.res.user.get_preferences", True)["language"] == "en"


@pytest.mark.parametrize("module", ["health", "health_lab", "health_imaging"])
def test_the_module_is_active_in_the_database(record, module):
    (found,) = record.search("ir.module", ["name", "=", module])
    assert record.read("ir.module", found, "state")["state"] == "activated"


def test_no_module_waits_for_an_upgrade(record):
    waiting = ["to activate", "to upgrade", "to remove"]
    assert record.search("ir.module", ["state", "in", waiting]) == []


@pytest.mark.hazard("GNU-007")
@pytest.mark.parametrize("model", MODELS)
def test_can_count_and_read(record, model):
    found = record.search(model, limit=1)
    assert record.count(model) >= len(found)
    for identifier in found:
        assert record.read(model, identifier, "rec_name")["id"] == identifier


def test_postgresql_accepts_connections(address_of):
    with socket.create_connection(address_of("sql"), timeout=5):
        pass


def test_the_server_is_connected_to_postgresql(service_host, record):
    record.count("gnuhealth.patient")
    query = "select count(*) from pg_stat_activity where usename = 'gnuhealth'"
    sessions = service_host("db").check_output("psql --dbname=gnuhealth -Atc %s", query)
    assert int(sessions) > 0


@pytest.mark.hazard("GNU-010")
def test_answers_no_one_who_has_not_signed_in(http):
    with (
        httpx.Client(base_url=http.base_url, trust_env=False) as stranger,
        pytest.raises(httpx.HTTPStatusError, match="401"),
    ):
        Record(stranger).count("gnuhealth.patient")


@pytest.mark.hazard("GNU-010")
def test_tells_no_one_which_databases_there_are(http):
    call = {"id": 1, "method": "common.db.list", "params": []}
    assert httpx.post(http.base_url, json=call, trust_env=False).status_code == 403


@pytest.mark.hazard("GNU-010")
def test_example_accounts_with_a_password_that_everybody_knows_are_inactive(record):
    assert record.search("res.user", ["login", "like", "demo_%"]) == []


@pytest.mark.hazard("GNU-011")
def test_refuses_a_model_that_does_not_exist(record):
    with pytest.raises(RefusedError):
        record.count("gnuhealth.no.such.model")

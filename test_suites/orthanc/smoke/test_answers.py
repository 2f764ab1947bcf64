"""The service as its clients see it."""

import socket

import httpx
import pytest

pytestmark = pytest.mark.hazard("ORT-006")


def test_reports_the_version_of_the_release(system, replica):
    assert system["Version"] == replica.version


def test_reports_its_application_entity(system):
    assert (system["DicomAet"], system["DicomPort"]) == ("REFERENCE", 4242)


def test_has_its_plugins_loaded(http):
    assert {"dicom-web", "postgresql-index"} <= set(http.get("/plugins").json())


def test_keeps_its_index_in_postgresql(system):
    assert "PostgreSQL" in system["DatabaseBackendPlugin"]


def test_postgresql_accepts_connections(address_of):
    with socket.create_connection(address_of("sql"), timeout=5):
        pass


def test_the_archive_is_connected_to_postgresql(service_host):
    query = "select count(*) from pg_stat_activity where usename = 'orthanc'"
    sessions = service_host("db").check_output("psql --dbname=orthanc -Atc %s", query)
    assert int(sessions) > 0


@pytest.mark.hazard("ORT-005")
def test_can_count_what_it_holds(http):
    statistics = http.get("/statistics").raise_for_status().json()
    assert statistics["CountInstances"] >= statistics["CountStudies"] >= 0


@pytest.mark.hazard("ORT-008")
@pytest.mark.parametrize("path", ["/system", "/patients", "/dicom-web/studies"])
def test_answers_no_one_who_has_not_signed_in(http, path):
    assert httpx.get(http.base_url.join(path), trust_env=False).status_code == 401


def test_answers_c_echo(dicom):
    dicom.echo()


@pytest.mark.hazard("ORT-005")
def test_answers_c_find(dicom):
    assert dicom.find("STUDY", StudyInstanceUID="1.2.3.4.5.6.7.8.9") == []


@pytest.mark.hazard("ORT-005")
def test_answers_dicomweb_searches(dicomweb):
    assert len(dicomweb.search("studies", limit="1")) <= 1

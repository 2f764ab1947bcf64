"""Facts that several tests ask for: each costs a command in the container, so it is asked once."""

import json

import pytest

CONFIGURATION = "/usr/local/etc/orthanc/orthanc.json"


@pytest.fixture(scope="session")
def listening(host):
    """Local addresses of all listening TCP sockets."""
    return {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}


@pytest.fixture(scope="session")
def configuration_file(host):
    return host.file(CONFIGURATION)


@pytest.fixture(scope="session")
def configuration(configuration_file):
    return json.loads(configuration_file.content_string)


@pytest.fixture(scope="session")
def system(http):
    """What the archive says about itself."""
    return http.get("/system").raise_for_status().json()

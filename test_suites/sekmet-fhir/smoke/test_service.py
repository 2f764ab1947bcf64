"""The service as the container's operating system sees it."""

import pytest

pytestmark = pytest.mark.hazard("FHR-007")

DATABASE = "/var/lib/sekmet/sekmet.db"


def test_the_server_runs_as_its_service_user(host):
    (service,) = host.process.filter(comm="sekmet", ppid=1)
    assert service.user == "sekmet"


@pytest.mark.hazard("FHR-008")
def test_no_process_runs_as_root(host):
    assert host.run("pgrep -l -u root").stdout == ""


def test_the_service_user_cannot_log_in(host):
    assert host.user("sekmet").shell == "/usr/sbin/nologin"


def test_listens_for_clients(host):
    lines = host.check_output("ss -Hltn").splitlines()
    assert {"0.0.0.0:8090", "*:8090"} & {line.split()[3] for line in lines}


def test_the_installed_package_is_the_version_of_the_release(host, replica):
    # Not what the server says of itself: that is 0.1.0, whatever is installed.
    ask = "import importlib.metadata as m; print(m.version('sekmet-fhir'))"
    assert host.check_output("python3 -c %s", ask) == replica.version


def test_the_packages_that_it_is_built_upon_fit_together(host):
    assert "No broken requirements" in host.check_output("pip --disable-pip-version-check check")


@pytest.mark.hazard("FHR-005")
def test_the_records_lie_in_the_volume(host):
    assert host.file(DATABASE).user == "sekmet"


@pytest.mark.hazard("FHR-008")
def test_the_records_are_hidden_from_other_users(host):
    owner, mode = host.check_output("stat -c '%U %a' /var/lib/sekmet").split()
    assert owner == "sekmet"
    assert int(mode, 8) & 0o007 == 0


@pytest.mark.hazard("FHR-008")
def test_the_service_cannot_change_its_settings(host):
    settings = host.file("/usr/local/etc/sekmet/settings.yaml")
    assert settings.user == "root"
    assert settings.mode & 0o022 == 0


def test_the_disk_has_room_for_records(host):
    kilobytes = host.check_output("df --output=avail /var/lib/sekmet | tail -1")
    assert int(kilobytes) > 100_000

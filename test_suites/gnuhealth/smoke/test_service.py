"""The service as the container's operating system sees it."""

import pytest

pytestmark = pytest.mark.hazard("GNU-009")

ATTACHMENTS = "/var/lib/gnuhealth/attachments"
CONFIGURATION = "/usr/local/etc/gnuhealth/trytond.conf"
PACKAGES = ["gnuhealth", "gnuhealth-lab", "gnuhealth-imaging"]


@pytest.fixture(scope="session")
def installed(host):
    """Versions of the Python packages in the service's virtual environment, by name."""
    listed = host.check_output("/opt/gnuhealth/bin/pip list --format=freeze")
    pairs = (line.split("==") for line in listed.splitlines())
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def test_the_server_runs_as_its_service_user(host):
    assert {each.user for each in host.process.filter(comm="trytond")} == {"gnuhealth"}


@pytest.mark.hazard("GNU-010")
def test_no_process_runs_as_root(host):
    assert host.run("pgrep -l -u root").stdout == ""


def test_the_service_user_cannot_log_in(host):
    assert host.user("gnuhealth").shell == "/usr/sbin/nologin"


def test_listens(host):
    assert "0.0.0.0:8000" in host.check_output("ss -Hltn")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_installed_package_is_the_version_of_the_release(installed, replica, package):
    packaged = replica.version.split(".post")[0]
    assert installed[package] == packaged


def test_everything_that_the_packages_ask_for_is_installed(host):
    assert host.run("/opt/gnuhealth/bin/pip check").rc == 0


@pytest.mark.parametrize("module", ["health", "health_lab", "health_imaging"])
def test_the_module_can_be_loaded(host, module):
    program = f"import trytond.modules.{module}"
    assert host.run("/opt/gnuhealth/bin/python -c %s", program).stderr == ""


@pytest.mark.hazard("GNU-010")
def test_the_service_cannot_change_its_configuration(host):
    configuration = host.file(CONFIGURATION)
    assert configuration.user == "root"
    assert configuration.mode & 0o022 == 0


@pytest.mark.hazard("GNU-008")
def test_the_service_user_owns_the_attached_files(host):
    assert host.file(ATTACHMENTS).user == "gnuhealth"


@pytest.mark.hazard("GNU-010")
def test_attached_files_are_hidden_from_other_users(host):
    assert host.file(ATTACHMENTS).mode & 0o007 == 0


@pytest.mark.hazard("GNU-008")
def test_the_disk_has_room_for_attached_files(host):
    kilobytes = host.check_output("df --output=avail %s | tail -1", ATTACHMENTS)
    assert int(kilobytes) > 100_000

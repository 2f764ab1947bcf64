"""The service as the container's operating system sees it."""

import pytest

pytestmark = pytest.mark.hazard("ORT-006")

STORAGE = "/var/lib/orthanc/files"


def test_the_archive_runs_as_its_service_user(host):
    assert host.process.get(comm="Orthanc").user == "orthanc"


@pytest.mark.hazard("ORT-008")
def test_no_process_runs_as_root(host):
    assert host.run("pgrep -l -u root").stdout == ""


@pytest.mark.hazard("ORT-007")
def test_the_service_user_owns_the_stored_images(host):
    assert host.user("orthanc").uid == host.file(STORAGE).uid


def test_the_service_user_cannot_log_in(host):
    assert host.user("orthanc").shell == "/usr/sbin/nologin"


@pytest.mark.parametrize("port", [8042, 4242])
def test_listens_on(listening, port):
    assert {f"0.0.0.0:{port}", f"*:{port}", f"[::]:{port}"} & listening


def test_the_installed_package_is_the_version_of_the_release(host, replica):
    package = host.package("orthanc")
    assert package.is_installed
    assert package.version.split("+")[0] == replica.version


@pytest.mark.hazard("ORT-008")
def test_the_service_cannot_change_its_configuration(configuration_file):
    assert configuration_file.user == "root"
    assert configuration_file.mode & 0o022 == 0


@pytest.mark.hazard("ORT-008")
def test_the_configuration_asks_for_sign_in_and_runs_no_scripts(configuration):
    assert configuration["AuthenticationEnabled"] is True
    assert configuration["ExecuteLuaEnabled"] is False


@pytest.mark.hazard("ORT-003", "ORT-007")
def test_the_configuration_keeps_images_as_they_were_sent(configuration):
    assert configuration["StorageCompression"] is False
    assert configuration["OverwriteInstances"] is False


@pytest.mark.hazard("ORT-008")
def test_stored_images_are_hidden_from_other_users(host):
    owner, mode = host.check_output("stat -c '%%U %%a' %s", STORAGE).split()
    assert owner == "orthanc"
    assert int(mode, 8) & 0o007 == 0


@pytest.mark.hazard("ORT-009")
def test_the_disk_has_room_for_images(host):
    kilobytes = host.check_output("df --output=avail %s | tail -1", STORAGE)
    assert int(kilobytes) > 100_000


def test_the_loaded_libraries_are_all_found(host):
    libraries = host.check_output("ldd /usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so")
    assert "not found" not in libraries

"""The service as the container's operating system sees it."""

import pytest

pytestmark = pytest.mark.hazard("WRK-006")

FOLDER = "/var/lib/worklist/REFERENCE"


def test_the_worklist_runs_as_its_service_user(host):
    (service,) = host.process.filter(comm="wlmscpfs", ppid=1)
    assert service.user == "worklist"


@pytest.mark.hazard("WRK-008")
def test_no_process_runs_as_root(host):
    assert host.run("pgrep -l -u root").stdout == ""


def test_the_service_user_cannot_log_in(host):
    assert host.user("worklist").shell == "/usr/sbin/nologin"


def test_listens_for_modalities(host):
    lines = host.check_output("ss -Hltn").splitlines()
    assert {"0.0.0.0:11112", "*:11112", "[::]:11112"} & {line.split()[3] for line in lines}


def test_the_installed_package_is_the_version_of_the_release(host, replica):
    package = host.package("dcmtk")
    assert package.is_installed
    assert package.version.split("+")[0].split("-")[0] == replica.version


def test_the_programme_says_the_version_of_the_release(host, replica):
    assert f"v{replica.version} " in host.check_output("wlmscpfs --version")


@pytest.mark.hazard("WRK-008")
def test_items_are_hidden_from_other_users(host):
    owner, mode = host.check_output("stat -c '%%U %%a' %s", FOLDER).split()
    assert owner == "worklist"
    assert int(mode, 8) & 0o007 == 0


@pytest.mark.hazard("WRK-004")
def test_every_item_can_be_read_by_the_service(host):
    assert host.check_output("find %s -name '*.wl' ! -readable", FOLDER) == ""


@pytest.mark.hazard("WRK-004")
def test_the_folder_has_the_lock_that_it_is_served_by(host):
    assert host.file(f"{FOLDER}/lockfile").is_file


@pytest.mark.hazard("WRK-002")
def test_names_are_sent_in_the_character_set_of_the_item(host):
    assert "--keep-char-set" in host.process.filter(comm="wlmscpfs", ppid=1)[0].args


def test_the_data_dictionary_is_installed(host):
    (dictionary,) = host.check_output("find /usr/share -name dicom.dic").splitlines()
    assert host.file(dictionary).size > 100_000

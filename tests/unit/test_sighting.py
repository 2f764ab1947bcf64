"""What is seen of an image and of what runs in it."""

from __future__ import annotations

import pytest

from clinops.adapters.docker_look import facts_in
from clinops.domain.sighting import Inside, Process, answer_in, listening_in, processes_in

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   2: 0B00007F:A001 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   3: 020012AC:1F90 010012AC:C350 01 00000000:00000000 00:00000000 00000000     0
   4: 00000000000000000000000000000000:0068 00000000000000000000000000000000:0000 0A 0 0 0
   5: 00000000000000000000000001000000:0069 00000000000000000000000000000000:0000 0A 0 0 0
   6: 0000000000000000FFFF00000100007F:006A 00000000000000000000000000000000:0000 0A 0 0 0
"""
PASSWD = "root:x:0:0:root:/root:/bin/sh\nalso:x:0:0::/:/bin/sh\nportal:x:970:970::/:/bin/false\n\n"


def status(pid: int, parent: int, name: str, uid: int = 970) -> str:
    return f"Name:\t{name}\nUmask:\t0022\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\n"


class TestLooking:
    def test_ports_are_told_apart_by_who_can_reach_them(self):
        assert listening_in(TCP) == ({8080, 104}, {5432, 105, 106})

    def test_the_engines_own_resolver_is_no_port_of_the_system(self):
        assert 0xA001 not in {port for ports in listening_in(TCP) for port in ports}

    def test_processes_have_the_users_that_the_container_calls_them(self):
        text = status(1, 0, "portald", 0) + status(7, 1, "worker") + status(8, 7, "child", 4711)
        assert processes_in(text, PASSWD) == {
            Process(program="portald", user="root"),
            Process(program="worker", user="portal"),
            Process(program="child", user="4711"),
        }

    def test_the_look_itself_and_the_engines_init_are_left_out(self):
        text = status(1, 0, "docker-init", 0) + status(7, 1, "portald")
        text += status(20, 0, "sh", 0) + status(21, 20, "cat", 0) + "Name:\tcut off\nPid:\t9\n"
        assert processes_in(text, PASSWD) == {Process(program="portald", user="portal")}

    def test_a_circle_of_parents_comes_to_an_end(self):
        assert processes_in(status(5, 6, "a") + status(6, 5, "b"), "") == frozenset()

    def test_databases_are_known_by_their_processes(self):
        names = ("postgres", "mongod", "mariadbd", "sh")
        inside = Inside(processes=tuple(Process(program=x, user="x") for x in names))
        assert inside.databases == ("mariadb", "postgresql")
        assert inside.unread_databases == ("MongoDB",)

    def test_an_answer_is_read_for_what_a_person_looks_at_first(self):
        page = {"status": 200, "headers": {"content-type": "Text/HTML; charset=x"}, "body": []}
        page["body"] = ["<html><TITLE>Ward", " list</TITLE>", "</html>"]
        found = answer_in(page, "http", "/")
        assert (found.status, found.media_type, found.title) == (200, "text/html", "Ward list")

    def test_a_capability_statement_tells_the_version_of_fhir(self):
        body = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
        assert answer_in({"status": 200, "body": body}, "http", "/metadata").fhir == "4.0.1"

    @pytest.mark.parametrize("tree", [None, [], "x", {"status": "200", "headers": [], "body": 1}])
    def test_an_answer_without_form_says_nothing(self, tree):
        found = answer_in(tree, "http", "/")
        assert (found.status, found.media_type, found.title, found.fhir) == (None, "", "", "")

    def test_an_image_is_described_by_what_the_engine_says(self):
        config = {
            "User": "970",
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}, "104": {}},
            "Volumes": {"/data": {}},
            "Healthcheck": {"Test": ["NONE"]},
            "Entrypoint": ["/portald"],
            "Cmd": ["--config=/etc/portal.conf"],
            "Labels": {"org.opencontainers.image.version": "3.1"},
        }
        found = facts_in("portal", {"Id": f"sha256:{'a' * 64}", "Config": config})
        assert (found.ports, found.volumes, found.user) == ((104, 8080), ("/data",), "970")
        assert (found.healthcheck, found.version, found.pinned) == ((), "3.1", None)
        assert found.command == ("/portald", "--config=/etc/portal.conf")

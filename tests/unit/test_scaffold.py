"""From what was seen to files: nothing that an image says can be more than data in them."""

from __future__ import annotations

import ast
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinops.domain.hazard import HazardLog
from clinops.domain.newcomer import version_in
from clinops.domain.parsing import parse
from clinops.domain.probe import ProbeFile
from clinops.domain.scaffold import hazard_ids, scaffold, shared
from clinops.domain.sighting import Answer, Door, Inside, Process
from clinops.domain.signer import Signers, Vendor
from clinops.domain.site import Sites
from tests.fakes.looking import SEEN, facts
from tests.unit.scaffolds import HOSTILE, assert_readable, newcomer, sighting, text_of


def constants(source: str) -> dict[str, object]:
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.List)
    }


class TestScaffold:
    def test_everything_that_is_written_can_be_read(self):
        environment = assert_readable(scaffold(newcomer(volumes=("/data",)), sighting()))
        assert environment.services["portal"].mounts == {"/data": "data"}
        assert environment.clinops.endpoints == {"http": "portal:8080"}

    def test_what_an_estate_has_once_can_be_read(self):
        files = shared(newcomer())
        kinds = {"vendor.yaml": Vendor, "signers.yaml": Signers, "sites.yaml": Sites}
        for end, kind in kinds.items():
            parse(end, text_of(files, end).encode(), kind)

    def test_the_hazard_log_opens_no_gate_until_a_clinician_has_seen_it(self):
        log = parse(
            "x", text_of(scaffold(newcomer(), sighting()), "hazards.yaml").encode(), HazardLog
        )
        assert log.demonstration
        assert {hazard.weight for hazard in log.hazards} == {5}
        assert [hazard.id for hazard in log.hazards] == list(hazard_ids("portal"))

    def test_the_smoke_suite_asks_for_what_was_seen(self):
        source = text_of(scaffold(newcomer(), sighting()), "smoke/test_service.py")
        assert constants(source) == {
            "PROCESSES": [("portal", "portald", "portal")],
            "PORTS": [("portal", 8080)],
            "FILES": [("portal", "/etc/portal.conf")],
            "DOORS": ["http"],
            "ANSWERS": [("http", "/", 200, "text/html")],
        }

    def test_a_system_without_doors_has_no_probes_and_no_regression_suite(self):
        files = scaffold(newcomer(), sighting(doors=(), answers=()))
        assert_readable(files)
        assert not [path for path in files if "/regression/" in path or "/probes/" in path]
        assert "DECIDE: no port" in text_of(files, "compose.yaml")

    def test_every_kind_of_answer_becomes_a_probe(self):
        doors = [("http", 80, "http"), ("dicom", 104, "dicom"), ("mllp", 2575, "mllp")]
        seen = sighting(
            doors=tuple(Door(name=n, service="portal", port=p, speaks=s) for n, p, s in doors),
            answers=(
                Answer(
                    door="http", kind="http", path="/fhir/R4/metadata", status=200, fhir="4.0.1"
                ),
                Answer(door="dicom", kind="dicom"),
                Answer(door="mllp", kind="hl7"),
            ),
        )
        files = scaffold(newcomer(), seen)
        assert_readable(files)
        probes = parse("x", text_of(files, "first.yaml").encode(), ProbeFile).probes
        assert [probe.id for probe in probes] == [
            "http-fhir-r4-metadata",
            "dicom-echo",
            "mllp-query",
        ]
        assert "dicom.echo()" in text_of(files, "test_service.py")
        assert constants(text_of(files, "test_answers.py"))["STATEMENTS"] == [
            ("http", "/fhir/R4/metadata", "4.0.1")
        ]

    def test_a_person_is_told_what_to_decide(self):
        inside = SEEN.model_copy(
            update={
                "loopback": (9000,),
                "processes": (
                    Process(program="postgres", user="x"),
                    Process(program="redis-server", user="x"),
                ),
            }
        )
        doors = (
            Door(name="sql", service="portal", port=5432, speaks="postgresql"),
            Door(name="dicom", service="portal", port=104, speaks="dicom"),
            Door(name="port-7", service="portal", port=7, speaks=""),
        )
        seen = sighting(
            services={"portal": inside},
            doors=doors,
            answers=(),
            capabilities=("portal",),
            checks={"portal": "grep -q x /proc/net/tcp"},
        )
        files = scaffold(newcomer(ports=(8080, 9999)), seen)
        environment = assert_readable(files)
        said = " ".join(text_of(files, "compose.yaml").replace("#", "").split())
        for words in (
            "this is a postgresql database",
            "Redis can't be read",
            "port 9999, which nothing listened on",
            "Open to itself only: port 9000",
            "did not stay up without capabilities",
            "no volume is declared",
            "rejects the title ANY-SCP",
            "nothing that was recognised",
            "only asks whether its ports are open",
        ):
            assert words in said
        assert environment.services["portal"].cap_add[0] == "CHOWN"

    def test_an_image_without_a_shell_is_seen_from_outside_only(self):
        files = scaffold(
            newcomer(), sighting(services={"portal": Inside(shell=False, ports=(80,))})
        )
        assert_readable(files)
        assert set(constants(text_of(files, "test_service.py"))) == {"DOORS", "ANSWERS"}
        assert "nothing inside was looked at" in text_of(files, "compose.yaml")

    def test_an_unknown_version_and_an_archive_are_told(self):
        package = {"archive": {"path": "portal-0.tar", "sha256": "a" * 64}}
        new = dataclasses.replace(newcomer(), version="0", package=package)
        files = scaffold(new, sighting())
        assert_readable(files)
        assert "neither label nor tag" in text_of(files, "acme/portal.yaml")

    @pytest.mark.parametrize(
        ("reference", "label", "version"),
        [
            ("acme/portal:3.1", None, "3.1"),
            ("acme/portal:3.1-alpine", None, "3.1"),
            ("host:5000/portal", None, None),
            ("acme/portal:latest", "v2.0", "v2.0"),
            ("acme/portal:latest", None, None),
            (f"acme/portal:1.2@sha256:{'a' * 64}", "1.0\nevil: 1", "1.0"),
        ],
    )
    def test_the_version_is_the_labels_or_the_tags(self, reference, label, version):
        assert version_in(facts(reference, version=label)) == version

    @pytest.mark.parametrize(
        ("product", "first"), [("portal", "POR-001"), ("x1", "XXX-001"), ("9", "XXX-001")]
    )
    def test_every_product_has_ids_for_its_hazards(self, product, first):
        assert hazard_ids(product)[0] == first


class TestHostileText:
    @settings(max_examples=120, deadline=None)
    @given(words=st.lists(HOSTILE, min_size=7, max_size=7))
    def test_what_an_image_says_stays_data(self, words):
        program, user, path, title, media, check, volume = words
        inside = Inside(
            ports=(80,),
            processes=(Process(program=program, user=user),),
            files=(path,),
            written=(path,),
        )
        answer = Answer(
            door="http", kind="http", path="/", status=200, media_type=media, title=title
        )
        new = newcomer(
            healthcheck=("CMD-SHELL", check),
            volumes=(f"/{volume}",),
            user=user,
            command=(program,),
        )
        files = scaffold(new, sighting(services={"portal": inside}, answers=(answer,)))
        environment = assert_readable(files)
        smoke = constants(text_of(files, "test_service.py"))
        assert smoke["PROCESSES"] == [("portal", program, user)]
        assert smoke["FILES"] == [("portal", path)]
        assert smoke["ANSWERS"] == [("http", "/", 200, media)]
        kept = environment.services["portal"].healthcheck
        assert kept is None or kept.test == ["CMD-SHELL", check]
        assert set(environment.services["portal"].mounts) <= {f"/{volume}"}
        assert environment.services["portal"].cap_add == []

    @settings(max_examples=60, deadline=None)
    @given(words=st.lists(HOSTILE, min_size=2, max_size=2))
    def test_no_statement_is_added_to_a_suite(self, words):
        def shape(program: str, title: str) -> list[str]:
            inside = Inside(processes=(Process(program=program, user="x"),))
            answer = Answer(door="http", kind="http", path="/", status=200, title=title or "t")
            files = scaffold(newcomer(), sighting(services={"portal": inside}, answers=(answer,)))
            return [
                type(node).__name__
                for path, content in files.items()
                if path.endswith(".py")
                for node in ast.walk(ast.parse(content))
            ]

        assert shape(*words) == shape("portald", "Hi")

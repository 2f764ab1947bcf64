"""The fixtures for messaging, as a suite sees them: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from clinops.adapters.pytest_plugin.hl7 import MllpReceiver
from tests.fakes.web import FakeWeb

SUITE = """
from clinops.adapters.pytest_plugin.hl7 import MllpClient
from clinops.adapters.pytest_plugin.proxy import Disturbance

MESSAGE = "MSH|^~\\\\&|A|B|C|D|1||ADT^A08|7|P|2.5"


def test_sends(mllp):
    assert str(mllp.send(MESSAGE).segment("MSA")) == "MSA|AA|7"


def test_receives(mllp_receiver):
    receiver = mllp_receiver()
    client = MllpClient(*receiver.address)
    client.send(MESSAGE)
    client.hang_up()
    assert len(receiver.messages) == 1


def test_reads(fhir):
    assert fhir.read("Patient", "1").id == "p1"


def test_disturbs(proxy):
    between = proxy("mllp")
    between.disturb(Disturbance(swallow_answers=True))
    client = MllpClient(*between.address, seconds=0.2)
    try:
        client.send(MESSAGE)
    except TimeoutError:
        assert between.recordings[0].sent
    else:
        raise AssertionError("was answered")
    finally:
        client.hang_up()
"""


def test_a_suite_gets_every_interface(tmp_path: Path):
    receiver, web = MllpReceiver(), FakeWeb()
    web.respond = lambda request: request.answer(200, b'{"resourceType": "Patient", "id": "p1"}')
    described = {
        "id": "r",
        "product": "p",
        "version": "1",
        "role": "candidate",
        "release": "rel",
        "under_test": "p",
        "services": {
            "p": {"container": "c", "address": "127.0.0.1", "image": f"sha256:{'0' * 64}"}
        },
        "endpoints": {"http": web.door, "mllp": "{}:{}".format(*receiver.address)},
    }
    (tmp_path / "replica.json").write_text(json.dumps(described))
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\nfhir_root = fhir/r4\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "clinops.adapters.pytest_plugin", tmp_path],
        env={**os.environ, "CLINOPS_REPLICA": str(tmp_path / "replica.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    receiver.close()
    web.close()
    assert "4 passed" in ran.stdout, ran.stdout + ran.stderr
    assert web.requests == ["GET /fhir/r4/Patient/1"]

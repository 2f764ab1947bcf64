"""What must not go live does not: real packages that fail, on the real engine, without fakes."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import docker
import httpx
import pytest
from rich.console import Console

from clinops.adapters.plain_stages import PlainStages
from clinops.domain.fold import ReleaseRecord
from clinops.domain.ledger import Kind
from clinops.domain.materials_change import What, changes
from clinops.domain.outcome import State
from clinops.domain.period import Period
from clinops.domain.signoff import Meaning, statement_bytes
from clinops.errors import EngineError
from clinops.wiring import Wiring
from flows.gate import load_evidence, prepare_sign_off
from flows.gate import record as put_on_record
from flows.housekeeping import keep_house
from flows.promote import promote_release
from flows.qualify import qualify_release
from flows.reconcile import next_run, reconcile
from tests.accounted import assert_accounts_agree
from tests.conftest import GOOD_IMAGE, MANIFEST, NEXT, PRODUCT, Setback
from tests.docker.cuttable import CuttableEngine
from tests.ward import close

pytestmark = pytest.mark.docker

CONFIG = "/usr/local/etc/orthanc/orthanc.json"
FINDS_NOTHING = f"""
USER root
RUN sed -i 's/"DicomAlwaysAllowFind": true/"DicomAlwaysAllowFind": false/' {CONFIG}
USER orthanc
"""
NEVER_READY = 'ENTRYPOINT ["sh", "-c", "echo the licence has expired; sleep 600"]'
# A new ENTRYPOINT takes the inherited CMD away, so the configuration is named.
# Replicas have volumes as well, once they have been moved, but those have no names.
AT_A_SITE = "grep -q volumes/clinops /proc/self/mountinfo"
BREAKS_AT_SITES = f'ENTRYPOINT ["sh", "-c", "{AT_A_SITE} && exec false; exec Orthanc {CONFIG}"]'


def stages() -> PlainStages:
    return PlainStages(Console(quiet=True))


def qualified(setback: Setback, release: str) -> tuple[Wiring, ReleaseRecord]:
    wiring = setback.wiring
    reconcile(wiring)
    return wiring, qualify_release(release, wiring, stages())


def findings(wiring: Wiring, record: ReleaseRecord) -> dict[str, str]:
    return {f.summary: f.detail for f in load_evidence(record, wiring).findings}


DPKG = ["docker", "run", "--rm", "-i", "--network", "none", "--entrypoint"]


def in_image(image: str, program: str, *arguments: str, said: str = "") -> str:
    """Run a program of an image and return what it says."""
    command = [*DPKG, program, image, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, input=said).stdout


def packages_in(image: str) -> dict[str, str]:
    """Ask an image's own package manager what is installed, and in which version."""
    lines = in_image(image, "dpkg-query", "-W", "-f", "${Package} ${Version}\n").splitlines()
    return dict(line.split(" ") for line in lines)


def test_the_bills_of_materials_say_what_dpkg_says_inside_both_images(setback):
    wiring = setback.wiring
    (live,) = wiring.ledger.live(PRODUCT)
    before = live.images["orthanc"]
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", GOOD_IMAGE]
    after = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
    found = changes(*map(wiring.materials.of_image, (before, after)))
    was, now = packages_in(before), packages_in(after)
    by_what = {
        what: {one.name for one in found.packages if one.what is what and one.kind == "deb"}
        for what in What
    }
    moved = {name for name in was.keys() & now.keys() if was[name] != now[name]}
    assert by_what[What.REMOVED] == was.keys() - now.keys()
    assert by_what[What.ADDED] == now.keys() - was.keys()
    assert by_what[What.UPGRADED] | by_what[What.DOWNGRADED] == moved
    assert by_what[What.CHANGED] == set()
    assert len(moved) > 50
    lines = "".join(f"{name} {was[name]} {now[name]}\n" for name in sorted(moved))
    loop = 'while read n a b; do dpkg --compare-versions "$a" lt "$b" && echo "$n"; done; true'
    assert by_what[What.UPGRADED] == set(in_image(after, "sh", "-c", loop, said=lines).split())
    close(wiring)


def test_a_candidate_that_fails_a_regression_test_is_refused(setback):
    wiring, record = qualified(setback, setback.push_release(FINDS_NOTHING))
    assert {"materials/baseline.cdx.json", "materials/candidate.cdx.json"} <= set(
        load_evidence(record, wiring).files
    )
    assert record.state is State.REFUSED, findings(wiring, record)
    told = findings(wiring, record)
    assert any("regression" in summary and "fails on the candidate" in summary for summary in told)
    close(wiring)


def test_a_candidate_that_never_gets_ready_is_refused_with_its_log(setback):
    short = "ready_within: 60", "ready_within: 15"
    compose = f"environments/{PRODUCT}/compose.yaml"
    text = (setback.demo.source / compose).read_text()
    assert setback.push({compose: text.replace(*short)}, who="demo-admin").returncode == 0
    wiring, record = qualified(setback, setback.push_release(NEVER_READY))
    assert record.state is State.REFUSED, findings(wiring, record)
    told = findings(wiring, record)
    assert any("never got ready" in summary for summary in told)
    assert any("the licence has expired" in detail for detail in told.values())
    close(wiring)
    assert setback.push({compose: text}, who="demo-admin").returncode == 0


@pytest.mark.usefixtures("leaking_sockets")
def test_an_engine_that_goes_away_is_our_error_and_the_release_is_taken_up_again(
    setback, tmp_path, monkeypatch
):
    release = setback.push_release("# nothing spoils this one")
    engine = CuttableEngine(tmp_path / "engine.sock")
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    wiring = setback.wiring
    reconcile(wiring)
    with pytest.raises(EngineError):
        qualify_release(release, wiring, CutsWhen("rehearse the upgrade", engine))
    monkeypatch.delenv("DOCKER_HOST")
    record = wiring.release(release)
    assert record.state is State.ERRORED
    assert record.outcome is None
    wiring.clock = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    assert next_run(record, wiring) == ("qualify", 2)
    close(wiring)

    again = setback.wiring
    keep_house(again)
    record = qualify_release(release, again, stages())
    assert record.state is State.AWAITING_SIGN_OFF
    kinds = [entry.kind for entry in again.ledger.entries(release)]
    assert kinds.count(Kind.VERDICT) == 1
    assert replicas_of(release) == []
    close(again)


def test_a_deployment_whose_check_fails_is_rolled_back_with_its_data(setback):
    wiring, record = qualified(setback, setback.push_release(BREAKS_AT_SITES))
    assert record.state is State.AWAITING_SIGN_OFF, findings(wiring, record)
    before = patients(wiring, setback.site)
    sign(wiring, record, setback, "demo-cso", "clinical-safety-officer")
    sign(wiring, record, setback, "demo-operations", "operations")

    assert promote_release(record.id, wiring, stages()) is State.ROLLED_BACK

    (live,) = wiring.ledger.live(PRODUCT)
    assert live.version == "1.10.1"
    assert before
    assert patients(wiring, setback.site) == before
    entries = list(wiring.ledger.entries())
    (back,) = [entry for entry in entries if entry.kind is Kind.SITE_ROLLED_BACK]
    assert back.body["verified"] is True
    assert "orthanc never got ready" in back.body["cause"]
    assert list(wiring.ledger.problems()) == []
    close(wiring)


def test_what_the_vendor_mends_goes_live_and_accounts_are_what_the_bare_ledger_says(setback):
    wiring, record = qualified(setback, setback.push_release("# mended by its vendor"))
    assert record.state is State.AWAITING_SIGN_OFF, findings(wiring, record)
    sign(wiring, record, setback, "demo-cso", "clinical-safety-officer")
    sign(wiring, record, setback, "demo-operations", "operations")
    assert promote_release(record.id, wiring, stages()) is State.LIVE

    month = Period.months_until(wiring.clock().date(), 2)
    recount = assert_accounts_agree(wiring, setback.demo.estate / "state/ledger.sqlite", month)
    refused, mended = recount.ends()
    assert [len(recount.chain(end)) for end in (refused, mended)] == [3, 2]
    figures = recount.dora(*month)
    assert (figures["change_failure_rate"], figures["rework_rate"]) == (50, 50)
    score = recount.scorecard(PRODUCT, *month)
    assert score["first-time-qualification"] == 50
    assert score["days-to-fix"] > 0
    close(wiring)


def test_the_vendor_can_check_the_same_before_pushing(setback, tmp_path):
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", setback.demo.estate / "estate.git", checkout], check=True)
    (checkout / MANIFEST).write_text(NEXT)
    done = subprocess.run(
        [sys.executable, "-m", "clinops", "--estate", checkout, "qualify", MANIFEST,
         "--work", tmp_path / "work", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"outcome": "qualified"' in done.stdout


@pytest.fixture
def leaking_sockets() -> Iterator[None]:
    """The Docker SDK drops the sockets of an engine that went away without closing them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


class CutsWhen(PlainStages):
    """Cuts the way to the engine once stages of some name are under way."""

    def __init__(self, name: str, engine: CuttableEngine) -> None:
        super().__init__(Console(quiet=True))
        self._name = name
        self._engine = engine

    def run(self, name, stage):
        if self._name not in name:
            return super().run(name, stage)
        timer = threading.Timer(3.0, self._engine.cut)
        timer.start()
        try:
            return super().run(name, stage)
        finally:
            timer.join()


def sign(wiring: Wiring, record: ReleaseRecord, setback: Setback, who: str, role: str) -> None:
    statement = prepare_sign_off(
        record, wiring, who, role=role, meaning=Meaning.APPROVED, reason="in a test"
    )
    envelope = wiring.signatures.sign(statement_bytes(statement), str(setback.demo.keys / who))
    put_on_record(envelope, wiring)


def patients(wiring: Wiring, site: str) -> list[str]:
    """Ask the site's own archive who is in it."""
    system = wiring.sites.running(PRODUCT, site)
    assert system is not None
    answer = httpx.get(
        f"http://{system.endpoints['http']}/patients?expand",
        auth=("reference", "synthetic-data-only"),
    )
    return sorted(patient["MainDicomTags"]["PatientID"] for patient in answer.json())


def replicas_of(release: str) -> list[str]:
    client = docker.from_env()
    try:
        wanted = {"label": [f"clinops.release={release}", "clinops.lease"]}
        found = client.containers.list(all=True, filters=wanted, sparse=True)
        return [str(container.id) for container in found]
    finally:
        client.close()

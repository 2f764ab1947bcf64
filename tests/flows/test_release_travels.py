"""The whole way of a release, nothing simulated: what `make demo` shows, and what must hold after.

One demonstration is carried out for all of these tests; they look at what it left and go on with
its running server. The order matters: the last tests push further releases.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import docker
import httpx
import pytest
import yaml

from clinops.adapters.git_commits import PushResult, commit_and_push
from clinops.adapters.prefect_server import PrefectServer
from clinops.domain.ledger import Kind
from clinops.domain.period import Period
from clinops.wiring import Wiring
from scripts.demo import HOME, PRODUCT
from tests.accounted import assert_accounts_agree
from tests.conftest import MANIFEST, NEXT, Demonstrated, clinops
from tests.ward import close

pytestmark = [pytest.mark.docker, pytest.mark.server]


def push(demonstrated: Demonstrated, changes: dict[str, str], who: str) -> PushResult:
    return commit_and_push(
        demonstrated.demo.estate / "estate.git",
        {path: text.encode() for path, text in changes.items()},
        key=str(demonstrated.demo.keys / who),
        author="Somebody <somebody@example.org>",
        message="a change",
    )


def test_the_release_goes_live_without_a_failure(demonstrated):
    result = demonstrated.result
    assert (result["outcome"], result["state"]) == ("qualified", "live")
    assert result["junit"]["tests"] >= 40
    assert result["junit"]["failures"] == result["junit"]["errors"] == 0
    assert result["seconds"].keys() == {"push_to_visible", "push_to_verdict", "promote"}
    status = demonstrated.clinops("status").stdout
    assert status.count("orthanc 1.12.7 at test-") == 2


def test_the_time_from_the_push_to_the_verdict_is_told_without_a_hole(demonstrated):
    release = demonstrated.result["release"]
    said = demonstrated.clinops("release", "timeline", release, "--json").stdout
    tested, promoted = json.loads(said)
    assert [one["name"] for one in tested["path"][:3]] == [
        "pushed, until reconcile took it in",
        "taken in, until its run was created",
        "run created, until it began",
    ]
    moments = [(one["begun"], one["ended"]) for one in tested["path"]]
    assert all(one[1] == other[0] for one, other in itertools.pairwise(moments))
    measured = demonstrated.result["seconds"]
    # The branch has moved before the push ends; the verdict is there before anybody sees it.
    assert measured["push_to_verdict"] - 2 < tested["milliseconds"] / 1000
    assert tested["milliseconds"] / 1000 < measured["push_to_verdict"] + 15
    assert tested["went_to"]["orchestration"] < tested["went_to"]["stage"]
    assert promoted["ended_by"] == "deployment.live"


def test_the_push_tells_the_release_and_where_to_watch(demonstrated):
    said = re.sub(r"\s+\n(remote: )?", "\n", demonstrated.said)
    assert f"ClinOps: release {demonstrated.result['release']}" in said
    assert re.search(r"watch: http://127\.0\.0\.1:\d+/runs", said)


def test_a_bad_manifest_is_refused_in_the_push_with_file_and_line(demonstrated):
    before = demonstrated.clinops("release", "list", "--json").stdout
    bad = NEXT.replace('version: "1.12.7"', "version: 1.12").replace("kind: upgrade", "kind: hope")
    refused = push(demonstrated, {MANIFEST: bad}, "demo-vendor")
    assert refused.returncode != 0
    said = re.sub(r"\s*\nremote: ", " ", refused.stderr)
    lines = bad.splitlines()
    for wrong in ("version: 1.12", "kind: hope"):
        assert f"{MANIFEST}:{lines.index(wrong) + 1}: " in said
    assert "Traceback" not in said
    assert demonstrated.clinops("release", "list", "--json").stdout == before


def test_a_vendor_cannot_touch_what_is_not_its_own(demonstrated):
    gate = f"environments/{PRODUCT}/gate.yaml"
    policy = "schema: 1\nrequires: [{role: operations}]\nsign_offs_expire_after_days: 365\n"
    refused = push(demonstrated, {gate: policy}, "demo-vendor")
    assert refused.returncode != 0
    assert gate in refused.stderr


def test_a_second_promotion_does_nothing_and_says_so(demonstrated):
    again = demonstrated.clinops("promote", demonstrated.result["release"])
    assert again.returncode == 0
    assert "live already: nothing to do" in again.stderr


def test_a_live_release_cannot_be_signed_any_more(demonstrated):
    key = demonstrated.demo.keys / "demo-cso"
    options = ("--role", "clinical-safety-officer", "--key", key, "--reason", "late", "--yes")
    late = demonstrated.clinops("sign", demonstrated.result["release"], *map(str, options))
    assert late.returncode == 1
    assert "is live" in late.stderr


def test_the_bundle_verifies_without_server_network_or_database(demonstrated, tmp_path):
    bundle = shutil.copy(demonstrated.result["bundle"], tmp_path / "bundle.tar")
    command = [sys.executable, "-m", "clinops", "evidence", "verify", bundle]
    # A network namespace of its own has no way anywhere, not even to this machine.
    isolated = ["unshare", "--net", "--", *command]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(HOME)}
    done = subprocess.run(
        isolated, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the gate was open" in done.stdout
    assert done.stdout.count("signed: ") == 2


def test_a_bundle_does_not_verify_with_any_byte_changed(demonstrated, tmp_path):
    data = Path(demonstrated.result["bundle"]).read_bytes()
    changed = tmp_path / "changed.tar"
    for number in range(12):
        place = (number * len(data)) // 12 + 7
        changed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert clinops(tmp_path, "evidence", "verify", str(changed)).returncode == 1, place


def test_the_ledger_holds_and_every_entry_is_told(demonstrated):
    assert demonstrated.clinops("ledger", "verify").returncode == 0
    wiring = Wiring(demonstrated.demo.estate)
    kinds = [entry.kind for entry in wiring.ledger.entries()]
    close(wiring)
    assert kinds.count(Kind.SITE_LIVE) == 2
    assert kinds.count(Kind.DEPLOYED) == kinds.count(Kind.VERDICT) == 1


def test_reconcile_and_housekeeping_run_by_the_clock_as_well(demonstrated):
    wiring = Wiring(demonstrated.demo.estate)
    auth = wiring.settings.prefect_auth(wiring.root)
    address = f"{wiring.settings.api}/flow_runs/filter"
    close(wiring)
    to_come = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    runs = httpx.post(address, json=to_come, auth=auth, trust_env=False).json()
    assert len({run["deployment_id"] for run in runs if run["auto_scheduled"]}) == 2


def test_no_replica_is_left(demonstrated):
    assert left_behind(demonstrated.result["release"]) == []


def left_behind(release: str) -> list[str]:
    client = docker.from_env()
    try:
        # Only replicas have a lease; what runs at the sites stays.
        wanted = {"label": [f"clinops.release={release}", "clinops.lease"]}
        # Sparse: to inspect each would fail on one that goes away meanwhile.
        containers = client.containers.list(all=True, filters=wanted, sparse=True)
        networks = client.networks.list(filters=wanted)
        return [str(one.id) for one in (*containers, *networks)]
    finally:
        client.close()


def test_a_worker_killed_in_the_middle_costs_no_release_and_leaves_nothing(demonstrated):
    """The vendor's label lies here (1.12.7 in a package that says otherwise): it is refused."""
    estate = demonstrated.demo.estate
    # A release of this run alone: the same content would have the same id, and so the labels of
    # what another run of this test may have left on the engine.
    changes = [{"summary": f"change {secrets.token_hex(8)}"}]
    other = {"version": "1.12.8", "supersedes": "1.12.7", "changes": changes}
    manifest = yaml.safe_load(NEXT) | other
    pushed = push(demonstrated, {MANIFEST: yaml.safe_dump(manifest)}, "demo-vendor")
    assert pushed.returncode == 0, pushed.stderr
    found = re.search(r"orthanc-1\.12\.8-[0-9a-f]{12}", pushed.stderr)
    assert found
    release = found[0]
    wait_for(lambda: len(left_behind(release)) >= 4, 90, "replicas")
    kill_worker(estate)
    assert left_behind(release)

    assert demonstrated.clinops("up").returncode == 0
    wait_for(lambda: leases_of(estate) == {}, 60, "the dead lease to run out")
    settings = Wiring(estate).settings
    with closing(PrefectServer(settings.api, settings.prefect_auth(estate))) as server:
        for flow in ("housekeeping", "reconcile"):
            server.create_run(f"{flow}/{flow}", name=flow, key=f"{flow} after kill", parameters={})
        wait_for(
            lambda: state_of(estate, release) == "refused",
            150,
            lambda: f"the verdict: {told(demonstrated, server, release)}",
        )
        wait_for(lambda: left_behind(release) == [], 30, "housekeeping")
        # The verdict is on the ledger a moment before the flow run has ended.
        wait_for(lambda: "Refused" in states_of(server, "1.12.8"), 30, "the flow run to end")

    wiring = Wiring(estate)
    kinds = [entry.kind for entry in wiring.ledger.entries(release)]
    assert kinds.count(Kind.VERDICT) == 1
    assert kinds.count(Kind.QUALIFICATION_STARTED) == 2
    assert list(wiring.ledger.problems()) == []
    close(wiring)


def test_accounts_of_the_served_estate_are_what_the_bare_ledger_says(demonstrated):
    wiring = Wiring(demonstrated.demo.estate)
    months = Period.months_until(wiring.clock().date(), 2)
    recount = assert_accounts_agree(
        wiring, demonstrated.demo.estate / "state/ledger.sqlite", months
    )
    close(wiring)
    went_live, refused = recount.ends()
    assert went_live == demonstrated.result["release"]
    spent = recount.split(went_live)
    assert spent["queue"] > 0
    # It was commissioned long before its vendor pushed it.
    assert spent["vendor"] > 86_400
    # From the push on, as the demonstration saw it; its signatures are a matter of moments.
    push_to_verdict = spent["queue"] + spent["test"]
    assert abs(push_to_verdict - demonstrated.result["seconds"]["push_to_verdict"]) < 15
    assert recount.why_failed(refused, 10**9) == "refused"


def states_of(server: PrefectServer, version: str) -> list[str]:
    return [run["state_name"] for run in server.runs(50) if version in run["name"]]


def kill_worker(estate: Path) -> None:
    """Kill the worker and the flow runs that it started: SIGKILL, no chance to clean up."""
    worker = int((estate / "state/run/worker.pid").read_text().split()[0])
    for pid in [*descendants(worker), worker]:
        os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in (*descendants(child), child)]


def wait_for(what, seconds: float, name) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"gave up waiting for {name() if callable(name) else name}")
        time.sleep(0.2)


def told(demonstrated: Demonstrated, server: PrefectServer, release: str) -> str:
    """Gather what a person would look at, for a failure's message."""
    runs = [f"{run['name']}: {run['state_name']}" for run in server.runs(20)]
    worker = (demonstrated.demo.estate / "state/run/worker.log").read_text()[-3000:]
    return "\n".join([demonstrated.clinops("release", "show", release).stdout, *runs, worker])


def leases_of(estate: Path) -> dict[str, str]:
    wiring = Wiring(estate)
    try:
        return {k: v for k, v in wiring.ledger.leases().items() if k.startswith("qualify:")}
    finally:
        close(wiring)


def state_of(estate: Path, release: str) -> str:
    wiring = Wiring(estate)
    try:
        return wiring.release(release).state.value
    finally:
        close(wiring)

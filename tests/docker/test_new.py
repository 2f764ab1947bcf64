"""`clinops new` on the real engine: what it writes is valid, and qualifies at once."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from clinops.adapters.docker_containers import with_labels
from clinops.adapters.docker_images import DockerImages
from clinops.domain.manifest import Build, BuildPackage
from tests.conftest import HOME, clinops
from tests.docker.conftest import BASE
from tests.fakes.trees import FakeTree

pytestmark = pytest.mark.docker

FOLDER = "environments/page/images/page"
PORT = 8080
# Starts as root and steps down, as many vendors' systems do: it needs capabilities for that.
DOCKERFILE = f"""\
FROM {BASE}
COPY page.pl /page.pl
EXPOSE {PORT} 9
VOLUME /var/lib/page
CMD ["/page.pl"]
"""
PAGE = rf"""#!/usr/bin/perl
use IO::Socket::INET;
use POSIX qw(setuid setgid);
setgid(33) or die "setgid: $!";
setuid(33) or die "setuid: $!";
$0 = "page";
my $door = IO::Socket::INET->new(LocalPort => {PORT}, Listen => 64, ReuseAddr => 1) or die $!;
while (my $client = $door->accept) {{
    my $asked = <$client>;
    if (($asked // "") =~ m{{^GET (\S+) HTTP}}) {{
        while (defined(my $line = <$client>)) {{ last if $line =~ /^\r?$/ }}
        my $page = "<html><title>The 'page' \\ is up</title></html>\n";
        my $state = $1 eq "/" ? "200 OK" : "404 Not Found";
        print $client "HTTP/1.1 $state\r\nContent-Type: text/html\r\nConnection: close\r\n";
        print $client "Content-Length: ", length($page), "\r\n\r\n$page";
    }}
    close $client;
}}
"""


@pytest.fixture(scope="module")
def image(adapter: DockerImages, engine: DockerClient, run_id: str) -> Iterator[str]:
    """A page served by the base image's own Perl."""
    tree = FakeTree(
        {
            f"{FOLDER}/Dockerfile": f"{DOCKERFILE}LABEL run={run_id}\n".encode(),
            f"{FOLDER}/page.pl": PAGE.encode(),
        }
    )
    name = f"{run_id}-page"
    adapter.obtain(BuildPackage(build=Build(folder=FOLDER)), tree, name=name)
    reference = f"clinops/held:{name}"
    yield reference
    engine.images.remove(reference, force=True)


@pytest.fixture
def product(engine: DockerClient) -> Iterator[str]:
    """A name of this test's own, and nothing left of it."""
    name = f"page-{secrets.token_hex(4)}"
    yield name
    left = engine.containers.list(all=True, filters=with_labels(product=name))
    images = engine.api.images("clinops/held")
    held = [tag for image in images for tag in image["RepoTags"] if name in tag]
    for tag in held:
        engine.images.remove(tag, force=True)
    assert left == []


def test_what_was_seen_is_valid_and_qualifies(image: str, product: str, tmp_path: Path):
    estate, work = tmp_path / "estate", tmp_path / "work"
    estate.mkdir()
    made = clinops(
        estate, "new", product, "--image", image, "--version", "1.0", f"--work={work}", "--json"
    )
    assert made.returncode == 0, made.stderr
    seen = json.loads(made.stdout)["seen"]
    inside = seen["services"][product]
    assert inside["ports"] == [PORT]
    assert [one["user"] for one in inside["processes"]] == ["www-data"]
    assert inside["files"] == ["/page.pl", "/var/lib/page"]
    assert seen["capabilities"] == [product]
    assert [one["title"] for one in seen["answers"]] == ["The 'page' \\ is up"]
    checked = clinops(estate, "validate")
    assert (checked.returncode, checked.stdout) == (0, "no problems\n"), checked.stderr
    manifest = f"vendor_manifests/{product}/{product}.yaml"
    qualified = clinops(estate, "qualify", manifest, f"--work={work}", "--json")
    assert qualified.returncode == 0, qualified.stdout + qualified.stderr
    evidence = json.loads(qualified.stdout)
    assert evidence["outcome"] == "qualified"
    assert {run["suite"] for run in evidence["runs"]} == {"smoke", "regression"}
    assert evidence["junit"]["tests"] == 8
    assert evidence["junit"]["failures"] == 0


def test_an_interrupt_leaves_nothing(
    image: str, product: str, engine: DockerClient, tmp_path: Path
):
    mine = with_labels(product=product)
    words = [*("new", product), f"--image={image}", f"--estate={tmp_path}", "--version=1.0"]
    with subprocess.Popen(
        [sys.executable, "-m", "clinops", *words, f"--work={tmp_path / 'work'}"],
        cwd=HOME,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 30
        while not engine.containers.list(filters=mine):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert engine.containers.list(all=True, filters=mine) == []
    assert engine.networks.list(filters=mine) == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []

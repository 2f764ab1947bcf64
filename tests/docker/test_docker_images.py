from __future__ import annotations

import hashlib
import re
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from clinops.adapters.docker_build import build
from clinops.adapters.docker_images import DockerImages, build_context
from clinops.domain.manifest import (
    Archive,
    ArchivePackage,
    Build,
    BuildPackage,
    ImagePackage,
)
from clinops.errors import BadInputError, EngineError, NotFoundError, PackageError
from tests.docker.conftest import APP, BASE
from tests.docker.contracts import ImagesContract
from tests.docker.cuttable import CuttableEngine
from tests.fakes.images import FakeImages
from tests.fakes.trees import FakeTree

NOTHING = FakeTree({})


class TestFakeImages(ImagesContract):
    @pytest.fixture
    def images(self) -> FakeImages:
        return FakeImages()

    @pytest.fixture
    def hold(self) -> Callable[[str], str]:
        return str


@pytest.fixture
def hold(engine: DockerClient, run_id: str) -> Iterator[Callable[[str], str]]:
    """Make names for images, and drop what they hold in the end."""
    names = []

    def name(of: str) -> str:
        names.append(f"{run_id}-{of}")
        return names[-1]

    yield name
    for held in names:
        try:
            engine.images.remove(f"clinops/held:{held}")
        except ImageNotFound:
            continue


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def images(drop: Path) -> Iterator[DockerImages]:
    adapter = DockerImages(drop)
    yield adapter
    adapter.close()


@pytest.mark.docker
class TestDockerImages(ImagesContract):
    pass


def building(*lines: str) -> tuple[BuildPackage, FakeTree]:
    dockerfile = "\n".join([f"FROM {BASE}", *lines]).encode()
    return BuildPackage(build=Build(folder="pkg")), FakeTree({"pkg/Dockerfile": dockerfile})


@pytest.mark.docker
def test_a_build_that_fails_tells_its_last_lines_without_control_characters(images):
    package, tree = building(r"RUN seq 1 60; printf 'red \033[31m\n'; exit 7")
    with pytest.raises(PackageError, match="returned a non-zero code: 7") as caught:
        images.obtain(package, tree, name="never")
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert "red \\x1b[31m" in lines
    assert "60" in lines
    assert "1" not in lines


@pytest.mark.docker
def test_a_name_of_any_version_can_hold_an_image(images, run_id, engine):
    package, tree = building("LABEL held=1")
    image = images.obtain(package, tree, name=f"{run_id}-4.2.3+deb1~x")
    held = f"clinops/held:{run_id}-4.2.3-deb1-x"
    assert engine.images.get(held).id == image
    engine.images.remove(held)


def save(engine: DockerClient, drop: Path, name: str) -> ArchivePackage:
    """Write a vendor's archive into the drop folder and pin it."""
    path = drop / "vendor.tar"
    with path.open("wb") as file:
        for chunk in engine.api.get_image(name):
            file.write(chunk)
    pin = hashlib.sha256(path.read_bytes()).hexdigest()
    return ArchivePackage(archive=Archive(path="vendor.tar", sha256=pin))


@pytest.fixture
def small(engine: DockerClient, run_id: str) -> Iterator[Callable[[str], str]]:
    """Make tiny images under a vendor's name."""
    made = []

    def make(tag: str, content: str = "") -> str:
        context = build_context(
            ".",
            FakeTree(
                {"Dockerfile": b"FROM scratch\nCOPY text /", "text": f"{run_id} {content}".encode()}
            ),
        )
        image, _ = engine.images.build(fileobj=context, custom_context=True, tag=tag)
        made.append(tag)
        return str(image.id)

    yield make
    for tag in made:
        try:
            engine.images.remove(tag)
        except ImageNotFound:
            continue


@pytest.mark.docker
def test_an_archive_gives_the_image_that_was_saved(*, images, drop, engine, small, hold, run_id):
    tag = f"vendor/{run_id}:1"
    image = small(tag, run_id)
    package = save(engine, drop, tag)
    engine.images.remove(tag)
    assert not images.present(image)
    assert images.obtain(package, NOTHING, name=hold("archive")) == image
    assert engine.images.get(image).tags == [f"clinops/held:{run_id}-archive"]


@pytest.mark.docker
def test_an_archive_does_not_rename_an_image_that_is_here(
    *, images, drop, engine, small, hold, run_id
):
    tag = f"vendor/{run_id}:latest"
    shipped = small(tag, "theirs")
    package = save(engine, drop, tag)
    ours = small(tag, "ours")
    assert images.obtain(package, NOTHING, name=hold("renaming")) == shipped
    assert engine.images.get(tag).id == ours


@pytest.mark.docker
def test_an_archive_that_takes_a_name_of_ours_is_refused(images, drop, engine, small, run_id):
    tag = f"clinops/{run_id}:1"
    small(tag)
    with pytest.raises(BadInputError, match="keeps for itself"):
        images.obtain(save(engine, drop, tag), NOTHING, name="never")


@pytest.mark.docker
def test_an_archive_with_another_digest_is_never_loaded(images, drop, engine, small, run_id):
    tag = f"vendor/{run_id}:1"
    image = small(tag, "damaged")
    package = save(engine, drop, tag)
    engine.images.remove(tag)
    with (drop / "vendor.tar").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BadInputError, match="the manifest pins"):
        images.obtain(package, NOTHING, name="never")
    assert not images.present(image)


@pytest.mark.docker
def test_what_is_no_archive_is_refused(images, drop):
    (drop / "vendor.tar").write_bytes(b"an e-mail attachment")
    pin = hashlib.sha256(b"an e-mail attachment").hexdigest()
    package = ArchivePackage(archive=Archive(path="vendor.tar", sha256=pin))
    with pytest.raises(BadInputError, match="no image archive"):
        images.obtain(package, NOTHING, name="never")


@pytest.mark.docker
def test_a_link_does_not_lead_out_of_the_drop_folder(images, drop):
    (drop / "vendor.tar").symlink_to("/etc/passwd")
    pin = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
    package = ArchivePackage(archive=Archive(path="vendor.tar", sha256=pin))
    with pytest.raises(NotFoundError, match="drop folder"):
        images.obtain(package, NOTHING, name="never")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a registry of our own on loopback and give its address."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("the program docker-registry is missing: `apt-get install docker-registry`")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    settings = folder / "config.yml"
    settings.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", int(address.split(":")[1])), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield address
    process.terminate()
    process.wait(timeout=10)


@pytest.mark.docker
def test_an_image_is_pulled_by_its_digest(*, images, engine, small, hold, registry, run_id):
    name = f"{registry}/vendor/{run_id}"
    image = small(f"{name}:1", "pulled")
    pushed = engine.images.push(name, "1")
    digest = re.search(r"sha256:[0-9a-f]{64}", pushed.splitlines()[-1]).group()
    engine.images.remove(f"{name}:1")
    assert not images.present(image)
    package = ImagePackage(image=f"{name}:1@{digest}")
    assert images.obtain(package, NOTHING, name=hold("pulled")) == image
    assert images.obtain(package, NOTHING, name=hold("pulled-again")) == image
    assert images.present(image)
    engine.images.remove(f"{name}@{digest}")


@pytest.mark.docker
def test_an_image_that_the_registry_has_not_is_refused(images, registry):
    package = ImagePackage(image=f"{registry}/vendor/none@sha256:{'0' * 64}")
    with pytest.raises(BadInputError, match="no such image"):
        images.obtain(package, NOTHING, name="never")


@pytest.mark.docker
def test_a_registry_that_does_not_answer_is_not_the_vendors_fault(images):
    package = ImagePackage(image=f"127.0.0.1:{free_port()}/vendor/x@sha256:{'0' * 64}")
    with pytest.raises(EngineError, match="connection refused"):
        images.obtain(package, NOTHING, name="never")


@pytest.mark.docker
def test_an_engine_that_goes_away_is_not_the_vendors_fault(tmp_path, tree, no_way_there):
    with CuttableEngine(tmp_path / "engine.sock") as way:
        images = DockerImages(tmp_path, way.host)
        way.cut()
        with pytest.raises(EngineError):
            images.obtain(BuildPackage(build=Build(folder=APP)), tree, name="never")
        images.close()


def test_equal_content_is_packed_to_equal_bytes_and_scripts_are_executable(tree):
    packed = build_context(f"./{APP}", tree)
    assert packed.getvalue() == build_context(APP, FakeTree(tree.files)).getvalue()
    with tarfile.open(fileobj=packed) as tar:
        modes = {entry.name: oct(entry.mode) for entry in tar}
    assert modes == {"Dockerfile": "0o644", "app.sh": "0o755"}


@pytest.mark.docker
def test_a_build_from_a_vendors_folder_reaches_nothing_not_even_loopback(images, hold):
    """A RUN on the host's network could give orders to the flow server, which trusts loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reach = f"RUN bash -c '< /dev/tcp/127.0.0.1/{listener.getsockname()[1]}'"
        # The vendor's first: the engine's cache does not tell networks apart.
        for folder in ("vendor_manifests/acme/x", "environments/x"):
            package = BuildPackage(build=Build(folder=folder))
            tree = FakeTree({f"{folder}/Dockerfile": f"FROM {BASE}\n{reach}\n".encode()})
            if folder.startswith("environments"):
                assert images.obtain(package, tree, name=hold("reaches"))
            else:
                with pytest.raises(PackageError, match="can't be built"):
                    images.obtain(package, tree, name="never")


@pytest.mark.docker
def test_a_build_that_never_ends_is_ended_and_is_the_packages_fault(engine, run_id):
    package, tree = building(f"LABEL run={run_id}", "RUN while :; do echo more; sleep 0.05; done")
    context = build_context(package.build.folder, tree)
    with pytest.raises(PackageError, match="did not end within 1 s"):
        build(engine, "pkg", context, {}, network="none", seconds=1)
    of_build = {"label": f"run={run_id}", "status": "running"}
    deadline = time.monotonic() + 20
    while engine.containers.list(filters=of_build) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not engine.containers.list(filters=of_build)


@pytest.mark.docker
def test_what_a_build_prints_does_not_choose_its_image(images, hold, engine):
    other = engine.images.get(BASE).id
    package, tree = building(f"RUN echo Successfully built {other[7:19]}; echo {other}")
    image = images.obtain(package, tree, name=hold("liar"))
    assert image != other
    assert "Successfully built" in str(engine.images.get(image).history())


@pytest.mark.docker
def test_says_how_an_image_is_run(images: DockerImages, hold):
    package, tree = building(
        "USER 1000:1000",
        "WORKDIR /srv",
        "ENV LANG=C.UTF-8 PASSWORD=hunter2",
        "EXPOSE 4242",
        "VOLUME /data",
        'HEALTHCHECK --interval=2s CMD ["true"]',
        'ENTRYPOINT ["sleep"]',
        'CMD ["1"]',
    )
    found = images.configuration(images.obtain(package, tree, name=hold("configured")))
    assert found["user"] == "1000:1000"
    assert found["working directory"] == "/srv"
    assert (found["entrypoint"], found["command"]) == ('["sleep"]', '["1"]')
    assert (found["port 4242/tcp"], found["volume /data"]) == ("exposed", "declared")
    assert found["environment LANG"] == "C.UTF-8"
    assert '"CMD", "true"' in found["health check"]
    assert "hunter2" not in str(found)


@pytest.mark.docker
def test_an_image_that_is_gone_has_no_configuration(images: DockerImages):
    with pytest.raises(EngineError, match="no image sha256:0000"):
        images.configuration(f"sha256:{'0' * 64}")

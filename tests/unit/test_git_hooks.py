"""Installing the hooks, and real pushes through them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clinops.adapters.git_commits import PushResult, commit_and_push
from clinops.adapters.git_hooks import HOOKS, install
from clinops.errors import BadInputError, NotFoundError
from tests.fakes.git_estate import MANIFEST, GitEstate

ROOT = Path(__file__).parents[2]

STAND_IN = """\
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from clinops.adapters.git_push import judge, read_updates
from clinops.adapters.git_repository import GitRepository

def validate(tree):
    return [] if all(tree.read(path) for path in tree.paths()) else []

if sys.argv[-2:] == ["hook", "pre-receive"]:
    verdict = judge(read_updates(sys.stdin), GitRepository(Path.cwd()), validate)
    print(verdict.report(), file=sys.stderr)
    sys.exit(0 if verdict.accepted else 1)
Path(sys.argv[5], "poked").write_text(" ".join(sys.argv[1:]) + "|" + sys.stdin.read())
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter at an awkward path, that plays the `clinops` command."""
    folder = tmp_path / "it's $HOME"
    folder.mkdir()
    (folder / "stand_in.py").write_text(STAND_IN.format(root=str(ROOT)))
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} "${{0%/*}}/stand_in.py" "$@"\n')
    script.chmod(0o755)
    return script


def push(estate: GitEstate, changes: dict[str, bytes | None], key: str = "acme") -> PushResult:
    return commit_and_push(
        estate.path,
        changes,
        key=estate.keys.private(key),
        author="Someone <someone@vendor.example>",
        message="A new version",
    )


def real_push(estate: GitEstate, spec: str) -> subprocess.CompletedProcess[str]:
    """Push what lies in the repository already: for refs that no client would make by itself."""
    return subprocess.run(
        ["git", "--git-dir", str(estate.path), "push", estate.path.as_uri(), spec],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_good_push_enters_and_pokes(estate: GitEstate, python: Path) -> None:
    install(estate.path, python.parent, python)
    result = push(estate, {MANIFEST: b"version: 2\n"})
    assert result.returncode == 0, result.stderr
    assert "remote: ClinOps: accepted, signed by vendor:acme" in result.stderr
    head = estate.repository.head()
    assert head.read(MANIFEST) == b"version: 2\n"
    assert (python.parent / "poked").read_text() == (
        f"-I -m clinops --estate {python.parent} hook post-receive"
        f"|{estate.first} {head.commit} refs/heads/main\n"
    )


def test_a_bad_push_is_refused_in_the_terminal_and_leaves_nothing(
    estate: GitEstate, python: Path
) -> None:
    install(estate.path, python.parent, python)
    before = estate.git("count-objects", "-v")
    result = push(estate, {"environments/pas/compose.yaml": b"evil\n"})
    assert result.returncode != 0
    assert "remote:   environments/pas/compose.yaml: vendor:acme may only touch" in result.stderr
    assert "Traceback" not in result.stderr
    assert estate.tip() == estate.first
    assert estate.git("count-objects", "-v") == before
    assert not (python.parent / "poked").exists()


def test_a_real_push_of_any_other_ref_a_rewind_or_a_deletion_is_refused(
    estate: GitEstate, python: Path
) -> None:
    install(estate.path, python.parent, python)
    tip = estate.advance(estate.commit({MANIFEST: b"version: 2\n"}))
    refs = ["heads/other", "heads/enrol/eve", "tags/v1", "tags/main", "notes/commits"]
    specs = [f"{tip}:refs/{ref}" for ref in (*refs, f"replace/{tip}", f"replace/{estate.first}")]
    for spec in (*specs, ":main", f"+{estate.first}:main"):
        assert real_push(estate, spec).returncode != 0, spec
    assert estate.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert estate.tip() == tip


def test_installs_both_hooks_twice_to_the_same_end(estate: GitEstate, python: Path) -> None:
    installed = install(estate.path, python.parent, python)
    first = [(hook.read_text(), hook.stat().st_mode & 0o777) for hook in installed]
    assert install(estate.path, python.parent, python) == installed
    assert [(hook.read_text(), hook.stat().st_mode & 0o777) for hook in installed] == first
    assert [mode for _, mode in first] == [0o755, 0o755]
    assert sorted(path.name for path in (estate.path / "hooks").iterdir()) == sorted(HOOKS)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("receive.fsckObjects", "true"),
        ("receive.denyDeletes", "true"),
        ("receive.denyNonFastForwards", "true"),
        ("core.logAllRefUpdates", "true"),
        ("core.hooksPath", "hooks"),
        ("gc.reflogExpire", "never"),
    ],
)
def test_sets_what_git_itself_must_refuse(
    estate: GitEstate, python: Path, setting: str, value: str
) -> None:
    install(estate.path, python.parent, python)
    assert estate.git("config", "--local", setting) == value


def test_does_not_touch_a_hook_that_somebody_else_wrote(estate: GitEstate, python: Path) -> None:
    hook = estate.path / "hooks" / "post-receive"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho mine\n")
    with pytest.raises(BadInputError, match="was not written by ClinOps"):
        install(estate.path, python.parent, python)
    assert hook.read_text() == "#!/bin/sh\necho mine\n"
    assert not (hook.parent / "pre-receive").exists()


def test_keeps_a_foreign_hook_when_told_to_replace_it(estate: GitEstate, python: Path) -> None:
    hook = estate.path / "hooks" / "post-receive"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho mine\n")
    install(estate.path, python.parent, python, replace=True)
    kept = hook.with_name("post-receive.before-clinops")
    assert kept.read_text() == "#!/bin/sh\necho mine\n"
    assert hook.read_text().endswith("hook post-receive\n")


def test_never_overwrites_a_hook_that_it_kept_before(estate: GitEstate, python: Path) -> None:
    hook = estate.path / "hooks" / "post-receive"
    hook.parent.mkdir()
    hook.write_text("second\n")
    kept = hook.with_name("post-receive.before-clinops")
    kept.write_text("first\n")
    with pytest.raises(BadInputError, match="is in the way"):
        install(estate.path, python.parent, python, replace=True)
    assert (hook.read_text(), kept.read_text()) == ("second\n", "first\n")


def test_refuses_what_is_no_bare_repository(tmp_path: Path, python: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "clone")], check=True)
    for place in ("clone", "clone/.git", "nowhere"):
        with pytest.raises(NotFoundError, match="not a bare git repository"):
            install(tmp_path / place, tmp_path, python)

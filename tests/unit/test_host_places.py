"""Where kit's files may lie: a home that cannot be had is said by name, before anything is made."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kit import files, workspace
from kit.host import places
from tests.support.program import ROOT, Program, Ran

STRANGER = 12345  # no account of any computer
needs_root = pytest.mark.usefixtures("stranger")


def as_stranger(variables: Mapping[str, str], *words: str) -> Ran:
    """kit as a user without a home, without groups and, unless `variables` say so, without HOME."""
    environment = {key: value for key, value in os.environ.items() if key != "HOME" and not key.startswith("KIT_")}
    argv = ["setpriv", f"--reuid={STRANGER}", "--clear-groups", sys.executable, "-m", "kit", "--stack", "elsewhere", *words]
    ran = subprocess.run(
        argv,
        env={**environment, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **variables},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture(scope="module")
def stranger() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can run kit as somebody else")
    if as_stranger({}, "--version").exit_code != 0:
        pytest.skip("this Python lies where nobody but root reaches it")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a stranger can reach: pytest's own are for their owner."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# -- no home


@pytest.mark.parametrize("words", [("status",), ("up", "--local"), ("purge", "--yes"), ("doctor",)])
@needs_root
def test_without_a_home_and_an_account_the_variables_are_named(words: tuple[str, ...]) -> None:
    ran = as_stranger({}, *words)
    assert ran.exit_code == 26
    assert "KIT-HOME-UNKNOWN" in ran.stderr
    assert f"user {STRANGER} has no account" in ran.stderr
    assert "export KIT_HOME=… KIT_CACHE=…" in ran.stderr


@needs_root
def test_with_the_variables_a_user_without_an_account_is_served(open_folder: Path) -> None:
    own = open_folder / "own"
    own.mkdir()
    os.chown(own, STRANGER, STRANGER)
    ran = as_stranger(
        {"KIT_HOME": str(own), "KIT_CACHE": str(own / "cache"), "DOCKER_HOST": "unix:///nowhere/s"}, "up", "--local"
    )
    assert "KIT-ENGINE-NOT-RUNNING" in ran.stderr  # so far it went


def test_help_needs_no_home(tmp_path: Path) -> None:
    assert Program(tmp_path, "x", {"HOME": "/nonexistent"})("--help").exit_code == 0


@pytest.mark.parametrize("variables", [{}, {"KIT_CACHE": "~/cache"}, {"KIT_CACHE": "/c", "KIT_HOME": "~/home"}])
def test_a_home_that_nobody_knows_is_one_named_error(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "KIT_HOME", "KIT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(workspace.HomeUnknown):
        workspace.find("x")


# -- a path that cannot be mounted


@pytest.mark.parametrize("variable", ["KIT_HOME", "KIT_CACHE"])
@pytest.mark.parametrize("name", ["kit:prod", "2026-11-28T10:00", "a${b"])
def test_a_path_that_compose_would_take_apart_is_refused_at_once(tmp_path: Path, variable: str, name: str) -> None:
    ran = Program(tmp_path, "x", {variable: str(tmp_path / name)})("up", "--local", "-o", "json")
    assert (ran.exit_code, ran.json["error"]["code"]) == (26, "KIT-PATH-UNFIT")
    assert variable in ran.json["error"]["fix"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "a,b", "a$b", "a#b", "a'b", 'a"b', "дом", "a\\b", "{a}"])
def test_any_other_path_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path / name))
    assert workspace.find("x").home == tmp_path / name


# -- not ours to write or read


@pytest.mark.parametrize(("variables", "named"), [({"KIT_HOME": "/proc/x"}, "KIT_HOME"), ({"KIT_CACHE": "/proc/x"}, "KIT_CACHE")])
def test_a_home_that_cannot_be_written_is_named_before_anything_is_made(
    tmp_path: Path, variables: Mapping[str, str], named: str
) -> None:
    ran = Program(tmp_path, "x", variables)("up", "--local", "-o", "json")
    error = ran.json["error"]
    assert (ran.exit_code, error["code"], error["what"]) == (27, "KIT-PLACE-FORBIDDEN", "kit cannot write to /proc")
    assert f"export {named}=" in error["fix"]
    assert "chown" not in error["fix"]
    assert list(tmp_path.iterdir()) == []


@needs_root
@pytest.mark.parametrize("words", [("status",), ("up", "--local"), ("purge", "--yes"), ("env",)])
def test_files_of_another_user_are_said_to_be_his(open_folder: Path, words: tuple[str, ...]) -> None:
    """`sudo kit up --local`, and then kit as oneself."""
    state = open_folder / ".kit" / "elsewhere"
    files.private_folder(state)
    (state / "secrets.json").touch(files.PRIVATE)
    open_folder.chmod(0o777)
    ran = as_stranger({"KIT_HOME": str(open_folder), "KIT_CACHE": str(open_folder / "cache")}, *words)
    assert ran.exit_code == 27
    assert f"it belongs to root, and kit runs as user {STRANGER}" in ran.stderr
    assert f"chown -R $(id -u):$(id -g) {state}" in ran.stderr


@needs_root
def test_a_folder_that_kit_has_not_made_is_never_to_be_handed_over(open_folder: Path) -> None:
    ran = as_stranger({"KIT_HOME": str(open_folder / "x"), "KIT_CACHE": "/tmp"}, "up", "--local")
    assert ran.exit_code == 27
    assert f"kit cannot write to {open_folder}" in ran.stderr
    assert "chown" not in ran.stderr


def test_an_unforeseen_refusal_of_the_system_is_named_too() -> None:
    with pytest.raises(OSError, match="/proc") as caught:
        Path("/proc/x/y").write_text("")
    assert places.refusal(caught.value) is None  # what is not there is another matter
    refused = places.refusal(PermissionError(13, "Permission denied", "/srv/a"))
    assert refused is not None
    assert refused.what == "kit cannot use /srv/a"


# -- modes


@pytest.fixture
def windows_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What WSL shows of /mnt/c without `metadata`: every file has every bit, whatever mode it is given.

    microsoft/WSL#5956 (2020): `chmod -v 600` reports success, and `stat` says 777.
    """
    original = os.fstat

    def everything(descriptor: int) -> os.stat_result:
        found = list(original(descriptor))
        found[0] = stat.S_IFREG | 0o777
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", everything)


@pytest.mark.usefixtures("windows_disk")
def test_no_secret_is_written_where_modes_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(files.ModeNotKept) as caught:
        files.write(tmp_path / "secrets.json", "a password", files.PRIVATE)
    assert "777" in caught.value.why
    assert "KIT_HOME" in caught.value.fix
    assert list(tmp_path.iterdir()) == []
    files.write(tmp_path / "ports.json", "{}")  # what is no secret may lie there


@pytest.mark.usefixtures("windows_disk")
def test_it_is_looked_at_before_anything_is_made(tmp_path: Path) -> None:
    space = workspace.Workspace("x", tmp_path, tmp_path / "home", tmp_path / "cache")
    with pytest.raises(files.ModeNotKept):
        places.check_writable(space)
    assert list(tmp_path.iterdir()) == []


def test_looking_leaves_nothing(tmp_path: Path) -> None:
    places.check_writable(workspace.Workspace("x", tmp_path, tmp_path / "home", tmp_path / "cache"))
    assert list(tmp_path.iterdir()) == []

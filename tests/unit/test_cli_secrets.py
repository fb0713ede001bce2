"""Secrets that the user gives: kept for the user alone, shown by name alone, and missed before anything is made."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from kit.blueprint.stack import Mail, Stack
from kit.endpoints import Secret
from kit.sentry import credentials
from kit.state import given, secrets
from kit.targets import given as targets
from kit.targets.given import MailPasswordMissing
from kit.targets.local import plan
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace
from tests.support.holding import holding
from tests.support.program import Program, Ran

MAIL = Mail("smtp.example.org", "sentry@example.org", user="sentry")
KEY = "-----BEGIN KEY-----\nhunter2\n-----END KEY-----\n"


@pytest.fixture
def kit(tmp_path: Path) -> Program:
    return Program(tmp_path, "given")


def give(kit: Program, text: str, *words: str) -> Ran:
    argv = kit.argv("secrets", *words)
    ran = subprocess.run(argv, input=text, env=kit.environment(), cwd=kit.home, capture_output=True, text=True, check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_what_is_given_is_kept_and_shown_by_name_alone(kit: Program) -> None:
    for name, text in (("mail", "hunter2\n"), ("github-private-key", KEY)):
        ran = give(kit, text, "set", name)
        assert (ran.exit_code, ran.stdout) == (0, "")
        assert "hunter2" not in ran.stderr
    listed = kit.must("secrets", "list")
    assert [line.split()[:2] for line in listed.stdout.splitlines()] == [["github-private-key", "given"], ["mail", "given"]]
    assert "hunter2" not in listed.stdout + kit.must("secrets", "list", "-o", "json").stdout
    assert kit.must("secrets", "show", "mail").stdout == "hunter2\n", "the line's end is not the password's"
    assert kit.must("secrets", "show", "github-private-key").stdout == KEY + "\n"
    file = kit.home / ".kit" / "given" / given.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_given_in_the_cloud_is_apart(kit: Program) -> None:
    assert give(kit, "one", "set", "mail").exit_code == 0
    assert give(kit, "two", "set", "mail", "--cloud").exit_code == 0
    assert kit.must("secrets", "show", "mail").stdout == "one\n"
    assert kit.must("secrets", "show", "mail", "--cloud").stdout == "two\n"


def test_what_is_forgotten_is_gone(kit: Program) -> None:
    give(kit, "hunter2", "set", "mail")
    kit.must("secrets", "forget", "mail")
    assert "hunter2" not in (kit.home / ".kit" / "given" / given.FILE).read_text()
    for words in (("show", "mail"), ("forget", "mail")):
        ran = kit("secrets", *words)
        assert ran.exit_code == 10
        assert "KIT-SECRET-UNKNOWN" in ran.stderr


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("Mail Password", "x", "lower-case"),
        ("../mail", "x", "lower-case"),
        ("mail", "\n", "nothing was given"),
        ("a" * 70, "x", "63"),
    ],
)
def test_what_cannot_be_kept_is_refused(kit: Program, name: str, text: str, why: str) -> None:
    ran = give(kit, text, "set", name)
    assert ran.exit_code == 10
    assert "KIT-SECRET-UNFIT" in ran.stderr
    assert why in " ".join(ran.stderr.split())


# -- what a target makes of it


@pytest.fixture
def local(tmp_path: Path) -> LocalTarget:
    return LocalTarget(Stack(name="given", mail=MAIL), Workspace("given", tmp_path, tmp_path, tmp_path / "cache"))


def test_a_login_without_its_password_is_missed_before_anything_is_made(local: LocalTarget) -> None:
    """The first thing that a plan asks: no engine has been looked at by then."""
    local.__dict__["docker"] = None
    with pytest.raises(MailPasswordMissing) as refused:
        plan.plan(local)
    assert (refused.value.code, refused.value.exit_code) == ("KIT-MAIL-PASSWORD", 17)
    assert "kit secrets set mail" in refused.value.fix


def test_the_password_is_what_the_variable_says_and_then_what_is_kept(
    local: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding(local.workspace):
        given.keep(local.given_file, given.MAIL, "kept")
    assert local.given_secrets().mail == Secret("kept")
    monkeypatch.setenv(given.MAIL_VARIABLE, "said")
    assert local.given_secrets().mail == Secret("said")
    with holding(local.workspace):
        given.keep_variable(local.given_file)
    monkeypatch.delenv(given.MAIL_VARIABLE)
    assert local.given_secrets().mail == Secret("said")


def test_only_what_is_wanted_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    for name in (given.MAIL, "slack-token"):
        given.keep(path, name, f"{name}-in-clear")
    own = {"slack-token": Secret("slack-token-in-clear")}
    assert targets.secrets(path, None) == credentials.GivenSecrets(None, own)
    assert targets.secrets(path, Mail("smtp.example.org", "a@b")) == credentials.GivenSecrets(None, own)
    assert targets.secrets(path, MAIL) == credentials.GivenSecrets(Secret("mail-in-clear"), own)


def test_a_damaged_file_is_an_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    path.write_text('{"mail": ')
    with pytest.raises(secrets.SecretsCorrupt):
        given.keep(path, "mail", "x")
    assert path.read_text() == '{"mail": '

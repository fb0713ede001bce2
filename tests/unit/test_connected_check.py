"""docs/connected-check.sh: it goes on after each failure, times each step, leaves one folder, and tells nothing that is private.

`make`, `kit` and `docker` are stand-ins here, which fail as they are told to: what is looked at is the script.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "connected-check.sh"
STEPS = ["computer", "variables", "docker-version", "docker-info", "install", "doctor", "upstream", "before"]
STEPS += ["up", "again", "verify", "images", "status", "purge"]
PASSWORD = "hunter2"
KIT = """#!/bin/sh
echo "$KIT_STACK $*" >> "$CALLS"
mkdir -p "$KIT_CACHE/logs" && echo "a build said" > "$KIT_CACHE/logs/kind-1.log"
echo "out of $1" && echo "error of $1" >&2
[ "$1" != "$FAILS" ]
"""


@dataclass(frozen=True)
class Ran:
    exit_code: int
    said: str
    checkout: Path
    calls: list[str]

    @property
    def folder(self) -> Path:
        return self.checkout / "connected-check"

    @property
    def summary(self) -> list[tuple[str, str]]:
        """(exit code, step), in the order in which they ran."""
        lines = (self.folder / "summary.txt").read_text().splitlines()
        return [match.groups() for line in lines if (match := re.fullmatch(r"exit (\d+) after \d+ s: ([a-z-]+)", line))]  # type: ignore[misc]


def run(checkout: Path, fails: str = "", has_docker: bool = True) -> Ran:
    """Run the script in a checkout with these stand-ins; `fails` is the command of kit that does."""
    bin, venv, calls = checkout.parent / "bin", checkout / ".venv" / "bin", checkout.parent / "calls"
    for folder in (checkout / "docs", bin, venv):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SCRIPT, checkout / "docs")
    programs = {bin / "make": '#!/bin/sh\necho "make $*" >> "$CALLS"\n', venv / "kit": KIT}
    for path, text in (programs | ({bin / "docker": "#!/bin/sh\necho engine\n"} if has_docker else {})).items():
        path.write_text(text)
        path.chmod(0o755)
    for name in ("sh", "date", "dirname", "mkdir", "tee", "cp", "rm", "tar", "gzip", "grep", "uname", "head", "df", "python3"):
        if not (bin / name).exists():
            (bin / name).symlink_to(shutil.which(name) or name)
    environment = {
        "PATH": str(bin),
        "HOME": str(checkout.parent),
        "CALLS": str(calls),
        "FAILS": fails,
        "HTTPS_PROXY": f"http://user:{PASSWORD}@proxy.example:3128",
        "KIT_FILES_PREFIX": f"https://user:{PASSWORD}@mirror.example/",
        "KIT_CACHE": str(checkout.parent / "cache of the user"),
    }
    argv = ["sh", str(checkout / "docs" / SCRIPT.name)]
    ran = subprocess.run(argv, cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=False)
    return Ran(ran.returncode, ran.stdout + ran.stderr, checkout, calls.read_text().splitlines() if calls.exists() else [])


def test_it_is_a_program_in_a_shell_that_every_system_has() -> None:
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text().startswith("#!/bin/sh\n")
    for shell in ("sh", "bash --posix", "dash", "busybox sh"):
        if shutil.which(shell.split()[0]):
            subprocess.run([*shell.split(), "-n", str(SCRIPT)], check=True)
    assert not re.search(r"\[\[|(?<!-)\blocal\b|\bfunction\b|\bsource\b|<<<|\bpipefail\b|\$'|&>", SCRIPT.read_text())


def test_everything_is_walked_in_order_under_a_stack_and_a_cache_of_its_own(tmp_path: Path) -> None:
    ran = run(tmp_path / "a checkout")
    assert ran.exit_code == 0, ran.said
    assert ran.summary == [("0", step) for step in STEPS]
    assert ran.calls[:2] == ["make --version", "make .venv/.installed"]
    assert ran.calls[2:] == [
        f"connected-check {words}"
        for words in (
            "doctor",
            "images verify -o json",
            "images list -o json",
            "up --local",
            "up --local --plan",
            "verify",
            "images list -o json",
            "status",
            "purge --yes",
        )
    ]
    assert not (tmp_path / "cache of the user").exists()
    assert not (ran.checkout / ".connected-check").exists()
    assert (ran.folder / "up.txt").read_text() == "out of up\n"
    assert (ran.folder / "up.err").read_text() == "error of up\n"


@pytest.mark.parametrize("fails", ["doctor", "up", "verify", "purge"])
def test_it_goes_on_after_a_failure_and_says_so_at_its_end(tmp_path: Path, fails: str) -> None:
    ran = run(tmp_path / "checkout", fails)
    assert [step for _, step in ran.summary] == STEPS
    failed = {step for code, step in ran.summary if code != "0"}
    assert failed == {fails} | ({"again"} if fails == "up" else set())
    assert ran.exit_code == 1
    assert "attach connected-check.tar.gz to an issue of the project" in ran.said


def test_a_computer_without_an_engine_is_described_all_the_same(tmp_path: Path) -> None:
    ran = run(tmp_path / "checkout", has_docker=False)
    assert {step for code, step in ran.summary if code == "127"} == {"docker-version", "docker-info"}
    assert "make .venv/.installed" in ran.calls


def test_one_file_holds_everything_and_nothing_private(tmp_path: Path) -> None:
    ran = run(tmp_path / "checkout", "up")
    with tarfile.open(ran.checkout / "connected-check.tar.gz") as tar:
        names = set(tar.getnames())
    assert {f"connected-check/{step}.txt" for step in STEPS} <= names
    assert {"connected-check/summary.txt", "connected-check/logs/kind-1.log"} <= names
    written = "".join(path.read_text() for path in ran.folder.rglob("*") if path.is_file())
    assert "HTTPS_PROXY is set\nKIT_FILES_PREFIX is set\n" in written
    assert PASSWORD not in written + ran.said


def test_of_the_engine_only_named_facts_are_asked() -> None:
    """The whole of `docker info` has mirrors, proxies, labels and the computer's name."""
    asked = re.findall(r"\{\{\.(\w+)", SCRIPT.read_text())
    assert "docker info --format" in SCRIPT.read_text()
    private = {"RegistryConfig", "HttpProxy", "HttpsProxy", "NoProxy", "Labels", "Name", "Swarm", "ID", "Username"}
    assert asked
    assert not private & set(asked)


def test_what_an_earlier_run_left_is_not_mixed_with_a_new_one(tmp_path: Path) -> None:
    first = run(tmp_path / "checkout")
    kept = (first.folder / "summary.txt").read_text()
    second = run(tmp_path / "checkout")
    assert second.exit_code == 1
    assert "an earlier run left these" in second.said
    assert second.calls == first.calls
    assert (first.folder / "summary.txt").read_text() == kept

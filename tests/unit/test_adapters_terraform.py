"""The door to terraform: what it is called with, and what becomes of its answers."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.process import Result
from kit.adapters.terraform.errors import StateLocked, TerraformFailed
from kit.adapters.terraform.program import Terraform, Version, event_of

FOLDER, DATA = Path("/configuration"), Path("/data")
REFUSED = {
    "severity": "error",
    "summary": "Invalid value for variable",
    "detail": "The size must be one of small, medium or large; hunter2 is not.",
    "range": {"filename": "variables.tf", "start": {"line": 12}},
}
LOCKED = {
    "severity": "error",
    "summary": "Error acquiring the state lock",
    "detail": "Error message: conflict\nLock Info:\n  ID:        3b1d2f3a-aaaa\n  Who:       someone",
}
AS_TEXT = """╷
│ Error: Failed to query available provider packages
│
│   on main.tf line 3, in terraform:
│    3:   required_providers {
│
│ Could not retrieve the list of available versions
╵
"""


def event(diagnostic: dict[str, Any]) -> str:
    return json.dumps({"@level": "error", "type": "diagnostic", "diagnostic": diagnostic}) + "\n"


@dataclass
class Said:
    """Terraform as a recording: it answers with what it was given, and keeps how it was called and what lay in its files."""

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    calls: list[tuple[str, ...]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    variables: Any = None
    mode: int = 0

    def __call__(self, argv: Sequence[str], *, on_line: Callable[[str], None] | None = None, **options: Any) -> Result:
        self.calls.append(tuple(argv))
        self.options = options
        for word in argv:
            option, _, path = word.partition("=")
            if option in ("-var-file", "-backend-config"):
                self.variables, self.mode = json.loads(Path(path).read_text()), stat.S_IMODE(Path(path).stat().st_mode)
        for line in self.stdout.splitlines() if on_line else ():
            on_line(line) if on_line else None
        return Result(tuple(argv), self.exit_code, self.stdout, self.stderr)

    @property
    def terraform(self) -> Terraform:
        return Terraform(Path("terraform"), {"YC_ENDPOINT": "here"}, self, self, secrets=("hunter2",))


def test_variables_go_in_by_a_file_that_only_the_user_reads_and_that_is_gone_afterwards(tmp_path: Path) -> None:
    said = Said(exit_code=2)
    assert said.terraform.at(FOLDER, DATA).plan(tmp_path / "plan", {"password": "hunter2"}) is True
    assert said.variables == {"password": "hunter2"}
    assert said.mode == 0o600
    argv = said.calls[0]
    assert "hunter2" not in " ".join(argv)
    assert not Path(next(word for word in argv if word.startswith("-var-file=")).partition("=")[2]).exists()
    assert argv[:3] == ("terraform", "-chdir=/configuration", "plan")
    assert stat.S_IMODE((tmp_path / "plan").stat().st_mode) == 0o600


def test_every_call_is_quiet_and_knows_its_own_data_folder() -> None:
    said = Said(stdout="{}")
    said.terraform.at(FOLDER, DATA).show_state()
    env = said.options["env"]
    assert {
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_DATA_DIR": "/data",
        "YC_ENDPOINT": "here",
    }.items() <= env.items()


def test_a_plan_without_changes_is_told_from_one_with_them(tmp_path: Path) -> None:
    assert Said(exit_code=0).terraform.at(FOLDER, DATA).plan(tmp_path / "plan", {}) is False


def test_events_come_one_by_one_and_plain_words_are_passed_over(tmp_path: Path) -> None:
    said = Said(stdout='Initializing…\n{"type":"apply_start"}\n{"type":"apply_complete"}\n')
    events: list[Any] = []
    said.terraform.at(FOLDER, DATA).apply(tmp_path / "plan", events.append)
    assert [each["type"] for each in events] == ["apply_start", "apply_complete"]
    assert not any(word.startswith("-var-file") for word in said.calls[0]), "a plan knows its variables"
    assert event_of("{broken") is None


def test_a_refusal_tells_its_first_diagnostic_and_its_place(tmp_path: Path) -> None:
    said = Said(1, event(REFUSED))
    with pytest.raises(TerraformFailed) as caught:
        said.terraform.at(FOLDER, DATA).plan(tmp_path / "plan", {})
    error = caught.value
    assert error.what == "terraform could not plan: Invalid value for variable"
    assert error.why == "The size must be one of small, medium or large; *** is not. [variables.tf:12]"
    assert error.fix == "mend variables.tf:12"
    assert "hunter2" not in error.detail


def test_a_locked_state_names_its_lock(tmp_path: Path) -> None:
    said = Said(1, event(LOCKED))
    with pytest.raises(StateLocked) as caught:
        said.terraform.at(FOLDER, DATA).plan(tmp_path / "plan", {})
    assert caught.value.lock == "3b1d2f3a-aaaa"
    assert "force-unlock 3b1d2f3a-aaaa" in caught.value.fix


def test_a_refusal_in_words_is_read_too() -> None:
    with pytest.raises(TerraformFailed) as caught:
        Said(1, stderr=AS_TEXT).terraform.at(FOLDER, DATA).init()
    assert caught.value.what == "terraform could not init: Failed to query available provider packages"
    assert caught.value.why == "Could not retrieve the list of available versions [main.tf:3]"


def test_a_refusal_without_any_diagnostic_says_what_was_said() -> None:
    with pytest.raises(TerraformFailed, match="could not output") as caught:
        Said(3, stderr="Segmentation fault").terraform.at(FOLDER, DATA).output()
    assert caught.value.why == "Segmentation fault"


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ("Terraform v1.11.4\non linux_amd64\n", Version("Terraform", "1.11.4")),
        ("OpenTofu v1.12.6\non linux_amd64\n", Version("OpenTofu", "1.12.6")),
        ("There are some problems\n\nTerraform v1.13.0-rc1\n", Version("Terraform", "1.13.0-rc1")),
    ],
)
def test_both_products_tell_their_version(words: str, version: Version) -> None:
    assert Said(stdout=words).terraform.version() == version

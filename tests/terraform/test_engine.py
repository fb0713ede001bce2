"""The door to terraform with the real program: modules evaluated, plans made and applied, refusals understood."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.terraform.errors import StateLocked, TerraformFailed
from kit.adapters.terraform.program import Configuration, Terraform
from tests.support.signals import taken_as_by_a_command
from tests.support.terraform import opentofu, program

EVALUATED_WITHIN_S = 20.0  # 0.1 s on a quiet machine

MODULE = """
variable "given" {
  type = object({ name = string, sizes = list(number), note = optional(string, "none") })
}

variable "left_out" {
  default = "default"
}

variable "password" {
  type      = string
  sensitive = true
}

output "values" {
  value = {
    name  = upper(var.given.name)
    sizes = var.given.sizes
    note  = var.given.note
    left  = var.left_out
    text  = templatefile("${path.module}/a.tpl", var.given)
  }
}

output "password" {
  value     = var.password
  sensitive = true
}
"""

CONFIGURATION = """
variable "words" {
  type = list(string)
}

resource "terraform_data" "word" {
  for_each = toset(var.words)
  input    = each.key
}

output "words" {
  value = [for word in terraform_data.word : word.output]
}
"""

SLOW = """
resource "terraform_data" "first" {
  provisioner "local-exec" {
    command = "sleep 2"
  }
}

resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
}
"""


@pytest.fixture(scope="module", params=[program, opentofu])
def terraform(request: pytest.FixtureRequest) -> Terraform:
    return Terraform(request.param())


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.tf").write_text(MODULE)
    (folder / "a.tpl").write_text("${jsonencode(sizes)}")
    return folder


def configuration(terraform: Terraform, tmp_path: Path, text: str = CONFIGURATION) -> Configuration:
    folder = tmp_path / "configuration"
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(text)
    return terraform.at(folder, tmp_path / "data")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


GIVEN: dict[str, Any] = {"given": {"name": "zoë\n", "sizes": [1, 2.5]}, "password": "hunter2"}


def test_a_module_is_evaluated_quickly_and_nothing_is_written_into_it(terraform: Terraform, module: Path) -> None:
    before = contents(module)
    began = time.monotonic()
    outputs = terraform.outputs(module, GIVEN)
    took_s = time.monotonic() - began
    assert outputs == {
        "values": {"name": "ZOË\n", "sizes": [1, 2.5], "note": "none", "left": "default", "text": "[1,2.5]"},
        "password": "hunter2",
    }
    assert contents(module) == before
    assert took_s < EVALUATED_WITHIN_S


def test_an_evaluation_is_the_same_whatever_the_users_shell_says(
    terraform: Terraform, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_WORKSPACE", "elsewhere")
    monkeypatch.setenv("TF_CLI_ARGS", "-no-such-flag")
    monkeypatch.setenv("TF_VAR_given", "broken")
    monkeypatch.setenv("TF_VAR_left_out", "of another configuration")
    assert terraform.outputs(module, GIVEN)["values"]["left"] == "default"


def test_a_refused_variable_is_told_with_its_place_and_without_secrets(terraform: Terraform, module: Path) -> None:
    with pytest.raises(TerraformFailed) as caught:
        terraform.outputs(module, {**GIVEN, "given": {"sizes": []}})
    assert "Invalid value for input variable" in caught.value.what
    assert "name" in caught.value.why
    assert "hunter2" not in caught.value.detail + caught.value.fix


def test_plan_apply_and_plan_again_is_empty(terraform: Terraform, tmp_path: Path) -> None:
    here = configuration(terraform, tmp_path)
    here.init()
    variables, plan = {"words": ["a", "b"]}, tmp_path / "plan"
    events: list[Any] = []
    assert here.output() == {}
    assert here.plan(plan, variables) is True
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert [change["change"]["actions"] for change in here.show_plan(plan)["resource_changes"]] == [["create"], ["create"]]
    here.apply(plan, events.append)
    assert [event["hook"]["resource"]["addr"] for event in events if event["type"] == "apply_complete"]
    assert here.output() == {"words": ["a", "b"]}
    assert len(here.show_state()["values"]["root_module"]["resources"]) == 2
    assert here.plan(plan, variables) is False
    assert here.plan(plan, variables, destroy=True) is True
    here.apply(plan)
    assert here.output() == {}


def test_a_hostile_shell_neither_moves_the_state_nor_narrows_the_plan(
    terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made is in the state, and the state is where it always is. An input by TF_VAR_… remains one."""
    monkeypatch.setenv("TF_WORKSPACE", "theirs")
    monkeypatch.setenv("TF_CLI_ARGS_plan", '-target=terraform_data.word["a"]')
    monkeypatch.setenv("TF_CLI_ARGS_apply", "-no-such-flag")
    monkeypatch.setenv("TF_CLI_ARGS_init", "-backend=false")
    monkeypatch.setenv("TF_DATA_DIR", str(tmp_path / "theirs"))
    monkeypatch.setenv("TF_VAR_words", '["a", "b"]')
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    here = configuration(terraform, tmp_path)
    here.init()
    here.plan(tmp_path / "plan", {})
    here.apply(tmp_path / "plan")
    assert here.output() == {"words": ["a", "b"]}
    assert (here.folder / "terraform.tfstate").is_file()
    assert not (here.folder / "terraform.tfstate.d").exists()
    assert not (tmp_path / "theirs").exists()


def test_the_program_tells_which_product_it_is(terraform: Terraform) -> None:
    version = terraform.version()
    assert version.product in ("Terraform", "OpenTofu")
    assert version.number.count(".") == 2


def test_a_mistake_is_told_by_file_and_line(terraform: Terraform, tmp_path: Path) -> None:
    here = configuration(terraform, tmp_path, CONFIGURATION.replace("var.words", "var.wrods"))
    here.init()
    with pytest.raises(TerraformFailed, match="undeclared input variable") as caught:
        here.plan(tmp_path / "plan", {"words": []})
    assert "main.tf:7" in caught.value.why


def test_a_state_in_use_names_its_lock(terraform: Terraform, tmp_path: Path) -> None:
    here = configuration(terraform, tmp_path, SLOW)
    here.init()
    here.plan(tmp_path / "plan", {})
    refused: list[StateLocked] = []

    def on_event(event: Any) -> None:
        if event["type"] == "apply_start" and not refused:
            with pytest.raises(StateLocked) as caught:
                here.plan(tmp_path / "other", {})
            refused.append(caught.value)

    here.apply(tmp_path / "plan", on_event)
    assert refused
    assert refused[0].lock in refused[0].fix


def test_ctrl_c_leaves_a_whole_state_of_what_was_made(terraform: Terraform, tmp_path: Path) -> None:
    here = configuration(terraform, tmp_path, SLOW)
    here.init()
    here.plan(tmp_path / "plan", {})

    def on_event(event: Any) -> None:
        if event["type"] == "apply_start":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), taken_as_by_a_command():
        here.apply(tmp_path / "plan", on_event)
    made = [resource["address"] for resource in here.show_state()["values"]["root_module"]["resources"]]
    assert made == ["terraform_data.first"]
    assert here.plan(tmp_path / "plan", {}) is True, "the state is not locked, and the rest is still to do"

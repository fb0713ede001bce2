"""Ctrl-C while the real provider waits for the cloud: terraform ends by itself, forgets nothing, and the next run goes on.

Only while it waits for an operation. Within the milliseconds of the call that begins one, the provider drops the call and never
learns what it has made: the next run then finds the name taken, and the object must be imported or removed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.terraform.program import Configuration, Terraform
from kit.yandex.contract import TOKEN_PREFIX, NoBacking
from kit.yandex.engine import ids
from kit.yandex.engine.state import Options
from kit.yandex.run import emulator
from kit.yandex.run.emulator import Emulator
from tests.support.signals import taken_as_by_a_command
from tests.support.terraform import opentofu, program, provider_environment

TOKEN = f"{TOKEN_PREFIX}somebody"
OPERATION_S = 3.0
UNTIL_IT_WAITS_S = 1.0

CONFIGURATION = """
terraform {
  required_providers {
    yandex = {
      source  = "yandex-cloud/yandex"
      version = ">= 0.213.0, < 1.0.0"
    }
  }
}

provider "yandex" {}

resource "yandex_vpc_network" "first" {
  name = "first"
}

resource "yandex_vpc_subnet" "second" {
  name           = "second"
  zone           = "ru-central1-a"
  network_id     = yandex_vpc_network.first.id
  v4_cidr_blocks = ["10.1.0.0/24"]
}
"""


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[Emulator]:
    """A cloud whose operations take their time."""
    certs = tmp_path / "certs"
    certificate, key = emulator.certificate(certs, "interrupted")
    settings = emulator.Settings(None, certificate, key, TOKEN, options=Options(async_s=OPERATION_S))
    with emulator.running(settings, NoBacking()) as running:
        yield running


def variables(running: Emulator, ca_file: Path) -> dict[str, str]:
    return {
        "YC_ENDPOINT": f"localhost:{running.port}",
        "YC_TOKEN": TOKEN,
        "YC_FOLDER_ID": ids.FOLDER,
        "YC_CLOUD_ID": ids.CLOUD,
        "YC_TERRAFORM_INITIALIZATION_SILENCE": "true",
        "SSL_CERT_FILE": str(ca_file),
        "AWS_CA_BUNDLE": "",
    }


def addresses(configuration: Configuration) -> list[str]:
    state = configuration.show_state().get("values", {})
    return [resource["address"] for resource in state.get("root_module", {}).get("resources", ())]


@pytest.mark.parametrize("product", [program, opentofu])
def test_an_interrupted_apply_ends_by_itself_and_the_next_one_goes_on(
    product: Callable[[], Path], emulated: Emulator, tmp_path: Path
) -> None:
    folder, plan = tmp_path / "it", tmp_path / "plan"
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    here = Terraform(
        product(), {**variables(emulated, tmp_path / "certs" / "ca.crt"), **provider_environment(tmp_path / "mirror")}
    ).at(folder, tmp_path / "data")
    here.init()
    here.plan(plan, {})
    events: list[Any] = []

    def on_event(event: Any) -> None:
        events.append(event)
        if event["type"] == "apply_start":
            while not emulated.state.journal.count("vpc.v1.Network"):
                time.sleep(0.05)
            time.sleep(UNTIL_IT_WAITS_S)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), taken_as_by_a_command():
        here.apply(plan, on_event)
    assert sum(event["type"] == "apply_start" for event in events) == 1, "nothing new was begun"
    made = addresses(here)
    assert here.plan(plan, {}) is True, "the state is whole and not locked"
    here.apply(plan)
    assert addresses(here) == ["yandex_vpc_network.first", "yandex_vpc_subnet.second"]
    assert made == ["yandex_vpc_network.first"], "what was begun is known"
    assert here.plan(plan, {}) is False

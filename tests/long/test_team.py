"""Two computers and one stack with all that stands behind it: Sentry in a cluster, real stores, a bucket of the emulator."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.emulator import Terraform
from tests.support.program import Program, Ran
from tests.support.terraform import program, provider_environment
from tests.support.two_homes import share_cloud

NAME = f"team{os.getpid()}"
CLOUD = ("--cloud", "--rehearse")
PATIENCE_S = 2400.0  # where images and tools are to be made first, or the machine is busy
BUCKET = "states-of-the-team"
# What a team makes before: a bucket for the state, and a key that opens it.
STATES = f"""
terraform {{
  required_providers {{
    yandex = {{ source = "yandex-cloud/yandex" }}
  }}
}}

resource "yandex_iam_service_account" "states" {{
  name = "states"
}}

resource "yandex_resourcemanager_folder_iam_member" "states" {{
  folder_id = yandex_iam_service_account.states.folder_id
  role      = "storage.editor"
  member    = "serviceAccount:${{yandex_iam_service_account.states.id}}"
}}

resource "yandex_iam_service_account_static_access_key" "states" {{
  service_account_id = yandex_iam_service_account.states.id
}}

resource "yandex_storage_bucket" "states" {{
  bucket        = "{BUCKET}"
  force_destroy = true
  versioning {{
    enabled = true
  }}
}}

output "key" {{
  value = yandex_iam_service_account_static_access_key.states.access_key
}}

output "secret" {{
  value     = yandex_iam_service_account_static_access_key.states.secret_key
  sensitive = true
}}
"""


@dataclass(frozen=True)
class Team:
    ann: Program
    bob: Program

    def __call__(self, who: str, words: str, *more: str, expect: int = 0) -> Ran:
        ran = getattr(self, who)(*words.split(), *CLOUD, *more, timeout_s=PATIENCE_S)
        assert ran.exit_code == expect, f"{who}: kit {words} → {ran.exit_code}\n{ran.stdout}\n{ran.stderr}"
        return ran  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def team(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    homes = [tmp_path_factory.mktemp(name) for name in ("ann", "bob")]
    share_cloud(*homes, NAME)
    first = Program(homes[0], NAME)
    emulator = first.start("yandex", "emulate", "-o", "json")
    try:
        assert emulator.stdout is not None
        assert select.select([emulator.stdout], [], [], PATIENCE_S)[0], "the emulator is not ready"
        emulator.stdout.readline()
        states = made(first, tmp_path_factory.mktemp("states"))
        opens = {"AWS_ACCESS_KEY_ID": states["key"], "AWS_SECRET_ACCESS_KEY": states["secret"]}
        yield Team(*(Program(home, NAME, opens) for home in homes))
    finally:
        stopped(emulator)
        first("purge", *CLOUD, "--yes", timeout_s=PATIENCE_S)


def made(kit: Program, folder: Path) -> dict[str, str]:
    """The bucket's key, by the plain terraform in a folder of its own."""
    (folder / "main.tf").write_text(STATES)
    environment = {**os.environ, **provider_environment(folder.with_name(f"{folder.name}-mirror"))}
    for name, value in kit.must("yandex", "env", "--provider", "registry", "-o", "json").json.items():
        environment.pop(name, None)
        environment |= {} if value is None else {name: value}
    terraform = Terraform(folder, environment, program())
    terraform.must("init", "-input=false", "-no-color")
    terraform.apply()
    return {name: terraform.must("output", "-raw", name).stdout for name in ("key", "secret")}


def stopped(emulator: subprocess.Popen[str]) -> None:
    emulator.send_signal(signal.SIGTERM)
    emulator.communicate(timeout=120)


def test_two_people_see_and_change_the_same_stack(team: Team) -> None:
    team("ann", "up --yes")
    assert f"/{BUCKET}/" in team("ann", "cloud init-state", "--bucket", BUCKET).stderr

    joined = team("bob", "cloud join", "--bucket", BUCKET)
    assert "!" not in joined.stderr, "kit.yaml is the same, and the cluster answers"
    assert team("bob", "status", "-o", "json").json["components"][-1]["state"] == "ready"
    assert team("bob", "up --plan").stdout.startswith("nothing to do")
    for name in ("redis_password", "sentry_django_key", "sentry_admin_password", "postgres_password"):
        assert team("bob", "secrets show", name).stdout == team("ann", "secrets show", name).stdout
    team("bob", "demo")

    team("bob", "secrets rotate", "redis_password")
    planned = team("ann", "up --plan").stdout
    assert "yandex_mdb_redis_cluster_v2.sentry" in planned, "what one rotates the other brings to the store"
    assert "yandex_mdb_kafka" not in planned
    team("ann", "up --yes")
    assert team("bob", "up --plan").stdout.startswith("nothing to do")
    team("bob", "status")

    (team.bob.home / "kit.yaml").write_text("cloud: {labels: {team: bob}}\n")
    changed = team("bob", "up --plan").stdout
    assert "yandex_vpc_network.sentry" in changed
    assert "create" not in changed
    (team.bob.home / "kit.yaml").unlink()

    team("ann", "down --yes")
    team("bob", "status", expect=4)

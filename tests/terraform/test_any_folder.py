"""`eval "$(kit yandex env)"` and the plain terraform in a folder that has nothing to do with kit, where no registry answers."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import workspace
from kit.yandex.engine import ids
from tests.support.emulator import Running, running
from tests.support.program import Ran
from tests.support.terraform import program, supply

CONFIGURATION = """
terraform {
  required_providers {
    yandex = { source = "yandex-cloud/yandex" }
  }
}
resource "yandex_vpc_network" "one" {
  name = "one"
}
output "folder" { value = yandex_vpc_network.one.folder_id }
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    supply().ensure(["artifact/terraform-provider-yandex"])
    home = tmp_path_factory.mktemp("emulator")
    with running(home, home / "unused") as started:
        yield started


def shell(emulator: Running, folder: Path, script: str, *options: str, **environment: str) -> Ran:
    """A user's shell with terraform on its PATH; `kit yandex env` is evaluated first."""
    env = {name: value for name, value in emulator.program.environment().items() if not name.startswith(("TF_", "YC_"))}
    tool = folder.with_name(f"{folder.name}-bin")
    tool.mkdir(exist_ok=True)
    if not (tool / "terraform").exists():
        (tool / "terraform").symlink_to(program())
    env |= {
        "HOME": str(folder),
        "PATH": f"{tool}{os.pathsep}{env['PATH']}",
        "KIT_CACHE": str(workspace.find("none").cache),
        **environment,
    }
    kit = shlex.join(emulator.program.argv("yandex", "env", *options))
    ran = subprocess.run(
        ["sh", "-c", f'said="$({kit})" && eval "$said" && {script}'],
        cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_plain_terraform_initialises_plans_and_applies_in_any_folder(emulator: Running, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    walk = "terraform init -input=false && terraform plan -input=false && terraform apply -auto-approve -input=false"
    ran = shell(emulator, folder, f"{walk} && terraform output -raw folder")
    assert ran.exit_code == 0, ran.stdout[-2000:] + ran.stderr
    assert ran.stdout.endswith(ids.FOLDER)
    again = shell(
        emulator, folder, "terraform plan -input=false -detailed-exitcode && terraform destroy -auto-approve -input=false"
    )
    assert again.exit_code == 0, again.stdout[-2000:] + again.stderr


def test_a_variable_that_names_no_file_or_one_that_kit_wrote_is_no_configuration_of_the_user_s(
    emulator: Running, tmp_path: Path
) -> None:
    """Evaluated twice in one shell, and after a purge has removed what the first one named."""
    said = 'echo "$TF_CLI_CONFIG_FILE"'
    gone = shell(emulator, tmp_path, said, TF_CLI_CONFIG_FILE=str(tmp_path / "gone.tfrc"))
    ours = gone.stdout.strip()
    assert ours.startswith(str(emulator.program.home)), gone.stderr
    (tmp_path / "other.tfrc").write_text(Path(ours).read_text().replace(str(emulator.program.home), "/another/home"))
    assert shell(emulator, tmp_path, said, TF_CLI_CONFIG_FILE=str(tmp_path / "other.tfrc")).stdout.strip() == ours


@pytest.mark.parametrize("where", ["TF_CLI_CONFIG_FILE", ".terraformrc", ".tofurc"])
def test_the_user_s_own_configuration_is_left_alone_and_that_is_said(where: str, emulator: Running, tmp_path: Path) -> None:
    own = tmp_path / where
    own.write_text('plugin_cache_dir = ""\n')
    named = {where: str(own)} if where.isupper() else {}
    script = 'echo "${TF_CLI_CONFIG_FILE-none}"'
    ran = shell(emulator, tmp_path, script, **named)
    assert ran.stdout.strip() == (str(own) if named else "none")
    assert f"{own} is yours and stays as it is" in ran.stderr
    assert f"kit yandex env --stack {emulator.program.stack} --provider built" in ran.stderr
    built = shell(emulator, tmp_path, script, "--provider", "built", **named)
    assert built.stdout.strip().startswith(str(emulator.program.home))
    assert "stays as it is" not in built.stderr
    asked = shell(emulator, tmp_path, script, "--provider", "registry", **named)
    assert "stays as it is" not in asked.stderr

"""Plans of the shipped configuration by the real provider, from nothing: what it would make, as data.

The configuration is copied, because `init` writes into the folder it works in, and because a user's own files (a state,
variables, overrides) must not decide what a test sees.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.terraform import provider_environment
from tests.terraform.discovery import Discovery, discovery

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
OWN_FILES = ("*.tf", "*.yaml", "tests", "examples", "modules", "topics", "overrides")
# Where these are set they lead the provider elsewhere, or it refuses to configure itself.
FOREIGN = ("AWS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "YC_SERVICE_ACCOUNT_KEY_FILE")

KAFKA_PASSWORD = "kafka-password-of-the-tests-7f3a"
REDIS_PASSWORD = "redis-password-of-the-tests-9c1e"


@dataclass(frozen=True)
class Planned:
    """What `terraform show -json` says of a plan."""

    document: dict[str, Any]
    warnings: tuple[str, ...]
    other_calls: tuple[str, ...]

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Attributes by address; what is known only after apply is missing."""
        return {each["address"]: each["values"] for each in self.document["planned_values"]["root_module"]["resources"]}

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        return {address: values for address, values in self.resources.items() if address.startswith(f"{kind}.")}

    def one(self, kind: str) -> dict[str, Any]:
        (only,) = self.of_type(kind).values()
        return only

    def output(self, name: str) -> Any:
        return self.document["planned_values"]["outputs"][name]["value"]

    def references(self, address: str, argument: str = "") -> list[str]:
        """What the expressions of a resource (or one argument of it) refer to, as written: for what is known only after apply."""
        (resource,) = (each for each in self.document["configuration"]["root_module"]["resources"] if each["address"] == address)
        return list(_references(resource["expressions"].get(argument, {}) if argument else resource["expressions"]))


def _references(expressions: Any) -> Iterator[str]:
    for value in expressions if isinstance(expressions, list) else [expressions]:
        if isinstance(value, dict):
            yield from value.get("references", [])
            for nested in value.values():
                if isinstance(nested, dict | list):
                    yield from _references(nested)


class PlanRefused(Exception):
    """What terraform said, in one piece, without the margins it breaks lines with."""

    def __init__(self, said: str) -> None:
        super().__init__(" ".join(said.replace("│", " ").split()))


@dataclass(frozen=True)
class Planner:
    folder: Path
    server: Discovery
    program: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, variables: Mapping[str, Any], example: str = "") -> Planned:
        seen = len(self.server.other_calls)
        file = self.folder / "of-the-test.tfvars.json"
        file.write_text(json.dumps({"kafka_password": KAFKA_PASSWORD, "redis_password": REDIS_PASSWORD, **variables}))
        plan = self.folder / "of-the-test.tfplan"
        chosen = [f"-var-file=examples/{example}"] if example else []
        ran = self.terraform("plan", "-json", "-input=false", f"-out={plan}", *chosen, f"-var-file={file}")
        diagnostics = [event["diagnostic"] for event in map(json.loads, ran.stdout.splitlines()) if event["type"] == "diagnostic"]
        if ran.returncode != 0:
            raise PlanRefused("\n".join(f"{each['summary']}: {each.get('detail', '')}" for each in diagnostics) or ran.stderr)
        document = json.loads(self.terraform("show", "-json", str(plan)).stdout)
        warnings = tuple(each["summary"] for each in diagnostics if each["severity"] == "warning")
        return Planned(document, warnings, tuple(self.server.other_calls[seen:]))

    def terraform(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(self.program), f"-chdir={self.folder}", *words]
        return subprocess.run(argv, env=dict(self.environment), capture_output=True, text=True, timeout=300, check=False)


def copied(folder: Path) -> Path:
    """The configuration as it is shipped: none of the files that .gitignore keeps out."""
    folder.mkdir()
    for pattern in OWN_FILES:
        for path in TERRAFORM.glob(pattern):
            if path.name.endswith("_override.tf") or path.name == "backend.tf":
                continue
            if path.is_dir():
                shutil.copytree(path, folder / path.name)
            else:
                shutil.copy(path, folder)
    return folder


@contextmanager
def planner(folder: Path, program: Path) -> Iterator[Planner]:
    configuration = copied(folder / "terraform")
    with discovery(folder) as server:
        plain = {name: value for name, value in os.environ.items() if name not in FOREIGN and not name.startswith(("TF_", "YC_"))}
        environment = {**plain, **server.environment, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        made = Planner(configuration, server, program, {**environment, **provider_environment(folder / "mirror")})
        ran = made.terraform("init", "-input=false", "-no-color")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        yield made

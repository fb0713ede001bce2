"""Runs Terraform, or OpenTofu, which takes the same arguments: folders and variables in, outputs, plans and events out.

Variables go in by a file that only this user can read, never as arguments. What terraform refuses comes back as its own
diagnostics: the first is the reason, all of them the detail. A run that changes things is never killed: it holds the lock of the
state and must write down what it has made, so Ctrl-C becomes one SIGINT, which terraform takes as "finish what you are at".
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kit.adapters.child import Environment
from kit.adapters.environment import Withheld
from kit.adapters.process import Result, Runner, Streamer, run, stream
from kit.adapters.terraform.errors import document_in, refusal

EVALUATION_S = 60.0
QUESTION_S = 120.0  # reads of a state that may lie in a bucket
INIT_S = 900.0  # the provider alone is 130 MB
CHANGES = 2  # `plan -detailed-exitcode`: there is something to do

Event = Mapping[str, Any]  # one line of terraform's -json, by its "type": "planned_change", "apply_start", "diagnostic" …

# Where the state lies, which part is planned, what is added to each command (developer.hashicorp.com/terraform/cli/config/
# environment-variables, read 2026-11-28; OpenTofu has the same). Inputs, logging, and where providers and modules come from stay
# the user's, and so does OpenTofu's encryption of the state.
WITHHELD = Withheld(
    ("TF_*",),
    but=("TF_VAR_*", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_*", "TF_REGISTRY_*", "TF_TOKEN_*", "TF_LOG*", "TF_ENCRYPTION"),
)
WITHHELD_FROM_MODULES = Withheld(("TF_*",))  # a module is evaluated with what it is given and nothing else

# Of every call. The rest is for the user: credentials, proxies, logging.
QUIET: Mapping[str, str] = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


@dataclass(frozen=True, slots=True)
class Version:
    product: str  # "Terraform" or "OpenTofu"
    number: str  # "1.11.4"


@dataclass(frozen=True, slots=True)
class Terraform:
    """The program. `environment` is added to this process's, `secrets` are masked in everything that is shown."""

    program: Path
    environment: Environment = field(default_factory=dict)
    runner: Runner = run
    streamer: Streamer = stream
    secrets: Collection[str] = ()

    def version(self) -> Version:
        said = self.runner(
            [str(self.program), "version"], env={**WITHHELD_FROM_MODULES.changes(), **QUIET}, timeout_s=EVALUATION_S
        ).stdout
        found = re.search(r"^(Terraform|OpenTofu) v(\d+\.\d+\.\d+\S*)", said, re.MULTILINE)
        return Version(found.group(1), found.group(2)) if found else Version("", "")

    def outputs(self, folder: Path, variables: Mapping[str, Any]) -> dict[str, Any]:
        """All outputs of a module without providers and without modules of its own, by name.

        Neither `init` nor a write into `folder` is needed: an apply of nothing, with its state in a scratch folder, is the one
        way that takes a module as it lies there and answers in plain JSON, in 80 ms. (`console` does not know outputs; `plan`
        needs a second run of the program.) Raises `TerraformFailed` where the module refuses the variables.
        """
        with _scratch(variables) as (scratch, file):
            state = scratch / "evaluated.tfstate"
            argv = [str(self.program), f"-chdir={folder.absolute()}", "apply", "-json", "-input=false", "-auto-approve"]
            argv += ["-lock=false", "-backup=-", f"-state={state}", f"-var-file={file}"]
            env = {**WITHHELD_FROM_MODULES.changes(), **QUIET, **self.environment, "TF_DATA_DIR": str(scratch / "data")}
            result = self.runner(argv, env=env, timeout_s=EVALUATION_S, secrets=self.secrets, check=False)
            if result.exit_code != 0:
                raise refusal(f"evaluate {folder.name}", result, self.secrets)
            return {name: output["value"] for name, output in json.loads(state.read_text())["outputs"].items()}

    def at(self, folder: Path, data: Path) -> Configuration:
        """A configuration with providers and a state; `data` is terraform's own folder for it (TF_DATA_DIR)."""
        return Configuration(self, folder.absolute(), data.absolute())


@dataclass(frozen=True, slots=True)
class Configuration:
    """The verbs on one configuration. `folder` must be writable for `init`, which keeps the lock of the providers there."""

    terraform: Terraform
    folder: Path
    data: Path

    def with_environment(self, more: Mapping[str, str]) -> Configuration:
        terraform = replace(self.terraform, environment={**self.terraform.environment, **more})
        return replace(self, terraform=terraform)

    def init(self) -> None:
        """Providers, modules and the backend, as the files have them now. A state elsewhere is neither moved nor lost."""
        self._run(["init", "-input=false", "-no-color", "-reconfigure"], timeout_s=INIT_S)

    def move_state(self) -> None:
        """After the backend has changed: what the old one holds is copied into the new one, over what that may hold."""
        self._run(["init", "-input=false", "-no-color", "-migrate-state", "-force-copy"], timeout_s=INIT_S)

    def pull_state(self) -> dict[str, Any] | None:
        """The state as it is stored, from wherever it is; None where there is none."""
        document = document_in(self._run(["state", "pull"], timeout_s=QUESTION_S).stdout)
        return document if document and document.get("lineage") else None  # of none, one without a lineage is invented

    def plan(
        self,
        out: Path,
        variables: Mapping[str, Any],
        on_event: Callable[[Event], None] = lambda event: None,
        *,
        destroy: bool = False,
        refresh_only: bool = False,
        targets: Sequence[str] = (),
    ) -> bool:
        """Write the plan to `out` (0600: it holds the variables); True when there is something to do."""
        out.touch(0o600)
        out.chmod(0o600)
        argv = ["plan", "-json", "-input=false", "-detailed-exitcode", f"-out={out.absolute()}"]
        argv += ["-destroy"] if destroy else []
        argv += ["-refresh-only"] if refresh_only else []
        argv += [f"-target={target}" for target in targets]
        with _scratch(variables) as (_, file):
            result = self._stream([*argv, f"-var-file={file}"], on_event)
        if result.exit_code not in (0, CHANGES):
            raise refusal("plan", result, self.terraform.secrets)
        return result.exit_code == CHANGES

    def show_plan(self, plan: Path) -> dict[str, Any]:
        """The plan as terraform's documented JSON. Values that are marked sensitive stand in it in clear."""
        return self._document(["show", "-json", str(plan.absolute())])

    def apply(
        self, plan: Path, on_event: Callable[[Event], None] = lambda event: None, *, variables: Mapping[str, Any] | None = None
    ) -> None:
        """Do what the plan says, and nothing else. `variables` again only where some are ephemeral: no plan keeps those."""
        argv = ["apply", "-json", "-input=false"]
        with _scratch(variables or {}) as (_, file):
            argv += [f"-var-file={file}"] if variables else []
            result = self._stream([*argv, str(plan.absolute())], on_event)
        if result.exit_code != 0:
            raise refusal("apply the plan", result, self.terraform.secrets)

    def output(self) -> dict[str, Any]:
        """The outputs of the state by name, sensitive ones too; empty where nothing was applied yet."""
        return {name: output["value"] for name, output in self._document(["output", "-json"]).items()}

    def show_state(self) -> dict[str, Any]:
        """The state as terraform's documented JSON; without "values" where there is none."""
        return self._document(["show", "-json"])

    def forget(self, addresses: Sequence[str]) -> None:
        """Take resources out of the state. What they stand for is left as it is."""
        if addresses:
            self._run(["state", "rm", *addresses], timeout_s=QUESTION_S)

    def adopt(self, address: str, id: str, variables: Mapping[str, Any]) -> None:
        """Take into the state what exists already."""
        with _scratch(variables) as (_, file):
            self._run(["import", "-input=false", "-no-color", f"-var-file={file}", address, id], timeout_s=INIT_S)

    def force_unlock(self, lock: str) -> None:
        """Break a lock that a killed run left behind; `StateLocked` names it."""
        self._run(["force-unlock", "-force", lock], timeout_s=QUESTION_S)

    def _document(self, argv: list[str]) -> dict[str, Any]:
        result = self._run(argv, timeout_s=QUESTION_S)
        document = document_in(result.stdout)
        if document is None:
            raise refusal(f"answer {' '.join(argv[:2])}", result, self.terraform.secrets)
        return document

    def _run(self, argv: list[str], *, timeout_s: float, check: bool = True) -> Result:
        result = self.terraform.runner(
            self._argv(argv), env=self._environment(), timeout_s=timeout_s, secrets=self.terraform.secrets, check=False
        )
        if check and result.exit_code != 0:
            raise refusal(argv[0], result, self.terraform.secrets)
        return result

    def _stream(self, argv: list[str], on_event: Callable[[Event], None]) -> Result:
        def on_line(line: str) -> None:
            if (event := event_of(line)) is not None:
                on_event(event)

        return self.terraform.streamer(self._argv(argv), on_line=on_line, env=self._environment(), secrets=self.terraform.secrets)

    def _argv(self, argv: list[str]) -> list[str]:
        return [str(self.terraform.program), f"-chdir={self.folder}", *argv]

    def _environment(self) -> Environment:
        return {**WITHHELD.changes(), **QUIET, **self.terraform.environment, "TF_DATA_DIR": str(self.data)}


def event_of(line: str) -> dict[str, Any] | None:
    """One line of -json output; None for what terraform says in plain words around it."""
    return document_in(line) if line.startswith("{") else None


@contextmanager
def _scratch(variables: Mapping[str, Any]) -> Iterator[tuple[Path, Path]]:
    """A folder of this user's own, gone afterwards, and in it a file with the variables."""
    with tempfile.TemporaryDirectory(prefix="kit-terraform-") as name:
        file = Path(name, "variables.tfvars.json")
        file.touch(0o600)
        file.write_text(json.dumps(variables))
        yield Path(name), file

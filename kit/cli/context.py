"""What every command is given: the user's global options, and workspace, target and supply, made when asked for."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.blueprint.stack import SentryWanted
from kit.errors import KitError

if TYPE_CHECKING:
    from kit.blueprint.stack import Stack
    from kit.machine import Machine
    from kit.supply.supply import Supply
    from kit.targets.cloud.target import CloudTarget
    from kit.targets.contract import Target
    from kit.targets.local.target import LocalTarget
    from kit.workspace import Workspace


# Of `--trust-chart`, wherever settings are executed on this computer.
TRUST_CHART = "Where there is no sandbox, execute the chart's settings as you. Only for a chart of your own making."


class LocalOnly(KitError):
    """A command that knows the local stack alone was asked about the cloud."""

    code = "KIT-LOCAL-ONLY"
    exit_code = 10
    what = "{command} is for the stack on this computer"
    why = "--cloud names the other one, and nothing was done to either"
    fix = "say it without --cloud"


# What to do instead of a command that knows the local stack alone, by its last word.
INSTEAD: Mapping[str, str] = {
    "logs": 'eval "$(kit env --cloud{option})", then kubectl --namespace sentry logs …; the stores\' logs are in the console',
    "topics": "kit up --cloud{option} --plan shows which topics differ; terraform keeps them",
    "show": "the managed stores' certificates are the cloud's: kit verify --cloud{option} holds them against its authority",
    "doctor": "kit up --cloud{option} --plan checks credentials, folder, quotas and versions; this computer: kit doctor",
}


@dataclass(frozen=True)
class Session:
    config_path: str | None
    stack_name: str | None
    output: str
    verbose: bool
    cloud: bool = False
    rehearse: bool = False
    says_local: bool = False  # `--local` was written; it is the default otherwise
    trusts_chart: bool = False
    wait_lock_s: float = 600

    @functools.cached_property
    def stack(self) -> Stack:
        """As kit.yaml describes it; which Sentry the last `kit up` was asked for counts where kit.yaml says nothing.

        Raises `UnknownVariable` for the local stack too: kit.yaml is wrong, whoever it is read for.
        """
        from kit.blueprint import file
        from kit.host import places
        from kit.state import choice

        described = file.load(Path(self.config_path) if self.config_path else None, name=self.stack_name)
        described = dataclasses.replace(described, trusts_chart=self.trusts_chart)
        for warning in described.warnings:
            print(f"! {warning}", file=sys.stderr)
        space = places.find(described.name)
        if described.cloud:
            from kit.targets.cloud import checks

            checks.require_known(space.assets / "terraform", described.cloud)
        state = space.state
        remembered = choice.load(self._cloud_folder(state) if self.cloud else state)
        if remembered is None or choice.alone(described.sentry) != SentryWanted():
            return described
        added = {name: getattr(described.sentry, name) for name in choice.UNREMEMBERED}
        return dataclasses.replace(described, sentry=dataclasses.replace(remembered, **added))

    def _cloud_folder(self, state: Path) -> Path:
        """Of the cloud or of its rehearsal: each remembers its own choice."""
        return state / ("rehearsal" if self.rehearse else "cloud")

    def cloud_target(self, wanted: SentryWanted | None = None) -> CloudTarget:
        """Raises `CloudPackagesMissing` where kit was installed without the extra `cloud`."""
        from kit.adapters.yandex import packages
        from kit.targets.cloud.target import CloudTarget

        packages.require()
        stack = dataclasses.replace(self.stack, sentry=wanted) if wanted else self.stack
        return CloudTarget(stack, self.workspace, rehearses=self.rehearse)

    @contextmanager
    def in_cloud(self, wanted: SentryWanted | None = None) -> Iterator[CloudTarget]:
        """The cloud target, with the emulator beside it where it rehearses and needs it."""
        with self.cloud_target(wanted).opened() as target:
            yield target

    @contextmanager
    def target(self, wanted: SentryWanted | None = None) -> Iterator[Target]:
        """The stack that the options name, as all commands know it; `wanted` is another Sentry than was described."""
        if self.cloud:
            from kit.targets.cloud.commands import CloudCommands

            with self.in_cloud(wanted) as cloud:
                yield CloudCommands(cloud)
            return
        from kit.targets.local.commands import LocalCommands

        yield LocalCommands(self.local.wanting(wanted) if wanted else self.local)

    def sentry_wanted(self, sentry: str | None, profile: str | None, size: str | None, chart: str | None) -> SentryWanted:
        """What was described or remembered, with what the command line says instead."""
        if chart is not None and "://" not in chart:
            chart = str(Path(chart).resolve())  # remembered for calls from other folders
        given = {"flavour": sentry, "profile": profile, "size": size, "chart": chart}
        chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        return dataclasses.replace(self.stack.sentry, **chosen)

    @functools.cached_property
    def workspace(self) -> Workspace:
        from kit.host import places

        return places.find(self.stack.name)

    @functools.cached_property
    def local(self) -> LocalTarget:
        """Raises `LocalOnly` where the cloud was asked for: nothing acts on the local stack by mistake."""
        if self.cloud:
            command = click.get_current_context().command_path
            instead = INSTEAD.get(command.rpartition(" ")[2], LocalOnly.fix)
            raise LocalOnly(command=command, fix=instead.format(option=" --rehearse" if self.rehearse else ""))
        from kit.targets.local.target import LocalTarget

        return LocalTarget(self.stack, self.workspace, self.machine)

    @functools.cached_property
    def machine(self) -> Machine:
        from kit.machine import Machine

        return Machine(self.workspace)

    def supply(self) -> Supply:
        """Tools and images of this computer, whatever stack they are for."""
        return self.machine.supply

    @contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Hold the stack's lock; says on stderr whom it waits for. Raises where nothing could be written under it."""
        from kit.host import places
        from kit.state import lock

        def tell(holder: str) -> None:
            print(f"waiting for {holder}, which works on stack {self.stack.name}", file=sys.stderr)

        places.check_writable(self.workspace)
        with lock.held(self.workspace.lock_file, self.stack.name, command, wait_s=self.wait_lock_s, on_wait=tell):
            yield

    @property
    def is_json(self) -> bool:
        return self.output == "json"

    @property
    def is_interactive(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")

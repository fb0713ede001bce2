"""The cloud target: the stores and the cluster by Terraform in Yandex Cloud, Sentry in it by the common road.

`CloudTarget` is the face that the commands see; `surroundings` has its doors, `planned` what would be done, `deeds` the doing,
`sentry` the release, `status` the look. A rehearsal is the same target with other environment variables: the emulator of the
cloud's API runs beside the command, and everything here asks whatever those variables name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import Stack
from kit.state import lock, markers
from kit.targets.cloud import checks
from kit.targets.cloud.clients import Surroundings
from kit.targets.cloud.errors import NoCloudStack
from kit.targets.cloud.place import Place
from kit.targets.cloud.plan import CloudPlan

if TYPE_CHECKING:
    from kit.endpoints import Secret
    from kit.plan.events import Listener
    from kit.plan.execute import Note
    from kit.plan.steps import Plan
    from kit.sentry.demo.demo import DemoResult
    from kit.sentry.preflight.verdict import Preflight
    from kit.status import Check, Status
    from kit.targets.cloud.outputs import Outputs
    from kit.targets.cloud.sentry import CloudSentry
    from kit.targets.cloud.values import CloudValues
    from kit.workspace import Workspace

__all__ = ["CloudPlan", "CloudTarget"]


def quiet(said: str) -> None:
    """For who does not look."""


class CloudTarget:
    """Used inside `opened()`, which ends what was started for it: the emulator of a rehearsal."""

    def __init__(self, stack: Stack, workspace: Workspace, *, rehearses: bool) -> None:
        self.stack = replace(stack, target="cloud")
        self.workspace = workspace
        self.place = Place(workspace, rehearses)
        self._until = ExitStack()
        self.around = Surroundings(self.stack, self.place, self._until)
        self._outputs: Outputs | None = None

    @property
    def option(self) -> str:
        """What a user adds to `--cloud` for this one."""
        return " --rehearse" if self.place.rehearses else ""

    @contextmanager
    def opened(self) -> Iterator[CloudTarget]:
        try:
            with self._until:
                yield self
        finally:
            if lock.is_ours(self.workspace.lock_file):  # it holds the variables, the secret ones too
                self.place.plan.unlink(missing_ok=True)

    def only(self, part: str | None) -> CloudTarget:
        """Without Sentry, where something else is wanted alone: stores and cluster are one configuration."""
        if part in ("stores", "cluster"):
            self.stack = replace(self.stack, parts=("stores", "cluster"))
            self.around.stack = self.stack
        return self

    # -- what it is made from

    def public_variables(self) -> dict[str, Any]:
        shipped = self.workspace.assets / "terraform"
        return checks.variables(shipped, self.stack, self.around.setting("domain"))

    def variables(self) -> dict[str, Any]:
        """Everything that the configuration is given; the two passwords among them."""
        own = self.around.own
        return {**self.public_variables(), **{name: own[name].reveal() for name in ("kafka_password", "redis_password")}}

    @property
    def is_applied(self) -> bool:
        return checks.MARK in markers.load(self.place.markers)

    @property
    def outputs(self) -> Outputs:
        """Asked for once; raises `NoCloudStack` where nothing was applied."""
        if self._outputs is None:
            from kit.targets.cloud.outputs import Outputs

            document = self.around.reading.output() if self.place.configuration.exists() else {}
            if "kubernetes" not in document:
                raise self.absent()
            self._outputs = Outputs(document, self.around.own, lambda: self.around.yandex)
        return self._outputs

    def forget_outputs(self) -> None:
        """After an apply."""
        self._outputs = None

    @functools.cached_property
    def sentry(self) -> CloudSentry:
        from kit.targets.cloud.sentry import CloudSentry

        return CloudSentry(self.around, lambda: self.outputs)

    # -- plan and its execution

    def told(self, listen: Listener) -> None:
        """Whoever listens also hears of tools and of the provider, which may have to be built."""
        from kit.targets.supply_events import SupplyEvents

        self.around.progress = SupplyEvents(listen)

    def plan(self) -> CloudPlan:
        """Raises what is wrong before anything is made."""
        from kit.targets.cloud import plan as planned

        return planned.plan(self)

    def up(self, planned: CloudPlan, listen: Listener) -> None:
        """Carry out what was planned and allowed."""
        from kit.targets.cloud import apply as deeds

        deeds.up(self, planned, listen)

    def plan_down(self) -> Plan:
        """What would be removed, and what of it holds data. Raises `NoCloudStack`, `Kept`."""
        from kit.targets.cloud import plan as planned

        return planned.down(self)

    def down(self, steps: Plan, listen: Listener) -> tuple[str, ...]:
        """Remove it all; what is left, which is nothing unless something failed."""
        from kit.targets.cloud import teardown

        return teardown.down(self, steps, listen)

    def sweep(self) -> bool:
        """After `down`, once this target was closed: the stack behind a rehearsal. False: something is in it."""
        from kit.targets.cloud import rehearsal

        return rehearsal.sweep(self.around.backing) if self.place.rehearses else True

    def belongings(self) -> tuple[str, ...]:
        from kit.targets.cloud import teardown

        return teardown.belongings(self)

    def purge(self) -> None:
        from kit.targets.cloud import teardown

        teardown.purge(self)

    def move_state(self, bucket: str, key: str, endpoint: str, region: str) -> None:
        from kit.targets.cloud import state

        state.move(self, bucket, key, endpoint, region)

    def unlock(self, lock: str) -> None:
        """Break the lock that a killed run left on the state."""
        self.around.configuration.force_unlock(lock)

    # -- the rest of the user's view

    def status(self) -> Status:
        from kit.targets.cloud import status

        return status.look(self)

    def verify(self, note: Note = quiet) -> tuple[Check, ...]:
        self._must_stand()
        return self.sentry.verify(note)

    def run_preflight(self, note: Note = quiet) -> Preflight:
        self._must_stand()
        return self.sentry.run_preflight(note)

    def demo(self) -> DemoResult:
        self._must_stand()
        return self.sentry.demo()

    def client_env(self) -> Mapping[str, str]:
        self._must_stand()
        return self.sentry.client_env()

    def values(self) -> CloudValues:
        from kit.targets.cloud.values import CloudValues

        self._must_stand()
        return CloudValues(self)

    def absent(self) -> NoCloudStack:
        return NoCloudStack(stack=self.stack.name, where=self.place.where, option=self.option)

    def _must_stand(self) -> None:
        if not self.is_applied:
            raise self.absent()

    def secret_places(self) -> Mapping[str, Mapping[str, Any]]:
        """Name → where it lies. Holds no secret."""
        ours = {name: {"kind": "file", "path": str(self.place.secrets), "in_state": False} for name in self.around.own}
        return {**ours, **self.outputs.document["secrets"]}

    def secret(self, name: str) -> Secret:
        own = self.around.own
        return own[name] if name in own else self.outputs.secret(name)

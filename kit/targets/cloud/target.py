"""The cloud target: stores and cluster by Terraform in Yandex Cloud, Sentry in it as on this computer.

`CloudTarget` is the stack's own data: variables, outputs, secrets, files, and clients that are made on first use. What is done
with a stack stands in the modules beside this one, which take it as their argument. A rehearsal is the same target with other
environment variables: the emulator of the cloud's API runs beside the command, and all of this asks what those variables name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import Stack
from kit.state import lock
from kit.targets.cloud import checks, rehearsal, shared, stack_secret, state
from kit.targets.cloud.clients import Clients
from kit.targets.cloud.errors import NoCloudStack
from kit.targets.cloud.place import Place

if TYPE_CHECKING:
    from kit.endpoints import Secret
    from kit.plan.events import Listener
    from kit.targets.cloud.outputs import Outputs
    from kit.workspace import Workspace


class CloudTarget:
    """Used inside `opened()`, which ends what was started for it: the emulator of a rehearsal."""

    def __init__(self, stack: Stack, workspace: Workspace, *, rehearses: bool) -> None:
        self.stack = replace(stack, target="cloud")
        self.workspace = workspace
        self.place = Place(workspace, rehearses)
        self._until = ExitStack()
        self.clients = Clients(self.stack, self.place, self._until)
        if rehearses and not self.clients.setting("domain"):
            self._stand_in(domain=rehearsal.DOMAIN)
        if rehearses and not self.clients.setting("ingress_cidrs"):
            self._stand_in(ingress_cidrs=[rehearsal.CALLERS])
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
            self.clients.stack = self.stack
        return self

    def _stand_in(self, **variables: Any) -> None:
        """For what nobody named."""
        self.stack = self.clients.stack = replace(self.stack, cloud={**self.stack.cloud, **variables})

    # -- what it is made from

    def public_variables(self) -> dict[str, Any]:
        shipped = self.workspace.assets / "terraform"
        return checks.variables(shipped, self.stack, self.clients.setting("domain"))

    def variables(self) -> dict[str, Any]:
        """Everything that the configuration is given; the two passwords among them. Raises `SharedSecretsMissing`."""
        own, ours = self.clients.own, ("kafka_password", "redis_password")
        if self.place.has_backend and not own.keys() >= set(ours):
            raise shared.missing(self.clients)
        return {**self.public_variables(), **{name: own[name].reveal() for name in ours}}

    @property
    def is_applied(self) -> bool:
        return state.is_begun(self.clients)

    @property
    def outputs(self) -> Outputs:
        """Asked for once; raises `NoCloudStack` where nothing was applied."""
        if self._outputs is None:
            from kit.targets.cloud.outputs import Outputs

            document = self.clients.reading.output() if self.place.configuration.exists() else {}
            if "kubernetes" not in document:
                raise self.absent()
            self._outputs = Outputs(document, lambda: self.clients.own, lambda: self.clients.yandex)
        return self._outputs

    def absent(self) -> NoCloudStack:
        return NoCloudStack(stack=self.stack.name, where=self.place.where, option=self.option)

    def require_applied(self) -> None:
        """Raises `NoCloudStack`, before Terraform is asked for anything."""
        if not self.is_applied:
            raise self.absent()

    def forget_outputs(self) -> None:
        """After an apply."""
        self._outputs = None

    def report_supply_to(self, listen: Listener) -> None:
        """Whoever listens also hears of tools and of the provider, which may have to be built."""
        from kit.targets.supply_events import SupplyEvents

        self.clients.progress = SupplyEvents(listen)

    def secret_places(self) -> Mapping[str, Mapping[str, Any]]:
        """Name → where it lies. Holds no secret."""
        own, given = stack_secret.places(self.place, self.clients.kept)
        return {**own, **self.outputs.document["secrets"], **given}

    def secret(self, name: str) -> Secret:
        own = self.clients.own
        return own[name] if name in own else self.outputs.secret(name)

"""The clients of a cloud target (Terraform, Helm, Kubernetes, Yandex Cloud), each made when it is first asked for.

A rehearsal differs from the real thing here and nowhere else: by the environment. The emulator is started by the first question
that needs a cloud, so that commands which only read terraform's state start none.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import Stack
from kit.machine import Machine
from kit.state import given as state_given
from kit.supply import schedule
from kit.targets.cloud import regions, rehearsal, stack_secret
from kit.targets.cloud.place import Place
from kit.targets.cloud.provider import initialised
from kit.targets.cloud.stack_secret import Kept, StackSecret

if TYPE_CHECKING:
    from kit.adapters.helm import Helm
    from kit.adapters.kubernetes.api import KubeApi
    from kit.adapters.terraform.program import Configuration, Terraform
    from kit.adapters.yandex.client import Yandex
    from kit.endpoints import Secret
    from kit.sentry.credentials import GivenSecrets
    from kit.supply.supply import Supply
    from kit.targets.cloud.regions import Region
    from kit.targets.local.target import LocalTarget

# With it the provider does not configure; what else a shell says is the user's.
UNWELCOME: Mapping[str, str | None] = {"AWS_CA_BUNDLE": None}


class Clients:
    """`until` ends what was started: the emulator."""

    def __init__(self, stack: Stack, place: Place, until: ExitStack) -> None:
        self.stack = stack
        self.place = place
        self._until = until
        self.machine = Machine(place.workspace)
        self.progress: schedule.Progress = schedule.Silent()

    @functools.cached_property
    def changes(self) -> Mapping[str, str | None]:
        """What is different from this process's own environment; None takes a variable away."""
        if not self.place.rehearses:
            return UNWELCOME
        self.place.prepare()
        return self._until.enter_context(rehearsal.emulated(self.place))

    @property
    def environment(self) -> dict[str, str]:
        """As kit's own questions to the cloud see it."""
        found = {name: value for name, value in {**os.environ, **self.changes}.items() if value is not None}
        return {"YC_ENDPOINT": self.region.api, **found}

    @property
    def supply(self) -> Supply:
        return self.machine.supply

    @functools.cached_property
    def backing(self) -> LocalTarget:
        """The local stack behind the emulator."""
        return rehearsal.backing(self.place, self.stack, self.machine)

    @functools.cached_property
    def yandex(self) -> Yandex:
        from kit.adapters.yandex.client import from_environment

        return from_environment(self.environment)

    @functools.cached_property
    def configuration(self) -> Configuration:
        """Initialised, once a run; plans and applies."""
        found = self.terraform(self.changes).at(self.place.configuration, self.place.data)
        return initialised(found, self.supply, self.place.mirror, progress=self.progress)

    @functools.cached_property
    def reading(self) -> Configuration:
        """For the state and its outputs alone: asks neither the provider nor the cloud. Of something that was applied."""
        changes = self.changes if self.place.has_backend else UNWELCOME  # a rehearsal's bucket is the emulator's
        return self.terraform(changes).at(self.place.configuration, self.place.data)

    def terraform(self, environment: Mapping[str, str | None]) -> Terraform:
        """The program, for whatever folder."""
        from kit.adapters.terraform.program import Terraform

        self.place.prepare()
        self.supply.ensure(["tool/terraform"], self.progress)
        known = self.__dict__.get("in_lockbox") or stack_secret.in_files(self.place)  # Lockbox is not asked for what is masked
        own = [secret.reveal() for secret in known.own.values()]
        return Terraform(self.supply.tool("terraform"), environment, secrets=own)

    @functools.cached_property
    def kube(self) -> KubeApi:
        from kit.adapters.kubernetes.api import KubeApi

        return KubeApi(self.place.kubeconfig)

    @functools.cached_property
    def helm(self) -> Helm:
        from kit.adapters.helm import Helm

        self.supply.ensure(["tool/helm"], self.progress)
        return Helm(self.supply.tool("helm"), self.place.kubeconfig)

    @property
    def kept(self) -> Kept:
        """What kit itself made and what the user gave: of a shared stack as Lockbox has it, asked once a command; else the files.

        The files count for a shared stack, too, as long as Lockbox has nothing of it. Raises `SharedSecretsForbidden`.
        """
        return (self.in_lockbox if self.place.has_backend else None) or stack_secret.in_files(self.place)

    @property
    def stack_secret(self) -> StackSecret:
        """Where the secrets of a shared stack are."""
        from kit.adapters.yandex.lockbox import Lockbox

        called = stack_secret.name(self.setting("name_prefix"))
        return StackSecret(Lockbox(self.yandex, self.folder_id), called, self.stack.name)

    @functools.cached_property
    def in_lockbox(self) -> Kept | None:
        """As it was there when it was first asked for; None: there is nothing of this stack."""
        return self.stack_secret.read()

    def forget_lockbox(self) -> None:
        """After it was changed."""
        self.__dict__.pop("in_lockbox", None)

    @property
    def own(self) -> Mapping[str, Secret]:
        """What kit itself made and keeps."""
        return self.kept.own

    @property
    def folder_id(self) -> str:
        """The cloud's folder; "" where nobody named one."""
        return self.setting("folder_id") or self.environment.get("YC_FOLDER_ID") or ""

    def given_secrets(self) -> GivenSecrets:
        """What the user gave. Raises `MailPasswordMissing`."""
        from kit.targets import given

        kept = state_given.with_variable(self.kept.given)
        return given.chosen(kept, self.stack.mail, " --cloud --rehearse" if self.place.rehearses else " --cloud")

    def given(self, name: str) -> Any:
        """A variable that is no text, as the user gave it; None where it is not given, or in words that are no JSON."""
        if name in self.stack.cloud:
            return self.stack.cloud[name]
        try:
            return json.loads(os.environ.get(f"TF_VAR_{name}") or "null")
        except ValueError:
            return None

    def setting(self, name: str) -> str | None:
        """A variable of the configuration as the user gave it: in kit.yaml, else as terraform's own TF_VAR_…"""
        said = self.stack.cloud.get(name)
        if said in (None, "", [], {}):
            return os.environ.get(f"TF_VAR_{name}") or None
        return said if isinstance(said, str) else json.dumps(said)

    @property
    def region(self) -> Region:
        """Raises `RegionUnknown`."""
        return regions.region(self.place.workspace.assets / "terraform", self.setting("region"))

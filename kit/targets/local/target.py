"""The local target: five stores by Compose, a cluster by Kind, on one network of this computer.

`LocalTarget` is the face that the commands see. What it knows of the world it asks for when it is needed, and no more:
`kit status` opens neither Compose nor Kind, `kit env` not even the engine.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files, stores
from kit.blueprint.stack import STORES, Part, SentryWanted, Stack
from kit.endpoints import Endpoints, Secret, Trust
from kit.host.trust import client_variables
from kit.machine import Machine
from kit.plan.steps import Plan
from kit.state import given, ports, secrets
from kit.stores.contract import Credentials
from kit.targets import kubectl
from kit.targets.local import layout
from kit.targets.local.errors import NoStack
from kit.workspace import Workspace

if TYPE_CHECKING:
    from kit.adapters.compose import Compose
    from kit.adapters.docker.client import Docker
    from kit.adapters.kubernetes.api import KubeApi
    from kit.plan.events import Listener
    from kit.sentry.credentials import GivenSecrets
    from kit.sentry.demo.demo import DemoResult
    from kit.status import Check, Status
    from kit.stores.kafka_topics import Comparison, Topic
    from kit.supply import Supply
    from kit.targets.local.sentry import LocalSentry


class LocalTarget:
    def __init__(
        self,
        stack: Stack,
        workspace: Workspace,
        machine: Machine | None = None,
        *,
        chosen_ports: Mapping[str, int] | None = None,
    ) -> None:
        self.stack = stack
        self.workspace = workspace
        self.machine = machine or Machine(workspace)
        self._chosen_ports = chosen_ports

    def only(self, part: Part | str | None) -> LocalTarget:
        """The same stack with one part wanted, and what that part stands on."""
        wanted: Mapping[str | None, tuple[Part, ...]] = {
            None: self.stack.parts,
            "stores": ("stores",),
            "cluster": ("cluster",),
            "sentry": ("stores", "cluster", "sentry"),
        }
        return self._changed(dataclasses.replace(self.stack, parts=wanted[part]))

    def wanting(self, sentry: SentryWanted) -> LocalTarget:
        """The same stack with another Sentry."""
        return self._changed(dataclasses.replace(self.stack, sentry=sentry))

    def _changed(self, stack: Stack) -> LocalTarget:
        return LocalTarget(stack, self.workspace, self.machine)

    def with_ports(self, chosen: Mapping[str, int]) -> LocalTarget:
        """The same target as it will be with these ports, before they are remembered."""
        return LocalTarget(self.stack, self.workspace, self.machine, chosen_ports=chosen)

    # -- clients, each made when it is first asked for

    @property
    def docker(self) -> Docker:
        return self.machine.docker

    @property
    def supply(self) -> Supply:
        return self.machine.supply

    @functools.cached_property
    def kube(self) -> KubeApi:
        from kit.adapters.kubernetes.api import KubeApi

        return KubeApi(self.workspace.kubeconfig)

    @functools.cached_property
    def sentry(self) -> LocalSentry:
        from kit.targets.local.sentry import LocalSentry

        return LocalSentry(self)

    @functools.cached_property
    def store_images(self) -> Mapping[str, str]:
        """Store → the supply's name of its image."""
        from kit.sentry.lines import profiles

        profile = profiles.load(self.stack.sentry.profile)
        return {store: layout.store_image(store, profile) for store in STORES}

    def compose(self) -> Compose:
        from kit.adapters.compose import Compose

        images = {store: self.supply.image(name).reference for store, name in self.store_images.items()}
        return Compose(
            program=self.supply.tool("compose"),
            file=self.workspace.assets / "compose" / "compose.yaml",
            project=self.stack.name,
            variables=layout.variables(self.stack, self.workspace, self.ports(), images, self.container_fingerprints()),
            engine=self.docker.child_environment(),
        )

    # -- what the stack remembers

    @property
    def markers_file(self) -> Path:
        return self.workspace.state / "markers.json"

    @property
    def secrets_file(self) -> Path:
        return self.workspace.state / "secrets.json"

    @property
    def given_file(self) -> Path:
        return self.workspace.state / given.FILE

    @property
    def ports_file(self) -> Path:
        return self.workspace.state / "ports.json"

    def secret_makers(self) -> Mapping[str, Callable[[], str]]:
        from kit.targets.local import sentry

        return {**layout.makers(), **sentry.secret_makers()}

    def secrets(self) -> Mapping[str, Secret]:
        return secrets.load(self.secrets_file)

    def given_secrets(self) -> GivenSecrets:
        """What the user gave. Raises `MailPasswordMissing`."""
        from kit.targets import given as targets

        return targets.secrets(self.given_file, self.stack.mail)

    def credentials(self) -> Credentials:
        found = self.secrets()
        if not found:
            raise NoStack(name=self.stack.name)
        return layout.credentials(found)

    def ports(self) -> Mapping[str, int]:
        return self._chosen_ports or ports.load(self.ports_file)

    def is_made(self) -> bool:
        """Whether all is there that its Sentry's release is made from; none of it need be running."""
        if not self.secrets() or self.leaf_complaints():
            return False
        return not self.supply.plan((*layout.cluster_images(self.stack.sentry), "helm", "terraform"))

    def trust(self) -> Trust:
        return Trust(self.workspace.ca_file)

    def endpoints(self) -> Endpoints:
        """As seen from this computer."""
        known = self.ports()
        if not known:
            raise NoStack(name=self.stack.name)
        return layout.endpoints_from_host(known, self.credentials())

    def container_fingerprints(self) -> Mapping[str, str]:
        logins = self.credentials() if self.secrets_file.exists() else None
        known = self.ports()
        return {name: layout.container_fingerprint(name, self.stack, self.workspace, known, logins) for name in STORES}

    def leaf_complaints(self) -> Mapping[str, str]:
        """Holder → why it needs a new leaf; empty when all serve."""
        from kit.pki import folder

        now = datetime.now(UTC)
        certs = self.workspace.certs
        authority = folder.load_authority(certs, now)
        found = {
            holder: folder.leaf_complaint(certs, holder, authority, names, now)
            for holder, names in layout.holders(self.stack).items()
        }
        return {holder: complaint for holder, complaint in found.items() if complaint}

    # -- cluster

    def cluster_config(self) -> str:
        template, state = (self.workspace.assets / "kind" / "cluster.yaml").read_text(), self.workspace.state
        tokens = state / layout.API_TOKENS
        port = self.ports()[layout.SENTRY_KEY]
        return layout.cluster_config(template, port, state / layout.PATCHES, tokens if tokens.exists() else None)

    def cluster_fingerprint(self) -> str:
        node = self.supply.image("kind-node").reference
        return files.digest(
            {"config": self.cluster_config(), "patches": files.folder_digest(self.kubeadm_patches), "image": node}
        )

    @property
    def kubeadm_patches(self) -> Path:
        return self.workspace.assets / "kind" / "patches"

    def cluster_images(self) -> tuple[str, ...]:
        return tuple(self.supply.image(name).reference for name in layout.cluster_images(self.stack.sentry))

    # -- plan and its execution

    def supply_names(self) -> tuple[str, ...]:
        """What the wanted parts need from the supply."""
        names: list[str] = []
        if "stores" in self.stack.parts:
            names += [*self.store_images.values(), "compose"]
        if "cluster" in self.stack.parts:
            names += ["kind", "kind-node"]
        if "sentry" in self.stack.parts:
            names += [*layout.cluster_images(self.stack.sentry), "helm", "terraform"]
        return tuple(names)

    def plan(self) -> Plan:
        from kit.targets.local import plan as planned

        return planned.plan(self)

    def up(self, listen: Listener, allowed: Callable[[Plan], None] = lambda plan: None) -> None:
        """Bring everything wanted to its desired state; `allowed` may refuse a plan by raising."""
        from kit.targets.local import plan as planned

        planned.carry_out(self, listen, allowed)

    def check_foreign(self) -> None:
        from kit.targets.local import foreign, observe

        seen = observe.ask_engine(self)
        foreign.check_foreign(self, seen)

    def is_dead(self, store: str) -> bool:
        """Whether a store's container has ended, or keeps being restarted."""
        from kit.targets.local import observe

        container = observe.ask_engine(self).store_containers(self.stack.name).get(store)
        return container is None or container.state in ("exited", "dead", "restarting")

    def log_tail(self, store: str, lines: int) -> str:
        return self.docker.logs(f"{self.stack.name}-{store}", tail=lines)

    # -- topics

    def wanted_topics(self) -> tuple[Topic, ...]:
        """Those that the profile's Sentry needs, and the user's own."""
        from kit.sentry.lines import profiles, topics

        wanted = self.stack.sentry
        return topics.wanted(profiles.load(wanted.profile), self.workspace.assets, wanted.topics)

    def compare_topics(self) -> Comparison:
        from kit.sentry.lines import topics

        return topics.read(self.endpoints().kafka, self.credentials(), self.trust(), self.wanted_topics())

    def mend_topics(self) -> tuple[str, ...]:
        """What was created or set, in words."""
        from kit.sentry.lines import topics

        return topics.mend(self.endpoints().kafka, self.credentials(), self.trust(), self.wanted_topics())

    def delete_topics(self, names: tuple[str, ...]) -> None:
        from kit.sentry.lines import topics

        topics.delete(self.endpoints().kafka, self.credentials(), self.trust(), names)

    # -- the rest of the user's view

    def status(self) -> Status:
        from kit.targets.local import status

        return status.look(self)

    def verify(self) -> tuple[Check, ...]:
        from kit import verify as checks

        self.credentials()  # no stack: say so before anything is tried
        found = checks.from_host(self.endpoints(), self.ports(), self.trust(), self.stack.name)
        return (*found, *self.sentry.probe_checks(), *self.sentry.delivery_checks())

    def client_env(self) -> Mapping[str, str]:
        endpoints, trust = self.endpoints(), self.trust()
        found: dict[str, str] = {}
        for name in STORES:
            found |= stores.module(name).client_env(endpoints.store(name), trust)
        found |= self.sentry.client_env()
        found |= client_variables(self.workspace.bundle_file)
        if self.workspace.kubeconfig.exists():
            found["KUBECONFIG"] = str(self.workspace.kubeconfig)
            found |= kubectl.on_path(self.supply)
        return found

    def login(self) -> layout.Login | None:
        return self.sentry.login()

    def demo(self) -> DemoResult:
        return self.sentry.demo()

    def logs(self, component: str, tail: int, follow: bool) -> Iterator[str]:
        from kit.targets.local import logs

        return logs.read(self, component, tail, follow)

    def down(self) -> tuple[str, ...]:
        from kit.targets.local import teardown

        return teardown.down(self)

    def belongings(self) -> tuple[str, ...]:
        from kit.targets.local import teardown

        return teardown.belongings(self)

    def purge(self) -> None:
        from kit.targets.local import teardown

        teardown.purge(self)

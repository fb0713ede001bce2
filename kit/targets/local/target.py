"""The local target: five stores by Compose, a cluster by Kind, on one network of this computer.

`LocalTarget` is the stack's own data: names, files, ports, secrets, endpoints, and clients that are made on first use: `kit
status` opens neither Compose nor Kind, `kit env` not even the engine. What is done with a stack stands in the modules beside this
one, which take it as their argument.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kit import files
from kit.blueprint.stack import STORES, Part, SentryWanted, Stack
from kit.endpoints import Endpoints, Secret, Trust
from kit.machine import Machine
from kit.state import given, ports, secrets
from kit.stores.contract import Credentials
from kit.targets.local import layout
from kit.targets.local.errors import NoStack
from kit.workspace import Workspace

if TYPE_CHECKING:
    from kit.adapters.compose import Compose
    from kit.adapters.docker.client import Docker
    from kit.adapters.kubernetes.api import KubeApi
    from kit.sentry.credentials import GivenSecrets
    from kit.supply.supply import Supply


class LocalTarget:
    def __init__(
        self,
        stack: Stack,
        workspace: Workspace,
        machine: Machine | None = None,
        *,
        chosen_ports: Mapping[str, int] | None = None,
        more_images: tuple[str, ...] = (),
    ) -> None:
        """`more_images`: what the node is to have beside Sentry's own, by the supply's names."""
        self.stack = stack
        self.workspace = workspace
        self.machine = machine or Machine(workspace)
        self._chosen_ports = chosen_ports
        self._more_images = more_images

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
        return LocalTarget(stack, self.workspace, self.machine, more_images=self._more_images)

    def with_ports(self, chosen: Mapping[str, int]) -> LocalTarget:
        """The same target as it will be with these ports, before they are remembered."""
        return LocalTarget(self.stack, self.workspace, self.machine, chosen_ports=chosen, more_images=self._more_images)

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
        from kit.sentry import credentials

        return {**layout.makers(), **credentials.makers()}

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

    @property
    def cluster_image_names(self) -> tuple[str, ...]:
        """What of the supply is in the node, for Sentry."""
        return tuple(dict.fromkeys((*layout.cluster_images(self.stack.sentry), *self._more_images)))

    def cluster_images(self) -> tuple[str, ...]:
        return tuple(self.supply.image(name).reference for name in self.cluster_image_names)

    def supply_names(self) -> tuple[str, ...]:
        """What the wanted parts need from the supply."""
        names: list[str] = []
        if "stores" in self.stack.parts:
            names += [*self.store_images.values(), "compose"]
        if "cluster" in self.stack.parts:
            names += ["kind", "kind-node"]
        if "sentry" in self.stack.parts:
            names += [*self.cluster_image_names, "helm", "terraform"]
        return tuple(names)

    def log_tail(self, store: str, lines: int) -> str:
        return self.docker.logs(f"{self.stack.name}-{store}", tail=lines)

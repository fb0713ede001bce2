"""Answers the commands for the stack on this computer. Top of its package: nothing in it imports this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kit import verify as checks
from kit.adapters import proxies
from kit.blueprint.stack import STORES
from kit.host.trust import client_variables
from kit.sentry import claims, network_claims
from kit.sentry.preview import Preview
from kit.sentry.release import SentryRelease, quiet
from kit.sentry.site import Note
from kit.status import Check, Status
from kit.stores import catalog
from kit.targets import kubectl
from kit.targets.local import previews, site, status, teardown
from kit.targets.local.target import LocalTarget


@dataclass(frozen=True, slots=True)
class LocalCommands:
    """`kit.targets.contract.Target`."""

    local: LocalTarget

    @property
    def sentry(self) -> SentryRelease:
        """Raises `NoStack`, before anything is said of a cluster that there cannot be."""
        self.local.credentials()
        return site.release(self.local)

    def status(self) -> Status:
        return status.of(self.local)

    def verify(self, note: Note = quiet) -> tuple[Check, ...]:
        local = self.local
        found = checks.from_host(local.endpoints(), local.ports(), local.trust(), local.stack.name)
        inside = (*claims.from_cluster(self.sentry), *network_claims.of_policies(self.sentry))
        return (*found, *inside, *claims.of_delivery(self.sentry))

    def client_env(self) -> Mapping[str, str]:
        local = self.local
        endpoints, trust, kubeconfig = local.endpoints(), local.trust(), local.workspace.kubeconfig
        found: dict[str, str] = {}
        for name in STORES:
            found |= catalog.module(name).client_env(endpoints.store(name), trust)
        if "sentry" in local.stack.parts and kubeconfig.exists():
            found |= self.sentry.client_env()
        found |= client_variables(local.workspace.bundle_file) | proxies.sparing()
        if kubeconfig.exists():
            found["KUBECONFIG"] = str(kubeconfig)
            found |= kubectl.on_path(local.supply)
        return found

    def preview(self) -> Preview:
        return previews.of_stack(self.local, self.local.stack.sentry)

    def belongings(self) -> tuple[str, ...]:
        return teardown.belongings(self.local)

    def purge(self) -> None:
        teardown.purge(self.local)

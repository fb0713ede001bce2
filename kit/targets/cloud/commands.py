"""Answers the commands for the stack in the cloud, or for its rehearsal. Top of its package: nothing in it imports this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kit.adapters import proxies
from kit.host.trust import client_variables
from kit.sentry import claims, network_claims
from kit.sentry.preview import Preview
from kit.sentry.release import SentryRelease, quiet
from kit.sentry.site import Note
from kit.status import Check, Status
from kit.targets import kubectl
from kit.targets.cloud import door, rehearsal, site, status, teardown
from kit.targets.cloud.target import CloudTarget


@dataclass(frozen=True, slots=True)
class CloudCommands:
    """`kit.targets.contract.Target`."""

    cloud: CloudTarget

    @property
    def sentry(self) -> SentryRelease:
        """Raises `NoCloudStack`."""
        self.cloud.require_applied()
        return site.release(self.cloud)

    def status(self) -> Status:
        return status.of(self.cloud)

    def verify(self, note: Note = quiet) -> tuple[Check, ...]:
        """Sentry's address from here; all else by the preflight, in the cluster: from here no managed store can be reached."""
        release = self.sentry
        inside = (*claims.of_preflight(release, note), *network_claims.of_policies(release, note))
        return (*door.claims(release), *inside, *claims.of_delivery(release))

    def client_env(self) -> Mapping[str, str]:
        """Of what is reached from here: the cluster and Sentry. The stores have names inside the cloud's network alone."""
        cloud = self.cloud
        found = {**self.sentry.client_env(), "KUBECONFIG": str(cloud.place.kubeconfig)}
        if cloud.place.rehearses:
            found |= self._rehearsed()
        return {**found, **kubectl.on_path(cloud.clients.supply)}

    def _rehearsed(self) -> Mapping[str, str]:
        """The name leads nowhere but through the emulator, and its certificate is of the emulator's authority."""
        proxy = self.sentry.site.proxy()
        if proxy is None:
            return client_variables(self.cloud.clients.backing.workspace.bundle_file) | proxies.sparing()
        return client_variables(rehearsal.public_bundle(self.cloud.place)) | proxies.through(proxy)

    def preview(self) -> Preview:
        made = self.sentry
        text = made.site.values(lambda: "").text
        return Preview(made, text, f"kit up --cloud{self.cloud.option}")

    def belongings(self) -> tuple[str, ...]:
        return teardown.belongings(self.cloud)

    def purge(self) -> None:
        teardown.purge(self.cloud)

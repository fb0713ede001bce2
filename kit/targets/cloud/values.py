"""The values of the cloud stack's Sentry: an output of its configuration, for they are made with the stores they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit.sentry.chart import own_values, values
from kit.sentry.objects import NAMESPACE, RELEASE
from kit.targets.values import NoRelease

if TYPE_CHECKING:
    from kit.sentry.check.check import Looked
    from kit.targets.cloud.target import CloudTarget


@dataclass(frozen=True)
class CloudValues:
    """The same questions as to `kit.targets.values.SentryValues`."""

    cloud: CloudTarget

    @property
    def written(self) -> str:
        """YAML, as terraform made it; with the user's own values over it these are marked."""
        own = self.cloud.stack.sentry.values
        return own_values.shown(values.text(self.data), own) if own.document else self._made

    @property
    def _made(self) -> str:
        return str(self.cloud.outputs.document["values"])

    @property
    def data(self) -> dict[str, Any]:
        return own_values.merged(values.parse(self._made), self.cloud.stack.sentry.values)

    def difference(self) -> str:
        """What an upgrade would change in the running release; empty: nothing. Raises `NoRelease`."""
        running = self.cloud.around.helm.values(RELEASE, NAMESPACE) if self._is_released() else {}
        if not running:
            raise NoRelease(why=f"stack {self.cloud.stack.name} in the cloud has none that left its values")
        return values.difference(running, self.cloud.sentry.installation().values)

    def _is_released(self) -> bool:
        return self.cloud.place.kubeconfig.exists() and self.cloud.around.helm.release(RELEASE, NAMESPACE) is not None

    def look(self) -> Looked:
        """The release as it would be applied, held against every rule."""
        return self.cloud.sentry.installation().look()

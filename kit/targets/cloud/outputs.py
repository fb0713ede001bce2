"""Reads `terraform output -json` into endpoints, and the passwords it points to from Lockbox or kit's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kit.endpoints import Endpoints, Secret, from_terraform

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.adapters.yandex.client import Yandex


@dataclass(frozen=True, slots=True)
class Outputs:
    """Nothing is asked of the cloud before a secret is."""

    document: Mapping[str, Any]
    own: Callable[[], Mapping[str, Secret]]
    cloud: Callable[[], Yandex]
    _payloads: dict[str, Mapping[str, Secret]] = field(default_factory=dict)  # each Lockbox secret is asked for once

    def secret(self, name: str) -> Secret:
        """One of the names in the output `secrets`, wherever it lies. Raises `KeyError` for a name that it does not have."""
        place = self.document["secrets"][name]
        if place["kind"] == "variable":
            return self.own()[place["variable"]]
        identity = place["secret_id"]
        if identity not in self._payloads:
            self._payloads[identity] = self.cloud().secret(identity)
        return self._payloads[identity][place["key"]]

    def endpoints(self) -> Endpoints:
        return from_terraform(self.document["endpoints"], self.secret)

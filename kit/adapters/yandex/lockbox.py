"""Makes, reads, changes and deletes a Lockbox secret of kit's own.

Nothing of it goes through terraform: what terraform makes stands in its state.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit import cancel
from kit.adapters.yandex.client import PAGE_SIZE, Yandex
from kit.adapters.yandex.errors import CloudRefused
from kit.endpoints import Secret

OPERATION_S = 60.0
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Held:
    """A secret without its content."""

    id: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lockbox:
    yandex: Yandex
    folder_id: str

    def find(self, name: str) -> Held | None:
        """By its name, which Lockbox does not keep unique: of several the oldest, so that all who look find the same one."""
        return next(iter(self._named(name)), None)

    def _named(self, name: str) -> list[Held]:
        from yandex.cloud.lockbox.v1 import secret_service_pb2

        found: list[Any] = []
        page = ""
        while True:
            request = secret_service_pb2.ListSecretsRequest(folder_id=self.folder_id, page_size=PAGE_SIZE, page_token=page)
            answer = self.yandex.ask(f"look for Lockbox secret {name}", self._stub().List, request)
            found += [secret for secret in answer.secrets if secret.name == name]
            page = answer.next_page_token
            if not page:
                found.sort(key=lambda each: (each.created_at.ToNanoseconds(), each.id))
                return [Held(secret.id, dict(secret.labels)) for secret in found]

    def read(self, secret: Held) -> Mapping[str, Secret]:
        """The current version's texts by their keys."""
        return self.yandex.secret(secret.id)

    def create(self, name: str, labels: Mapping[str, str], entries: Mapping[str, Secret]) -> Held | None:
        """The new secret; None where somebody else made one of this name meanwhile, beside which it does not stay."""
        from yandex.cloud.lockbox.v1 import secret_service_pb2

        request = secret_service_pb2.CreateSecretRequest(
            folder_id=self.folder_id,
            name=name,
            description="Passwords and keys of a Sentry that kit keeps, for everyone who works on it",
            labels=labels,
            version_payload_entries=_changes(entries),
        )
        metadata = secret_service_pb2.CreateSecretMetadata()
        self._done(f"make Lockbox secret {name}", self._stub().Create, request).metadata.Unpack(metadata)
        made = Held(metadata.secret_id, labels)
        if any(each.id != made.id for each in self._named(name)):
            self.delete(made)
            return None
        return made

    def replace(self, secret: Held, entries: Mapping[str, Secret]) -> None:
        """These and no others as the new current version; earlier ones stay readable under their ids."""
        from yandex.cloud.lockbox.v1 import secret_service_pb2

        request = secret_service_pb2.AddVersionRequest(secret_id=secret.id, payload_entries=_changes(entries))
        self._done(f"write Lockbox secret {secret.id}", self._stub().AddVersion, request)

    def delete(self, secret: Held) -> None:
        from yandex.cloud.lockbox.v1 import secret_service_pb2

        request = secret_service_pb2.DeleteSecretRequest(secret_id=secret.id)
        self._done(f"delete Lockbox secret {secret.id}", self._stub().Delete, request)

    def _stub(self) -> Any:
        from yandex.cloud.lockbox.v1 import secret_service_pb2_grpc

        return secret_service_pb2_grpc.SecretServiceStub(self.yandex.channel("lockbox"))

    def _done(self, doing: str, method: Any, request: Any) -> Any:
        """The operation once it has come to its end."""
        from yandex.cloud.operation import operation_service_pb2, operation_service_pb2_grpc

        operation, end = self.yandex.ask(doing, method, request), time.monotonic() + OPERATION_S
        operations = operation_service_pb2_grpc.OperationServiceStub(self.yandex.channel("operation"))
        while not operation.done:
            if time.monotonic() > end:
                raise CloudRefused(doing=doing, why=f"its operation {operation.id} did not end within {OPERATION_S:.0f} s")
            cancel.wait(POLL_S)
            question = operation_service_pb2.GetOperationRequest(operation_id=operation.id)
            operation = self.yandex.ask(doing, operations.Get, question)
        if operation.HasField("error"):
            raise CloudRefused(doing=doing, why=operation.error.message)
        return operation


def _changes(entries: Mapping[str, Secret]) -> list[Any]:
    from yandex.cloud.lockbox.v1 import secret_service_pb2

    return [secret_service_pb2.PayloadEntryChange(key=key, text_value=value.reveal()) for key, value in sorted(entries.items())]

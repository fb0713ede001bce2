"""A token for the cluster's API: one from the kubeconfig, or one that a program prints and that must be renewed.

The program's answer is Kubernetes' own `ExecCredential` (client.authentication.k8s.io/v1), which kubectl and Helm read as well.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from kit.adapters.process import Runner, run
from kit.errors import KitError

API_VERSION = "client.authentication.k8s.io/v1"
KIND = "ExecCredential"
RENEWED_BEFORE = timedelta(minutes=5)
PROGRAM_S = 60.0


class ClusterCredentialFailed(KitError):
    """The program that a kubeconfig names for its token gave none."""

    code = "KIT-CLUSTER-CREDENTIAL"
    exit_code = 53
    what = "{program} gave no token for the cluster"
    fix = "run it by hand: {program}"


class Bearer(Protocol):
    def token(self) -> str:
        """A token that is good now."""

    def forget(self) -> bool:
        """The last token was refused; True where another one can be had."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    value: str

    def token(self) -> str:
        return self.value

    def forget(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "FixedToken(***)"


class ExecToken:
    """What `command` prints, kept until shortly before it ends. Threads may share it."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str], runner: Runner = run) -> None:
        self._command = command
        self._environment = environment
        self._runner = runner
        self._token: str | None = None
        self._expires_at: datetime | None = None
        self._one_at_a_time = threading.Lock()

    def token(self) -> str:
        with self._one_at_a_time:
            is_due = self._expires_at is not None and datetime.now(UTC) >= self._expires_at - RENEWED_BEFORE
            if self._token is None or is_due:
                # The caller's own request for it, as kubectl makes it; kit's own program needs none.
                request = json.dumps({"apiVersion": API_VERSION, "kind": KIND, "spec": {"interactive": False}})
                environment = {**self._environment, "KUBERNETES_EXEC_INFO": request}
                said = self._runner(list(self._command), env=environment, timeout_s=PROGRAM_S).stdout
                self._token, self._expires_at = _read(said, " ".join(self._command))
            return self._token

    def forget(self) -> bool:
        with self._one_at_a_time:
            self._token = None
        return True


def credential(token: str, expires_at: datetime | None) -> dict[str, Any]:
    """The document that such a program prints."""
    status = {"token": token} | ({"expirationTimestamp": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"} if expires_at else {})
    return {"apiVersion": API_VERSION, "kind": KIND, "status": status}


def _read(said: str, program: str) -> tuple[str, datetime | None]:
    try:
        status = json.loads(said)["status"]
        token, expires = status["token"], status.get("expirationTimestamp")
        expires_at = datetime.fromisoformat(expires) if expires else None
        return str(token), expires_at.astimezone(UTC) if expires_at else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClusterCredentialFailed(program=program, why=f"what it printed is no {KIND} with a token") from error

"""The environment variables with which terraform, and everything else, takes the emulator for the cloud. They name loopback only.

What could lead to the real cloud, or away from the emulator's trust, is unset: the provider prefers a key file to a token, and
does not start at all with AWS_CA_BUNDLE.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from kit import files
from kit.errors import KitError
from kit.state import lock
from kit.workspace import Workspace
from kit.yandex.contract import STORAGE_HOST, TOKEN_PREFIX
from kit.yandex.engine import ids
from kit.yandex.engine.tokens import OWNER

FOLDER = "yandex"  # below the stack's state
ADDRESS = "address.json"
MIRROR = "mirror"
UNSET = (
    "AWS_CA_BUNDLE",
    "YC_SERVICE_ACCOUNT_KEY_FILE",
    "YC_STORAGE_ACCESS_KEY",
    "YC_STORAGE_SECRET_KEY",
    "YC_PLAINTEXT",
    "YC_INSECURE",
    "YC_ORGANIZATION_ID",
    "AWS_PROFILE",
)


class NotRunning(KitError):
    """No emulator of this stack runs."""

    code = "KIT-YANDEX-NOT-RUNNING"
    exit_code = 61
    what = "no emulator of stack {stack} runs"
    why = "its environment holds its ports, which are known while it runs"
    fix = "start one in another terminal: kit yandex emulate"


@dataclass(frozen=True, slots=True)
class Address:
    """The ports of an emulator."""

    port: int
    s3_port: int


def folder(workspace: Workspace) -> Path:
    """The emulator's folder, in the stack's state."""
    return workspace.state / FOLDER


def publish(workspace: Workspace, address: Address) -> None:
    """Write where a running emulator is; read by `address_of`."""
    files.write_json(folder(workspace) / ADDRESS, asdict(address), files.PRIVATE)


def last_address(workspace: Workspace) -> Address | None:
    """Where this stack's emulator was the last time, running or not: it takes the same ports again if it can."""
    try:
        return Address(**json.loads((folder(workspace) / ADDRESS).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def address_of(workspace: Workspace) -> Address:
    """The address of the emulator that runs; raises `NotRunning`."""
    address = last_address(workspace)
    if address is None or not lock.is_held(folder(workspace) / "lock"):
        raise NotRunning(stack=workspace.stack)
    return address


def variables(workspace: Workspace, address: Address, cli_configuration: Path | None = None) -> Mapping[str, str | None]:
    """The variables by name; None means that it must not be there."""
    found: dict[str, str | None] = dict.fromkeys(UNSET)
    proxy = f"http://127.0.0.1:{address.s3_port}"
    found |= {
        "SSL_CERT_FILE": str(workspace.bundle_file),
        "HTTP_PROXY": proxy,  # S3 alone is spoken to by plain HTTP; TLS goes past it
        "http_proxy": proxy,
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
        "YC_ENDPOINT": f"localhost:{address.port}",
        "YC_STORAGE_ENDPOINT_URL": f"http://{STORAGE_HOST}",
        "YC_TOKEN": token(workspace),
        "YC_CLOUD_ID": ids.CLOUD,
        "YC_FOLDER_ID": ids.FOLDER,
        "YC_TERRAFORM_INITIALIZATION_SILENCE": "true",
        "CHECKPOINT_DISABLE": "1",
    }
    if cli_configuration is not None:
        found["TF_CLI_CONFIG_FILE"] = str(cli_configuration)
    return found


def token(workspace: Workspace) -> str:
    """The stack's own token, made once: the rehearsal's cluster lets in whoever has it, so it cannot be the same everywhere."""
    path = files.private_folder(folder(workspace)) / "token"
    if path.exists():
        return path.read_text()
    return files.write_once(path, f"{TOKEN_PREFIX}{secrets.token_hex(16)}-{OWNER}", files.PRIVATE)

"""The logins to registries, as the docker CLI keeps them: in its config.json, or with a helper program that config.json names.

A helper that was removed, or never installed (Docker Desktop's, in WSL and CI), makes the SDK fail even for a public image. Here
such a helper is left out: registries are asked without a login, and whoever is refused then is told which program is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.adapters.docker.errors import DockerConfigInvalid

PREFIX = "docker-credential-"  # in front of what config.json names: docker/docker-credential-helpers, README
DOCKER_HUB = "docker.io"
# What kit and the SDK read in config.json, by the form that they expect (docker 7.2: auth.py, api/client.py, utils/proxy.py).
FORMS = {"auths": dict, "credHelpers": dict, "credsStore": str, "proxies": dict, "HttpHeaders": dict}
HUB_ADDRESS = "https://index.docker.io/v1/"  # what Docker Hub's login is kept under


@dataclass(frozen=True, slots=True)
class MissingHelper:
    file: Path
    programs: tuple[str, ...]

    @property
    def said(self) -> str:
        are = "is" if len(self.programs) == 1 else "are"
        return f"{self.file} names {', '.join(self.programs)}, which {are} not installed"

    @property
    def fix(self) -> str:
        return f"install {', '.join(self.programs)}, or take credsStore and credHelpers out of {self.file} and log in again"


def missing_helper(host: str | None = None) -> MissingHelper | None:
    """The helper for this registry, or any of them, that config.json names and that is not on PATH."""
    from docker.utils.config import find_config_file

    file = find_config_file()
    if file is None:
        return None
    told = configuration()
    store, helpers = told.get("credsStore"), told.get("credHelpers") or {}
    named = {store, *helpers.values()} if host is None else {_of_host(helpers, host) or store}
    missing = tuple(sorted(f"{PREFIX}{name}" for name in named if name and not _is_installed(name)))
    return MissingHelper(Path(file), missing) if missing else None


def configuration() -> Mapping[str, Any]:
    """What config.json says; nothing where it is no JSON, as the docker CLI reads it. Raises `DockerConfigInvalid`."""
    from docker.utils.config import find_config_file, load_general_config

    told = load_general_config()
    if not isinstance(told, dict):
        raise DockerConfigInvalid(file=str(find_config_file()), said="it is no JSON object")
    for name, kind in FORMS.items():
        if not isinstance(told.get(name) or kind(), kind):
            raise DockerConfigInvalid(file=str(find_config_file()), said=f"`{name}` in it has another form than the docker CLI's")
    return told


def leave_out_missing(client: Any) -> None:
    """Let this client of the SDK ask no helper that is not installed; logins that config.json itself holds stay."""
    from docker.auth import AuthConfig

    if missing_helper() is None:
        return
    known = client._auth_configs
    logins: dict[str, Any] = {"auths": dict(known.auths) or _nobody()}
    if known.creds_store and _is_installed(known.creds_store):
        logins["credsStore"] = known.creds_store
    logins["credHelpers"] = {host: name for host, name in known.cred_helpers.items() if _is_installed(name)}
    client._auth_configs = AuthConfig(logins)


def leave_out_all(client: Any) -> None:
    """For builds, which never pull: the SDK would fetch every login from its helper and send all of them along."""
    from docker.auth import AuthConfig

    client._auth_configs = AuthConfig({"auths": _nobody()})


def _nobody() -> dict[str, Any]:
    """Not empty, for the SDK reads config.json again when it has no logins (docker 7.2, api/build.py, `_set_auth_headers`)."""
    return {"": {}}


def _of_host(helpers: dict[str, str], host: str) -> str | None:
    return helpers.get(host) or (helpers.get(HUB_ADDRESS) if host == DOCKER_HUB else None)


def _is_installed(name: str) -> bool:
    return shutil.which(f"{PREFIX}{name}") is not None

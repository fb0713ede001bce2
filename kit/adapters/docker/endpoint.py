"""Finds the engine that is meant: DOCKER_HOST, else the docker CLI's context, else the usual socket; for kit and its children.

The SDK's own readers are used, in the order of `docker.from_env()`, which is the CLI's: DOCKER_HOST wins over DOCKER_CONTEXT, and
that over the context chosen by `docker context use`. A context brings its own TLS; DOCKER_TLS_VERIFY and DOCKER_CERT_PATH belong
to DOCKER_HOST.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.adapters.docker.errors import USUAL, EngineContextUnusable
from kit.adapters.environment import Withheld

if TYPE_CHECKING:
    from docker.tls import TLSConfig

    from kit.adapters.child import Environment

# Of the docker CLI and of what takes its code, such as Compose: engine, platform, API version, signatures
# (docs.docker.com/reference/cli/docker, read 2026-11-28). Logins stay.
WITHHELD = Withheld(("DOCKER_*", "BUILDKIT_HOST"), but=("DOCKER_CONFIG", "DOCKER_AUTH_CONFIG"))
WITHOUT_TLS = ("unix:", "http+unix:", "npipe:", "ssh:", "fd:")


@dataclass(frozen=True, slots=True)
class Endpoint:
    address: str
    tls: TLSConfig | None = None


def endpoint(address: str | None = None, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The engine at `address`, or the one that the environment and the docker CLI's configuration name."""
    from docker.errors import DockerException
    from docker.utils import parse_host

    host = address or environment.get("DOCKER_HOST")
    context = "" if host else _context_name(environment)
    try:
        found = _of_host(host, environment) if host else _of_context(context, environment)
        parse_host(found.address)
    except (DockerException, ValueError) as error:  # a file of the TLS is missing, or what is said is not understood
        raise EngineContextUnusable(name=context or str(host), said=str(error)) from error
    return found


def child_environment(engine: Endpoint) -> Environment:
    """The variables with which the docker CLI, Compose and Kind talk to this engine, whatever the user's own say."""
    known = (engine.tls.ca_cert, *(engine.tls.cert or ())) if engine.tls is not None else ()
    folder = next((str(Path(file).parent) for file in known if file), None)  # the CLI takes all three files from one folder
    is_verified = engine.tls is not None and bool(engine.tls.verify)
    return {
        **WITHHELD.changes(),
        "DOCKER_HOST": engine.address,
        "DOCKER_CONTEXT": None,
        "DOCKER_TLS": "1" if engine.tls is not None and not is_verified else None,
        "DOCKER_TLS_VERIFY": "1" if is_verified else None,
        "DOCKER_CERT_PATH": folder,
    }


def _of_host(host: str, environment: Mapping[str, str]) -> Endpoint:
    from docker.utils import kwargs_from_env

    if host.startswith(WITHOUT_TLS):
        return Endpoint(host)
    return Endpoint(host, kwargs_from_env({**environment, "DOCKER_HOST": host}).get("tls"))


def _of_context(name: str, environment: Mapping[str, str]) -> Endpoint:
    from docker.context import ContextAPI

    try:
        if ContextAPI.get_context(name) is None:
            raise EngineContextUnusable(name=name, said="the docker CLI has no context of that name")
        found = ContextAPI.kwargs_from_context(name, environment)
    except EngineContextUnusable:
        raise
    except Exception as error:  # the SDK raises a bare Exception for a context whose file is broken
        raise EngineContextUnusable(name=name, said=str(error)) from error
    return Endpoint(str(found.get("base_url", USUAL)), found.get("tls"))


def _context_name(environment: Mapping[str, str]) -> str:
    from docker.context.config import get_current_context_name

    return environment.get("DOCKER_CONTEXT") or str(get_current_context_name())

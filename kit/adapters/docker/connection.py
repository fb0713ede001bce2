"""Connects to a container engine: which one it is, which version of the API it speaks, and its failures as kit's errors.

The SDK costs more than 100 ms to import, so it is imported with the first call, and a command that needs no engine never pays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kit.adapters.docker import credentials
from kit.adapters.docker.endpoint import Endpoint, child_environment, endpoint
from kit.adapters.docker.errors import MINIMUM_API, DockerConfigInvalid, EngineSlow, EngineTooOld, refused, unreachable
from kit.adapters.docker.observed import EngineVersion, Platform

if TYPE_CHECKING:
    from kit.adapters.child import Environment

CALL_TIMEOUT_S = 60
# What the pinned Compose speaks too (2.40.3 is made with docker/cli 28.5.1, whose api/common.go says 1.51), and newer than what
# was run against, 1.41. Later engines speak it as well: the floor of 29.0 is 1.44, since 29.3 1.40 (moby, 2025-10, 2026-02).
NEWEST_API = (1, 51)


class Connection:
    """To one engine: that of an address, or the one that the docker CLI would use. Every failure is a `KitError`."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address

    @cached_property
    def endpoint(self) -> Endpoint:
        return endpoint(self._address)

    @property
    def address(self) -> str:
        return self.endpoint.address

    def child_environment(self) -> Environment:
        """The variables with which every program that talks to the engine itself (Compose, Kind, scripts) meets this very one."""
        return child_environment(self.endpoint)

    @cached_property
    def api(self) -> Any:
        """The SDK's client, connected and checked for its version; the modules of this folder share it."""
        return self.connect(CALL_TIMEOUT_S)

    def connect(self, timeout_s: float) -> Any:
        """A client of its own whose every call ends in `timeout_s`."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        first = self._client(MINIMUM_API, timeout_s)
        try:
            told = first.version(api_version=False)
            api = _api(told["ApiVersion"])
        except (DockerException, RequestException, KeyError) as error:
            raise unreachable(self.address, error) from error
        finally:
            first.close()
        if api < MINIMUM_API:
            raise EngineTooOld(version=str(told["Version"]), api=str(told["ApiVersion"]), minimum=_text(MINIMUM_API))
        client = self._client(min(api, NEWEST_API), timeout_s)
        credentials.leave_out_missing(client)
        return client

    def _client(self, api: tuple[int, int], timeout_s: float | None) -> Any:
        """Says nothing to the engine yet: REQUESTS_CA_BUNDLE would else stand against the engine's own authority."""
        import docker
        from docker.errors import DockerException, InvalidConfigFile
        from docker.utils.config import find_config_file

        credentials.configuration()
        try:
            client = docker.APIClient(
                base_url=self.address, version=_text(api), timeout=timeout_s, tls=self.endpoint.tls or False
            )
        except (InvalidConfigFile, ValueError, TypeError, AttributeError) as error:  # read by the SDK, which takes it as it is
            raise DockerConfigInvalid(file=str(find_config_file()), said=str(error)) from error
        except (DockerException, OSError) as error:
            raise unreachable(self.address, error) from error
        client.trust_env = False
        return client

    def version(self) -> EngineVersion:
        with self.doing("tell its version"):
            found = self.api.version()
        return EngineVersion(found["Version"], _api(found["ApiVersion"]))

    @cached_property
    def platform(self) -> Platform:
        """What the engine itself runs on, and so what it pulls; behind a context that need not be this computer's."""
        with self.doing("tell its platform"):
            found = self.api.version()
        return Platform(str(found["Os"]), str(found["Arch"]))

    @property
    def api_version(self) -> tuple[int, int]:
        """What is spoken with it: the engine's newest, but no newer than `NEWEST_API`."""
        return _api(self.api.api_version)

    def info(self) -> Mapping[str, Any]:
        """The engine's own facts (`DockerRootDir`, `Runtimes`, `CgroupVersion`, `Warnings` …), as it words them.

        Asked once: none of them changes as long as it runs, and the answer takes it ten times as long as a list of containers.
        """
        return self._info

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        with self.doing("tell about itself"):
            found: Mapping[str, Any] = self.api.info()
            return found

    @cached_property
    def connect_forever(self) -> Any:
        """A client that waits for as long as the other side likes: logs that are followed, builds. It sends no login."""
        client = self._client(self.api_version, None)  # `api` has made the checks of `connect`
        credentials.leave_out_all(client)
        return client

    @contextmanager
    def doing(self, what: str, timeout_s: float = CALL_TIMEOUT_S) -> Iterator[None]:
        """Translate whatever the SDK raises; `what` completes the sentence "could not …"."""
        import requests
        from docker.errors import APIError, DockerException

        try:
            yield
        except APIError as error:
            raise refused(what, str(error.explanation or error)) from error
        except requests.exceptions.Timeout as error:
            raise EngineSlow(doing=what, timeout_s=timeout_s) from error
        except (DockerException, requests.exceptions.RequestException) as error:
            raise unreachable(self.address, error) from error


def _text(api: tuple[int, int]) -> str:
    return ".".join(map(str, api))


def _api(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)

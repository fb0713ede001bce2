"""The door to the container engine: what is there, as frozen values, and the few things kit asks it to do.

Thin on purpose: it decides nothing. The SDK costs more than 100 ms to import, so it is imported with the first call, and a
command that needs no engine never pays. Images have a door of their own behind `Docker.images`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kit.adapters.docker import credentials
from kit.adapters.docker.endpoint import Endpoint, child_environment, endpoint
from kit.adapters.docker.errors import MINIMUM_API, DockerConfigInvalid, EngineTooOld, refused, unreachable
from kit.adapters.docker.observed import (
    Container,
    Ended,
    EngineVersion,
    Mount,
    Network,
    Platform,
    PublishedPort,
    Volume,
    container,
    mount_argument,
    network,
)
from kit.errors import KitError, ToolFailed, ToolTimeout

if TYPE_CHECKING:
    from kit.adapters.child import Environment
    from kit.adapters.docker.images import ImageStore

__all__ = ["Container", "Docker", "Ended", "EngineVersion", "Mount", "Network", "Platform", "PublishedPort", "Volume"]

CALL_TIMEOUT_S = 60
# What the pinned Compose speaks too (2.40.3 is made with docker/cli 28.5.1, whose api/common.go says 1.51), and newer than what
# was run against, 1.41. Later engines speak it as well: the floor of 29.0 is 1.44, since 29.3 1.40 (moby, 2025-10, 2026-02).
NEWEST_API = (1, 51)


class Docker:
    """One engine: that of an address, or the one that the docker CLI would use. Every failure is a `KitError`."""

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
        """The SDK's client, connected and checked for its version; other modules of this folder use it too."""
        return self.connect(CALL_TIMEOUT_S)

    @cached_property
    def images(self) -> ImageStore:
        from kit.adapters.docker.images import ImageStore

        return ImageStore(self)

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

    def containers(self, labels: Mapping[str, str] | None = None) -> tuple[Container, ...]:
        """All with these labels, running or not, in one call; None means every container."""
        with self.doing("list containers"):
            found = self.api.containers(all=True, filters=_by(labels))
        return tuple(container(raw) for raw in found)

    def volumes(self, labels: Mapping[str, str] | None = None) -> tuple[Volume, ...]:
        with self.doing("list volumes"):
            found = self.api.volumes(filters=_by(labels))["Volumes"] or []
        return tuple(Volume(raw["Name"], raw["Labels"] or {}, raw["Mountpoint"]) for raw in found)

    def networks(self, labels: Mapping[str, str] | None = None) -> tuple[Network, ...]:
        with self.doing("list networks"):
            found = self.api.networks(filters=_by(labels))
        return tuple(network(raw) for raw in found)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        with self.doing(f"create the volume {name}"):
            self.api.create_volume(name, labels=dict(labels))

    def remove_volume(self, name: str) -> None:
        """One that has gone already is no error."""
        from docker.errors import NotFound

        with self.doing(f"remove the volume {name}"), suppress(NotFound):
            self.api.remove_volume(name)

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        with self.doing(f"create the network {name}"):
            self.api.create_network(name, driver="bridge", labels=dict(labels))

    def remove_network(self, name: str) -> None:
        with self.doing(f"remove the network {name}"):
            self.api.remove_network(name)

    def remove_container(self, container: str) -> None:
        """Stopped or not, with the anonymous volumes it had."""
        with self.doing(f"remove the container {container}"):
            self.api.remove_container(container, force=True, v=True)

    def stop_and_remove(self, container: str, grace_s: int) -> None:
        """End its program, politely for `grace_s`, and remove it; one that has gone already is no error."""
        from docker.errors import NotFound

        with self.doing(f"stop the container {container}"), suppress(NotFound):
            if grace_s:
                self.api.stop(container, timeout=grace_s)
            self.api.remove_container(container, force=True, v=True)

    def restart(self, container: str, grace_s: int) -> None:
        with self.doing(f"restart the container {container}"):
            self.api.restart(container, timeout=grace_s)

    def run_once(
        self,
        image: str,
        argv: Sequence[str],
        *,
        mounts: Sequence[Mount] = (),
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        network: str | None = None,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout_s: float = 60,
        check: bool = True,
    ) -> Ended:
        """Run `argv` as the one program of a throw-away container (the image's entrypoint is not used), and remove it.

        With a name, what an interrupted run left under that name is removed first.
        """
        if name:
            self.stop_and_remove(name, 0)
        with self.doing(f"run {image}"):
            host = self.api.create_host_config(mounts=[mount_argument(mount) for mount in mounts], network_mode=network)
            created = self.api.create_container(
                image,
                entrypoint=argv[0],
                command=list(argv[1:]),
                user=user,
                environment=dict(env or {}),
                host_config=host,
                name=name,
                labels=dict(labels or {}),
            )["Id"]
        try:
            with self.doing(f"run {image}", timeout_s):
                self.api.start(created)
                exit_code = int(self.api.wait(created, timeout=timeout_s)["StatusCode"])
            ended = Ended(exit_code, self.logs(created))
        finally:
            with suppress(KitError):  # the container's own failure is the news, not that it is hard to remove
                self.remove_container(created)
        return _checked(ended, f"{image} {argv[0]}") if check else ended

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str = "",
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> Ended:
        """Run a program inside a running container."""
        with self.doing(f"run {argv[0]} in {container}"):
            started = self.api.exec_create(container, list(argv), user=user, environment=dict(env or {}))["Id"]
            output = self.api.exec_start(started).decode(errors="replace")
            exit_code = int(self.api.exec_inspect(started)["ExitCode"])
        ended = Ended(exit_code, output)
        return _checked(ended, f"{container} {argv[0]}") if check else ended

    def logs(self, container: str, *, tail: int | None = None) -> str:
        with self.doing(f"read the log of {container}"):
            raw: bytes = self.api.logs(container, tail="all" if tail is None else tail)
        return raw.decode(errors="replace")

    def follow_logs(self, container: str, *, tail: int = 100) -> Iterator[str]:
        """Pieces of the log as they come, until the container ends."""
        with self.doing(f"follow the log of {container}"):
            pieces = self.connect_forever.logs(container, stream=True, follow=True, tail=tail)
            yield from codecs.iterdecode(pieces, "utf-8", errors="replace")  # a piece may end within a letter

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
            raise ToolTimeout(
                what=f"the container engine did not {what} within {timeout_s:.0f} s",
                why="it is busy, or its disk is slow",
                fix="docker info",
            ) from error
        except (DockerException, requests.exceptions.RequestException) as error:
            raise unreachable(self.address, error) from error


def _checked(ended: Ended, what: str) -> Ended:
    if ended.exit_code != 0:
        raise ToolFailed(
            what=f"{what} failed with exit code {ended.exit_code}",
            why=(ended.output.strip().splitlines() or ["it said nothing"])[-1],
            fix="kit doctor",
            detail=ended.output,
        )
    return ended


def _by(labels: Mapping[str, str] | None) -> dict[str, list[str]]:
    return {"label": [f"{name}={value}" if value else name for name, value in (labels or {}).items()]}


def _text(api: tuple[int, int]) -> str:
    return ".".join(map(str, api))


def _api(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)

"""The container engine's containers, volumes and networks as frozen values, and the few things that kit asks it to do.

Images are asked for by `Docker.images`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from kit.adapters.docker.connection import Connection
from kit.adapters.docker.observed import (
    Container,
    Ended,
    Mount,
    Network,
    Volume,
    container,
    mount_argument,
    network,
)
from kit.errors import KitError, ToolFailed

if TYPE_CHECKING:
    from kit.adapters.docker.images import ImageStore


class Docker(Connection):
    """An engine that one is connected to."""

    @cached_property
    def images(self) -> ImageStore:
        from kit.adapters.docker.images import ImageStore

        return ImageStore(self)

    def containers(self, labels: Mapping[str, str] | None = None) -> tuple[Container, ...]:
        """All with these labels, running or not, in one call; None means every container."""
        with self.doing("list containers"):
            found = self.api.containers(all=True, filters=_by(labels))
        return tuple(container(raw) for raw in found)

    def volumes(self, labels: Mapping[str, str] | None = None) -> tuple[Volume, ...]:
        with self.doing("list volumes"):
            found = self.api.volumes(filters=_by(labels))["Volumes"] or []
        return tuple(Volume(raw["Name"], raw["Labels"] or {}) for raw in found)

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
            # Engine 20.10 makes a second one of the same name unless it is told to look (tried 2026-11-28).
            self.api.create_network(name, driver="bridge", labels=dict(labels), check_duplicate=True)

    def remove_network(self, name: str) -> None:
        with self.doing(f"remove the network {name}"):
            self.api.remove_network(name)

    def remove_container(self, container: str) -> None:
        """Stopped or not, with the anonymous volumes it had."""
        with self.doing(f"remove the container {container}"):
            self.api.remove_container(container, force=True, v=True)

    def stop_and_remove(self, container: str, grace_s: int | None) -> None:
        """End its program, politely for `grace_s` (None: for as long as the container itself asks for), and remove it; one that
        has gone already is no error."""
        from docker.errors import NotFound

        with self.doing(f"stop the container {container}"), suppress(NotFound):
            if grace_s != 0:
                self.api.stop(container, timeout=grace_s)
            self.api.remove_container(container, force=True, v=True)

    def restart(self, container: str, grace_s: int) -> None:
        with self.doing(f"restart the container {container}"):
            self.api.restart(container, timeout=grace_s)

    def unpause(self, container: str) -> None:
        with self.doing(f"let the container {container} go on"):
            self.api.unpause(container)

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


def _checked(ended: Ended, what: str) -> Ended:
    if ended.exit_code != 0:
        raise ToolFailed(
            program=what,
            status=ended.exit_code,
            why=(ended.output.strip().splitlines() or ["it said nothing"])[-1],
            fix="kit doctor",
            detail=ended.output,
        )
    return ended


def _by(labels: Mapping[str, str] | None) -> dict[str, list[str]]:
    return {"label": [f"{name}={value}" if value else name for name, value in (labels or {}).items()]}

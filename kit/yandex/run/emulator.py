"""Starts and stops one emulator: its journal, the gRPC server and the S3 server, on loopback, in one stack's folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kit import files
from kit.errors import KitError
from kit.pki import folder as pki
from kit.workspace import EMULATOR_LEAF
from kit.yandex import methods
from kit.yandex.contract import Backing, PortTaken
from kit.yandex.engine.journal import Journal
from kit.yandex.engine.operations import Operations
from kit.yandex.engine.state import EmulatorState, Options
from kit.yandex.run import controller, recovery, server
from kit.yandex.run.environment import Address
from kit.yandex.run.faults import Faults
from kit.yandex.run.public_authority import PublicAuthority
from kit.yandex.s3 import server as object_storage
from kit.yandex.s3.bucket_state import BucketState
from kit.yandex.s3.server import StorageServer
from kit.yandex.services import platform

Served = TypeVar("Served")
CLUSTER = ".Cluster"  # what kinds of clusters end in


class AlreadyRuns(KitError):
    """Another emulator of this stack runs."""

    code = "KIT-YANDEX-RUNS"
    exit_code = 20
    what = "an emulator of this stack runs already"
    why = "it holds {folder}/lock"
    fix = "use that one, stop it, or give this one a stack of its own: kit --stack NAME yandex emulate"


@dataclass(slots=True)
class Emulator:
    """A running emulator. `port`: gRPC over TLS. `s3_port`: HTTP, forward proxy."""

    state: EmulatorState
    port: int
    s3_port: int
    _api: server.Server
    _s3: StorageServer
    _controller: controller.Controller

    def stop(self) -> None:
        """Who asks of itself first, then S3, calls, work, and the journal."""
        self._controller.stop()
        self._s3.stop()
        self._api.stop()


@dataclass(frozen=True, slots=True)
class Settings:
    """`folder`: where the journal lies, None for memory alone. `certificate` and `key`: PEM, the chain and its key. `token`: the
    stack's own. `last`: the addresses of the last run, which environments out there still name."""

    folder: Path | None
    certificate: bytes
    key: bytes
    token: str
    port: int | None = 0  # 0: a free one. None: the last one if it is free, else a free one
    s3_port: int | None = 0
    last: Address | None = None
    options: Options = field(default_factory=Options)
    faults: Faults = field(default_factory=Faults)


def certificate(certs: Path, stack: str) -> tuple[bytes, bytes]:
    """The chain and key of the emulator's certificate from the stack's authority, made if need be."""
    pki.ensure(certs, stack, EMULATOR_LEAF)
    place = certs / next(iter(EMULATOR_LEAF)) / "current"
    return (place / "tls.crt").read_bytes(), (place / "tls.key").read_bytes()


@contextlib.contextmanager
def running(settings: Settings, backing: Backing) -> Iterator[Emulator]:
    """Start, and stop at the end: calls first, then work, then the journal. What has a folder is run under `alone`."""
    emulator = start(settings, backing)
    try:
        yield emulator
    finally:
        emulator.stop()


def start(settings: Settings, backing: Backing) -> Emulator:
    """Open the journal, recover what a kill interrupted, and listen."""
    journal = Journal(settings.folder / "journal.jsonl" if settings.folder else None)
    operations = Operations()
    state = EmulatorState(journal, backing, settings.options, operations, settings.token)
    buckets = BucketState(state)
    state.publish_keys = lambda: backing.put_keys(buckets.rights())
    state.issue = PublicAuthority(settings.folder).issue
    platform.create_default_folder(state)
    operations.load(state, recovery.roll_back, recovery.repeat)
    backing.forget_clusters_except(
        frozenset(each.key for kind in journal.kinds() if kind.endswith(CLUSTER) for each in journal.all(kind))
    )
    state.publish_keys()
    last = settings.last or Address(0, 0)
    registry = methods.registry()

    def serve(port: int) -> server.Server:
        return server.start(state, registry, settings.faults, settings.certificate, settings.key, port)

    try:
        api = _serve_at(settings.port, last.port, serve)
    except BaseException:
        journal.close()
        raise
    try:
        way = controller.destination(state)
        s3 = _serve_at(settings.s3_port, last.s3_port, lambda port: object_storage.start(buckets, backing, port, way))
    except BaseException:
        api.stop()
        raise
    return Emulator(state, api.port, s3.port, api, s3, controller.Controller(state))


def _serve_at(wanted: int | None, last: int, serve: Callable[[int], Served]) -> Served:
    """Serve at the port that the user fixed; else at the last one, else at a free one."""
    if wanted is not None:
        return serve(wanted)
    try:
        return serve(last)
    except PortTaken:
        return serve(0)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The kernel's lock on the emulator's folder: a killed emulator leaves none behind. Raises `AlreadyRuns`."""
    files.private_folder(folder)
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, files.PRIVATE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns(folder=folder) from None
        yield
    finally:
        os.close(descriptor)

"""Runs the emulator of the cloud's API beside a command, and names it to Terraform and clients by environment variables.

It runs as a program of its own as long as the command does; what it knows is in its journal, what stands behind it in containers,
so nothing has to stay running between two commands.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from kit import cancel
from kit.adapters import process
from kit.blueprint.stack import Stack
from kit.errors import KitError
from kit.machine import Machine
from kit.sentry.flavours import FRONT_IMAGE
from kit.state import lock, users
from kit.state.ports import LOOPBACK
from kit.targets.cloud.place import Place
from kit.targets.local import layout, observe, teardown
from kit.targets.local.target import LocalTarget
from kit.workspace import EMULATOR, EMULATOR_LEAF, Workspace, backing_name

START_S = 90.0  # it looks after what an earlier one left half-made, on a machine that may be busy
RUNS = "KIT-YANDEX-RUNS"
WHILE_USED = "--while-used"  # an option of `kit yandex emulate`
USERS = "users"  # the file that commands hold while they use the emulator
# Names a file to use instead of what the cloud publishes: the rehearsal's authority is its own.
AUTHORITY_FILE = "KIT_CLOUD_CA_FILE"
CALLERS = "198.51.100.0/24"  # who may call Sentry in a rehearsal where nobody says so; nobody's addresses, by RFC 5737
# Sentry's domain where nobody named one: asked for by nobody but this computer, and no zone ever delegates `test` (RFC 6761).
DOMAIN = "sentry.example.test"
PUBLIC_AUTHORITY = "public-authority"  # below the emulator's folder: whose certificates its Certificate Manager issues
POLL_S = 0.05


class EmulatorFailed(KitError):
    """The emulator of the cloud's API did not start, or ended."""

    code = "KIT-CLOUD-EMULATOR"
    exit_code = 60
    what = "the emulator of the cloud's API did not start"
    fix = "read {log}, then the same command again"

    @classmethod
    def of(cls, log: Path, said: str) -> EmulatorFailed:
        lines = [line for line in said.strip().splitlines() if line.strip()] or ["it said nothing"]
        return cls(log=log, why=lines[-1], detail="\n".join(lines[-15:]))


class BackingLost(KitError):
    """The ports of the stack behind a rehearsal are not known any more, so nobody knows where its Sentry is."""

    code = "KIT-CLOUD-BACKING-LOST"
    exit_code = 60
    what = "nobody knows where the rehearsal's Sentry is reached"
    why = "{file}, with the ports of the stack behind the emulator, is gone or cannot be read"
    fix = "kit purge --cloud --rehearse, then kit up --cloud --rehearse"


def kit(place: Place) -> list[str]:
    """This very program, for this stack."""
    return [sys.executable, "-m", "kit", "--stack", place.workspace.stack]


@contextmanager
def emulated(place: Place, *options: str) -> Iterator[Mapping[str, str | None]]:
    """The environment for terraform and for kit itself while the emulator runs; None takes a variable away.

    One of this stack that runs already is used: somebody may have started it with faults or quotas of its own, and then ends it.
    One that was started here ends with the last command that uses it, also where that is killed. `options` are the emulator's.
    """
    log = place.logs / "emulator.log"
    ensure_certificate(place.workspace)  # here, for the emulator would wait for the lock that this process holds
    argv = [*kit(place), "-o", "json", "yandex", "emulate", WHILE_USED, *options]
    with _using(place, log) as is_last, process.beside(argv, log=log, env=_home(place), ends=is_last) as exit_code:
        said = _await_ready(place, log, exit_code)
        # IAM needs no time to learn of a role here, and the managed stores' authority is that of the stack behind.
        authority = replace(place.workspace, stack=backing_name(place.workspace.stack)).ca_file
        yield {"TF_VAR_iam_pause_s": "0", AUTHORITY_FILE: str(authority), **json.loads(said.stdout)}


def ensure_certificate(workspace: Workspace, wait_s: float = START_S) -> None:
    """Make what the emulator needs of the stack's authority, under the stack's lock. Raises `Locked`."""
    from kit.pki import folder

    if folder.lacks(workspace.certs, EMULATOR_LEAF):
        with lock.held(workspace.lock_file, workspace.stack, "yandex emulate", wait_s=wait_s):
            folder.ensure(workspace.certs, workspace.stack, EMULATOR_LEAF)


@contextmanager
def _using(place: Place, log: Path) -> Iterator[Callable[[], bool]]:
    with ExitStack() as until:
        try:
            is_last = until.enter_context(users.using(place.workspace.state / EMULATOR / USERS, START_S))
        except TimeoutError:
            raise EmulatorFailed.of(log, "the one of the last command has not ended yet") from None
        yield is_last


def is_emulated(place: Place) -> bool:
    """Whether an emulator of this stack runs."""
    return _environment(place).exit_code == 0


def _environment(place: Place) -> process.Result:
    return process.run([*kit(place), "-o", "json", "yandex", "env"], env=_home(place), check=False)


def _home(place: Place) -> Mapping[str, str]:
    return {"KIT_HOME": str(place.workspace.home), "KIT_CACHE": str(place.workspace.cache)}


def _await_ready(place: Place, log: Path, exit_code: Callable[[], int | None]) -> process.Result:
    """Its environment, once its first line says that it listens; where another one runs, once that one listens."""
    end = time.monotonic() + START_S
    while True:
        has_ended = exit_code() is not None  # before the look: what it said last is read too
        said = log.read_text(errors="replace")
        is_other = has_ended and RUNS in said
        if is_other or any(line.startswith("{") and '"port"' in line for line in said.splitlines()):
            found = _environment(place)
            if found.exit_code == 0:
                return found
            said = found.stdout + found.stderr
        if (has_ended and not is_other) or time.monotonic() > end:
            raise EmulatorFailed.of(log, said)
        cancel.wait(POLL_S)


def backing(place: Place, stack: Stack, machine: Machine) -> LocalTarget:
    """The local stack that stands behind the emulator: its node takes the images, its port leads to the stand-in."""
    name = backing_name(stack.name)
    workspace = replace(place.workspace, stack=name)
    made = Stack(name=name, sentry=stack.sentry, parts=stack.parts)
    return LocalTarget(made, workspace, machine, more_images=(FRONT_IMAGE,))


def url(local: LocalTarget) -> str:
    """Of Sentry in the rehearsal's cluster, from this computer. Raises `BackingLost`."""
    port = local.ports().get(layout.SENTRY_KEY)
    if port is None:
        raise BackingLost(file=local.ports_file)
    return f"https://{LOOPBACK}:{port}"


def has_node(local: LocalTarget) -> bool:
    """Whether the rehearsal's cluster has begun to be."""
    node = observe.ask_engine(local).node(local.stack.name)
    return node is not None and node.state == "running"


# -- what a rehearsal leaves on this computer


def emulators_own(place: Place) -> Path:
    """The emulator's journal, token and address; other Terraform configurations may have been tried against the same one."""
    return place.workspace.state / EMULATOR


def public_authority(place: Place) -> Path:
    """Who signs what the emulator's Certificate Manager issues."""
    return emulators_own(place) / PUBLIC_AUTHORITY / "ca.crt"


def public_bundle(place: Place) -> Path:
    """Public roots, and who stands in for one."""
    return emulators_own(place) / PUBLIC_AUTHORITY / "bundle.crt"


def sweep(local: LocalTarget) -> bool:
    """After everything was removed: the empty stack behind goes too, with its authority and passwords. False: it is not."""
    name = local.stack.name
    try:
        with lock.held(local.workspace.lock_file, name, "down --cloud --rehearse", wait_s=0):
            seen = observe.ask_engine(local)
            holds_data = any(volume.labels.get(layout.STACK_LABEL) == name for volume in seen.volumes)
            if seen.store_containers(name) or seen.node(name) or holds_data:
                return False
            teardown.purge(local)
            return True
    except lock.Locked:  # an emulator that somebody else started runs on it
        return False


def belongings(place: Place, local: LocalTarget) -> tuple[str, ...]:
    """What there is of the rehearsal, in words."""
    behind = tuple(f"{part} of {local.stack.name}" for part in teardown.belongings(local))
    ours = {
        "terraform's state of the rehearsal": place.root.exists(),
        "the emulator's journal": emulators_own(place).exists(),
    }
    return (*behind, *(words for words, is_there in ours.items() if is_there))


def purge(place: Place, local: LocalTarget) -> None:
    """All of it, without asking the emulator: what it would remove is removed where it is."""
    with lock.held(local.workspace.lock_file, local.stack.name, "purge --cloud --rehearse", wait_s=START_S):
        teardown.purge(local)
    own = place.workspace
    for folder in (place.root, emulators_own(place)):
        shutil.rmtree(folder, ignore_errors=True)
    if not (own.state / "secrets.json").exists():  # no local stack of this name: the authority was the emulator's alone
        shutil.rmtree(own.certs, ignore_errors=True)
    if own.state.exists() and not any(own.state.iterdir()):
        own.state.rmdir()

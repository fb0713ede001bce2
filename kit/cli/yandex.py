"""`kit yandex`: the emulator of the Yandex Cloud API, for anyone's Terraform."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from kit import cancel
from kit.adapters.yandex import packages
from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import SECONDS, Group, waits_for_lock

if TYPE_CHECKING:
    from pathlib import Path

    from kit.yandex.contract import Backing
    from kit.yandex.run.environment import Address


@click.group("yandex", cls=Group)
def command() -> None:
    """Emulate the Yandex Cloud API on this computer."""


@command.command(
    "emulate", epilog="Example: kit yandex emulate --control-plane-only --fail 'TopicService/Create:UNAVAILABLE:0.3'"
)
@click.option("--port", type=click.IntRange(0, 65535), help="gRPC over TLS (default: the last one, or a free one).")
@click.option(
    "--s3-port", type=click.IntRange(0, 65535), help="S3 by HTTP, as forward proxy (default: the last one, or a free one)."
)
@click.option("--control-plane-only", is_flag=True, help="Only answer: no container, bucket or cluster behind it.")
@click.option("--async", "async_s", type=SECONDS, default=0.0, metavar="SECONDS", help="Let every operation last so long.")
@click.option("--strict", is_flag=True, help="One operation at a time for each cluster, as in the cloud.")
@click.option("--fail", "faults", multiple=True, metavar="METHOD:CODE:RATE", help="Let calls fail, with this probability.")
@click.option("--latency", "latency_s", type=SECONDS, default=0.0, metavar="SECONDS", help="Let every call wait.")
@click.option("--quota", "quotas", multiple=True, metavar="NAME=NUMBER", help="Another limit than a new cloud's.")
@click.option("--iam-delay", "iam_delay_s", type=SECONDS, default=0.0, metavar="SECONDS", help="Let a role count after so long.")
@click.option("--while-used", is_flag=True, help="End with the last command that rehearses against it; kit starts it so.")
@waits_for_lock
@click.pass_obj
def emulate(
    session: Session,
    port: int | None,
    s3_port: int | None,
    control_plane_only: bool,
    async_s: float,
    strict: bool,
    faults: tuple[str, ...],
    latency_s: float,
    quotas: tuple[str, ...],
    iam_delay_s: float,
    while_used: bool,
) -> int:
    """Run the emulator until it is told to stop (Ctrl-C, SIGTERM). What it knows stays, and is there at the next start."""
    from kit.state import lock, users
    from kit.targets.cloud import rehearsal
    from kit.workspace import backing_name

    packages.require()
    from kit.yandex.engine.state import Options
    from kit.yandex.rules import quotas as quota_module
    from kit.yandex.run import emulator, environment
    from kit.yandex.run import faults as fault_module

    space = session.workspace
    rehearsal.ensure_certificate(space, session.wait_lock_s)
    certificate, key = emulator.certificate(space.certs, session.stack.name)
    settings = emulator.Settings(
        folder=environment.folder(space),
        certificate=certificate,
        key=key,
        token=environment.token(space),
        port=port,
        s3_port=s3_port,
        last=environment.last_address(space),
        options=Options(async_s=async_s, is_strict=strict, quotas=quota_module.parse(quotas), iam_delay_s=iam_delay_s),
        faults=fault_module.Faults(tuple(fault_module.parse(text) for text in faults), latency_s),
    )
    with contextlib.ExitStack() as until:
        until.enter_context(emulator.alone(environment.folder(space)))
        if not control_plane_only:  # as long as it runs, for nobody else writes to the stack behind it
            behind = dataclasses.replace(space, stack=backing_name(space.stack))
            until.enter_context(lock.held(behind.lock_file, behind.stack, "yandex emulate", wait_s=session.wait_lock_s))
        backing = _backing(session, control_plane_only)
        stop = _stopped()
        if while_used:
            used = environment.folder(space) / rehearsal.USERS
            users.when_unused(used, stop.set)
        running = until.enter_context(emulator.running(settings, backing))
        address = environment.Address(running.port, running.s3_port)
        environment.publish(space, address)
        _tell(session, address, backing.name)
        stop.wait()
    return 0


@command.command("env", prints_variables=True, epilog='Example: eval "$(kit yandex env)" && terraform init && terraform apply')
@click.option(
    "--provider",
    type=click.Choice(["auto", "built", "registry"]),
    default="auto",
    help="Where terraform gets the provider: the one that kit built (`built` makes it now), or where it always looks.",
)
@click.pass_obj
def env(session: Session, provider: str) -> int:
    """Print the variables with which terraform takes the emulator for the cloud."""
    packages.require()
    from kit.yandex.run import environment

    address = environment.address_of(session.workspace)
    variables = environment.variables(session.workspace, address, _cli_configuration(session, provider))
    if session.is_json:
        print(json.dumps(variables, indent=2))
        return 0
    for name, value in variables.items():
        print(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
    return 0


@command.command("coverage", epilog="Example: kit yandex coverage -o json")
@click.option("--page", is_flag=True, help="Print docs/yandex-coverage.md.")
@click.pass_obj
def coverage(session: Session, page: bool) -> int:
    """List every method of the API and how it is answered."""
    packages.require()
    from kit.yandex import coverage as found

    if page:
        print(found.page(), end="")
    elif session.is_json:
        document: dict[str, Any] = {"counts": found.counts(), "methods": []}
        for row in found.rows():
            document["methods"].append(
                {"method": f"{row.service}/{row.method}", "level": row.level, "backed_by": row.backed or None}
            )
        print(json.dumps(document, indent=2))
    else:
        for row in found.rows():
            print(f"{row.level:<13}  {row.service}/{row.method}{'  ← ' + row.backed if row.backed else ''}")
        print(", ".join(f"{count} {level}" for level, count in found.counts().items()), file=sys.stderr)
    return 0


def _stopped() -> threading.Event:
    """Set by the signals that cancel a command: what runs in the emulator may come to its end, and is written down."""
    stop = threading.Event()
    for number in cancel.SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    return stop


def _backing(session: Session, control_plane_only: bool) -> Backing:
    from kit.yandex.contract import NoBacking

    if control_plane_only:
        return NoBacking()
    from kit.yandex.backing.local import LocalBacking

    backing = LocalBacking(session.stack.name, session.workspace)
    if backing.missing():  # now and with progress, not while a terraform waits for its first cluster
        from kit.report import progress
        from kit.targets.supply_events import SupplyEvents

        with progress.listener() as listen:
            backing.prepare(SupplyEvents(listen))
    return backing


def _tell(session: Session, address: Address, backing: str) -> None:
    """One line when calls are answered, for people and for scripts that wait for it."""
    if session.is_json:
        ready = {
            "ready": True,
            "port": address.port,
            "s3_port": address.s3_port,
            "endpoint": f"localhost:{address.port}",
            "backing": backing,
        }
        print(json.dumps(ready), flush=True)
        return
    print(f"ready: API localhost:{address.port}, S3 127.0.0.1:{address.s3_port}, behind it: {backing}", flush=True)
    print('in another terminal: eval "$(kit yandex env)"', file=sys.stderr)


def _cli_configuration(session: Session, provider: str) -> Path | None:
    """Terraform's configuration with kit's mirror; None where terraform shall look where it always does."""
    from pathlib import Path

    from kit.adapters.terraform.mirror import users_configuration
    from kit.supply.errors import NotSupplied
    from kit.targets.cloud.provider import ARTIFACT, mirrored_provider
    from kit.yandex.run import environment

    if provider == "registry":
        return None
    supply, built = session.supply(), "kit yandex env --provider built"
    if provider == "built":
        supply.ensure([ARTIFACT])
    elif own := users_configuration(os.environ, Path(os.environ.get("HOME") or "/")):
        _note(session, f"{own} is yours and stays as it is; if it leads to no provider: {built}")
        return None
    try:
        return mirrored_provider(supply, environment.folder(session.workspace) / environment.MIRROR)
    except NotSupplied:
        _note(session, f"kit has built no provider yet, so terraform asks its registry; where none answers: {built}")
        return None


def _note(session: Session, said: str) -> None:
    print(f"! {hints.complete(said, session)}", file=sys.stderr)

"""`kit cloud`: where terraform keeps the state of the cloud stack."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Group, waits_for_lock

# S3's rule for names; that of Object Storage is taken to be no wider.
# docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-s3-bucket-naming-requirements.html, read 2026-11-29
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _bucket(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not BUCKET.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no bucket's name: 3 to 63 of a-z, 0-9, '-' and '.'")
    return value


def _key(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value.strip() or value.strip("/") != value):
        raise click.BadParameter(f"{value!r} is no object's key: it neither begins nor ends with '/'")
    return value


def _endpoint(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (re.match(r"https?://", value) and urlsplit(value).hostname):
        raise click.BadParameter(f"{value!r} is no address such as https://storage.example.com")
    return value


def _in_bucket(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where in which storage; what is no such place would be told by terraform about a file of kit's."""
    for option in (
        click.option("--region", help="Its region.  [default: that of the cloud]"),
        click.option("--endpoint", callback=_endpoint, help="Its S3 endpoint.  [default: that of the cloud]"),
        click.option("--key", callback=_key, help="The object in it.  [default: kit/STACK/terraform.tfstate]"),
    ):
        verb = option(verb)
    return verb


@click.group("cloud", cls=Group)
@click.pass_obj
def cloud(session: Session) -> None:
    """Share a cloud stack with others. It needs no --cloud; of a rehearsal: --cloud --rehearse."""
    if session.says_local:
        raise click.UsageError("--local names the stack on this computer, and kit cloud works on the one in the cloud")


command = cloud  # the name under which the frame finds every command


@cloud.command(
    "init-state", epilog="Example: AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… kit cloud init-state --bucket my-states"
)
@click.option(
    "--bucket", required=True, callback=_bucket, help="A bucket that exists, private and versioned; not one of Sentry's own."
)
@_in_bucket
@waits_for_lock
@click.pass_obj
def init_state(session: Session, bucket: str, key: str | None, endpoint: str | None, region: str | None) -> None:
    """Move the state into a bucket, with locking and, where the bucket keeps them, earlier versions.

    The key that opens the bucket comes from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, now and at every later run. kit's own
    passwords go to Lockbox, so that others can work on the stack, too: kit cloud join.
    """
    from kit.targets.cloud import in_cluster, shared, state

    with session.lock("cloud init-state"), session.in_cloud() as target:
        where = state.move(target.clients, bucket, key, endpoint, region)
        print(f"the state is in {where}", file=sys.stderr)
        shared.publish(target.clients)
        in_cluster.remember(target)


@cloud.command("join", epilog="Example: AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… kit cloud join --bucket my-states")
@click.option("--bucket", required=True, callback=_bucket, help="The bucket that `kit cloud init-state` was given.")
@_in_bucket
@waits_for_lock
@click.pass_obj
def join(session: Session, bucket: str, key: str | None, endpoint: str | None, region: str | None) -> None:
    """Work on a stack that another computer has made, and whose state it has moved into a bucket.

    State and passwords are found there and in Lockbox; the same kit.yaml is yours to bring.
    """
    from kit.targets.cloud import join as joining

    with session.lock("cloud join"), session.in_cloud() as target:
        joined = joining.join(target, bucket, key, endpoint, region)
    print(f"the state is in {joined.where}, kit's own secrets are in Lockbox secret {joined.secret}", file=sys.stderr)
    for note in joined.notes:
        print(f"! {hints.complete(note, session)}", file=sys.stderr)


@cloud.command("leave", epilog="Example: kit cloud leave")
@waits_for_lock
@click.pass_obj
def leave(session: Session) -> None:
    """Forget a shared stack on this computer. The stack stands as before, and kit cloud join finds it again."""
    from kit.targets.cloud import join as joining

    with session.lock("cloud leave"), session.in_cloud() as target:
        joining.leave(target)
    print("this computer has nothing of the stack any more; others work on it as before", file=sys.stderr)


@cloud.command("restore", epilog="Example: kit cloud restore postgres c9q…:…")
@click.argument("store", type=click.Choice(("postgres", "clickhouse")))
@click.argument("backup")
@click.option("--forget", is_flag=True, help="Let terraform forget the cluster that stands; it keeps its data.")
@waits_for_lock
@click.pass_obj
def restore(session: Session, store: str, backup: str, forget: bool) -> None:
    """Make STORE anew out of BACKUP, an id as `yc managed-postgresql backup list` (or managed-clickhouse) shows it.

    A new cluster, with the backup's data, user and database, which terraform takes over. Nothing is deleted. Run again, it goes
    on where it stopped; afterwards `kit up --cloud` gives Sentry the new addresses.
    """
    from kit.report import progress
    from kit.targets.cloud import restore as restoring

    with session.lock("cloud restore"), session.in_cloud() as target, progress.listener() as listen:
        made = restoring.restore(target, store, backup, listen, forgets=forget)
    print(f"cluster {made} holds the backup; Sentry gets its address by: kit up --cloud{target.option}", file=sys.stderr)


@cloud.command("unlock", epilog="Example: kit cloud unlock 4a2b1c3d-…")
@click.argument("lock")
@waits_for_lock
@click.pass_obj
def unlock(session: Session, lock: str) -> None:
    """Break the state's lock LOCK, which a killed run left behind: the refusal of a later run names it.

    Only when no other run is at work any more: two at once damage the state.
    """
    from kit.targets.cloud import state

    with session.lock("cloud unlock"), session.in_cloud() as target:
        state.unlock(target.clients, lock)
    print("unlocked; the same command as before goes on", file=sys.stderr)

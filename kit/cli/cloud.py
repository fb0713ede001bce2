"""`kit cloud`: where terraform keeps the state of the cloud stack."""

from __future__ import annotations

import sys

import click

from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Group, waits_for_lock


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
@click.option("--bucket", required=True, help="A bucket that exists, private and versioned; not one of Sentry's own.")
@click.option("--key", help="The object in it.  [default: kit/STACK/terraform.tfstate]")
@click.option("--endpoint", help="Its S3 endpoint.  [default: that of the cloud]")
@click.option("--region", help="Its region.  [default: that of the cloud]")
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
@click.option("--bucket", required=True, help="The bucket that `kit cloud init-state` was given.")
@click.option("--key", help="The object in it.  [default: kit/STACK/terraform.tfstate]")
@click.option("--endpoint", help="Its S3 endpoint.  [default: that of the cloud]")
@click.option("--region", help="Its region.  [default: that of the cloud]")
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
    with session.lock("cloud unlock"), session.in_cloud() as target:
        target.clients.configuration.force_unlock(lock)
    print("unlocked; the same command as before goes on", file=sys.stderr)

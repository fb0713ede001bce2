"""`kit kube-token`: what kubectl, Helm and kit run to be let into the cloud's cluster."""

from __future__ import annotations

import json

import click

from kit.cli.context import Session
from kit.cli.frame import Command


@click.command("kube-token", cls=Command)
@click.pass_obj
def command(session: Session) -> int:
    """Print a short-lived IAM token as an ExecCredential, from YC_SERVICE_ACCOUNT_KEY_FILE or YC_TOKEN.

    In a rehearsal it is the emulator's own token, whether that runs or not. A kubeconfig that kit wrote names this command; by
    hand it is only needed to see why the cluster lets nobody in.
    """
    from kit.adapters.kubernetes.credential import credential
    from kit.adapters.yandex import client as yandex
    from kit.adapters.yandex import packages

    packages.require()
    if session.rehearse:
        from kit.yandex.run import environment

        print(json.dumps(credential(environment.token(session.workspace), None)))
        return 0
    token = yandex.from_environment().iam_token()
    print(json.dumps(credential(token.value.reveal(), token.expires_at)))
    return 0

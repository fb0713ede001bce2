"""Before the server starts: schema, tables, and the one user, team, project and token that kit knows beforehand.

Every secret was made by kit and arrives in the mounted Secret, so nothing has to be read back out of the pod. Safe to run
again, also with changed secrets: what differs is set to what the Secret says.
"""

import json
import os
import socket
import time
from pathlib import Path
from uuid import UUID

import django

django.setup()

from bsmain.models import AuthToken  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.management.color import no_style  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from projects.models import Project, ProjectMembership, ProjectRole  # noqa: E402
from teams.models import Team, TeamMembership, TeamRole  # noqa: E402

TOKEN_DESCRIPTION = "kit"
# What kit reads. From 2.6 on a token may do what it was given (bsmain's migration 0004); in 2.5.1 each may do everything.
TOKEN_RIGHTS = ("issues_read", "events_read", "projects_read")
PATIENCE_S = 90


def main() -> None:
    wanted = json.loads(Path("/run/kit/settings/bugsink.json").read_text())
    wait_for(os.environ["POSTGRES_HOST"], int(os.environ["POSTGRES_PORT"]))
    set_aside_newer()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {settings.SCHEMA}")
    call_command("migrate", interactive=False)
    with transaction.atomic():
        user = ensure_user(os.environ["KIT_ADMIN"], os.environ["KIT_ADMIN_PASSWORD"])
        ensure_project(wanted["project"]["id"], wanted["project"]["name"], UUID(wanted["project"]["key"]), user)
        ensure_token(wanted["token"])
    print("prepared")


def wait_for(host: str, port: int) -> None:
    """After a restart of everything, this pod is there before the cluster's DNS and before Postgres. A pod that waits goes on at
    once; one that crashes is held back by Kubernetes for longer each time. Certificates and passwords are not waited for.
    """
    end, said = time.monotonic() + PATIENCE_S, ""
    while True:
        try:
            socket.create_connection((host, port), timeout=3).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise
            if str(error) != said:
                print(f"waiting for {host}:{port}: {error}", flush=True)
            said = str(error)
            time.sleep(0.3)


def set_aside_newer() -> None:
    """Tables that a newer Bugsink has migrated have no way back: they are kept in a schema of another name, and new ones made."""
    loader = MigrationLoader(connection)
    known: dict[str, int] = {}
    for app, name in loader.disk_migrations:
        known[app] = max(known.get(app, 0), number(name))
    newer = [f"{app}.{name}" for app, name in loader.applied_migrations if number(name) > known.get(app, 0)]
    if newer:
        kept = f"{settings.SCHEMA}_{int(time.time())}"
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SCHEMA {settings.SCHEMA} RENAME TO {kept}")
        print(f"a newer Bugsink has migrated the tables ({', '.join(newer)}): they are kept in the schema {kept}", flush=True)


def number(migration: str) -> int:
    """By which Django's migrations are ordered: 4 of `0004_auth_token_capabilities`."""
    digits = migration.partition("_")[0]
    return int(digits) if digits.isdigit() else 0


def ensure_user(username: str, password: str):
    user, _ = get_user_model().objects.get_or_create(
        username=username, defaults={"is_superuser": True, "is_staff": True, "send_email_alerts": False}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    if os.environ.get("KIT_MAIL") and not user.email:  # once: what is changed in the user's own preferences stays
        user.email, user.send_email_alerts = username, True
        user.save()
    return user


def ensure_project(number: int, name: str, key: UUID, user) -> None:
    team, _ = Team.objects.get_or_create(name=name)
    TeamMembership.objects.update_or_create(team=team, user=user, defaults={"role": TeamRole.ADMIN, "accepted": True})
    project = Project.objects.filter(pk=number).first()
    if project is None:
        project = Project(pk=number, team=team, name=name)
        project.sentry_key = key
        project.save(force_insert=True)
        with connection.cursor() as cursor:  # a row with a chosen number does not move the sequence behind it
            for statement in connection.ops.sequence_reset_sql(no_style(), [Project]):
                cursor.execute(statement)
    elif project.sentry_key != key or project.is_deleted:
        project.sentry_key, project.is_deleted = key, False
        project.save()
    ProjectMembership.objects.update_or_create(project=project, user=user, defaults={"role": ProjectRole.ADMIN, "accepted": True})


def ensure_token(token: str) -> None:
    """kit only reads; a token that the Secret no longer names must not work any more."""
    AuthToken.objects.filter(description=TOKEN_DESCRIPTION).exclude(token=token).delete()
    fields = {field.name for field in AuthToken._meta.get_fields()}
    rights = {right: True for right in TOKEN_RIGHTS if right in fields}
    AuthToken.objects.update_or_create(token=token, defaults={"description": TOKEN_DESCRIPTION, **rights})


main()

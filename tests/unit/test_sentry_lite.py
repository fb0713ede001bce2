"""The light Sentry's documents and values as data: no secret outside Secrets, a fingerprint that moves with its inputs."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from kit.endpoints import PostgresEndpoint, Secret
from kit.sentry import lite
from kit.sentry.lite import Lite

CHART = Path(__file__).parents[2] / lite.CHART
WANTED = Lite(
    stack="kit",
    chart=CHART,
    host_port=9443,
    bugsink_image="bugsink:1",
    probe_image="probe:1",
    postgres=PostgresEndpoint("postgres", 6432, "sentry", "sentry", Secret("PG-PASSWORD")),
    logins=lite.Logins(Secret("DJANGO-KEY"), Secret("ADMIN-PASSWORD"), Secret("d" * 32), Secret("a" * 40)),
    authority="ROOT",
    certificate="LEAF",
    key=Secret("LEAF-KEY"),
)
SECRETS = ("PG-PASSWORD", "DJANGO-KEY", "ADMIN-PASSWORD", "d" * 32, "a" * 40, "LEAF-KEY")


def decoded(document: lite.Document) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in document["data"].items()}


def test_values_hold_no_secret() -> None:
    text = json.dumps(lite.values(WANTED))
    assert [secret for secret in SECRETS if secret in text] == []


def test_every_secret_reaches_the_cluster_in_a_secret() -> None:
    documents = lite.documents(WANTED)
    assert [document["kind"] for document in documents] == ["Namespace", "Secret", "Secret", "Secret"]
    text = json.dumps([decoded(document) for document in documents[1:]])
    assert [secret for secret in SECRETS if secret not in text] == []


def test_settings_are_what_the_chart_reads() -> None:
    settings = json.loads(decoded(lite.documents(WANTED)[2])["bugsink.json"])
    assert settings["postgres"] == {
        "host": "postgres", "port": 6432, "database": "sentry", "username": "sentry", "password": "PG-PASSWORD"
    }  # fmt: skip
    assert settings["project"] == {"id": 1, "name": "demo", "key": "d" * 32}


def test_namespace_refuses_privileged_pods() -> None:
    assert lite.namespace("kit")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_dsn_is_of_the_host_and_hides_itself() -> None:
    dsn = lite.dsn(9443, Secret("d" * 32))
    assert dsn.reveal() == f"https://{'d' * 32}@127.0.0.1:9443/1"
    assert "d" * 32 not in f"{dsn!r} {dsn}"


@pytest.mark.parametrize(
    "change",
    [
        {"stack": "other"},
        {"host_port": 9444},
        {"bugsink_image": "bugsink:2"},
        {"probe_image": "probe:2"},
        {"authority": "OTHER"},
        {"certificate": "RENEWED"},
        {"key": Secret("OTHER")},
        {"postgres": dataclasses.replace(WANTED.postgres, password=Secret("OTHER"))},
        {"logins": dataclasses.replace(WANTED.logins, api_token=Secret("b" * 40))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_fingerprint_moves_with_every_input(change: dict[str, Any]) -> None:
    assert lite.fingerprint(dataclasses.replace(WANTED, **change)) != lite.fingerprint(WANTED)


def test_fingerprint_moves_with_the_chart(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "service.yaml").write_text("one")
    wanted = dataclasses.replace(WANTED, chart=tmp_path)
    before = lite.fingerprint(wanted)
    assert lite.fingerprint(wanted) == before
    (tmp_path / "templates" / "service.yaml").write_text("two")
    assert lite.fingerprint(wanted) != before


def test_a_renewed_certificate_changes_the_hash_that_rolls_the_pods() -> None:
    renewed = dataclasses.replace(WANTED, certificate="RENEWED")
    assert lite.values(renewed)["hashes"]["secrets"] != lite.values(WANTED)["hashes"]["secrets"]


def test_secrets_have_the_forms_that_bugsink_demands() -> None:
    made = {name: make() for name, make in lite.secret_makers().items()}
    assert {name: len(text) for name, text in made.items() if name != "sentry_admin_password"} == {
        "sentry_django_key": 64, "sentry_dsn_key": 32, "sentry_api_token": 40
    }  # fmt: skip
    int(made["sentry_dsn_key"] + made["sentry_api_token"], 16)
    assert lite.logins({name: Secret(text) for name, text in made.items()}).api_token.reveal() == made["sentry_api_token"]

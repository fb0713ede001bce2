"""What the stand-in has to itself: its part of the values, its Secrets, and that no secret is in the former."""

from __future__ import annotations

import base64
import json

from kit.endpoints import Secret
from kit.sentry import credentials, objects
from kit.sentry.credentials import Certificate
from kit.sentry.stand_in import lite
from kit.sentry.stand_in.lite import Lite

WANTED = Lite(
    stack="kit",
    sentry_version="26.8.0",
    url="https://127.0.0.1:9443",
    bugsink_image="bugsink:1",
    probe_image="probe:1",
    dsn_key=Secret("d" * 32),
    api_token=Secret("a" * 40),
    certificate=Certificate("LEAF", Secret("LEAF-KEY")),
)
SECRETS = ("d" * 32, "a" * 40, "LEAF-KEY")


def decoded(document: objects.Document) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in document["data"].items()}


def test_its_part_of_the_values_holds_no_secret() -> None:
    text = json.dumps(lite.section(WANTED, {"one": "TOLD"}))
    assert [secret for secret in (*SECRETS, "TOLD") if secret in text] == []


def test_every_secret_reaches_the_cluster_in_a_secret() -> None:
    documents = lite.documents(WANTED)
    assert [document["kind"] for document in documents] == ["Secret", "Secret"]
    text = json.dumps([decoded(document) for document in documents])
    assert [secret for secret in SECRETS if secret not in text] == []
    assert json.loads(decoded(documents[0])["bugsink.json"])["project"] == {"id": 1, "name": "demo", "key": "d" * 32}


def test_a_changed_secret_changes_the_hash_that_rolls_the_pods() -> None:
    one, two = (lite.section(WANTED, {"kit-postgres": text})["hashes"] for text in ("one", "two"))
    assert one != two


def test_only_the_stand_in_gets_a_namespace_that_refuses_privileged_pods() -> None:
    levels = [objects.namespace("kit", restricted=each)["metadata"]["labels"] for each in (True, False)]
    assert [level["pod-security.kubernetes.io/enforce"] for level in levels] == ["restricted", "baseline"]


def test_dsn_is_of_the_address_and_hides_itself() -> None:
    dsn = lite.dsn("https://127.0.0.1:9443", Secret("d" * 32))
    assert dsn.reveal() == f"https://{'d' * 32}@127.0.0.1:9443/1"
    assert "d" * 32 not in f"{dsn!r} {dsn}"


def test_secrets_have_the_forms_that_sentry_and_bugsink_demand() -> None:
    made = {name: make() for name, make in credentials.makers().items()}
    assert {name: len(text) for name, text in made.items() if name != "sentry_admin_password"} == {
        "sentry_django_key": 64, "sentry_dsn_key": 32, "sentry_api_token": 40
    }  # fmt: skip
    int(made["sentry_dsn_key"] + made["sentry_api_token"], 16)

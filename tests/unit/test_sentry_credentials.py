"""The objects that the values name: each secret in exactly one of them, under the keys that are agreed."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest

from kit.endpoints import (
    Bucket,
    ClickHouseEndpoint,
    Endpoints,
    KafkaEndpoint,
    PostgresEndpoint,
    RedisEndpoint,
    S3Endpoint,
    Secret,
)
from kit.sentry import credentials, objects
from kit.sentry.credentials import Certificate, GivenSecrets, Logins, PasswordUnfit, TrustTexts

ENDPOINTS = Endpoints(
    kafka=KafkaEndpoint("kafka", 9091, "sentry", Secret("KAFKA-PW")),
    postgres=PostgresEndpoint("postgres", 6432, "sentry", "sentry", Secret("PG-PW")),
    redis=RedisEndpoint("redis", 6380, "default", Secret("REDIS-PW")),
    clickhouse=ClickHouseEndpoint("clickhouse", 8443, 9440, "sentry", "sentry", Secret("CH-PW")),
    s3=S3Endpoint(
        "s3", 9000, "r", Bucket("files", "FILES-AK", Secret("FILES-SK")), Bucket("events", "EVENTS-AK", Secret("EVENTS-SK"))
    ),
)
TRUST = TrustTexts("AUTHORITY", "ROOTS AND AUTHORITY")
LOGINS = Logins(Secret("DJANGO"), Secret("ADMIN-PW"))
CLIENT = Certificate("CHAIN", Secret("CLIENT-KEY"))
MADE = credentials.documents("kit", ENDPOINTS, TRUST, LOGINS, CLIENT)


def content(document: objects.Document) -> dict[str, str]:
    if document["kind"] == "ConfigMap":
        return dict(document["data"])
    return {key: base64.b64decode(text).decode() for key, text in document["data"].items()}


def test_objects_have_the_agreed_names_and_keys() -> None:
    assert {document["metadata"]["name"]: content(document) for document in MADE} == {
        "kit-trust": {"ca.crt": "AUTHORITY", "bundle.crt": "ROOTS AND AUTHORITY"},
        "kit-kafka": {"username": "sentry", "password": "KAFKA-PW", "mechanism": "SCRAM-SHA-512"},
        "kit-postgres": {"password": "PG-PW"},
        "kit-redis": {"redis-password": "REDIS-PW"},
        "kit-clickhouse": {"clickhouse-password": "CH-PW"},
        "kit-filestore": {"access-key": "FILES-AK", "secret-key": "FILES-SK"},
        "kit-nodestore": {"access-key": "EVENTS-AK", "secret-key": "EVENTS-SK"},
        "kit-sentry": {"key": "DJANGO", "admin-password": "ADMIN-PW"},
        "kit-vroom-client": {"tls.crt": "CHAIN", "tls.key": "CLIENT-KEY"},
    }


def test_only_the_trust_is_readable_without_permission_for_secrets() -> None:
    assert [document["metadata"]["name"] for document in MADE if document["kind"] != "Secret"] == ["kit-trust"]
    assert {document["metadata"]["namespace"] for document in MADE} == {"sentry"}


def test_each_secret_is_in_exactly_one_object() -> None:
    texts = [json.dumps(content(document)) for document in MADE]
    for secret in ("KAFKA-PW", "PG-PW", "REDIS-PW", "CH-PW", "FILES-SK", "EVENTS-SK", "DJANGO", "ADMIN-PW", "CLIENT-KEY"):
        assert sum(secret in text for text in texts) == 1, secret


def test_without_vroom_there_is_no_client_certificate() -> None:
    names = [document["metadata"]["name"] for document in credentials.documents("kit", ENDPOINTS, TRUST, LOGINS)]
    assert "kit-vroom-client" not in names
    assert len(names) == len(MADE) - 1


@pytest.mark.parametrize("password", ["with/slash", "with@at", "", "with space", "per%cent", "umläut"])
def test_a_password_that_would_break_the_url_is_refused_before_it_does(password: str) -> None:
    redis = dataclasses.replace(ENDPOINTS.redis, password=Secret(password))
    with pytest.raises(PasswordUnfit) as refused:
        credentials.documents("kit", dataclasses.replace(ENDPOINTS, redis=redis), TRUST, LOGINS)
    assert not password or password not in f"{refused.value.what} {refused.value.why} {refused.value.fix}"


def test_what_the_user_gave_stands_in_secrets_of_its_own() -> None:
    given = GivenSecrets(Secret("of-mail"), {"slack-token": Secret("of-slack")})
    found = {
        each["metadata"]["name"]: each["data"] for each in credentials.documents("kit", ENDPOINTS, TRUST, LOGINS, given=given)
    }
    decoded = {
        name: {key: base64.b64decode(text).decode() for key, text in found[name].items()} for name in ("kit-mail", "kit-own")
    }
    assert decoded == {"kit-mail": {"mail-password": "of-mail"}, "kit-own": {"slack-token": "of-slack"}}
    assert not {"kit-mail", "kit-own"} & {each["metadata"]["name"] for each in MADE}

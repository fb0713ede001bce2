"""The door to Yandex Cloud: who one is, what is asked, and what becomes of a refusal; over real gRPC and TLS to a small cloud."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kit.adapters import process
from kit.adapters.kubernetes.credential import ExecToken
from kit.adapters.yandex import client as yandex
from kit.adapters.yandex.errors import (
    CloudRefused,
    CloudUnreachable,
    CredentialsRefused,
    CredentialsUnusable,
    NoCredentials,
    ServiceAbsent,
    TrustFileUnusable,
)
from tests.support.cloud import Cloud, cloud

ROOT = Path(__file__).parents[2]
IAM_TOKEN = "t1.given.ready-made"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def key_file(folder: Path, private_key: rsa.RSAPrivateKey) -> Path:
    """As `yc iam key create` writes it, with the line before the key."""
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    text = f"PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <ajekey>\n{pem}"
    path = folder / "key.json"
    path.write_text(json.dumps({"id": "ajekey", "service_account_id": "ajeaccount", "private_key": text}))
    return path


def test_an_iam_token_is_used_as_it_is_and_never_exchanged(here: Cloud) -> None:
    door = yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN))
    assert door.iam_token() == yandex.Token(yandex.Secret(IAM_TOKEN), None)
    assert door.kubernetes_versions() == {"STABLE": ("1.32", "1.33")}
    assert here.exchanged == []
    assert here.bearers == [IAM_TOKEN]


def test_an_oauth_token_is_exchanged_once(here: Cloud) -> None:
    door = yandex.from_environment(here.environment(YC_TOKEN="y0_oauth"))
    token = door.iam_token()
    assert token.value.reveal() == "t1.made.1"
    assert token.expires_at is not None
    assert timedelta(hours=11) < token.expires_at - datetime.now(UTC) < timedelta(hours=13)
    door.kubernetes_versions()
    assert [request.yandex_passport_oauth_token for request in here.exchanged] == ["y0_oauth"]
    assert here.bearers == ["t1.made.1"]


def test_a_token_that_ends_soon_is_exchanged_again(here: Cloud) -> None:
    here.token_lifetime = timedelta(minutes=2)
    door = yandex.from_environment(here.environment(YC_TOKEN="y0_oauth"))
    assert [door.iam_token().value.reveal() for _ in range(2)] == ["t1.made.1", "t1.made.2"]


def test_a_key_signs_for_its_account_and_wins_over_a_token(here: Cloud, tmp_path: Path, private_key: rsa.RSAPrivateKey) -> None:
    path = key_file(tmp_path, private_key)
    for named in (str(path), path.read_text()):
        yandex.from_environment(here.environment(YC_SERVICE_ACCOUNT_KEY_FILE=named, YC_TOKEN="y0_oauth")).iam_token()
    for request in here.exchanged:
        claims = jwt.decode(request.jwt, private_key.public_key(), algorithms=["PS256"], audience=yandex.AUDIENCE)
        assert claims["iss"] == "ajeaccount"
        assert jwt.get_unverified_header(request.jwt)["kid"] == "ajekey"
    assert len(here.exchanged) == 2


def test_a_folder_is_known_or_it_is_none(here: Cloud) -> None:
    door = yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN))
    assert door.folder("b1gfolder") == yandex.Folder("b1gfolder", "b1gcloud", "main", True)
    assert door.folder("somebody-elses") is None


def test_quotas_are_read_to_the_last_page(here: Cloud) -> None:
    door = yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN))
    assert door.quotas("b1gcloud", "mdb") == {
        "mdb.clusters.count": yandex.Quota("mdb.clusters.count", 16, 3),
        "mdb.disk.size": yandex.Quota("mdb.disk.size", None, None),
    }


def test_a_secret_is_never_shown_by_itself(here: Cloud) -> None:
    found = yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN)).secret("e6qsecret")
    assert {key: value.reveal() for key, value in found.items()} == {"password": "hunter2"}
    assert "hunter2" not in repr(found)


def test_what_the_cloud_refuses_is_told_in_its_words(here: Cloud) -> None:
    with pytest.raises(CloudRefused) as caught:
        yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN)).secret("e6qother")
    assert caught.value.what == "could not read Lockbox secret e6qother"
    assert caught.value.why == "NOT_FOUND: Secret e6qother not found"


def test_an_expired_token_names_its_variable(here: Cloud) -> None:
    here.accepts = "another"
    with pytest.raises(CredentialsRefused) as caught:
        yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN)).kubernetes_versions()
    assert caught.value.fix.startswith("YC_TOKEN has expired")
    with pytest.raises(CredentialsRefused, match="exchange YC_TOKEN"):
        yandex.from_environment(here.environment(YC_TOKEN="expired")).iam_token()


def test_a_cloud_whose_certificate_does_not_verify_is_not_talked_to(here: Cloud, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with cloud(other) as stranger, pytest.raises(CloudUnreachable) as caught:
        yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN, SSL_CERT_FILE=str(stranger.ca_file))).kubernetes_versions()
    assert "SSL_CERT_FILE" in caught.value.fix
    assert here.bearers == []


@pytest.mark.parametrize(
    "content", [None, b"", b"0\x82\x01\x0a", b"words", "folder"], ids=["absent", "empty", "DER", "text", "folder"]
)
def test_a_trust_file_that_is_none_is_refused_by_the_name_of_its_variable(
    here: Cloud, tmp_path: Path, content: bytes | str | None
) -> None:
    named = tmp_path / "ca.pem"
    named.mkdir() if content == "folder" else named.write_bytes(content) if isinstance(content, bytes) else None
    with pytest.raises(TrustFileUnusable, match=f"SSL_CERT_FILE names {named}") as caught:
        yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN, SSL_CERT_FILE=str(named)))
    assert caught.value.fix.startswith("unset SSL_CERT_FILE")


def test_a_cloud_that_does_not_answer_is_told_with_its_address() -> None:
    with pytest.raises(CloudUnreachable) as caught:
        yandex.from_environment({"YC_TOKEN": IAM_TOKEN, "YC_ENDPOINT": "localhost:9"}).kubernetes_versions()
    assert "localhost:9" in caught.value.why
    assert "YC_ENDPOINT" in caught.value.fix


def test_a_service_that_the_cloud_does_not_have_is_named(here: Cloud) -> None:
    here.services = ("iam",)
    with pytest.raises(ServiceAbsent, match="no service quota-manager"):
        yandex.from_environment(here.environment(YC_TOKEN=IAM_TOKEN)).quotas("b1gcloud", "mdb")


def test_without_credentials_the_way_to_some_is_shown() -> None:
    with pytest.raises(NoCredentials) as caught:
        yandex.credentials({"YC_TOKEN": " "})
    assert "yc iam create-token" in caught.value.fix


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        ("not json", "it is not JSON"),
        ("[]", "no id and no service_account_id and no private_key"),
        ('{"id": "a", "service_account_id": "b"}', "it has no private_key"),
    ],
)
def test_a_key_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CredentialsUnusable) as caught:
        yandex.credentials({"YC_SERVICE_ACCOUNT_KEY_FILE": str(path)})
    assert why in caught.value.why


def test_a_private_key_that_is_none_is_told_without_showing_it(here: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text('{"id": "a", "service_account_id": "b", "private_key": "hunter2"}')
    with pytest.raises(CredentialsUnusable, match="cannot be used") as caught:
        yandex.from_environment(here.environment(YC_SERVICE_ACCOUNT_KEY_FILE=str(path))).iam_token()
    assert "hunter2" not in caught.value.why


def test_kube_token_prints_what_the_cluster_door_reads(here: Cloud) -> None:
    """`kit kube-token` as a program, and the reader that kubeconfigs use."""
    environment = here.environment(YC_TOKEN="y0_oauth", PYTHONPATH=str(ROOT), YC_SERVICE_ACCOUNT_KEY_FILE="")
    command = (sys.executable, "-m", "kit", "kube-token")
    document = json.loads(process.run(command, env=environment).stdout)
    assert document["kind"] == "ExecCredential"
    assert document["status"]["token"] == "t1.made.1"
    expires_at = datetime.fromisoformat(document["status"]["expirationTimestamp"])
    assert timedelta(hours=11) < expires_at - datetime.now(UTC) < timedelta(hours=13)
    bearer = ExecToken(command, environment)
    assert [bearer.token(), bearer.token()] == ["t1.made.2"] * 2


def test_kube_token_without_credentials_fails_in_the_three_lines(here: Cloud) -> None:
    environment = here.environment(YC_TOKEN="", YC_SERVICE_ACCOUNT_KEY_FILE="", PYTHONPATH=str(ROOT))
    result = process.run((sys.executable, "-m", "kit", "kube-token"), env=environment, check=False)
    assert result.exit_code == 64
    assert result.stdout == ""
    assert "KIT-CLOUD-NO-CREDENTIALS" in result.stderr

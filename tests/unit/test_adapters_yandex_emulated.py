"""The door to Yandex Cloud against the emulator of its API: the same calls, an independent server, rules of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from yandex.cloud.iam.v1 import (
    key_service_pb2,
    key_service_pb2_grpc,
    service_account_service_pb2,
    service_account_service_pb2_grpc,
)
from yandex.cloud.lockbox.v1 import secret_service_pb2, secret_service_pb2_grpc

from kit.adapters.yandex import client as yandex
from kit.adapters.yandex.errors import CredentialsRefused
from kit.yandex.contract import TOKEN_PREFIX, NoBacking
from kit.yandex.engine import ids
from kit.yandex.run import emulator

TOKEN = f"{TOKEN_PREFIX}somebody"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("emulator")
    certificate, key = emulator.certificate(folder, "emulated")
    with emulator.running(emulator.Settings(None, certificate, key, TOKEN), NoBacking()) as running:
        yield {"YC_ENDPOINT": f"localhost:{running.port}", "SSL_CERT_FILE": str(folder / "ca.crt")}


def call(environment: dict[str, str], stub: Any, method: str, request: Any) -> Any:
    """As the SDK would, where kit's own door has no such question."""
    roots = grpc.ssl_channel_credentials(Path(environment["SSL_CERT_FILE"]).read_bytes())
    with grpc.secure_channel(environment["YC_ENDPOINT"], roots) as channel:
        return getattr(stub(channel), method)(request, metadata=[("authorization", f"Bearer {TOKEN}")], timeout=10)


@pytest.fixture
def door(environment: dict[str, str]) -> yandex.Yandex:
    return yandex.from_environment({**environment, "YC_TOKEN": TOKEN})


def test_folder_versions_and_quotas_are_there(door: yandex.Yandex) -> None:
    folder = door.folder(ids.FOLDER)
    assert folder is not None
    assert folder.is_active
    assert folder.cloud_id == ids.CLOUD
    assert door.folder("b1gnobodysfolder0000") is None
    assert door.kubernetes_versions()["STABLE"]
    networks = door.quotas(folder.cloud_id, "vpc")["vpc.networks.count"]
    assert networks.limit is not None
    assert networks.usage == 0


def test_larger_quotas_are_asked_for_and_are_there(door: yandex.Yandex) -> None:
    folder = door.folder(ids.FOLDER)
    assert folder is not None
    assert door.raise_quotas(folder.cloud_id, {"compute.instances.count": 40, "dns.zones.count": 101}) == {
        "compute.instances.count",
        "dns.zones.count",
    }
    assert door.quotas(folder.cloud_id, "compute")["compute.instances.count"].limit == 40


def test_a_key_of_a_service_account_becomes_a_token(environment: dict[str, str], tmp_path: Path) -> None:
    account = call(
        environment,
        service_account_service_pb2_grpc.ServiceAccountServiceStub,
        "Create",
        service_account_service_pb2.CreateServiceAccountRequest(folder_id=ids.FOLDER, name="deployer"),
    )
    metadata = service_account_service_pb2.CreateServiceAccountMetadata()
    account.metadata.Unpack(metadata)
    key = call(
        environment,
        key_service_pb2_grpc.KeyServiceStub,
        "Create",
        key_service_pb2.CreateKeyRequest(service_account_id=metadata.service_account_id),
    )
    file = tmp_path / "key.json"
    document = {"id": key.key.id, "service_account_id": key.key.service_account_id, "private_key": key.private_key}
    file.write_text(json.dumps(document))
    door = yandex.from_environment({**environment, "YC_SERVICE_ACCOUNT_KEY_FILE": str(file)})
    token = door.iam_token()
    assert token.value.reveal().startswith(TOKEN_PREFIX)
    assert token.expires_at is not None
    assert token.expires_at > datetime.now(UTC) + timedelta(minutes=30)
    assert door.folder(ids.FOLDER) is not None


def test_a_secret_is_read_from_lockbox(environment: dict[str, str], door: yandex.Yandex) -> None:
    entry = secret_service_pb2.PayloadEntryChange(key="password", text_value='qu"ote$')
    request = secret_service_pb2.CreateSecretRequest(folder_id=ids.FOLDER, name="it", version_payload_entries=[entry])
    made = call(environment, secret_service_pb2_grpc.SecretServiceStub, "Create", request)
    metadata = secret_service_pb2.CreateSecretMetadata()
    made.metadata.Unpack(metadata)
    assert {key: value.reveal() for key, value in door.secret(metadata.secret_id).items()} == {"password": 'qu"ote$'}


@pytest.mark.parametrize("token", ["y0_a-real-oauth-token", "t1.real.token"])
def test_a_real_token_is_refused_by_the_emulator_and_the_error_says_what_to_do(environment: dict[str, str], token: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        yandex.from_environment({**environment, "YC_TOKEN": token}).kubernetes_versions()
    assert "emulator" in caught.value.why
    assert token not in caught.value.why + caught.value.fix + caught.value.detail

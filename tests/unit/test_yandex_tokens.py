"""Who may call the emulator: the bearer of the stack's own token, and of tokens that this emulator made itself."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from kit.workspace import Workspace
from kit.yandex.contract import TOKEN_PREFIX
from kit.yandex.engine import tokens
from kit.yandex.run import environment
from tests.support import yandex
from tests.support.yandex import FOLDER, TOKEN, Cloud, emulated

NETWORK = "vpc.v1.NetworkService"
BUCKET = "storage.v1.BucketService"
HOST = "storage.yandexcloud.net"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def cloud(certificate: tuple[bytes, bytes, bytes], tmp_path: Path) -> Iterator[Cloud]:
    with emulated(certificate, tmp_path / "state") as made:
        yield made


def forged(subject: str, seconds: int, own: str = TOKEN) -> str:
    return tokens.mint(own, subject, seconds)[0]


FOREIGN = {
    "of the real cloud": "t1.9euelZ.real",
    "OAuth": "y0_oauth",
    "a prefix": "t1.emu.",
    "two parts": "t1.emu.a.b",
    "anybody's": "t1.emu.anybody-at-all",
    "longer than the own": f"{TOKEN}x",
    "the own's beginning": TOKEN[:-1],
    "unsigned": f"{TOKEN_PREFIX}99999999999-kit",
    "signed with nothing": f"{TOKEN_PREFIX}99999999999-kit-",
    "signed by another stack": forged("kit", 3600, f"{TOKEN_PREFIX}other"),
    "expired": forged("kit", -1),
    "no ASCII": f"{TOKEN_PREFIX}ключ",
}


@pytest.mark.parametrize("token", FOREIGN.values(), ids=FOREIGN)
def test_another_token_is_refused(cloud: Cloud, token: str) -> None:
    if token.isascii():  # gRPC itself sends nothing else
        refused = Cloud(cloud.emulator, cloud.ca, token).refused(f"{NETWORK}/List", folder_id=FOLDER)
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(Exception, match="takes only the token of its own stack"):
        tokens.subject_of(TOKEN, f"Bearer {token}")
    assert s3(cloud, token, "GET", "/") == 403


def test_a_minted_token_cannot_be_made_another_s_or_longer() -> None:
    token = forged("ajeemu1", 60)
    assert tokens.bearer(TOKEN, token) == "ajeemu1"
    assert tokens.bearer(TOKEN, token.replace("ajeemu1", "ajeemu2")) is None
    claim = token.removeprefix(TOKEN_PREFIX)
    later = str(int(claim.partition("-")[0]) + 3600)
    assert tokens.bearer(TOKEN, token.replace(claim.partition("-")[0], later)) is None
    assert token.count(".") == 2, "or the provider would exchange it"


def test_without_an_own_token_nothing_is_taken() -> None:
    assert tokens.bearer("", "") is None
    assert tokens.bearer("", forged("kit", 60, "")) is None


def test_two_stacks_tokens_do_not_open_each_other(certificate: tuple[bytes, bytes, bytes], tmp_path: Path) -> None:
    own = [environment.token(Workspace(name, tmp_path, tmp_path / name, tmp_path)) for name in ("one", "two")]
    assert own[0] != own[1]
    with emulated(certificate, token=own[0]) as one, emulated(certificate, token=own[1]) as two:
        for cloud, foreign in ((one, own[1]), (two, own[0])):
            secret = cloud.done("lockbox.v1.SecretService/Create", folder_id=FOLDER, name="s").id
            stranger = Cloud(cloud.emulator, cloud.ca, foreign)
            refused = stranger.refused("lockbox.v1.PayloadService/Get", secret_id=secret)
            assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
            assert s3(cloud, cloud.token, "GET", "/") == 200
            assert s3(cloud, foreign, "GET", "/") == 403
            assert s3(cloud, minted(cloud, yandex.account(cloud)), "GET", "/") == 200
        assert s3(two, minted(one, yandex.account(one, "other")), "GET", "/") == 403


def test_the_own_token_is_exchanged_for_one_that_ends_and_another_is_not(cloud: Cloud) -> None:
    made = cloud("iam.v1.IamTokenService/Create", yandex_passport_oauth_token=TOKEN)
    assert made.expires_at.seconds > time.time()
    assert Cloud(cloud.emulator, cloud.ca, made.iam_token)(f"{NETWORK}/List", folder_id=FOLDER) is not None
    for foreign in ("y0_real", f"{TOKEN_PREFIX}anybody"):
        refused = cloud.refused("iam.v1.IamTokenService/Create", yandex_passport_oauth_token=foreign)
        assert refused.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_service_accounts_token_opens_the_buckets_that_its_roles_open(cloud: Cloud) -> None:
    account = yandex.account(cloud)
    token = minted(cloud, account)
    cloud.done(f"{BUCKET}/Create", name="bucket-of-a-test", folder_id=FOLDER)
    assert s3(cloud, TOKEN, "HEAD", "/bucket-of-a-test") == 200
    assert s3(cloud, token, "HEAD", "/bucket-of-a-test") == 403
    binding = {"role_id": "storage.viewer", "subject": {"id": account, "type": "serviceAccount"}}
    resource = cloud(f"{BUCKET}/Get", name="bucket-of-a-test").resource_id
    cloud.done(f"{BUCKET}/SetAccessBindings", resource_id=resource, access_bindings=[binding])
    assert s3(cloud, token, "HEAD", "/bucket-of-a-test") == 200
    assert s3(cloud, token, "DELETE", "/bucket-of-a-test") == 403


def minted(cloud: Cloud, account: str) -> str:
    """A token that this emulator gives for a service account's key."""
    import jwt

    made: Any = cloud("iam.v1.KeyService/Create", service_account_id=account)
    now = int(time.time())
    claims = {"iss": account, "iat": now, "exp": now + 60, "aud": "https://iam.api.cloud.yandex.net/iam/v1/tokens"}
    signed = jwt.encode(claims, made.private_key, algorithm="PS256", headers={"kid": made.key.id})
    return str(cloud("iam.v1.IamTokenService/Create", jwt=signed).iam_token)


def s3(cloud: Cloud, token: str, method: str, path: str) -> int:
    """The status of a request by S3 with this token in its header."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.emulator.s3_port, timeout=10)
    try:
        connection.request(method, f"http://{HOST}{path}", headers={"X-YaCloud-SubjectToken": token.encode("utf-8")})
        return connection.getresponse().status
    finally:
        connection.close()

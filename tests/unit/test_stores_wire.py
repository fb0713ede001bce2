"""The bytes that the probes speak, held against published examples and real servers' answers."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from kit.endpoints import Secret
from kit.stores import clickhouse, postgres, redis
from kit.stores.contract import Credentials
from kit.stores.wire import postgres as postgres_wire
from kit.stores.wire import tls
from kit.stores.wire.scram import Scram

SALT = "s=QSXCR+Q6sek8bf92"
SECRET = Secret("a-Zz_09")
CREDENTIALS = Credentials(**dict.fromkeys(Credentials.__dataclass_fields__, SECRET))


def test_scram_is_that_of_rfc_7677() -> None:
    """The example of its section 3."""
    scram = Scram("sha256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    assert scram.first() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    final = scram.final("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert final.endswith("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    scram.check("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    for outcome in ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "e=invalid-proof", ""):
        with pytest.raises(tls.ProtocolBroken):
            scram.check(outcome)


def test_scram_by_sha_512_is_that_of_hashlib_and_escapes_the_name() -> None:
    """A server that knows the password by what it may keep of it accepts the proof, and is known by its signature."""
    scram = Scram("sha512", "a=b,c", "password", "mine")
    assert scram.first() == "n,,n=a=3Db=2Cc,r=mine"
    challenge = "r=mine-theirs,s=c2FsdA==,i=4096"
    final = scram.final(challenge)
    transcript = f"n=a=3Db=2Cc,r=mine,{challenge},c=biws,r=mine-theirs".encode()
    salted = hashlib.pbkdf2_hmac("sha512", b"password", b"salt", 4096)
    stored = hashlib.sha512(hmac.digest(salted, b"Client Key", "sha512")).digest()
    mask = hmac.digest(stored, transcript, "sha512")
    key = bytes(a ^ b for a, b in zip(base64.b64decode(final.rpartition("p=")[2]), mask, strict=True))
    assert hashlib.sha512(key).digest() == stored
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha512"), transcript, "sha512")
    scram.check(f"v={base64.b64encode(signature).decode()}")


@pytest.mark.parametrize(
    "challenge",
    [
        f"r=someone-else,{SALT},i=4096",  # an answer to another login
        f"r=mine-and-more,{SALT},i=0",
        f"r=mine-and-more,{SALT},i=999999999",  # would keep the client busy for minutes
        f"r=mine-and-more,{SALT},i=many",
        "e=other-error",
        "",
    ],
)
def test_a_challenge_that_is_none_is_no_login(challenge: str) -> None:
    with pytest.raises(tls.ProtocolBroken):
        Scram("sha512", "sentry", "password", "mine").final(challenge)


def test_startup_message_has_its_own_length() -> None:
    message = postgres_wire.startup_message("sentry", "sentry")
    assert int.from_bytes(message[:4], "big") == len(message)
    assert message.endswith(b"\0\0")


def test_server_error_is_read() -> None:
    body = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0"
    assert postgres_wire.error_words(body) == ("28P01", "password authentication failed")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            "HTTP/1.0 500 Internal Server Error\r\n\r\n"
            "Code: 193, e.displayText() = DB::Exception: Wrong password for user sentry, e.what() = DB::Exception\n",
            tls.LoginRefused,
            "Wrong password for user sentry",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\n\r\nCode: 516. DB::Exception: sentry: Authentication failed. (AUTHENTICATION_FAILED)\n",
            tls.LoginRefused,
            "sentry: Authentication failed. (AUTHENTICATION_FAILED)",
        ),
        ("HTTP/1.0 500 Error\r\n\r\nCode: 62. DB::Exception: Syntax error\n", tls.ProtocolBroken, "Syntax error"),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", tls.ProtocolBroken, "HTTP status 502"),
        ("+OK\r\n", tls.ProtocolBroken, "the answer is not HTTP"),
    ],
    ids=["18.16 wrong password", "25.8 wrong password", "another error", "no words", "not HTTP"],
)
def test_clickhouse_says_why(answer: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        clickhouse.parse_answer(answer)
    assert str(caught.value) == words


def test_clickhouse_answer_is_the_body() -> None:
    assert clickhouse.parse_answer("HTTP/1.0 200 OK\r\nX: y\r\n\r\n1\n") == "1\n"


@pytest.mark.parametrize(("number", "varint"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (54406, b"\x86\xa9\x03")])
def test_varint(number: int, varint: bytes) -> None:
    assert clickhouse._varint(number) == varint


@pytest.mark.parametrize("module", [redis, clickhouse], ids=lambda module: module.NAME)
def test_server_is_given_the_hash_and_not_the_password(module: object) -> None:
    mounted = "".join(module.mounted_secrets(CREDENTIALS).values())  # type: ignore[attr-defined]
    assert SECRET.reveal() not in mounted
    assert "d422fcf96c24b5df715adbd898a08e1ad31464a28ef44422517ae3ac3a8c356f" in mounted


def test_endpoints_do_not_print_their_passwords() -> None:
    for module, ports in ((postgres, {"sql": 1}), (redis, {"tls": 1}), (clickhouse, {"https": 1, "native": 2})):
        assert SECRET.reveal() not in repr(module.endpoint("h", ports, CREDENTIALS))

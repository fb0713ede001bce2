"""The bytes that the probes speak, held against published examples and real servers' answers."""

from __future__ import annotations

import pytest

from kit.endpoints import Secret
from kit.stores import clickhouse, postgres, postgres_wire, redis, tls
from kit.stores.contract import Credentials

SECRET = Secret("a-Zz_09")
CREDENTIALS = Credentials(**dict.fromkeys(Credentials.__dataclass_fields__, SECRET))


def test_scram_is_that_of_rfc_7677() -> None:
    """The example of RFC 7677, section 3, but for the user's name, which Postgres takes from the startup message."""
    scram = postgres_wire.Scram("pencil", "rOprNGfwEbeRWgbNEkqO")
    scram._bare = lambda: "n=user,r=rOprNGfwEbeRWgbNEkqO"  # type: ignore[method-assign]
    final = scram.final("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert final.endswith("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    scram.check_server("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(tls.ProtocolBroken):
        scram.check_server("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_scram_refuses_a_nonce_that_is_not_ours() -> None:
    with pytest.raises(tls.ProtocolBroken):
        postgres_wire.Scram("pencil", "ours").final("r=theirs,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")


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

"""SCRAM logins, the client's side: Kafka's by SHA-512, Postgres' by SHA-256 (RFC 5802 and 7677).

It proves both ways: that the client knows the password, and that the server does. No extension and no channel binding is offered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from kit.stores.wire.tls import ProtocolBroken

# RFC 7677 bids 4096 at least; a peer that asks for very many wants to keep us busy.
MOST_ITERATIONS = 1 << 17


class Scram:
    """`digest` as hashlib calls it; `username` is empty where the protocol around has said it already."""

    def __init__(self, digest: str, username: str, password: str, nonce: str | None = None) -> None:
        self._digest = digest
        self._password = password.encode()
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._bare = f"n={username.replace('=', '=3D').replace(',', '=2C')},r={self._nonce}"
        self._signature = b""

    def first(self) -> str:
        return f"n,,{self._bare}"

    def final(self, challenge: str) -> str:
        """The proof. Raises `ProtocolBroken` where the challenge does not answer `first`."""
        fields = _fields(challenge)
        try:
            iterations, salt, nonce = int(fields["i"]), base64.b64decode(fields["s"]), fields["r"]
        except (KeyError, ValueError):
            raise ProtocolBroken("the login's challenge is not SCRAM") from None
        if not nonce.startswith(self._nonce) or not 1 <= iterations <= MOST_ITERATIONS:
            raise ProtocolBroken("the login's challenge is not an answer to this login")
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, salt, iterations)
        client_key = self._hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={nonce}"
        transcript = f"{self._bare},{challenge},{without_proof}".encode()
        mask = self._hmac(hashlib.new(self._digest, client_key).digest(), transcript)
        proof = bytes(a ^ b for a, b in zip(client_key, mask, strict=True))
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), transcript)
        return f"{without_proof},p={base64.b64encode(proof).decode()}"

    def check(self, outcome: str) -> None:
        """Raises `ProtocolBroken` where the server does not know the password that it accepted."""
        if not hmac.compare_digest(_fields(outcome).get("v", ""), base64.b64encode(self._signature).decode()):
            raise ProtocolBroken("the server does not know the password that it accepted")

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._digest)


def _fields(message: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in message.split(",")}

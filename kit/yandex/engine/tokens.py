"""The emulator's IAM tokens: the stack's own one, and those that it mints for service accounts. Nothing else opens it.

Both have the form that the provider takes for an IAM token (`t1.`, two dots) and that the real API refuses. A minted one says
whose it is and until when it is valid, and carries an HMAC over both by the stack's own token, so that it outlives a restart and
no other stack's emulator takes it.
"""

from __future__ import annotations

import hashlib
import hmac
import time

import grpc

from kit.yandex.contract import TOKEN_PREFIX
from kit.yandex.refusal import Refusal

OWNER = "kit"  # whose the stack's own token is


def subject_of(own: str, authorization: str) -> str:
    """Who sends this Authorization header. `own`: the stack's own token."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "Authorization header is missing or is no bearer token")
    subject = bearer(own, token)
    if subject is None:
        raise Refusal(
            grpc.StatusCode.UNAUTHENTICATED,
            "The token is invalid or has expired: this emulator takes only the token of its own stack, and those it made itself: "
            'eval "$(kit yandex env)"',
        )
    return subject


def mint(own: str, subject: str, lifetime_s: int) -> tuple[str, int]:
    """A token for a service account, and when it ends (Unix time)."""
    expires = int(time.time()) + lifetime_s
    claim = f"{expires}-{subject}"
    return f"{TOKEN_PREFIX}{claim}-{_signature(own, claim)}", expires


def is_own(own: str, token: str) -> bool:
    """Whether it is the stack's own token."""
    return bool(own) and hmac.compare_digest(token.encode(), own.encode())


def bearer(own: str, token: str) -> str | None:
    """Whose token this is: `OWNER`, or the id of a service account. None: nobody's here, or its time is over."""
    if is_own(own, token):
        return OWNER
    claim, _, signature = token.removeprefix(TOKEN_PREFIX).rpartition("-")
    if (
        not own
        or not token.startswith(TOKEN_PREFIX)
        or not hmac.compare_digest(signature.encode(), _signature(own, claim).encode())
    ):
        return None
    expires, _, subject = claim.partition("-")
    return subject if int(expires) > time.time() else None


def _signature(own: str, claim: str) -> str:
    return hmac.new(own.encode(), claim.encode(), hashlib.sha256).hexdigest()

"""The emulator's own IAM tokens: who bears one, and until when it is valid."""

from __future__ import annotations

import time

import grpc

from kit.yandex.contract import TOKEN_PREFIX
from kit.yandex.refusal import Refusal


def subject_of(authorization: str) -> str:
    """Who calls. Only the emulator's own tokens are taken, so that a real one is never sent here unnoticed."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "Authorization header is missing or is no bearer token")
    if not is_token(token):
        raise Refusal(
            grpc.StatusCode.UNAUTHENTICATED,
            f'The token is invalid: this emulator takes only its own tokens ({TOKEN_PREFIX}…): eval "$(kit yandex env)"',
        )
    if is_expired(token):
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "The token has expired")
    _, separator, subject = token.removeprefix(TOKEN_PREFIX).partition("-")
    return subject if separator else token.removeprefix(TOKEN_PREFIX)


def is_token(token: str) -> bool:
    """Whether it has the form of the emulator's tokens."""
    return token.startswith(TOKEN_PREFIX) and token.count(".") == 2 and len(token) > len(TOKEN_PREFIX)


def is_expired(token: str) -> bool:
    """A token that was minted names its end: `t1.emu.<seconds>-<subject>`."""
    expires, separator, _ = token.removeprefix(TOKEN_PREFIX).partition("-")
    return bool(separator) and expires.isdigit() and int(expires) < time.time()

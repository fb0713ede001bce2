"""Raises a real exception and sends it to Sentry; exit code 0 means that the server accepted it.

    SENTRY_DSN        where to (required)
    SENTRY_CA_CERTS   PEM file of a private authority; without it the SDK's own rule holds (SSL_CERT_FILE, then public roots)

Prints the event's id. Exit codes: 0 delivered, 1 not delivered, 2 no usable DSN.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from typing import Any

import sentry_sdk
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import BadDsn

DELIVERED, NOT_DELIVERED, BAD_DSN = 0, 1, 2
DELIVERY_TIMEOUT_S = 10.0


class ObservedTransport(HttpTransport):
    """The SDK's own transport, remembering what became of the last request.

    `capture_exception` tells only that an event was queued; a program that has to know asks the transport. Fails closed: if
    nothing was observed, nothing was delivered.
    """

    TIMEOUT = DELIVERY_TIMEOUT_S
    status: int | None = None
    error: Exception | None = None

    def _request(self, *args: Any, **kwargs: Any) -> Any:
        try:
            response = super()._request(*args, **kwargs)
        except Exception as error:
            self.error = error
            raise
        self.status = response.status
        return response


def main() -> int:
    dsn = os.environ.get("SENTRY_DSN", "")
    if not dsn:
        return fail(BAD_DSN, "SENTRY_DSN is not set", 'eval "$(kit env)" sets it, or copy it from the project\'s settings')
    try:
        sentry_sdk.init(
            dsn=dsn,
            ca_certs=os.environ.get("SENTRY_CA_CERTS") or None,
            transport=ObservedTransport,
            release="shop@1.4.2",
            environment="demo",
            send_client_reports=False,  # a report of its own would be one more request, and might be the last one
            in_app_include=["__main__"],
        )
    except BadDsn as error:
        return fail(BAD_DSN, f"SENTRY_DSN is not a DSN: {error}", "it looks like https://KEY@HOST:PORT/PROJECT")

    try:
        close_the_day([{"id": "A-1001", "items": [("tea", 2, "3.20")]}, {"id": "A-1002", "items": [("mug", 1, "7,50")]}])
    except OrderRejected as error:
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("shop", "corner")
            scope.set_context("till", {"number": 3, "opened": "08:00"})
            event_id = sentry_sdk.capture_exception(error)
    sentry_sdk.flush(timeout=DELIVERY_TIMEOUT_S)
    return report(event_id, sentry_sdk.get_client().transport)


def report(event_id: str | None, transport: Any) -> int:
    if transport.status is not None and 200 <= transport.status < 300:
        print(event_id)
        return DELIVERED
    if transport.status is not None:
        why = {401: "it does not know the key", 403: "it does not know the key", 404: "it does not know the project"}
        reason = why.get(transport.status, "it did not take the event")
        return fail(NOT_DELIVERED, f"the server answered {transport.status}: {reason}", "check SENTRY_DSN")
    if transport.error is None:
        return fail(NOT_DELIVERED, f"no answer within {DELIVERY_TIMEOUT_S:.0f} s", "is the server running? kit status")
    return fail(NOT_DELIVERED, *explained(transport.error))


def explained(error: Exception) -> tuple[str, str]:
    """What went wrong below the SDK, and what mends it."""
    trusted = os.environ.get("SENTRY_CA_CERTS") or os.environ.get("SSL_CERT_FILE") or "the public roots"
    causes = tuple(chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            what = f"the server's certificate was refused: {cause.verify_message} (trusting {trusted})"
            return what, "set SENTRY_CA_CERTS to the PEM file of the authority that signed it"
    for cause in causes:
        if isinstance(cause, FileNotFoundError) or getattr(cause, "reason", None) == "NO_CERTIFICATE_OR_CRL_FOUND":
            return f"there is no certificate to trust in {trusted}", "name a PEM file with the authority's root"
    return f"the server was not reached: {causes[-1]}", "is it running? kit status"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and everything it was made from; urllib3 keeps the cause in `reason`, Python in `__cause__` and `__context__`."""
    waiting, met = [error], set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in met:
            continue
        met.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), current.__cause__, current.__context__, *current.args]
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


def fail(code: int, what: str, fix: str) -> int:
    print(f"not delivered: {what}\n  fix  {fix}", file=sys.stderr)
    return code


# -- a small shop, whose bookkeeping fails three calls deep on a price with a comma


class OrderRejected(Exception):
    """An order could not be added up."""


def close_the_day(orders: list[dict[str, Any]]) -> float:
    takings = 0.0
    for order in orders:
        takings += total(order)
    return takings


def total(order: dict[str, Any]) -> float:
    currency, amount = "EUR", 0.0
    try:
        for _name, count, price in order["items"]:
            amount += count * parse_price(price, currency)
    except ValueError as error:
        raise OrderRejected(f"order {order['id']} has an unreadable price") from error
    return amount


def parse_price(text: str, currency: str) -> float:
    decimal_separator = "."
    whole, _, cents = text.partition(decimal_separator)
    return int(whole) + int(cents or 0) / 100


if __name__ == "__main__":
    sys.exit(main())

"""The door: gRPC over TLS on loopback. Authorization, faults, validation, the handler; every refusal leaves as a gRPC status."""

from __future__ import annotations

import secrets
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

from kit.errors import KitError
from kit.yandex.contract import TOKEN_PREFIX, PortTaken
from kit.yandex.engine import descriptors, refusal, validation
from kit.yandex.engine.descriptors import Method
from kit.yandex.engine.refusal import Refusal
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.world import Call, World
from kit.yandex.run.faults import Faults

LOOPBACK = "127.0.0.1"
WORKERS = 64  # in slow modes a call may wait for another one on the same cluster
OPEN = {"endpoint.ApiEndpointService", "iam.v1.IamTokenService"}  # asked before there is a token
OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a second emulator would take half of the calls, silently
    ("grpc.keepalive_permit_without_calls", 1),  # the provider pings every 30 s, calls or no calls
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


@dataclass(slots=True)
class Server:
    port: int
    _server: Any
    _world: World

    def stop(self, grace_s: float = 1.0) -> None:
        """Let calls end, then work, then close the journal."""
        self._server.stop(grace_s).wait()
        self._world.operations.stop()
        self._world.journal.close()


def start(world: World, registry: Registry, faults: Faults, certificate: bytes, key: bytes, port: int) -> Server:
    """Listen on 127.0.0.1. `certificate` is the chain, PEM. Port 0 takes a free one; a taken one is `PortTaken`."""
    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="api"), options=OPTIONS)
    server.add_generic_rpc_handlers((Dispatch(world, registry, faults),))
    credentials = grpc.ssl_server_credentials([(key, certificate)])
    try:
        bound = server.add_secure_port(f"{LOOPBACK}:{port}", credentials)
    except RuntimeError:
        bound = 0
    if not bound:
        raise PortTaken(port, "--port")
    world.address = f"localhost:{bound}"
    server.start()
    return Server(bound, server, world)


class Dispatch(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Any method of any service, by its path."""

    def __init__(self, world: World, registry: Registry, faults: Faults) -> None:
        self._world = world
        self._registry = registry
        self._faults = faults

    def service(self, details: Any) -> Any:
        method = descriptors.catalogue().get(details.method)
        if method is None:
            return grpc.unary_unary_rpc_method_handler(_refuse(refusal.unimplemented(details.method.lstrip("/"))))
        entry = self._registry.entries.get(method.path)
        if entry is None or method.is_streaming:
            return grpc.unary_unary_rpc_method_handler(_refuse(refusal.unimplemented(method.label)))

        def answer(request: Any, context: Any) -> Any:
            return self._answer(method, entry.handler, request, context)

        return grpc.unary_unary_rpc_method_handler(answer, method.request.FromString, lambda found: found.SerializeToString())

    def _answer(self, method: Method, handler: Callable[[World, Call], Any], request: Any, context: Any) -> Any:
        metadata = dict(context.invocation_metadata())
        try:
            subject = "" if method.service in OPEN else subject_of(metadata.get("authorization", ""))
            self._faults.strike(method)
            if not context.is_active():  # the caller was killed while it waited: nobody would learn of what was made for it
                return None
            if found := validation.violations(request):
                raise refusal.invalids(found)
            call = Call(method, request, subject, metadata.get("idempotency-key", ""))
            context.send_initial_metadata(self._headers(method))
            return handler(self._world, call)
        except Refusal as refused:
            _abort(context, refused)
        except KitError as error:
            _abort(context, Refusal(grpc.StatusCode.INTERNAL, f"{error.what}: {error.why}. {error.fix}"))
        except Exception as error:
            if context.code() is None:  # else it is our own abort on its way out
                traceback.print_exc(file=sys.stderr)
                _abort(context, Refusal(grpc.StatusCode.INTERNAL, f"the emulator failed at {method.label}: {error!r}"))
            raise
        return None

    def _headers(self, method: Method) -> tuple[tuple[str, str], ...]:
        """Clients poll an operation after as many whole seconds as this header says."""
        found = [("x-request-id", secrets.token_hex(8))]
        if method.service == "operation.OperationService":
            found.append(("x-operation-poll-interval", str(max(1, min(5, int(self._world.options.async_s / 2))))))
        return tuple(found)


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
    return token.startswith(TOKEN_PREFIX) and token.count(".") == 2 and len(token) > len(TOKEN_PREFIX)


def is_expired(token: str) -> bool:
    """A token that was minted names its end: `t1.emu.<seconds>-<subject>`."""
    expires, separator, _ = token.removeprefix(TOKEN_PREFIX).partition("-")
    return bool(separator) and expires.isdigit() and int(expires) < time.time()


def _refuse(refused: Refusal) -> Callable[[Any, Any], Any]:
    def answer(_: Any, context: Any) -> Any:
        _abort(context, refused)

    return answer


def _abort(context: Any, refused: Refusal) -> None:
    context.set_trailing_metadata((("grpc-status-details-bin", refused.status().SerializeToString()),))
    context.abort(refused.code, refused.message)

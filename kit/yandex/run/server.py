"""The gRPC server on loopback, with TLS: authorization, faults, validation, then the handler; refusals become gRPC statuses."""

from __future__ import annotations

import secrets
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

from kit.errors import KitError
from kit.yandex import refusal
from kit.yandex.contract import PortTaken
from kit.yandex.engine import descriptors, validation
from kit.yandex.engine.descriptors import Method
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.state import Call, EmulatorState
from kit.yandex.engine.tokens import subject_of
from kit.yandex.refusal import Refusal
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
    """A running gRPC server."""

    port: int
    _server: Any
    _state: EmulatorState

    def stop(self, grace_s: float = 1.0) -> None:
        """Let calls end, then operations, then close the journal."""
        self._server.stop(grace_s).wait()
        self._state.operations.stop()
        self._state.journal.close()


def start(state: EmulatorState, registry: Registry, faults: Faults, certificate: bytes, key: bytes, port: int) -> Server:
    """Listen on 127.0.0.1. `certificate` is the chain, PEM. Port 0 takes a free one; a taken one is `PortTaken`."""
    server = grpc.server(ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="api"), options=OPTIONS)
    server.add_generic_rpc_handlers((Dispatch(state, registry, faults),))
    credentials = grpc.ssl_server_credentials([(key, certificate)])
    try:
        bound = server.add_secure_port(f"{LOOPBACK}:{port}", credentials)
    except RuntimeError:
        bound = 0
    if not bound:
        raise PortTaken(port=port, option="--port")
    state.address = f"localhost:{bound}"
    server.start()
    return Server(bound, server, state)


class Dispatch(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds the handler of any method of any service, by its path."""

    def __init__(self, state: EmulatorState, registry: Registry, faults: Faults) -> None:
        self._state = state
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

    def _answer(self, method: Method, handler: Callable[[EmulatorState, Call], Any], request: Any, context: Any) -> Any:
        metadata = dict(context.invocation_metadata())
        try:
            subject = "" if method.service in OPEN else subject_of(self._state.token, metadata.get("authorization", ""))
            self._faults.apply(method)
            if not context.is_active():  # the caller was killed while it waited: nobody would learn of what was made for it
                return None
            if found := validation.violations(request):
                raise refusal.invalids(found)
            call = Call(method, request, subject, metadata.get("idempotency-key", ""))
            context.send_initial_metadata(self._headers(method))
            return handler(self._state, call)
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
        """The headers of an answer. Clients poll an operation after as many whole seconds as one of them says."""
        found = [("x-request-id", secrets.token_hex(8))]
        if method.service == "operation.OperationService":
            found.append(("x-operation-poll-interval", str(max(1, min(5, int(self._state.options.async_s / 2))))))
        return tuple(found)


def _refuse(refused: Refusal) -> Callable[[Any, Any], Any]:
    def answer(_: Any, context: Any) -> Any:
        _abort(context, refused)

    return answer


def _abort(context: Any, refused: Refusal) -> None:
    context.set_trailing_metadata((("grpc-status-details-bin", refused.status().SerializeToString()),))
    context.abort(refused.code, refused.message)

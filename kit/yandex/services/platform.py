"""What every client asks first: addresses of the services, tokens, operations, clouds and folders."""

from __future__ import annotations

from typing import Any

import grpc

from kit.yandex import refusal
from kit.yandex.engine import bindings, descriptors, ids, tokens
from kit.yandex.engine.descriptors import OPERATION
from kit.yandex.engine.journal import Record
from kit.yandex.engine.references import CLOUD, FOLDER
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.refusal import Refusal

# What go-sdk asks for by id; all are this one server.
ENDPOINTS = (
    *("endpoint", "iam", "operation", "resource-manager", "resourcemanager", "vpc", "dns", "lockbox", "lockbox-payload"),
    *("managed-kubernetes", "storage", "storage-api", "compute", "kms", "kms-crypto", "quota-manager", "connection-manager"),
    *("managed-kafka", "managed-clickhouse", "managed-postgresql", "managed-redis", "mdb-connection-manager", "quotamanager"),
    *("monitoring", "logging"),
    *("connectionmanager", "lockboxpayload", "mdb-clickhouse", "mdb-kafka", "mdb-postgresql", "mdb-redis"),
    *("certificate-manager", "certificate-manager-data", "load-balancer"),
)
TOKEN_LIFETIME_S = 12 * 3600


def register(registry: Registry) -> None:
    registry.add("endpoint.ApiEndpointService", "List", list_endpoints)
    registry.add("endpoint.ApiEndpointService", "Get", get_endpoint)
    registry.add("operation.OperationService", "Get", get_operation)
    registry.add("operation.OperationService", "Cancel", cancel_operation)
    registry.add("iam.v1.IamTokenService", "Create", create_token)
    for resource in (CLOUDS, FOLDERS):
        resource.register(registry)
        bindings.register(registry, resource)


def create_default_folder(state: EmulatorState) -> None:
    """Make the cloud and the folder that the environment of `kit yandex env` names."""
    with state.journal.transaction() as change:
        if state.journal.get(CLOUD, ids.CLOUD) is None:
            cloud = descriptors.message(CLOUD)(id=ids.CLOUD, name="kit", description="emulated", created_at=now())
            change.put(Record(ids.CLOUD, "", cloud))
        if state.journal.get(FOLDER, ids.FOLDER) is None:
            folder = descriptors.message(FOLDER)(id=ids.FOLDER, cloud_id=ids.CLOUD, name="default", created_at=now())
            folder.status = 1  # ACTIVE
            change.put(Record(ids.FOLDER, ids.CLOUD, folder))


def _set_organization(context: MutationContext) -> None:
    context.message.organization_id = context.request.organization_id


def _set_active(context: MutationContext) -> None:
    context.message.status = 1  # ACTIVE


CLOUDS = Resource("resourcemanager.v1.CloudService", CLOUD, "Cloud", "b1g", scope="", parent="", build=_set_organization)
FOLDERS = Resource("resourcemanager.v1.FolderService", FOLDER, "Folder", "b1g", scope="cloud_id", parent=CLOUD, build=_set_active)


def list_endpoints(state: EmulatorState, call: Call) -> Any:
    answer = call.method.answer()
    for name in ENDPOINTS:
        answer.endpoints.add(id=name, address=state.address)
    return answer


def get_endpoint(state: EmulatorState, call: Call) -> Any:
    if call.request.api_endpoint_id not in ENDPOINTS:
        raise refusal.not_found("Endpoint", call.request.api_endpoint_id)
    return call.method.answer(id=call.request.api_endpoint_id, address=state.address)


def get_operation(state: EmulatorState, call: Call) -> Any:
    return state.find(OPERATION, call.request.operation_id, "Operation").message


def cancel_operation(state: EmulatorState, call: Call) -> Any:
    record = state.find(OPERATION, call.request.operation_id, "Operation")
    raise refusal.precondition(f"Operation {record.key} cannot be cancelled")


def create_token(state: EmulatorState, call: Call) -> Any:
    """Exchange a JWT of a service account's key, or the stack's own token given as OAuth token, for an IAM token."""
    request = call.request
    if request.WhichOneof("identity") == "jwt":
        subject = _account_of(state, request.jwt)
    elif tokens.is_own(state.token, request.yandex_passport_oauth_token):
        subject = tokens.OWNER
    else:
        raise Refusal(
            grpc.StatusCode.UNAUTHENTICATED, "The OAuth token is not one of this emulator: a real one is not taken here"
        )
    token, expires = tokens.mint(state.token, subject, TOKEN_LIFETIME_S)
    answer = call.method.answer(iam_token=token)
    answer.expires_at.seconds = expires
    return answer


def _account_of(state: EmulatorState, token: str) -> str:
    import jwt

    try:
        key = state.journal.get("iam.v1.Key", jwt.get_unverified_header(token).get("kid", ""))
        if key is None:
            raise jwt.InvalidTokenError("its key is unknown")
        claims = jwt.decode(token, key.message.public_key, algorithms=["PS256"], options={"verify_aud": False})
    except jwt.PyJWTError as error:
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, f"The JWT is invalid: {error}") from None
    if claims.get("iss") != key.message.service_account_id:
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "The JWT is invalid: its issuer is not the owner of its key")
    return str(claims["iss"])

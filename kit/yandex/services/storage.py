"""Object storage by gRPC. Settings that S3 has too are kept as S3's documents."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from google.protobuf import json_format

from kit.yandex import refusal
from kit.yandex.contract import S3Refused
from kit.yandex.engine import bindings, descriptors, pagination, references
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource, operation
from kit.yandex.engine.state import Call, EmulatorState, now
from kit.yandex.s3 import bucket_state as storage
from kit.yandex.s3.bucket_state import BUCKET

SERVICE = "storage.v1.BucketService"
HTTPS = "storage.v1.HTTPSConfig"
BACKED = "a bucket in MinIO"
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
VERSIONING = {1: None, 2: "Enabled", 3: "Suspended"}
BY_S3 = ("cors", "website_settings", "lifecycle_rules", "acl", "object_lock", "logging")  # said through S3 only


def register(registry: Registry) -> None:
    BUCKETS.register(registry)
    bindings.register(registry, BUCKETS, _by_resource_id)
    registry.add(SERVICE, "Get", get_bucket, backed=BACKED)
    registry.add(SERVICE, "List", list_buckets, backed=BACKED)
    registry.add(SERVICE, "GetHTTPSConfig", get_https)
    registry.add(SERVICE, "SetHTTPSConfig", set_https)
    registry.add(SERVICE, "DeleteHTTPSConfig", delete_https)


def _build_bucket(context: MutationContext) -> None:
    name = context.request.name
    try:
        storage.check_name(name)
    except S3Refused as refused:
        raise refusal.invalid("name", refused.message) from None
    if storage.BucketState(context.state).get(name) is not None:
        raise refusal.already_exists("Bucket", name)
    fresh = storage.new_record(name, context.request.folder_id)
    for field in ("created_at", "resource_id", "id"):
        value = getattr(fresh.message, field)
        getattr(context.message, field).CopyFrom(value) if field == "created_at" else setattr(context.message, field, value)
    storage.complete(context.message)
    context.extra["documents"] = {}
    _keep_settings(context, {field.name for field, _ in context.request.ListFields()})
    context.then(lambda: context.backing.put_bucket(name))
    context.plan.undo = lambda: context.backing.remove_bucket(name)


def _change_bucket(context: MutationContext) -> None:
    storage.complete(context.message)
    _keep_settings(context, {path.partition(".")[0] for path in context.paths})


def _remove_bucket(context: MutationContext) -> None:
    name = context.message.name
    storage.drop(context.change, name)
    context.then(lambda: context.backing.remove_bucket(name))


def _by_resource_id(state: EmulatorState, resource_id: str) -> Record:
    """The bucket of a resource id, by which bindings name it; its name serves too."""
    for record in state.journal.all(BUCKET):
        if resource_id in (record.key, record.message.resource_id):
            return BUCKETS.find(state, record.key)
    raise refusal.not_found("Bucket", resource_id)


def _exists(state: EmulatorState, record: Record) -> bool:
    return state.backing.has_bucket(record.key)


BUCKETS = Resource(
    *(SERVICE, BUCKET, "Bucket"),
    is_unique=False,
    build=_build_bucket,
    change=_change_bucket,
    remove=_remove_bucket,
    exists=_exists,
    backed=BACKED,
)


def get_bucket(state: EmulatorState, call: Call) -> Any:
    return _with_settings(BUCKETS.find(state, call.request.name))


def list_buckets(state: EmulatorState, call: Call) -> Any:
    state.find(references.FOLDER, call.request.folder_id, "Folder")
    found = [
        record for record in state.journal.children(BUCKET, call.request.folder_id) if record.is_pending or _exists(state, record)
    ]
    return pagination.page([_with_settings(record) for record in found], call.request, call.method.answer(), "buckets")


def get_https(state: EmulatorState, call: Call) -> Any:
    BUCKETS.find(state, call.request.name)
    return state.find(HTTPS, call.request.name, "HTTPS configuration of bucket").message


@operation
def set_https(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    owner = BUCKETS.find(state, call.request.name)
    config = descriptors.message(HTTPS)(name=owner.key)
    which = call.request.WhichOneof("params")
    config.source_type = {"self_managed": 1, "certificate_manager": 2}[which]
    config.certificate_id = call.request.certificate_manager.certificate_id
    config.not_before.CopyFrom(now())
    record = Record(owner.key, owner.key, config)
    change.put(record)
    return OperationPlan("update", change, record, names={"name": owner.key}, response=config)


@operation
def delete_https(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    record = state.find(HTTPS, call.request.name, "HTTPS configuration of bucket")
    change.delete(HTTPS, record.key)
    return OperationPlan("delete", change, record, names={"name": record.key})


def _keep_settings(context: MutationContext, fields: set[str]) -> None:
    """Keep the settings of a request as S3's documents; refuse by name those that cannot be translated."""
    request, documents = context.request, dict(context.extra.get("documents", {}))
    for name in BY_S3:
        if name in fields and name in request.DESCRIPTOR.fields_by_name and _is_set(request, name):
            if name == "acl" and not request.acl.grants:  # "private", which is what buckets are
                continue
            raise refusal.invalid(name, "this emulator takes it through S3 only")
    if "versioning" in fields:
        word = VERSIONING.get(request.versioning)
        _set_or_delete(
            documents,
            "versioning",
            word and f"<VersioningConfiguration {NAMESPACE}><Status>{word}</Status></VersioningConfiguration>",
        )
    if "tags" in fields:
        rows = "".join(f"<Tag><Key>{escape(tag.key)}</Key><Value>{escape(tag.value)}</Value></Tag>" for tag in request.tags)
        _set_or_delete(documents, "tagging", rows and f"<Tagging {NAMESPACE}><TagSet>{rows}</TagSet></Tagging>")
    if "encryption" in fields:
        _set_or_delete(documents, "encryption", _encryption(request.encryption))
    if "policy" in fields:
        _set_or_delete(
            documents, "policy", json.dumps(json_format.MessageToDict(request.policy)) if request.HasField("policy") else None
        )
    for name in ("versioning", "tags", "encryption", "policy"):
        context.message.ClearField(name)  # shown from the documents
    context.extra["documents"] = documents


def _set_or_delete(documents: dict[str, str], name: str, body: str | None) -> None:
    if body:
        documents[name] = body
    else:
        documents.pop(name, None)


def _encryption(wanted: Any) -> str | None:
    if not wanted.rules:
        return None
    rule = wanted.rules[0]
    key = f"<KMSMasterKeyID>{escape(rule.kms_master_key_id)}</KMSMasterKeyID>" if rule.kms_master_key_id else ""
    inner = f"<SSEAlgorithm>{escape(rule.sse_algorithm)}</SSEAlgorithm>{key}"
    default = f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
    return f"<ServerSideEncryptionConfiguration {NAMESPACE}><Rule>{default}</Rule></ServerSideEncryptionConfiguration>"


def _with_settings(record: Record) -> Any:
    """The bucket with the settings in its documents."""
    message, documents = record.copy(), record.extra["documents"]
    if "versioning" in documents:
        numbers = {word: number for number, word in VERSIONING.items()}
        message.versioning = numbers.get(ElementTree.fromstring(documents["versioning"]).findtext("{*}Status", ""), 1)
    if "tagging" in documents:
        for tag in ElementTree.fromstring(documents["tagging"]).iterfind(".//{*}Tag"):
            message.tags.add(key=tag.findtext("{*}Key", ""), value=tag.findtext("{*}Value", ""))
    if "policy" in documents:
        json_format.Parse(documents["policy"], message.policy)
    if "encryption" in documents:
        for rule in ElementTree.fromstring(documents["encryption"]).iterfind(".//{*}ApplyServerSideEncryptionByDefault"):
            shown = message.encryption.rules.add()
            shown.kms_master_key_id = rule.findtext("{*}KMSMasterKeyID", "")
            shown.sse_algorithm = rule.findtext("{*}SSEAlgorithm", "")
    return message


def _is_set(request: Any, name: str) -> bool:
    return any(field.name == name for field, _ in request.ListFields())

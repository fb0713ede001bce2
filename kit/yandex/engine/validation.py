"""Checks requests against the API's annotations: required, pattern, length, size, value, unique, map keys, exactly one.

A field that is absent or has its type's zero value is checked for `required` alone: proto3 cannot tell "unset" from zero, and the
update requests of the API leave unset what their mask does not name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from kit.yandex.refusal import Violation

# VPC's messages carry no annotations in the SDK; these are the rules of its public reference.
VPC_NAME = "|[a-zA-Z]([-_a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"
VPC_REQUIRED = {
    "CreateSubnetRequest": {"folder_id", "network_id", "zone_id", "v4_cidr_blocks"},
    "CreateSecurityGroupRequest": {"folder_id", "network_id"},
    "CreateRouteTableRequest": {"folder_id", "network_id"},
    **{f"Create{name}Request": {"folder_id"} for name in ("Network", "Address", "Gateway")},
}

Check = Callable[[Any], str | None]
# Annotated so in the SDK, and left out by the provider when it makes clusters in the real cloud: there they are optional.
OPTIONAL = {
    "yandex.cloud.mdb.postgresql.v1.CreateClusterRequest.database_specs",
    "yandex.cloud.mdb.postgresql.v1.CreateClusterRequest.user_specs",
    "yandex.cloud.mdb.postgresql.v1.UserSpec.password",  # or generate_password
    "yandex.cloud.mdb.clickhouse.v1.UserSpec.password",
    "yandex.cloud.mdb.redis.v1.UserSpec.passwords",
}
DURATION_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def violations(request: Message) -> list[Violation]:
    """What is wrong with a request, outermost first."""
    partial = "update_mask" in request.DESCRIPTOR.fields_by_name
    return list(_walk(request, "", partial))


def _walk(message: Message, prefix: str, partial: bool) -> Iterator[Violation]:
    for rule in _rules(message.DESCRIPTOR):
        yield from _field(message, rule, prefix, partial)
    if not partial:
        for oneof in message.DESCRIPTOR.oneofs:
            if _exactly_one(oneof) and message.WhichOneof(oneof.name) is None:
                names = ", ".join(field.name for field in oneof.fields)
                yield Violation(f"{prefix}{oneof.name}", f"one of the options must be given: {names}")


def _field(message: Message, rule: Rule, prefix: str, partial: bool) -> Iterator[Violation]:
    name = f"{prefix}{rule.field.name}"
    value = getattr(message, rule.field.name)
    if _is_absent(message, rule.field, value):
        if rule.required and (not partial or _is_meant(message, rule.field, prefix)):
            yield Violation(name, "Field is required")
        return
    for check in rule.whole:
        if complaint := check(value):
            yield Violation(name, complaint)
    if rule.is_map:
        yield from _map(rule, name, value, partial)
        return
    items = [(f"{name}[{index}]", item) for index, item in enumerate(value)] if rule.field.is_repeated else [(name, value)]
    for item_name, item in items:
        plain = _plain(rule.field, item)
        for check in rule.each:
            if complaint := check(plain):
                yield Violation(item_name, complaint)
        if rule.nests:
            yield from _walk(item, f"{item_name}.", partial)


def _is_meant(message: Message, field: FieldDescriptor, prefix: str) -> bool:
    """In an update: what names the resource is declared before the mask; the rest counts if the mask names it whole."""
    if prefix:
        return False
    return field.index < message.DESCRIPTOR.fields_by_name["update_mask"].index or field.name in message.update_mask.paths


def _map(rule: Rule, name: str, value: Any, partial: bool) -> Iterator[Violation]:
    for key in value:
        for check in rule.keys:
            if complaint := check(key):
                yield Violation(f"{name}.{key}", complaint)
        for check in rule.each:
            if complaint := check(value[key]):
                yield Violation(f"{name}.{key}", complaint)


class Rule:
    """The annotations of one field, compiled."""

    __slots__ = ("each", "field", "is_map", "keys", "nests", "required", "whole")

    def __init__(self, field: FieldDescriptor) -> None:
        extensions = field.GetOptions().Extensions
        option = {name: extensions[extension] for name, extension in _extensions().items()}
        self.field = field
        self.is_map = bool(field.message_type and field.message_type.GetOptions().map_entry)
        message = field.containing_type
        if message.full_name.startswith("yandex.cloud.vpc.v1.") and message.name.endswith("Request"):
            option["required"] = field.name in VPC_REQUIRED.get(message.name, ())
            option["pattern"] = VPC_NAME if field.name == "name" else ""
        self.required = bool(option["required"]) and field.full_name not in OPTIONAL
        self.whole: list[Check] = []
        self.each: list[Check] = []
        self.keys: list[Check] = []
        if option["size"]:
            self.whole.append(_within("size", option["size"], len))
        if option["unique"]:
            self.whole.append(lambda items: None if len(set(items)) == len(items) else "Items must be unique")
        self.each += _texts(option["pattern"], option["length"])
        if option["bytes"]:
            self.each.append(_within("length in bytes", option["bytes"], lambda found: len(_octets(found))))
        if option["value"]:
            self.each.append(_value(option["value"]))
        if self.is_map:
            key = option["map_key"]
            self.keys += _texts(key.pattern, key.length)
        plain = field.message_type is not None and not self.is_map
        self.nests = plain and not field.message_type.full_name.startswith("google.protobuf.")


@functools.cache
def _rules(descriptor: Descriptor) -> tuple[Rule, ...]:
    rules = (Rule(field) for field in descriptor.fields)
    return tuple(rule for rule in rules if rule.required or rule.whole or rule.each or rule.keys or rule.nests)


def _texts(pattern: str, length: str) -> list[Check]:
    checks: list[Check] = []
    if pattern:
        compiled = re.compile(pattern)
        checks.append(lambda text: None if compiled.fullmatch(text) else f"Field does not match the pattern /{pattern}/")
    if length:
        checks.append(_within("length", length, len))
    return checks


def _within(what: str, bounds: str, measure: Callable[[Any], float]) -> Check:
    low, high = _bounds(bounds)

    def check(value: Any) -> str | None:
        return None if low <= measure(value) <= high else f"Field {what} must be {bounds}, it is {measure(value):g}"

    return check


def _value(bounds: str) -> Check:
    """`0-100`, `>=1`, `<=256`, `0,24,25`, `1h-24h`; for numbers and durations (in seconds)."""
    if "," in bounds:
        allowed = [float(text) for text in bounds.split(",")]
        return lambda value: None if value in allowed else f"Field value must be one of {bounds}"
    return _within("value", bounds, lambda value: value)


def _bounds(text: str) -> tuple[float, float]:
    endless = float("inf")
    if text.startswith(">="):
        return _number(text[2:]), endless
    if text.startswith("<="):
        return -endless, _number(text[2:])
    if text.startswith(">"):
        return _number(text[1:]) + 1e-9, endless
    if text.startswith("<"):
        return -endless, _number(text[1:]) - 1e-9
    if re.match(r"[0-9]{8}T", text):  # a timestamp of the form 19700101T…: any that protobuf can hold
        return -endless, endless
    found = re.fullmatch(r"(-?[0-9.]+[a-z]*)(?:-(-?[0-9.]+[a-z]*))?", text.strip())
    if not found:
        raise ValueError(f"{text!r} is no bound that this reader of annotations knows")
    return _number(found[1]), _number(found[2] or found[1])


def _number(text: str) -> float:
    found = re.fullmatch(r"(-?[0-9.]+)(ms|s|m|h|d)?", text.strip())
    if not found:
        raise ValueError(f"{text!r} is no bound that this reader of annotations knows")
    return float(found[1]) * DURATION_UNITS_S.get(found[2] or "s", 1.0)


def _plain(field: FieldDescriptor, value: Any) -> Any:
    """A wrapper's or duration's number; the value itself otherwise."""
    if field.message_type is None:
        return value
    name = field.message_type.full_name
    if name == "google.protobuf.Duration":
        return value.seconds + value.nanos / 1e9
    if name == "google.protobuf.Timestamp":
        return value.seconds
    return value.value if name.startswith("google.protobuf.") and name.endswith("Value") and hasattr(value, "value") else value


def _is_absent(message: Message, field: FieldDescriptor, value: Any) -> bool:
    if field.is_repeated:
        return not len(value)
    return not message.HasField(field.name) if field.has_presence else not value


def _octets(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _exactly_one(oneof: Any) -> bool:
    from yandex.cloud import validation_pb2

    return bool(oneof.GetOptions().Extensions[validation_pb2.exactly_one])


@functools.cache
def _extensions() -> dict[str, Any]:
    from yandex.cloud import validation_pb2

    names = ("required", "pattern", "value", "size", "length", "unique", "map_key", "bytes")
    return {name: validation_pb2.DESCRIPTOR.extensions_by_name[name] for name in names}

"""Copies the fields of a request's message into a resource's message, by name.

The API says `config_spec` when it is asked and `config` when it answers, wraps numbers on one side and not on the other, and
answers settings three times: what the user set, what the default is, what is in effect. These are all the differences; they
are the same for every service, so they stand here once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from kit.yandex.refusal import invalid

USER, EFFECTIVE, DEFAULT = "user_config", "effective_config", "default_config"
MAXIMUM_DEPTH = 6


def copy_fields(source: Message, target: Message) -> None:
    """Copy every field that is set in `source` to its counterpart in `target`; what has none is left out."""
    for field, _ in source.ListFields():
        for name in counterparts(field.name, target.DESCRIPTOR):
            _copy(source, field, target, name)


def copy_path(source: Message, path: str, target: Message) -> None:
    """Copy one path of an update mask: the field becomes what `source` says, absent included."""
    _copy_path(source, path.split("."), target, path)


def counterparts(name: str, target: Descriptor) -> tuple[str, ...]:
    """The fields of `target` that a request's field of that name sets."""
    for candidate in (name, name.removesuffix("_spec"), name.removesuffix("_specs") + "s"):
        if candidate in target.fields_by_name:
            return (candidate,)
    return ()


def is_setting_set(descriptor: Descriptor | None) -> bool:
    """Whether the message has settings in three layers: by the user, by default, in effect."""
    return descriptor is not None and {USER, EFFECTIVE} <= set(descriptor.fields_by_name)


def set_default_messages(message: Message, depth: int = 0) -> None:
    """Set every unset wrapper and nested message: the provider reads them all without looking whether they are there."""
    message.SetInParent()
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated or field.message_type is None or field.containing_oneof is not None:
            continue
        if not message.HasField(field.name):
            getattr(message, field.name).SetInParent()
        if not _is_well_known(field.message_type) and depth < MAXIMUM_DEPTH:
            set_default_messages(getattr(message, field.name), depth + 1)


def set_defaults(message: Message, **values: Any) -> None:
    """Set those of the wrapped values that are not set."""
    for name, value in values.items():
        if not message.HasField(name):
            getattr(message, name).value = value


def add_user_config_layer(settings: Message) -> None:
    """Fill the default settings, and lay what the user set over them for those in effect."""
    user, effective, default = (getattr(settings, name) for name in (USER, EFFECTIVE, DEFAULT))
    user.SetInParent()
    set_default_messages(default)
    effective.CopyFrom(default)
    _overlay(user, effective)


def _overlay(source: Message, target: Message) -> None:
    """As MergeFrom, but a list replaces a list."""
    for field, value in source.ListFields():
        if field.is_repeated or field.message_type is None or _is_well_known(field.message_type):
            target.ClearField(field.name)
            _assign(target, field.name, value, field.is_repeated, field.message_type is not None)
        else:
            _overlay(value, getattr(target, field.name))


def _assign(target: Message, name: str, value: Any, is_repeated: bool, is_message: bool) -> None:
    if is_repeated:
        getattr(target, name).MergeFrom(value)
    elif is_message:
        getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)


def _copy_path(source: Message, parts: Sequence[str], target: Message, path: str) -> None:
    field = source.DESCRIPTOR.fields_by_name.get(parts[0])
    if field is None:
        raise invalid("update_mask", f"there is no field {path}")
    names = counterparts(field.name, target.DESCRIPTOR)
    rest = parts[1:] if not _is_map(field) else []
    if not names:
        # `topic_spec.partitions` of a topic: the request nests what the resource has at its top.
        if field.message_type is not None and not field.is_repeated and not _is_well_known(field.message_type):
            nested = getattr(source, field.name)
            for part in [rest] if rest else [[inner.name] for inner in nested.DESCRIPTOR.fields]:
                if counterparts(part[0], target.DESCRIPTOR) or rest:
                    _copy_path(nested, part, target, path)
        return
    for name in names:
        inner = target.DESCRIPTOR.fields_by_name[name].message_type
        if not rest:
            _set(source, field, target, name)
        elif field.message_type is None or field.is_repeated or inner is None:
            raise invalid("update_mask", f"{path} goes into a field that has no fields")
        elif is_setting_set(inner) and not is_setting_set(field.message_type):
            _copy_path(getattr(source, field.name), rest, getattr(getattr(target, name), USER), path)
            add_user_config_layer(getattr(target, name))
        else:
            _copy_path(getattr(source, field.name), rest, getattr(target, name), path)


def _set(source: Message, field: FieldDescriptor, target: Message, name: str) -> None:
    """Replace the whole field: cleared, then copied if the source has it."""
    inner = target.DESCRIPTOR.fields_by_name[name].message_type
    if is_setting_set(inner) and not is_setting_set(field.message_type):
        getattr(target, name).ClearField(USER)
    else:
        target.ClearField(name)
    if any(found.name == field.name for found, _ in source.ListFields()):
        _copy(source, field, target, name)
    elif is_setting_set(inner):
        add_user_config_layer(getattr(target, name))


def _copy(source: Message, field: FieldDescriptor, target: Message, name: str) -> None:
    value = getattr(source, field.name)
    wanted = target.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated != wanted.is_repeated:
        return
    if field.is_repeated:
        _copy_items(value, field, target, name, wanted)
    elif field.message_type is None and wanted.message_type is None:
        setattr(target, name, value)
    elif field.message_type is None:
        if _is_wrapper(wanted.message_type):
            getattr(target, name).value = value  # a number becomes a wrapper
    elif wanted.message_type is None:
        if _is_wrapper(field.message_type):
            setattr(target, name, value.value)  # a wrapper becomes a number
    elif field.message_type is wanted.message_type:
        getattr(target, name).CopyFrom(value)
    elif is_setting_set(wanted.message_type) and not is_setting_set(field.message_type):
        user = getattr(getattr(target, name), USER)
        user.SetInParent()
        copy_fields(value, user)
        add_user_config_layer(getattr(target, name))
    else:
        getattr(target, name).SetInParent()
        copy_fields(value, getattr(target, name))


def _copy_items(value: Any, field: FieldDescriptor, target: Message, name: str, wanted: FieldDescriptor) -> None:
    target.ClearField(name)
    items = getattr(target, name)
    if _is_map(field):
        items.update(value)
    elif field.message_type is wanted.message_type:
        items.MergeFrom(value) if field.message_type is None else items.extend(value)
    elif field.message_type is not None and wanted.message_type is not None:
        for item in value:
            copy_fields(item, items.add())


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _is_wrapper(descriptor: Descriptor) -> bool:
    return bool(descriptor.file.name == "google/protobuf/wrappers.proto")


def _is_well_known(descriptor: Descriptor) -> bool:
    return bool(descriptor.full_name.startswith(("google.protobuf.", "google.type.")))

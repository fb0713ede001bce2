"""Messages that break one of the API's own annotations are refused with the field's name: generated from the annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kit.yandex.engine import descriptors, validation

METHODS = [method for method in descriptors.catalogue().values() if validation._rules(method.request.DESCRIPTOR)]


def _broken(method: descriptors.Method) -> Iterator[tuple[str, Any]]:
    """(field, a request in which that field alone is wrong), for the request's own fields of text and lists."""
    for rule in validation._rules(method.request.DESCRIPTOR):
        field = rule.field
        options = {name: field.GetOptions().Extensions[option] for name, option in validation._extensions().items()}
        if rule.required and not rule.is_map and "update_mask" not in method.request.DESCRIPTOR.fields_by_name:
            yield field.name, method.request()
        is_text = field.type == field.TYPE_STRING
        if options["pattern"] and is_text and not field.is_repeated:
            yield field.name, method.request(**{field.name: "Ж"})
        if options["length"].startswith("<=") and is_text and not field.is_repeated:
            yield field.name, method.request(**{field.name: "a" * (int(options["length"][2:]) + 1)})
        if options["size"].startswith("<=") and field.is_repeated and is_text:
            yield field.name, method.request(**{field.name: ["a"] * (int(options["size"][2:]) + 1)})
        if rule.is_map and options["map_key"].pattern and field.message_type.fields_by_name["value"].message_type is None:
            value = 1 if field.message_type.fields_by_name["value"].type != field.TYPE_STRING else "v"
            yield f"{field.name}.Ж", method.request(**{field.name: {"Ж": value}})


CASES = [
    pytest.param(method, name, request, id=f"{method.label}-{name}-{index}")
    for method in METHODS
    for index, (name, request) in enumerate(_broken(method))
]


def test_there_is_much_to_check() -> None:
    assert len(CASES) > 500


@pytest.mark.parametrize(("method", "name", "request_"), CASES)
def test_the_broken_field_is_named(method: descriptors.Method, name: str, request_: Any) -> None:
    assert name in {found.field for found in validation.violations(request_)}


def test_a_message_inside_is_named_by_its_path() -> None:
    request = descriptors.methods("mdb.kafka.v1.ClusterService")["Create"].request(folder_id="f", name="n", network_id="n")
    request.user_specs.add(name="good", password="good-Password_1")
    request.user_specs.add(name="good")
    assert "user_specs[1].password" in [found.field for found in validation.violations(request)]


def test_in_an_update_only_what_the_mask_names_must_be_there() -> None:
    update = descriptors.methods("iam.v1.ServiceAccountService")["Update"].request
    assert [found.field for found in validation.violations(update())] == ["service_account_id"]
    assert not validation.violations(update(service_account_id="x", update_mask={"paths": ["description"]}))
    named = validation.violations(update(service_account_id="x", update_mask={"paths": ["name"]}))
    assert [found.field for found in named] == ["name"]


@pytest.mark.parametrize(
    ("bounds", "good", "bad"),
    [("1-64", 64, 65), ("<=63", 0, 64), (">=1", 1, 0), (">0", 1, 0), ("20", 20, 19), ("-1-5", -1, -2), ("15m-8760h", 900, 899)],
)
def test_every_form_of_bounds_is_read(bounds: str, good: float, bad: float) -> None:
    low, high = validation._bounds(bounds)
    assert low <= good <= high
    assert not low <= bad <= high


def test_every_annotation_of_the_sdk_can_be_read() -> None:
    seen: set[str] = set()

    def walk(descriptor: Any) -> None:
        if descriptor.full_name not in seen:
            seen.add(descriptor.full_name)
            validation._rules(descriptor)
            for field in descriptor.fields:
                if field.message_type is not None:
                    walk(field.message_type)

    for method in descriptors.catalogue().values():
        walk(method.request.DESCRIPTOR)
    assert len(seen) > 800


def test_every_operation_knows_what_it_carries() -> None:
    operations = [method for method in descriptors.catalogue().values() if method.is_operation]
    bare = [method.label for method in operations if method.metadata is None or method.response is None]
    assert bare == ["operation.OperationService/Get", "operation.OperationService/Cancel"]


def test_networks_have_rules_although_the_sdk_carries_none() -> None:
    create = descriptors.methods("vpc.v1.SubnetService")["Create"].request
    found = {violation.field for violation in validation.violations(create(name="-bad-"))}
    assert found == {"folder_id", "network_id", "zone_id", "v4_cidr_blocks", "name"}

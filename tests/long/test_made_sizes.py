"""A made size in the emulator's control plane, and the way to the next: stores grow in place, partitions are added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kit.capacity import need, quotas, shape
from kit.yandex.engine.state import Options
from kit.yandex.rules.data import GB
from tests.terraform.test_made_sizes import KNOWN, SIZES
from tests.terraform.test_rehearsal import rehearsal

# A new cloud has far less; a made size's needs are among what `kit capacity` says.
LARGE = shape.of("large", SIZES["large"])
QUOTAS = Options(
    quotas={
        each.id: each.needed * (GB if each.unit else 1)
        for each in quotas.of(LARGE, need.of(KNOWN.sizes["large"].load, 30, KNOWN))
        if each.id != "storage.volume.size"
    }
)
GIVEN: dict[str, Any] = {"retention_days": 30, "deletion_protection": False}


def test_each_size_is_made_from_the_one_before_and_no_store_is_replaced(tmp_path: Path) -> None:
    with rehearsal(tmp_path, options=QUOTAS) as it:
        it.change("apply", size="small", **GIVEN)
        assert it.is_unchanged(size="small", **GIVEN)
        for size in ("standard", "large"):
            words = ("plan", "-json", "-input=false")
            events = [json.loads(line) for line in it.terraform(*words, size=size, **GIVEN).stdout.splitlines()]
            changes = [each["change"] for each in events if each["type"] == "planned_change"]
            planned = {change["resource"]["addr"]: change["action"] for change in changes}
            gone = {address for address, action in planned.items() if action in ("delete", "replace")}
            assert {address for address in gone if "node_group" not in address} == set()
            raised = {f'yandex_mdb_kafka_topic.sentry["{topic}"]' for topic in SIZES[size]["topic_partitions"]}
            assert raised <= planned.keys()
            it.change("apply", size=size, **GIVEN)
        assert it.is_unchanged(size="large", **GIVEN)
        assert it.outputs()["cost_inputs"]["services"]["clickhouse"]["disk_gb"] == SIZES["large"]["clickhouse"]["disk_size"]
        it.change("destroy", size="large", **GIVEN)
        assert it.left() == []

"""What of the local stack follows from which Sentry is wanted: who gets a certificate, and what a set-up is made from."""

from __future__ import annotations

import dataclasses

from kit.blueprint.stack import SentryWanted, Stack
from kit.targets.local import layout


def test_vroom_gets_a_certificate_only_where_it_runs() -> None:
    full = dataclasses.replace(Stack(), sentry=SentryWanted(size="full"))
    assert set(layout.holders(full)) - set(layout.holders(Stack())) == {layout.VROOM_HOLDER}


def test_another_retention_sets_up_the_bucket_of_events_again_and_nothing_else() -> None:
    usual, short = SentryWanted(), SentryWanted(retention_days=30)
    changed = [
        store
        for store in ("kafka", "postgres", "redis", "clickhouse", "s3")
        if layout.setup_fingerprint(store, usual) != layout.setup_fingerprint(store, short)
    ]
    assert changed == ["s3"]

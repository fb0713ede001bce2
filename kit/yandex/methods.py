"""The registry of all methods that the emulator answers, from one module for each service. The rest is UNIMPLEMENTED."""

from __future__ import annotations

import functools

from kit.yandex.engine.registry import Registry


@functools.cache
def registry() -> Registry:
    from kit.yandex.managed import connections
    from kit.yandex.services import (
        clickhouse,
        dns,
        iam,
        kafka,
        kms,
        kubernetes,
        lockbox,
        observability,
        platform,
        postgresql,
        quotas,
        redis,
        storage,
        vpc,
    )

    found = Registry()
    for module in (
        platform,
        quotas,
        iam,
        vpc,
        dns,
        kms,
        lockbox,
        connections,
        storage,
        kubernetes,
        kafka,
        clickhouse,
        postgresql,
        redis,
        observability,
    ):
        module.register(found)
    return found

"""The registry of all methods that the emulator answers, from one module for each service. The rest is UNIMPLEMENTED."""

from __future__ import annotations

import functools

from kit.yandex.engine.registry import Registry


@functools.cache
def registry() -> Registry:
    from kit.yandex.managed import connections
    from kit.yandex.services import (
        certificates,
        clickhouse,
        dns,
        iam,
        kafka,
        kms,
        kubernetes,
        load_balancer,
        lockbox,
        observability,
        platform,
        postgresql,
        quotas,
        redis,
        storage,
        vpc,
    )

    first = (platform, quotas, iam, vpc, dns, kms, lockbox, certificates, connections, storage, observability)
    modules = (*first, kubernetes, load_balancer, kafka, clickhouse, postgresql, redis)
    found = Registry()
    for module in modules:
        module.register(found)
    return found

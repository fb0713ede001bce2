"""Monitoring's dashboards and Logging's groups as they are asked for: nothing is measured here, and nobody writes a log."""

from __future__ import annotations

from kit.yandex.engine import bindings
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import MutationContext, Resource
from kit.yandex.engine.state import now

LOG_GROUP = "logging.v1.LogGroup"
DEFAULT_RETENTION_S = 3 * 24 * 3600  # logging/concepts/log-group, read 2026-11-28


def register(registry: Registry) -> None:
    for resource in (DASHBOARDS, LOG_GROUPS):
        resource.register(registry)
    bindings.register(registry, LOG_GROUPS)


def _build_dashboard(context: MutationContext) -> None:
    context.message.created_by = context.call.subject
    _change_dashboard(context)


def _change_dashboard(context: MutationContext) -> None:
    context.message.modified_by = context.call.subject
    context.message.modified_at.CopyFrom(now())
    context.message.etag = str(int(context.message.etag or 0) + 1)


def _build_log_group(context: MutationContext) -> None:
    folder = context.state.find("resourcemanager.v1.Folder", context.message.folder_id, "Folder").message
    context.message.cloud_id = folder.cloud_id
    if not context.message.HasField("retention_period"):
        context.message.retention_period.seconds = DEFAULT_RETENTION_S


DASHBOARDS = Resource(
    *("monitoring.v3.DashboardService", "monitoring.v3.Dashboard", "Dashboard", "fbe"),
    build=_build_dashboard,
    change=_change_dashboard,
)
LOG_GROUPS = Resource(
    *("logging.v1.LogGroupService", LOG_GROUP, "Log group", "e23"), build=_build_log_group, default_status="ACTIVE"
)

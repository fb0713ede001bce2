"""The quota manager: limits with their usage, and requests for more, which are granted at once."""

from __future__ import annotations

from typing import Any

from kit.yandex import refusal
from kit.yandex.engine import descriptors, ids, pagination
from kit.yandex.engine.journal import Change, Record
from kit.yandex.engine.plan import OperationPlan
from kit.yandex.engine.references import CLOUD
from kit.yandex.engine.registry import Registry
from kit.yandex.engine.resource import operation
from kit.yandex.engine.state import GRANTED, Call, EmulatorState, now
from kit.yandex.rules import quotas

LIMITS, REQUESTS = "quotamanager.v1.QuotaLimitService", "quotamanager.v1.QuotaRequestService"
REQUEST = "quotamanager.v1.QuotaRequest"
PROCESSED, APPROVED, REJECTED = 3, 4, 5  # of a request; of one of its limits


def register(registry: Registry) -> None:
    registry.add(LIMITS, "Get", get_limit)
    registry.add(LIMITS, "List", list_limits)
    registry.add(LIMITS, "ListServices", list_services)
    registry.add(REQUESTS, "Create", create_request)
    registry.add(REQUESTS, "Get", get_request)


def get_limit(state: EmulatorState, call: Call) -> Any:
    _check_cloud(state, call.request.resource)
    return _shown(state, _quota(call.request.quota_id))


def list_limits(state: EmulatorState, call: Call) -> Any:
    _check_cloud(state, call.request.resource)
    found = [_shown(state, quota) for quota in quotas.known().values() if call.request.service in ("", quota.service)]
    return pagination.page(found, call.request, call.method.answer())


def list_services(state: EmulatorState, call: Call) -> Any:
    answer = call.method.answer()
    for name in dict.fromkeys(quota.service for quota in quotas.known().values()):
        answer.services.add(id=name, name=name)
    return answer


@operation
def create_request(state: EmulatorState, call: Call, change: Change) -> OperationPlan:
    """Grant what is asked for, but for limits that somebody fixed with --quota: those stay."""
    _check_cloud(state, call.request.resource)
    request = descriptors.message(REQUEST)(id=ids.new("qmr"), created_at=now(), status=PROCESSED, created_by=call.subject)
    request.resource.CopyFrom(call.request.resource)
    for wanted in call.request.desired_quota_limits:
        quota = _quota(wanted.quota_id)
        answer = request.quota_limits.add(quota_id=quota.id, desired_limit=wanted.desired_limit)
        if quota.id in state.options.quotas:
            answer.status, answer.message = REJECTED, "the limit is fixed by --quota"
            continue
        answer.status, answer.approved_limit = APPROVED, wanted.desired_limit
        granted = descriptors.message(GRANTED)(quota_id=quota.id)
        granted.limit.value = wanted.desired_limit
        change.put(Record(quota.id, "", granted))
    record = Record(request.id, request.resource.id, request)
    change.put(record)
    return OperationPlan("create", change, record, names={"quota_request_id": request.id})


def get_request(state: EmulatorState, call: Call) -> Any:
    return state.find(REQUEST, call.request.quota_request_id, "Quota request").message


def _quota(name: str) -> quotas.Quota:
    if (found := quotas.known().get(name)) is None:
        raise refusal.not_found("Quota", name)
    return found


def _shown(state: EmulatorState, quota: quotas.Quota) -> Any:
    answer = descriptors.message(GRANTED)(quota_id=quota.id)
    answer.limit.value = state.limits()[quota.id]
    answer.usage.value = quota.usage(record.message for kind in quota.kinds for record in state.journal.all(kind))
    return answer


def _check_cloud(state: EmulatorState, resource: Any) -> None:
    if resource.type != "resource-manager.cloud":
        raise refusal.invalid("resource.type", "this emulator knows the quotas of resource-manager.cloud")
    state.find(CLOUD, resource.id, "Cloud")

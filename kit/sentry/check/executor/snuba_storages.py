"""The topics of Snuba's storages, by release, and the entities that subscriptions are made for.

From snuba/datasets/configuration of every tag between 25.1.0 and 26.8.0, read by machine 2026-11: a storage that is not in here
does not exist in these releases, and `snuba consumer --storage` refuses its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SINCE, BEFORE = (25, 1), (26, 9)  # the releases that were read


@dataclass(frozen=True, slots=True)
class Storage:
    topic: str
    dead_letters: str = ""
    commit_log: str = ""
    replacements: str = ""
    scheduled: str = ""  # subscriptions that are due
    results: str = ""  # of subscriptions


@dataclass(frozen=True, slots=True)
class _From:
    """A storage as it is from one release on; `storage` None: it is gone."""

    version: tuple[int, ...]
    storage: Storage | None


def _generic(kind: str) -> Storage:
    log, scheduled = f"snuba-generic-metrics-{kind}-commit-log", f"scheduled-subscriptions-generic-metrics-{kind}"
    return Storage(
        "snuba-generic-metrics", "snuba-dead-letter-generic-metrics", log, "", scheduled, "generic-metrics-subscription-results"
    )


def _spans(topic: str) -> Storage:
    return Storage(
        topic, "", "snuba-eap-spans-commit-log", "", "scheduled-subscriptions-eap-spans", "eap-spans-subscription-results"
    )


def _items(dead_letters: str) -> Storage:
    logs = ("snuba-items-commit-log", "", "scheduled-subscriptions-eap-items", "subscription-results-eap-items")
    return Storage("snuba-items", dead_letters, *logs)


_HISTORY: Mapping[str, Sequence[_From]] = {
    "eap_items": (
        _From((25, 3), Storage("snuba-spans")),
        _From((25, 4), _spans("snuba-spans")),
        _From((25, 5), _spans("snuba-items")),
        _From((25, 6), _items("")),
        _From((25, 8), _items("snuba-dead-letter-items")),
    ),
    "eap_items_dlq_replay": (_From((26, 5, 1), Storage("snuba-dead-letter-items")),),
    "eap_items_log": (_From((25, 3), Storage("snuba-ourlogs")), _From((25, 5), None)),
    "eap_items_span": (_From((25, 5), _spans("snuba-spans")), _From((25, 8), None)),
    "eap_spans": (_From(SINCE, _spans("snuba-spans")), _From((25, 5), None)),
    "generic_metrics_distributions_raw": (_From(SINCE, _generic("distributions")), _From((26, 8), None)),
    "generic_metrics_gauges_raw": (_From(SINCE, _generic("gauges")), _From((26, 8), None)),
    "generic_metrics_sets_raw": (_From(SINCE, _generic("sets")), _From((26, 8), None)),
    "llm_proxy_cost_raw": (_From((26, 7), Storage("snuba-llm-proxy-cost")),),
    "ourlogs": (_From(SINCE, Storage("snuba-ourlogs")), _From((25, 3), None)),
    "spans": (_From(SINCE, Storage("snuba-spans")), _From((26, 5, 1), None)),
    "uptime_monitor_checks": (_From(SINCE, Storage("snuba-uptime-results")), _From((25, 11), None)),
}
_ALWAYS: Mapping[str, Storage] = {
    "errors": Storage(
        "events", "", "snuba-commit-log", "event-replacements", "scheduled-subscriptions-events", "events-subscription-results"
    ),
    "functions_raw": Storage("profiles-call-tree"),
    "generic_metrics_counters_raw": _generic("counters"),
    "group_attributes": Storage("group-attributes", "snuba-dead-letter-group-attributes"),
    "groupassignees": Storage("cdc"),
    "groupedmessages": Storage("cdc"),
    "metrics_raw": Storage(
        "snuba-metrics",
        "snuba-dead-letter-metrics",
        "snuba-metrics-commit-log",
        "",
        "scheduled-subscriptions-metrics",
        "metrics-subscription-results",
    ),
    "outcomes_raw": Storage("outcomes"),
    "profile_chunks": Storage("snuba-profile-chunks"),
    "profiles": Storage("processed-profiles"),
    "querylog": Storage("snuba-queries", "snuba-dead-letter-querylog"),
    "replays": Storage("ingest-replay-events", "snuba-dead-letter-replays"),
    "search_issues": Storage("generic-events", "snuba-dead-letter-generic-events", "snuba-generic-events-commit-log"),
    "transactions": Storage(
        "transactions",
        "",
        "snuba-transactions-commit-log",
        "",
        "scheduled-subscriptions-transactions",
        "transactions-subscription-results",
    ),
}
# Entity → the storage that is written for it.
_ENTITIES: Mapping[str, str] = {
    "eap_items": "eap_items",
    "eap_items_span": "eap_items_span",
    "eap_spans": "eap_spans",
    "events": "errors",
    "generic_metrics_counters": "generic_metrics_counters_raw",
    "generic_metrics_distributions": "generic_metrics_distributions_raw",
    "generic_metrics_gauges": "generic_metrics_gauges_raw",
    "generic_metrics_sets": "generic_metrics_sets_raw",
    "metrics_counters": "metrics_raw",
    "metrics_distributions": "metrics_raw",
    "metrics_sets": "metrics_raw",
    "search_issues": "search_issues",
    "transactions": "transactions",
}


def storages(version: tuple[int, ...]) -> Mapping[str, Storage]:
    """Those of a release; of one that was not read, or is not known, those of the nearest."""
    at = version or BEFORE
    found = dict(_ALWAYS)
    for name, history in _HISTORY.items():
        past = [each for each in history if each.version <= max(at, SINCE)]
        if past and past[-1].storage is not None:
            found[name] = past[-1].storage
    return found


def is_known(version: tuple[int, ...]) -> bool:
    """Whether a storage that is missing in `storages` is missing in Snuba as well."""
    return bool(version) and SINCE <= version < BEFORE


def of_entity(entity: str, version: tuple[int, ...]) -> Storage:
    """One without topics where the entity is not known."""
    return storages(version).get(_ENTITIES.get(entity, ""), Storage(""))

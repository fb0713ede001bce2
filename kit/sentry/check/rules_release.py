"""Rules about the release as a whole: its version, the values it was made from, and what a tear-down would leave."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kit.sentry.chart import hooks
from kit.sentry.check.rule import Release, Rule, Seen, name_of
from kit.supply import version as versions


def _left_behind(release: Release) -> Iterator[Seen]:
    for left in hooks.leftovers(release.documents):
        if left.kind not in release.torn_down:
            yield Seen(f"{left.why}, and kit's tear-down knows no {left.kind}", object=f"{left.kind}/{left.name}")


# What a Job may need before it runs; tests are Pods.
JOBS_AND_THEIR_NEEDS = frozenset(
    {
        *("Job", "Pod", "ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount"),
        *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    }
)


def _hooks_are_jobs(release: Release) -> Iterator[Seen]:
    for document in release.documents:
        if hooks.is_hook(document) and document["kind"] not in JOBS_AND_THEIR_NEEDS:
            events = ", ".join(sorted(hooks.events(document)))
            yield Seen(f"a {document['kind']} as hook ({events})", object=name_of(document))


def _chart_fits(release: Release) -> Iterator[Seen]:
    profile = release.profile
    wanted = ",".join(re.split(r"[,\s]+", profile.chart_range.strip()))
    for label in sorted({label for document in release.documents if (label := _chart_label(document))}):
        name, _, version = label.rpartition("-")
        if name == profile.chart_name and not versions.satisfies(version, wanted):
            yield Seen(f"{label}, and the profile {profile.name} is for {profile.chart_range}", object="chart")


def _chart_label(document: Mapping[str, Any]) -> str:
    labels = document["metadata"].get("labels") or {}
    return str(labels.get("helm.sh/chart") or labels.get("chart") or "")


def _keys_known(release: Release) -> Iterator[Seen]:
    if release.values is None or release.chart_defaults is None:
        return
    for path, siblings in unknown(release.values, release.chart_defaults):
        near = suggestion(path[-1], siblings)
        fix = f"write {'.'.join([*path[:-1], near])}" if near else ""
        yield Seen(f"{'.'.join(path)} is named by nothing in this chart", object="values", fix=fix)


def unknown(given: Any, known: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The paths of values that the chart does not know, each with the names that it knows there.

    Where the chart has an empty map, nothing, or no map at all, anything may stand.
    """
    if not isinstance(given, Mapping) or not isinstance(known, Mapping) or not known:
        return
    for key, value in given.items():
        if key not in known:
            yield (*path, str(key)), [str(name) for name in known]
        else:
            yield from unknown(value, known[key], (*path, str(key)))


def suggestion(word: str, names: list[str]) -> str | None:
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.7)
    return lower[near[0]] if near else None


RULES = (
    Rule(
        "NOTHING-LEFT",
        "kit's tear-down knows every object that `helm uninstall` leaves: hooks, kept objects, claims.",
        "add the kind to what the tear-down deletes, or set asHook: false",
        _left_behind,
    ),
    Rule(
        "HOOKS-ARE-JOBS",
        "Nothing but Jobs, and what Jobs need, is a hook: Helm makes another anew with each upgrade, keeps it in no revision and "
        "forgets it at an uninstall.",
        "set asHook: false, and from chart 33 on relay.asHook: false too (charts#2256)",
        _hooks_are_jobs,
    ),
    Rule(
        "CHART-FITS",
        "The chart's version is one that the profile was written for.",
        "choose another --profile, or a chart in its range",
        _chart_fits,
    ),
    Rule(
        "VALUES-KNOWN",
        "Every key of the values is one that the chart's values.yaml or its templates name.",
        "remove it, or correct its spelling; a key that is put together while rendering cannot be seen",
        _keys_known,
        warns=True,
    ),
)

"""Watches a release come up: which hook runs and for how long, who waits for what; ends early where waiting cannot help.

Helm waits for the Jobs of hooks and says nothing meanwhile; so it runs beside this, and the pods are asked. A failure that is
known (failures.yaml) ends the wait with its cause and what mends it; what may pass by itself gets its time; a crash nobody knows
counts only once all hooks are through, because until then half of the pods have no schema to work with. What an earlier attempt
left behind is not held against this one.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from kit import cancel
from kit.adapters import child, process
from kit.adapters.kubernetes.api import KubeApi
from kit.errors import KitError
from kit.sentry.objects import Document
from kit.sentry.rollout import failures, parts
from kit.sentry.rollout.parts import Part, Wanted
from kit.sentry.rollout.pods import Trouble, pod_trouble

T = TypeVar("T")

POLL_S = 0.5
TIMEOUT_S = 2400.0  # the hooks have 1800 between them, and then the last pods start
LOG_EVERY_S = 5.0  # a Job past its deadline takes its pods with it; what it said must be known before
EVENTS_AFTER_S = 10.0  # what keeps a pod from being made stands in events alone
STATE_LASTS_S = 20.0  # before a state that cannot heal is believed: an image is tried for a second time
NAMED_BY_RUNNING_S = 60.0  # before a hook that goes on trying, and goes on naming the same cause, is given up
PASSING_LASTS_S = 360.0  # before something that may pass is given up; a pod's next try is up to 300 away
UNKNOWN_CRASHES = 3  # after the hooks
LOG_LINES = 30
SAID_LENGTH = 60
USER_INFO = re.compile(r"(://[^\s:@/]*:)[^\s@]+@")


class RolloutFailed(KitError):
    """A release is in the cluster, and one of its parts will not come up."""

    code = "KIT-ROLLOUT"
    exit_code = 59
    what = "Sentry's {component} does not come up"
    fix = "the last lines below say more; then run the same command again: it goes on from there"

    def __init__(self, part: Part, match: failures.Match | None, log: str) -> None:
        place, reason = part.wanted.place, part.trouble.reason
        why = f"{place}: {match.failure.cause} ({reason})" if match else f"{place}: {reason}"
        evidence = f"{match.line}\n\n" if match and match.failure.where == "log" and match.line not in log else ""
        fix = match.failure.advice if match else None
        super().__init__(component=part.wanted.component, why=why, fix=fix, detail=evidence + log)
        self.match = match


class RolloutSlow(KitError):
    """Sentry is not up when the time for the roll-out is over, though no part of it has failed."""

    code = "KIT-ROLLOUT-SLOW"
    exit_code = 59
    what = "Sentry is not up after {minutes:.0f} minutes"
    why = "{late:; }"
    fix = "run the same command again: it goes on from there; kit status shows how far it is"


@dataclass
class Watch:
    """One roll-out being watched; remembers what a single look at the cluster cannot tell."""

    api: KubeApi
    wanted: tuple[Wanted, ...]
    namespace: str
    secrets: Collection[str] = ()  # never shown, whatever a pod prints
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _jobs_seen: set[str] = field(default_factory=set)
    _words: dict[str, str] = field(default_factory=dict)  # place → its last log lines
    _asked: dict[str, float] = field(default_factory=dict)  # place → when its log was last read
    _since: dict[tuple[str, str], float] = field(default_factory=dict)  # place, failure → first seen
    _crashes: dict[str, set[str]] = field(default_factory=dict)  # place → when it ended, after the hooks
    _hooks_over: float | None = None
    _before: PreviousAttempt | None = None
    _warnings: Sequence[Mapping[str, Any]] | None = None  # of this look, if somebody asked

    def observe(self, *, is_installing: bool) -> tuple[Part, ...]:
        """How far all of it is; raises `RolloutFailed` for what will not come up."""
        seen: parts.Snapshot = {kind: self.api.list(kind, self.namespace) for kind in parts.LISTED}
        self._warnings = None
        if self._before is None:
            self._before = before(seen) if is_installing else PreviousAttempt()
        if is_installing:
            seen = {kind: [each for each in seen[kind] if uid(each) not in self._before.objects] for kind in seen}
        not_yet = self._not_yet_applied(seen, is_installing=is_installing)
        seen = {**seen, "Pod": parts.pods_of_newest_revision(seen)}
        found = parts.parts(self.wanted, seen, self.now(), jobs_seen=self._jobs_seen, is_installing=is_installing)
        self._jobs_seen |= {part.wanted.name for part in found if part.wanted.is_hook_job and part.state != "absent"}
        if self._hooks_over is None and not any(part.is_open for part in found if part.wanted.is_hook_job):
            self._hooks_over = self.clock()
            self._retry(found, seen["Pod"])
        pods = {pod["metadata"]["name"]: pod for pod in seen["Pod"]}
        for part in found:
            if part.state in ("absent", "done"):
                self._forget(part)
            elif part.wanted.place not in not_yet:
                self._judge(part, pods.get(part.pod or ""))
        return found

    def _not_yet_applied(self, seen: parts.Snapshot, *, is_installing: bool) -> frozenset[str]:
        """Places that may still be an earlier attempt's: Helm replaces everything before it runs the first hook."""
        assert self._before is not None  # there was a first look
        old = self._before.versions if is_installing and not self._jobs_seen else frozenset()
        return frozenset(
            f"{kind}/{each['metadata']['name']}"
            for kind in ("Deployment", "StatefulSet")
            for each in seen[kind]
            if not is_observed(each) or version(each) in old
        )

    def _retry(self, found: Sequence[Part], pods: Sequence[Mapping[str, Any]]) -> None:
        """What crashed for want of a schema has one now, and would wait for minutes before its own next try."""
        waiting = {part.pod for part in found if part.state == "waiting" and part.wanted.kind != "Job"}
        for pod in pods:
            if self._jobs_seen and pod["metadata"]["name"] in waiting and last_end(pod):
                self.api.delete("Pod", pod["metadata"]["name"], self.namespace)

    def said(self) -> Mapping[str, str]:
        """Place → the last line that was heard of it, cut to what a line of progress has room for."""
        return {place: words.splitlines()[-1].strip()[:SAID_LENGTH] for place, words in self._words.items()}

    def _judge(self, part: Part, pod: Mapping[str, Any] | None) -> None:
        """Raise for a part that failed, or waits in vain."""
        ended = last_end(pod) if pod else None
        if ended and self._before and ended in self._before.ends:
            return  # it has not tried again yet
        container = ended.container if ended else part.trouble.log_of
        if container and (ended or part.wanted.is_hook_job):
            self._listen(part, container)
        if part.state == "failed":
            raise RolloutFailed(part, self._known(part), self._last_words(part))
        if container is None and not part.trouble.is_final and part.age_s > EVENTS_AFTER_S:
            part = self._with_event(part)
        match = self._known(part)
        if match is not None or (part.trouble.is_final and not ended):
            self._lasting(part, match, has_ended=ended is not None)
        elif ended and self._hooks_over is not None:
            crashes = self._crashes.setdefault(part.wanted.place, set())
            crashes.add(ended.at)
            if len(crashes) >= UNKNOWN_CRASHES:
                raise RolloutFailed(part, None, self._last_words(part))

    def _lasting(self, part: Part, match: failures.Match | None, *, has_ended: bool) -> None:
        """Raise once it has been so for as long as it may be."""
        patience_s = self._patience_s(part, match, has_ended)
        if patience_s is None:
            return
        first = self._since.setdefault((part.wanted.place, match.failure.id if match else ""), self.clock())
        if self.clock() - first >= patience_s:
            raise RolloutFailed(part, match, self._last_words(part))

    def _patience_s(self, part: Part, match: failures.Match | None, has_ended: bool) -> float | None:
        """None: it is too early to count."""
        if match is None or (match.failure.where == "state" and not match.failure.passes):
            return STATE_LASTS_S
        if match.failure.passes:
            is_early = self._hooks_over is None and not part.wanted.is_hook_job and match.failure.where == "log"
            return None if is_early else PASSING_LASTS_S
        return 0.0 if has_ended else NAMED_BY_RUNNING_S

    def _known(self, part: Part) -> failures.Match | None:
        """The log is asked first: why a container ended says more than that it did."""
        return failures.find("log", self._last_words(part)) or failures.find("state", part.trouble.reason)

    def _listen(self, part: Part, container: str) -> None:
        """Keep the last words of what crashed, or of a hook that runs."""
        place = part.wanted.place
        if part.pod is None or self.clock() - self._asked.get(place, float("-inf")) < LOG_EVERY_S:
            return
        self._asked[place] = self.clock()
        said = self.api.logs(part.pod, self.namespace, container, LOG_LINES)
        said = said.strip() or self.api.logs(part.pod, self.namespace, container, LOG_LINES, previous=True).strip()
        if said:
            self._words[place] = USER_INFO.sub(r"\1***@", process.masked(said, self.secrets))

    def _with_event(self, part: Part) -> Part:
        """With the last warning about it, if there is one: a refused pod, a volume that cannot be mounted."""
        if self._warnings is None:
            self._warnings = self.api.list("Event", self.namespace, fields="type=Warning")
        name = part.pod or part.wanted.name
        about = [event for event in self._warnings if event["involvedObject"].get("name") == name]
        if not about:
            return part
        last = max(about, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
        trouble = Trouble(f"{last.get('reason', '')}: {last.get('message', '')}".strip(": "))
        return Part(part.wanted, part.state, trouble, part.age_s, part.pod)

    def _last_words(self, part: Part) -> str:
        return self._words.get(part.wanted.place, "")

    def _forget(self, part: Part) -> None:
        self._words.pop(part.wanted.place, None)
        for key in [key for key in self._since if key[0] == part.wanted.place]:
            del self._since[key]


@dataclass(frozen=True, slots=True)
class End:
    pod: str
    container: str
    at: str  # the time, as the API writes it


@dataclass(frozen=True, slots=True)
class PreviousAttempt:
    """What an earlier attempt left behind."""

    objects: frozenset[str] = frozenset()  # pods that gave up and Jobs that ended, by uid: Helm is about to replace them
    ends: frozenset[End] = frozenset()
    versions: frozenset[tuple[str, int]] = frozenset()  # Deployments and StatefulSets, each with its generation


def before(seen: parts.Snapshot) -> PreviousAttempt:
    """Of the first look, when Helm has only begun: no Job of its own can have ended yet."""
    stuck = [pod for pod in seen["Pod"] if last_end(pod) or pod_trouble(pod).is_final]
    old = (*stuck, *(job for job in seen["Job"] if parts.is_over(job)))
    versions = frozenset(version(each) for kind in ("Deployment", "StatefulSet") for each in seen[kind])
    return PreviousAttempt(frozenset(map(uid, old)), frozenset(ended for pod in stuck if (ended := last_end(pod))), versions)


def version(there: Mapping[str, Any]) -> tuple[str, int]:
    return uid(there), int(there["metadata"].get("generation", 1))


def is_observed(there: Mapping[str, Any]) -> bool:
    """Whether its controller has seen what was applied last."""
    return int(there.get("status", {}).get("observedGeneration", 0)) >= int(there["metadata"].get("generation", 1))


def uid(there: Mapping[str, Any]) -> str:
    return str(there["metadata"]["uid"])


def restart_hopeless(api: KubeApi, documents: Iterable[Document], *, release: str, namespace: str) -> tuple[str, ...]:
    """Replace pods of the release that gave up: what was wrong may be mended, and their own next try is minutes away."""
    ours = {(each.kind, each.name) for each in parts.wanted(documents, release)}
    pods = [pod for owner, owned in parts.owned(api.list("Pod", namespace)).items() if owner in ours for pod in owned]
    names = tuple(str(pod["metadata"]["name"]) for pod in pods if pod_trouble(pod).is_final)
    for name in names:
        api.delete("Pod", name, namespace)
    return names


def last_end(pod: Mapping[str, Any]) -> End | None:
    """The container that ended with an error, or where it is to go on, and is not ready since; init containers first."""
    status = pod.get("status", {})
    goes_on = pod.get("spec", {}).get("restartPolicy") == "Always"
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        is_steady = goes_on and container not in status.get("initContainerStatuses", ())
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated")
            if ended and (is_steady or ended.get("exitCode", 0) != 0) and not container.get("ready"):
                return End(pod["metadata"]["name"], container["name"], str(ended.get("finishedAt", "")))
    return None


def watch(
    api: KubeApi,
    documents: Iterable[Document],
    *,
    release: str,
    namespace: str,
    helm: Future[Any] | None = None,
    note: Callable[[str], None] = lambda said: None,
    secrets: Collection[str] = (),
    timeout_s: float = TIMEOUT_S,
    sleep: Callable[[float], None] = cancel.wait,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> float:
    """Until everything in `documents` (the manifests as applied) is up, and Helm, where it still runs, has ended; seconds waited.

    Raises `RolloutFailed`, `RolloutSlow`, or what Helm ended with where the pods give no better reason.
    """
    watching = Watch(api, parts.wanted(documents, release), namespace, secrets, clock, now)
    started = clock()
    while True:
        is_over = helm is None or helm.done()  # asked first: what Helm did until now is in the look that follows
        has_failed = is_over and helm is not None and helm.exception() is not None
        found = watching.observe(is_installing=not is_over or has_failed)
        if has_failed:
            assert helm is not None
            helm.result()
        waited_s = clock() - started
        if is_over and not any(part.is_open for part in found):
            return waited_s
        if waited_s > timeout_s:
            late = [part for part in found if part.is_open]
            raise RolloutSlow(
                minutes=waited_s / 60,
                late=[f"{part.wanted.component}: {part.trouble.reason}" for part in late[:5]],
                detail="\n".join(f"{part.wanted.place}: {part.trouble.reason}" for part in late),
            )
        note(parts.line(found, watching.said()))
        sleep(POLL_S)


def install(
    helm: Callable[[], T], watching: Callable[[Future[T]], object], stop: Callable[[int], None] = child.end_those_of
) -> T:
    """Run Helm, which waits for hooks in silence, beside the watching (`watch` with its `helm`); what Helm returned.

    If the watching ends in an error, Helm is stopped, and nothing else that runs: its record is `failed` or pending, and the next
    run goes on from there.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="helm") as pool:
        thread = pool.submit(threading.get_ident).result()
        running = pool.submit(helm)
        try:
            watching(running)
        except BaseException:
            if not running.done():
                stop(thread)
            raise
        return running.result()

"""Plans the steps of the stores: volume, container, certificate, set-up, and Kafka's topics. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from kit.plan.steps import Step

Serves = Literal["current", "former", "nothing"]


@dataclass(frozen=True, slots=True)
class StoreWanted:
    image: str  # reference
    config: str  # fingerprint of everything its container is made from
    setup: str | None = None  # fingerprint of what `bootstrap` makes inside it; None: nothing is made by the plan
    line: str = ""  # images of one line can be exchanged for each other on the same volume
    opens: tuple[str, ...] = ()  # image lines whose on-disk format this image can read; empty: any


@dataclass(frozen=True, slots=True)
class ContainerSeen:
    image: str
    config: str
    running: bool
    state: str = "running"  # the engine's word: running, exited, paused, dead …
    serves: Serves = "current"  # which of its certificates it shows; nothing: it does not answer


@dataclass(frozen=True, slots=True)
class StoreSeen:
    volume: bool = False  # whether it exists and belongs to the stores' user
    formats: tuple[str, ...] = ()  # image lines, one of which formatted the volume
    container: ContainerSeen | None = None
    setup: str | None = None  # fingerprint of the set-up done in the present volume


def steps(wanted: Mapping[str, StoreWanted], seen: Mapping[str, StoreSeen], new_certificates: Collection[str]) -> list[Step]:
    """`new_certificates` are the holders whose leaf certificate this plan issues."""
    found: list[Step] = []
    for name, store in wanted.items():
        found += _store(name, store, seen.get(name, StoreSeen()), name in new_certificates)
    return found


def topics(complaint: str | None, before: Collection[str]) -> list[Step]:
    """Made by one request and compared on every run: a running broker's are known, any other's may have changed since.

    `before` are the identities of the steps that are planned for the stores.
    """
    is_new, is_unasked = "create volume/kafka" in before, not {"wait store/kafka", "set-up store/kafka"}.isdisjoint(before)
    cause = "new broker" if is_new else "the broker could not be asked before" if is_unasked else complaint
    return [Step("mend", "topics", cause, ("set-up store/kafka", "wait store/kafka", "publish trust"))] if cause else []


def _store(name: str, wanted: StoreWanted, seen: StoreSeen, has_new_certificate: bool) -> list[Step]:
    subject = f"store/{name}"
    found = []
    unreadable = _why_unreadable(wanted, seen.formats)
    if unreadable:
        # Noticed here, for the store itself would find it out by not starting, over and over.
        found.append(Step("delete", f"volume/{name}", unreadable, ("supply images",), destructive=True))
    is_new_volume = unreadable is not None or not seen.volume
    if is_new_volume:
        cause = "the old one is deleted" if unreadable else "no volume yet"
        found.append(Step("create", f"volume/{name}", cause, (f"delete volume/{name}", "supply images", "make secrets")))
    started = _why_start(wanted, seen.container) or ("new volume" if unreadable else None)
    if started:
        needs = (
            f"create volume/{name}",
            "create network",
            f"issue leaf/{name}",
            "publish trust",
            "make secrets",
            "supply images",
        )
        found.append(Step("start", subject, started, needs))
    elif has_new_certificate or (seen.container and seen.container.serves == "former"):
        # Not every store takes a new certificate while it runs, and one is renewed once in two months.
        started = "new certificate" if has_new_certificate else "it serves a former certificate"
        found.append(Step("restart", subject, started, (f"issue leaf/{name}", "publish trust")))
    new = is_new_volume or seen.setup is None
    if wanted.setup is not None and (new or seen.setup != wanted.setup):
        cause = "new volume" if new else "what Sentry needs has changed"
        found.append(Step("set-up", subject, cause, (f"start {subject}", f"restart {subject}", "make secrets", "publish trust")))
    if started or (seen.container and seen.container.serves == "nothing"):
        # Ready means that Sentry's own user can work, and that user may come into being by the set-up.
        cause = "just started" if started else "it does not answer yet"
        found.append(
            Step("wait", subject, cause, (f"start {subject}", f"restart {subject}", f"set-up {subject}", "publish trust"))
        )
    return found


def _why_unreadable(wanted: StoreWanted, formats: tuple[str, ...]) -> str | None:
    strangers = [line for line in formats if wanted.opens and line not in wanted.opens]
    return f"it has the format of {' or '.join(strangers)}, which {wanted.line} does not take over" if strangers else None


def _why_start(wanted: StoreWanted, seen: ContainerSeen | None) -> str | None:
    if seen is None:
        return "no container yet"
    if seen.image != wanted.image:
        return f"image changed {_short(seen.image)} → {_short(wanted.image)}"
    if seen.config != wanted.config:
        return f"configuration changed {seen.config} → {wanted.config}"
    if not seen.running:
        return f"container is {seen.state}"
    return None


def _short(reference: str) -> str:
    return reference.rpartition(":")[2].rstrip(")")  # of an image yet to be made it says how: "kafka (pull apache/kafka:4.1.1)"

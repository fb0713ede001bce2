"""Compares the lock with upstream of today: each file's published SHA-256, each tag's digest.

It asks upstream itself (or the mirrors that are set), keeps nothing and changes nothing. What could not be asked is told as such:
silence is no agreement.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

from kit import cancel
from kit.errors import KitError
from kit.status import FINE, SOMETHING_WRONG
from kit.supply.errors import DownloadFailed
from kit.supply.https import UNWANTED, Note
from kit.supply.lock import Entry, PlatformFile, Pulled, PulledFiles, PulledImage
from kit.supply.registry import repository

Verdict = Literal["same", "moved", "differs", "gone", "not asked"]
GOOD: tuple[Verdict, ...] = ("same", "moved")
ABSENT = (404, 410)  # HTTP's ways of saying that there is no such file
AT_ONCE = 4
# What `sha256sum` prints: the sum, a space, a space or an asterisk, the name. Some publish the bare sum.
LINE = re.compile(r"^([0-9a-fA-F]{64})(?: [ *](.+))?$")


@dataclass(frozen=True, slots=True)
class Compared:
    key: str  # tool/kind
    version: str
    part: str  # the platform of a file; "" for an image, which is for all of them
    place: str  # an address, or an image's reference
    locked: str  # a SHA-256 in hex, or a digest; "" where the lock has none
    upstream: str  # what it says now; "" where it says nothing
    verdict: Verdict
    note: str = ""


class FilesApi(Protocol):
    """As much of `kit.supply.download.Files` as is asked here. All raise `DownloadFailed`."""

    def why_not(self, url: str, *, patient: bool = False) -> str | None: ...
    def touch(self, url: str) -> None: ...
    def text(self, url: str) -> str: ...
    def sha256(self, url: str, *, is_unwanted: Callable[[], bool] = ..., note: Note = ...) -> str: ...


class Digests(Protocol):
    """As much of `kit.supply.registry.Registry` as is asked here: None where there is no such image, `KitError` for no answer."""

    def digest(self, reference: str) -> str | None: ...


def compared(
    entries: Iterable[Entry],
    files: FilesApi,
    digests: Callable[[], Digests],
    *,
    download: bool = False,
    note: Note = lambda text: None,
) -> Iterator[Compared]:
    """Everything that these entries pull, in the order of the lock, each as soon as it is known.

    `download`: also fetch each file and hash it, instead of asking only whether it is there.
    """

    left = threading.Event()

    def ask(entry: Entry, source: Pulled) -> tuple[Compared, ...]:
        if isinstance(source, PulledImage):
            return (_image(entry, source, digests),)
        return _files(entry, source, files, download, note, left.is_set)

    asked = [(entry, source) for entry in entries for source in entry.pulls]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="verify") as pool:
        try:
            for found in pool.map(lambda each: ask(*each), asked):
                yield from found
        except BaseException:
            left.set()  # the pool waits for what was begun
            raise


def exit_code(found: Iterable[Compared]) -> int:
    """3 where something differs or is gone; where upstream could not be asked, that of the error."""
    verdicts = {each.verdict for each in found}
    if verdicts & {"differs", "gone"}:
        return SOMETHING_WRONG
    return DownloadFailed.exit_code if "not asked" in verdicts else FINE


def sum_in(text: str, name: str) -> str | None:
    """The SHA-256 of the file of that name in what upstream publishes beside it, in lower case; None where it has none.

    `<hex>`, `<hex>  name` or `<hex> *name`; a bare sum counts only if it is all that stands there.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        found = LINE.match(line)
        if found and (found.group(2) or "").rpartition("/")[2] == name:
            return found.group(1).lower()
    bare = LINE.match(lines[0]) if len(lines) == 1 else None
    return bare.group(1).lower() if bare and not bare.group(2) else None


def _files(
    entry: Entry, source: PulledFiles, files: FilesApi, download: bool, note: Note, is_unwanted: Callable[[], bool]
) -> tuple[Compared, ...]:
    sums = _Sums(source.sums, files)

    def compare(platform: str, file: PlatformFile) -> Compared:
        def found(verdict: Verdict, upstream: str = "", why: str = "") -> Compared:
            return Compared(entry.key, source.version, platform, file.url, file.sha256, upstream, verdict, why)

        cancel.check()
        if silence := UNWANTED if is_unwanted() else files.why_not(file.url, patient=True):
            return found("not asked", why=silence)
        try:
            if download:
                said = f"{entry.key} {platform}"
                hashed = files.sha256(file.url, is_unwanted=is_unwanted, note=lambda text: note(f"{said}: {text}"))
            else:
                hashed = ""
                files.touch(file.url)
        except DownloadFailed as failed:
            return found("gone" if failed.status in ABSENT else "not asked", why=failed.why)
        published, why_none = sums.of(file.url)
        if hashed and hashed != file.sha256:
            return found("differs", hashed, "the file itself has another sum")
        if published and published != file.sha256:
            return found("differs", published, "another sum is published")
        if published:
            return found("same", published, "fetched and hashed" if hashed else "")
        return found("same", hashed, f"fetched and hashed; {why_none}") if hashed else found("not asked", why=why_none)

    return tuple(compare(platform, file) for platform, file in source.files.items())


class _Sums:
    """The sums that upstream publishes beside its files, or in one list of all of them, which is fetched once."""

    def __init__(self, place: str, files: FilesApi) -> None:
        self._place = place
        self._files = files
        self._texts: dict[str, str | DownloadFailed] = {}

    def of(self, url: str) -> tuple[str, str]:
        """The sum, or "" and why there is none."""
        if not self._place:
            return "", "the lock does not know where its sum is published"
        place = self._place if self._place.startswith("https://") else f"{url}{self._place}"
        if place not in self._texts:
            try:
                self._texts[place] = self._files.text(place)
            except DownloadFailed as failed:
                self._texts[place] = failed
        text = self._texts[place]
        if isinstance(text, DownloadFailed):
            return "", f"its published sum cannot be read: {text.why}"
        found = sum_in(text, url.rpartition("/")[2])
        return (found, "") if found else ("", f"no sum of it stands in {place.rpartition('/')[2]}")


def _image(entry: Entry, source: PulledImage, digests: Callable[[], Digests]) -> Compared:
    def found(verdict: Verdict, upstream: str = "", why: str = "") -> Compared:
        return Compared(entry.key, source.version, "", source.reference, source.digest or "", upstream, verdict, why)

    if source.digest is None:
        return found("not asked", why="the lock has no digest for it: kit images lock")
    try:
        now = digests().digest(source.reference)
        if now == source.digest:
            return found("same", now)
        by_digest = digests().digest(f"{repository(source.reference)}@{source.digest}")
    except KitError as failed:
        return found("not asked", why=getattr(failed, "reason", "") or failed.why)
    tag = "the tag names another image now" if now else "the tag is there no more"
    if by_digest is None:
        return found("gone", now or "", f"{tag}, and the locked digest is gone" if now else "neither tag nor digest is there")
    return found("moved", now or "", f"{tag}; the locked digest is still there")

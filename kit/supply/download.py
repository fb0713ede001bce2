"""Downloads programs that upstream publishes as files, compares their SHA-256, and unpacks them.

KIT_FILES_PREFIX (`https://mirror.example/files/`, `file:///srv/mirror/`) goes in front of every address in the place of `https://`.
A mirror that asks for a login has it in there: `https://user:password@mirror.example/`. Whether a host answers is found out once
per process, with a short deadline; everybody who needs it waits for the same answer.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import re
import shutil
import tarfile
import threading
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

from kit.adapters.docker.errors import GB, DiskFull
from kit.supply import https
from kit.supply.errors import ChecksumWrong, DownloadFailed, FilesPrefixInvalid
from kit.supply.https import Note
from kit.supply.lock import PlatformFile

PREFIX_VARIABLE = "KIT_FILES_PREFIX"
# No second @: a part of a password with a bare `@` or `/` in it would count as host or path, and be shown.
PREFIX = re.compile(r"(?P<scheme>https://|http://|file://(?=/))((?P<login>[^/@]+)@)?(?P<place>[^\s?#@]+)")
ASK_S = 5.0  # of a host that may not be there
PATIENT_S = 30.0  # of one that everything depends on, and of a transfer in which nothing comes
TRIES = 2


class Files:
    """Upstream's files, or a mirror of them."""

    def __init__(self, prefix: str = "", *, ask_s: float = ASK_S, patient_s: float = PATIENT_S) -> None:
        """Raises `FilesPrefixInvalid`: what is fetched must be verified on its way, too."""
        self._prefix, self._headers = _prefix(prefix)
        self._ask_s, self._patient_s = ask_s, patient_s
        self._guard = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    @property
    def is_slow(self) -> bool:
        """Whether a host did not answer in the short time that it had."""
        return any(host.is_slow for host in self._hosts.values())

    def address(self, url: str) -> str:
        """Where a file is fetched from."""
        return f"{self._prefix.rstrip('/')}/{url.removeprefix('https://')}" if self._prefix else url

    def why_not(self, url: str, *, patient: bool = False) -> str | None:
        """None when the file's host answers. `patient`: a host that did not answer in the short time gets the long one."""
        place = urllib.parse.urlsplit(self.address(url))
        if place.scheme == "file":
            return None
        with self._guard:
            host = self._hosts.setdefault(place.netloc, _Host(f"{place.scheme}://{place.netloc}/"))
        return host.why_not(self._patient_s if patient else self._ask_s, patient=patient)

    def program(
        self,
        file: PlatformFile,
        name: str,
        folder: Path,
        *,
        note: Note = lambda text: None,
    ) -> None:
        """Leave an executable `name` in the folder, and nothing else.

        Raises `DownloadFailed`, `ChecksumWrong`, `DiskFull`.
        """
        address, download = self.address(file.url), folder / ".download"
        try:
            got = self._fetched(address, download, note)
            if got != file.sha256:
                raise ChecksumWrong(file=address, wanted=file.sha256, got=got)
            target = folder / name
            if file.member is None:
                download.rename(target)
            else:
                _unpack(download, file.member, target, address)
            target.chmod(0o755)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(where=folder, free_gb=shutil.disk_usage(folder).free / GB) from error
            raise
        finally:
            download.unlink(missing_ok=True)

    def text(self, url: str) -> str:
        """A small text that upstream publishes beside its files. Raises `DownloadFailed`."""
        return https.text(self.address(url), silent_s=self._patient_s, headers=self._headers)

    def touch(self, url: str) -> None:
        """Whether the file is there: asked for, and not read. Raises `DownloadFailed`."""
        for _ in self._blocks(self.address(url), lambda text: None):
            return

    def sha256(self, url: str, *, is_unwanted: Callable[[], bool] = lambda: False, note: Note = lambda text: None) -> str:
        """Of what upstream has under that address now, without keeping it. Raises `DownloadFailed`."""
        whole = hashlib.sha256()
        for block in self._blocks(self.address(url), note, is_unwanted):
            whole.update(block)
        return whole.hexdigest()

    def _fetched(self, address: str, download: Path, note: Note) -> str:
        """Its SHA-256. A transfer that breaks off is tried once more, from the beginning."""
        for attempt in range(TRIES):
            try:
                with download.open("wb") as file:
                    return copied(self._blocks(address, note), file)
            except DownloadFailed as failed:
                if not failed.may_pass or attempt == TRIES - 1:
                    raise
                note(f"{failed.why}; once more")
        raise AssertionError("every way out of the loop returns or raises")

    def _blocks(self, address: str, note: Note, is_unwanted: Callable[[], bool] = lambda: False) -> Iterable[bytes]:
        return https.blocks(address, silent_s=self._patient_s, headers=self._headers, is_unwanted=is_unwanted, note=note)


class _Host:
    """What is known of one host."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._asking = threading.Lock()
        self._answer: list[str | None] = []
        self._was_waited_for = False
        self.is_slow = False

    def why_not(self, silent_s: float, *, patient: bool) -> str | None:
        """Patience is had once: every file of a silent host would cost the whole deadline."""
        with self._asking:
            if not self._answer or (patient and self.is_slow and not self._was_waited_for):
                self._was_waited_for = patient
                self._answer = [self._silence(silent_s)]
            return self._answer[0]

    def _silence(self, silent_s: float) -> str | None:
        self.is_slow = False
        try:
            https.ask(self._address, silent_s=silent_s)
        except DownloadFailed as failed:
            self.is_slow = https.was_silent(failed)
            return f"{urllib.parse.urlsplit(self._address).netloc} cannot be reached: {failed.why}"
        return None


def prefix_from(environment: Mapping[str, str]) -> str:
    return environment.get(PREFIX_VARIABLE, "")


def copied(blocks: Iterable[bytes], file: IO[bytes]) -> str:
    """Write all blocks; returns the SHA-256 of what was written, in hex."""
    whole = hashlib.sha256()
    for block in blocks:
        whole.update(block)
        file.write(block)
    return whole.hexdigest()


def sha256_of(file: Path) -> str:
    """In hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _prefix(given: str) -> tuple[str, dict[str, str]]:
    """The prefix without a login, and the header that carries the login."""
    if not given:
        return "", {}
    found = PREFIX.fullmatch(given)
    if not found or not _is_place(found["scheme"], found["place"].partition("/")[0]):
        raise FilesPrefixInvalid(variable=PREFIX_VARIABLE, value=re.sub("//.*@", "//…@", given, flags=re.DOTALL))
    login = urllib.parse.unquote(found["login"] or "").encode()
    headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"} if login else {}
    return found["scheme"] + found["place"], headers


def _is_place(scheme: str, host: str) -> bool:
    """Whether a host is one, with a port that is a number; without TLS only this computer's own."""
    try:
        parts = urllib.parse.urlsplit(f"//{host}")
        known = parts.hostname, parts.port
    except ValueError:
        return False
    return scheme == "file://" or (known[0] is not None and (scheme != "http://" or https.is_loopback(host)))


def _unpack(archive: Path, member: str, target: Path, address: str) -> None:
    """One member by its exact name. Raises `DownloadFailed`."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped, zipped.open(member) as content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
            return
        with tarfile.open(archive) as tar, target.open("wb") as file:
            found = tar.extractfile(member)
            if found is None:
                raise KeyError(member)
            shutil.copyfileobj(found, file)
    except KeyError as absent:
        raise DownloadFailed(address=address, why=f"there is no file {member} in the archive", may_pass=False) from absent
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as broken:
        raise DownloadFailed(address=address, why=f"the archive cannot be read: {broken}", may_pass=False) from broken

"""Programs that upstream publishes as files: fetched over verified TLS, held against their SHA-256, unpacked.

Whom this computer trusts, its own certificate store says: a company's proxy with an authority of its own is trusted where the
system trusts it. KIT_FILES_PREFIX (`https://mirror.example/files/`, `file:///srv/mirror/`) goes in front of every address in the
place of `https://`. Whether a host answers is found out once per process, with a short deadline.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import shutil
import ssl
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from kit.engines.docker_errors import DiskFull
from kit.supply.errors import ChecksumWrong, DownloadFailed, FilesPrefixInvalid, Interrupted
from kit.supply.lock import PlatformFile

PREFIX_VARIABLE = "KIT_FILES_PREFIX"
PREFIX = re.compile(r"(https://[^/]+|http://(127\.[0-9.]+|localhost|\[::1\])(:\d+)?|file://)/.*|https://[^/]+")
ASK_S = 5.0  # of a host that may not be there
PATIENT_S = 30.0  # of one that everything depends on, and of a transfer in which nothing comes
TRIES = 2
BLOCK = 1024 * 1024
NOTE_EVERY_S = 1.0
MB = 1000**2

Note = Callable[[str], None]


class Files:
    """Upstream's files, or a mirror of them."""

    def __init__(self, prefix: str = "") -> None:
        """Raises `FilesPrefixInvalid`: what is fetched must be verified on its way, too."""
        if prefix and not PREFIX.fullmatch(prefix):
            raise FilesPrefixInvalid(variable=PREFIX_VARIABLE, value=prefix)
        self._prefix = prefix
        self._asking = threading.Lock()
        self._answers: dict[tuple[str, bool], str | None] = {}
        self.is_slow = False  # whether a host did not answer in the short time that it had

    def address(self, url: str) -> str:
        """Where a file is fetched from."""
        return f"{self._prefix.rstrip('/')}/{url.removeprefix('https://')}" if self._prefix else url

    def why_not(self, url: str, *, patient: bool = False) -> str | None:
        """None when the file's host answers; asked once for each host. `patient`: with the long deadline."""
        place = urllib.parse.urlsplit(self.address(url))
        key = (f"{place.scheme}://{place.netloc}/", patient)
        with self._asking:
            if key not in self._answers:
                self._answers[key] = None if place.scheme == "file" else self._silence(key[0], patient)
            return self._answers[key]

    def _silence(self, host: str, patient: bool) -> str | None:
        """Why nobody answers at `https://host/`; any answer of HTTP counts as one."""
        try:
            with _opened(host, PATIENT_S if patient else ASK_S):
                return None
        except DownloadFailed as failed:
            self.is_slow |= isinstance(failed.__cause__, TimeoutError) or isinstance(
                getattr(failed.__cause__, "reason", None), TimeoutError
            )
            return None if failed.status else f"{urllib.parse.urlsplit(host).netloc} cannot be reached: {failed.why}"

    def program(
        self,
        file: PlatformFile,
        name: str,
        folder: Path,
        *,
        interrupted: Callable[[], bool] = lambda: False,
        note: Note = lambda text: None,
    ) -> None:
        """Leave an executable `name` in the folder, and nothing else.

        Raises `DownloadFailed`, `ChecksumWrong`, `DiskFull`, `Interrupted`.
        """
        address, download = self.address(file.url), folder / ".download"
        try:
            got = self._fetched(address, download, interrupted, note)
            if got != file.sha256:
                raise ChecksumWrong(what=address, wanted=file.sha256, got=got)
            target = folder / name
            if file.member is None:
                download.rename(target)
            else:
                _unpack(download, file.member, target, address)
            target.chmod(0o755)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(where=str(folder), free_bytes=shutil.disk_usage(folder).free) from error
            raise
        finally:
            download.unlink(missing_ok=True)

    def text(self, url: str) -> str:
        """A small text that upstream publishes beside its files. Raises `DownloadFailed`."""
        address = self.address(url)
        with _opened(address, PATIENT_S) as answer:
            return bytes(answer.read(BLOCK)).decode(errors="replace")

    def sha256(self, url: str, note: Note = lambda text: None) -> str:
        """Of what upstream has under that address now, without keeping it. Raises `DownloadFailed`."""
        whole = hashlib.sha256()
        for block in _blocks(self.address(url), lambda: False, note):
            whole.update(block)
        return whole.hexdigest()

    def _fetched(self, address: str, download: Path, interrupted: Callable[[], bool], note: Note) -> str:
        """Its SHA-256. A transfer that breaks off is tried once more, from the beginning."""
        for attempt in range(TRIES):
            try:
                with download.open("wb") as file:
                    return copied(_blocks(address, interrupted, note), file)
            except DownloadFailed as failed:
                if not failed.may_pass or attempt == TRIES - 1:
                    raise
                note(f"{failed.why}; once more")
        raise AssertionError("every way out of the loop returns or raises")


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


def progress(done: int, total: int | None, seconds: float) -> str:
    """`34 of 120 MB, 5.1 MB/s`."""
    size = f"{done / MB:.0f} of {total / MB:.0f} MB" if total else f"{done / MB:.0f} MB"
    return f"{size}, {done / MB / seconds:.1f} MB/s" if seconds else size


def _blocks(address: str, interrupted: Callable[[], bool], note: Note) -> Iterable[bytes]:
    """The content as it comes. Raises `DownloadFailed` also where less came than was promised."""
    began = said = time.monotonic()
    done = 0
    with _opened(address, PATIENT_S) as answer:
        length = answer.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        while True:
            if interrupted():
                raise Interrupted
            try:
                block = answer.read(BLOCK if total is None else min(BLOCK, max(total - done, 1)))
            except (OSError, http.client.HTTPException) as error:
                raise DownloadFailed(address, f"it broke off after {progress(done, total, 0)}: {_words(error)}", True) from error
            if not block:
                break
            done += len(block)
            yield block
            now = time.monotonic()
            if now - said >= NOTE_EVERY_S:
                said = now
                note(progress(done, total, now - began))
    if total is not None and done < total:
        raise DownloadFailed(address, f"it broke off after {done} of {total} bytes", True)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows as urllib does, but never from TLS to plain HTTP."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise DownloadFailed(req.full_url, f"it redirects to {newurl.partition('?')[0]}, which is not encrypted", False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _Redirects)


def _opened(address: str, timeout_s: float) -> closing[Any]:
    request = urllib.request.Request(address, headers={"User-Agent": "kit"})
    try:
        return closing(_opener().open(request, timeout=timeout_s))
    except urllib.error.HTTPError as refused:
        raise DownloadFailed(address, _refusal(refused), refused.code >= 500, refused.code) from refused
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DownloadFailed(address, _words(reason), False) from error


def _refusal(refused: urllib.error.HTTPError) -> str:
    known = {
        401: "a login is asked for",
        403: "it is not allowed",
        404: "no such file is there",
        407: "the proxy asks for a login",
        429: "too many requests from here: wait, or use a mirror",
    }
    return f"{known.get(refused.code, 'the server answers with an error')} (HTTP {refused.code})"


def _words(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


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
        raise DownloadFailed(address, f"there is no file {member} in the archive", False) from absent
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as broken:
        raise DownloadFailed(address, f"the archive cannot be read: {broken}", False) from broken

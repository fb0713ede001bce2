"""Files that upstream publishes, from a real HTTPS server by an authority of the test's own: the right one, whole, or nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import platform
import signal
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

from kit import cancel
from kit.adapters import process
from kit.adapters.docker.errors import DiskFull
from kit.cancel import Cancel, Cancelled
from kit.errors import KitError
from kit.supply import https
from kit.supply.cache import Cache
from kit.supply.download import Files
from kit.supply.errors import ChecksumWrong, DownloadFailed, FilesPrefixInvalid, NoSource
from kit.supply.lock import PlatformFile
from kit.supply.supply import Supply
from tests.support.file_server import (
    Answer,
    ChunksCutShort,
    CutShort,
    FileServer,
    Held,
    InTurn,
    Redirect,
    Refused,
    Stalled,
    Whole,
    file_server,
    proxy,
)

ROOT = Path(__file__).parents[2]
PROGRAM = b"#!/bin/sh\necho tiny 1.0\n" * 1000
SHA256 = hashlib.sha256(PROGRAM).hexdigest()
URL = "https://upstream.example/v1/tiny"
PATH = "/upstream.example/v1/tiny"
BROKEN_OFF = ("it broke off after ", "the other side hung up")  # a reset also takes what had come and was not read yet
SOON_S = 0.3  # the deadline where a test waits for it


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Trusted as a user would do it."""
    with file_server(tmp_path) as served:
        monkeypatch.setenv("SSL_CERT_FILE", str(served.ca))
        yield served


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return Cache(tmp_path / "cache").program("tiny", SHA256, "linux-amd64")


def fetch(files: Files, target: Path, file: PlatformFile | None = None, **options: Any) -> None:
    """As the supply does it."""
    with Cache(target.parents[3]).landing(target.parent) as folder:
        files.program(file or PlatformFile(URL, SHA256), target.name, folder, **options)
        assert [path.name for path in folder.iterdir()] == [target.name]


def left(target: Path) -> list[Path]:
    """Files of the cache."""
    return [path for path in target.parents[3].rglob("*") if not path.is_dir()]


def failure(files: Files, target: Path, file: PlatformFile | None = None) -> DownloadFailed:
    with pytest.raises(DownloadFailed) as failed:
        fetch(files, target, file)
    assert left(target) == []
    return failed.value


def tar_gz(member: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in ("README.md", b"no program"), (member, content):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return packed.getvalue()


def zipped(member: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("LICENSE", "no program")
        archive.writestr(member, content)
    return packed.getvalue()


def file_of(content: bytes, member: str | None = None) -> PlatformFile:
    return PlatformFile(URL, hashlib.sha256(content).hexdigest(), member)


# --- what comes ---


def test_a_bare_program_lands_whole_and_executable(server: FileServer, target: Path) -> None:
    server.paths[PATH] = PROGRAM
    fetch(Files(server.url), target)
    assert target.read_bytes() == PROGRAM
    assert os.access(target, os.X_OK)
    assert left(target) == [target]


@pytest.mark.parametrize(("packed", "member"), [(tar_gz, "linux-amd64/tiny"), (zipped, "tofu")], ids=["tar.gz", "zip"])
def test_one_member_of_an_archive_is_taken_by_its_exact_name(
    server: FileServer, target: Path, packed: Callable[[str, bytes], bytes], member: str
) -> None:
    server.paths[PATH] = content = packed(member, PROGRAM)
    fetch(Files(server.url), target, file_of(content, member))
    assert target.read_bytes() == PROGRAM
    assert os.access(target, os.X_OK)


@pytest.mark.parametrize("packed", [tar_gz, zipped])
def test_an_archive_without_the_member_is_told_so(
    server: FileServer, target: Path, packed: Callable[[str, bytes], bytes]
) -> None:
    server.paths[PATH] = content = packed("darwin-arm64/tiny", PROGRAM)
    assert failure(Files(server.url), target, file_of(content, "tiny")).why == "there is no file tiny in the archive"


@pytest.mark.parametrize(
    "content",
    [PROGRAM, gzip.compress(PROGRAM)[:100], b"PK\x03\x04 and then nothing"],
    ids=["a program", "half an archive", "the start of one"],
)
def test_what_is_no_archive_is_told_so(server: FileServer, target: Path, content: bytes) -> None:
    server.paths[PATH] = content
    assert failure(Files(server.url), target, file_of(content, "tiny")).why.startswith("the archive cannot be read")


def test_progress_tells_bytes_and_rate(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "NOTE_EVERY_S", 0.0)
    server.paths[PATH] = content = b"x" * 3_000_000
    said: list[str] = []
    fetch(Files(server.url), target, file_of(content), note=said.append)
    assert said[-1].startswith("3 of 3 MB, ")
    assert said[-1].endswith(" MB/s")


# --- what does not ---


def test_a_wrong_sum_is_thrown_away(server: FileServer, target: Path) -> None:
    server.paths[PATH] = PROGRAM + b"evil"
    with pytest.raises(ChecksumWrong) as wrong:
        fetch(Files(server.url), target)
    assert SHA256[:12] in wrong.value.why
    assert left(target) == []
    assert server.asked(PATH) == 1


@pytest.mark.parametrize(
    "cut",
    [CutShort(PROGRAM, 1000), CutShort(PROGRAM, 0), CutShort(PROGRAM, 1000, reset=True), ChunksCutShort(PROGRAM, 1000)],
    ids=["hung up", "nothing came", "reset", "chunks"],
)
def test_a_transfer_that_breaks_off_is_tried_once_more(server: FileServer, target: Path, cut: Answer) -> None:
    server.paths[PATH] = InTurn(cut, Whole(PROGRAM))
    said: list[str] = []
    fetch(Files(server.url), target, note=said.append)
    assert target.read_bytes() == PROGRAM
    assert server.asked(PATH) == 2
    assert said[0].startswith(BROKEN_OFF)
    assert said[0].endswith("; once more")


@pytest.mark.parametrize("cut", [CutShort(PROGRAM, 1000), CutShort(PROGRAM, 1000, reset=True), ChunksCutShort(PROGRAM, 1000)])
def test_one_that_breaks_off_each_time_says_after_how_much(server: FileServer, target: Path, cut: Answer) -> None:
    server.paths[PATH] = cut
    why = failure(Files(server.url), target).why
    assert server.asked(PATH) == 2
    assert why.startswith(BROKEN_OFF)
    if isinstance(cut, CutShort) and not cut.reset:
        assert f" of {len(PROGRAM)} bytes" in why


def test_one_in_which_nothing_comes_any_more_ends(server: FileServer, target: Path) -> None:
    server.paths[PATH] = Stalled(PROGRAM, 1000)
    why = failure(Files(server.url, patient_s=SOON_S), target).why
    assert why == f"it broke off after 1000 of {len(PROGRAM)} bytes: no answer in time"


@pytest.mark.parametrize(
    ("status", "word", "asked"),
    [
        (401, "a login is asked for (HTTP 401)", 1),
        (403, "it is not allowed (HTTP 403)", 1),
        (404, "no such file is there (HTTP 404)", 1),
        (429, "too many requests from here (HTTP 429)", 1),
        (500, "the server answers with an error (HTTP 500)", 2),
        (503, "the server answers with an error (HTTP 503)", 2),
    ],
)
def test_each_refusal_has_its_words(server: FileServer, target: Path, status: int, word: str, asked: int) -> None:
    server.paths[PATH] = Refused(status)
    failed = failure(Files(server.url), target)
    assert failed.why == word
    assert failed.status == status
    assert server.asked(PATH) == asked
    assert failed.what == f"{server.url}/upstream.example/v1/tiny could not be fetched"


def test_a_server_error_that_passes_is_forgotten(server: FileServer, target: Path) -> None:
    server.paths[PATH] = InTurn(Refused(502), Whole(PROGRAM))
    fetch(Files(server.url), target)
    assert target.read_bytes() == PROGRAM


def test_a_redirect_over_tls_is_followed(server: FileServer, target: Path) -> None:
    server.paths[PATH] = Redirect(f"https://localhost:{server.port}/assets/1?signature=s3cret")
    server.paths["/assets/1"] = PROGRAM
    fetch(Files(server.url), target)
    assert target.read_bytes() == PROGRAM


def test_a_redirect_to_plain_http_is_refused_before_anything_is_sent_there(
    server: FileServer, target: Path, tmp_path: Path
) -> None:
    with file_server(tmp_path, tls=False) as plain:
        plain.paths["/tiny"] = PROGRAM
        server.paths[PATH] = Redirect(f"http://127.0.0.1:{plain.port}/tiny?signature=s3cret")
        why = failure(Files(server.url), target).why
        assert plain.requests == []
    assert why == f"it redirects to http://127.0.0.1:{plain.port}/tiny, which is not encrypted"


def test_a_redirect_to_a_host_that_is_silent_names_that_host(server: FileServer, target: Path) -> None:
    server.paths[PATH] = Redirect("https://127.0.0.1:1/assets")
    assert failure(Files(server.url), target).why == "127.0.0.1:1, to which it redirects: Connection refused"


def test_a_circle_of_redirects_ends(server: FileServer, target: Path) -> None:
    server.paths[PATH] = Redirect(server.url + PATH)
    assert "it redirects without an end" in failure(Files(server.url), target).why


# --- whom to trust ---


def test_a_certificate_of_an_unknown_authority_is_refused(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths[PATH] = PROGRAM
    monkeypatch.delenv("SSL_CERT_FILE")
    why = failure(Files(server.url), target).why
    assert why.startswith("its certificate is not trusted: ")
    assert "where a proxy opens TLS on the way" in why
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.paths[PATH] = PROGRAM
    with proxy() as between:
        between.hosts["another.name"] = server.port
        monkeypatch.setenv("HTTPS_PROXY", between.url)
        why = failure(Files("https://another.name/"), target).why
    assert "'another.name'" in why
    assert "proxy" not in why


def test_what_speaks_no_tls_is_told_so(target: Path, tmp_path: Path) -> None:
    with file_server(tmp_path, tls=False) as plain:
        assert failure(Files(f"https://127.0.0.1:{plain.port}"), target).why.startswith("TLS fails: ")


def test_a_proxy_that_opens_tls_is_used_if_the_system_trusts_it_and_else_named(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = trustme.CA()
    company.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    with proxy(company) as between:
        between.files = FileServer(0, tmp_path, {"/v1/tiny": PROGRAM})
        monkeypatch.setenv("HTTPS_PROXY", between.url)
        assert "where a proxy opens TLS on the way, its authority must be in" in failure(Files(), target).why
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))
        fetch(Files(), target)
        assert between.connected == ["upstream.example:443"] * 2
    assert target.read_bytes() == PROGRAM


def test_a_proxy_that_only_carries_is_used_too(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.paths["/v1/tiny"] = PROGRAM
    with proxy() as between:
        between.hosts["upstream.example"] = server.port
        monkeypatch.setenv("HTTPS_PROXY", between.url)
        why = failure(Files(), target, PlatformFile("https://absent.example/tiny", SHA256)).why
        assert why == "the proxy does not let it through (HTTP 502)"
        fetch(Files(), target)
        assert between.connected[-1] == "upstream.example:443"
    assert target.read_bytes() == PROGRAM


def test_a_proxy_that_asks_for_a_login_gets_the_one_in_its_address(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths["/v1/tiny"] = PROGRAM
    with proxy() as between:
        between.hosts["upstream.example"] = server.port
        between.login = "Basic bWU6aHVzaA=="  # me:hush
        monkeypatch.setenv("HTTPS_PROXY", between.url)
        failed = failure(Files(), target)
        assert failed.why == "the proxy asks for a login (HTTP 407)"
        assert "HTTPS_PROXY=http://user:password@" in failed.fix
        assert "407" in (Files().why_not(URL) or "")
        monkeypatch.setenv("HTTPS_PROXY", between.url.replace("//", "//me:hush@"))
        fetch(Files(), target)
    assert target.read_bytes() == PROGRAM


def test_what_lies_on_this_computer_is_not_asked_of_a_proxy(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths[PATH] = PROGRAM
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    fetch(Files(server.url), target)
    assert target.read_bytes() == PROGRAM


# --- whether a host answers ---


def test_any_answer_of_a_host_counts_and_is_asked_for_once(server: FileServer) -> None:
    server.paths["/"] = Redirect("https://127.0.0.1:1/not-followed")
    files = Files(server.url)
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(files.why_not, [URL] * 5)) == [None] * 5
    assert len(server.requests) == 1
    assert not files.is_slow


def test_a_silent_host_ends_after_the_short_time_and_may_get_the_long_one(server: FileServer) -> None:
    server.paths["/"] = InTurn(Stalled(), Whole(b""))
    files = Files(server.url, ask_s=SOON_S)
    assert files.why_not(URL) == f"127.0.0.1:{server.port} cannot be reached: no answer in time"
    assert files.is_slow
    assert files.why_not(URL) is not None
    assert server.asked("/", "HEAD") == 1
    assert files.why_not(URL, patient=True) is None
    assert not files.is_slow
    assert files.why_not(URL) is None
    assert server.asked("/", "HEAD") == 2


def test_patience_is_had_once_with_each_host_and_not_with_each_of_its_files(server: FileServer) -> None:
    server.paths["/"] = Stalled()
    files = Files(server.url, ask_s=SOON_S, patient_s=SOON_S)
    for name in "abc":
        assert "no answer in time" in str(files.why_not(f"{URL}-{name}"))
    for name in "abc":
        assert "no answer in time" in str(files.why_not(f"{URL}-{name}", patient=True))
    assert files.is_slow
    assert server.asked("/", "HEAD") == 2


def test_hosts_are_asked_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    with file_server(tmp_path, authority) as one, file_server(tmp_path, authority) as other, ThreadPoolExecutor() as pool:
        monkeypatch.setenv("SSL_CERT_FILE", str(one.ca))
        one.paths["/"], other.paths["/"] = held = Held(b""), Held(b"")
        files = Files()
        answers = [pool.submit(files.why_not, f"{each.url}/x") for each in (one, other)]
        for each in held:
            assert each.reached.wait(10)
        for each in held:
            each.go.set()
        assert [answer.result(10) for answer in answers] == [None, None]


def test_nobody_there_and_a_name_that_nobody_knows_are_told_apart() -> None:
    assert Files("https://127.0.0.1:1/").why_not(URL) == "127.0.0.1:1 cannot be reached: Connection refused"
    unknown = Files().why_not("https://nobody.invalid/x")
    assert unknown == "nobody.invalid cannot be reached: its name is not known here"


# --- a mirror ---


def test_a_mirror_below_a_path_serves_everything(server: FileServer, target: Path) -> None:
    server.paths["/files/upstream.example/v1/tiny"] = PROGRAM
    fetch(Files(f"{server.url}/files/"), target)
    assert target.read_bytes() == PROGRAM


def test_a_mirror_that_asks_for_a_login_gets_it_and_nobody_else_sees_it(server: FileServer, target: Path, tmp_path: Path) -> None:
    with file_server(tmp_path, tls=False) as here:
        here.paths[PATH] = Redirect(f"http://localhost:{here.port}/elsewhere")
        here.paths["/elsewhere"] = PROGRAM
        files = Files(f"http://me:hu%40sh@127.0.0.1:{here.port}/")
        fetch(files, target)
        assert [request.headers.get("Authorization") for request in here.requests] == ["Basic bWU6aHVAc2g=", None]
    assert target.read_bytes() == PROGRAM
    assert "hu" not in files.address(URL)


def test_a_folder_can_be_the_mirror(target: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "my mirror"
    (mirror / PATH.lstrip("/")).parent.mkdir(parents=True)
    (mirror / PATH.lstrip("/")).write_bytes(PROGRAM)
    files = Files(mirror.as_uri())
    assert files.why_not(URL) is None
    fetch(files, target)
    assert target.read_bytes() == PROGRAM
    (mirror / PATH.lstrip("/")).unlink()
    target.unlink()
    assert "No such file" in failure(files, target).why


def test_plain_http_is_for_this_computer_alone(target: Path, tmp_path: Path) -> None:
    with file_server(tmp_path, tls=False) as plain:
        plain.paths[PATH] = PROGRAM
        fetch(Files(f"http://127.0.0.1:{plain.port}"), target)
    assert target.read_bytes() == PROGRAM


@pytest.mark.parametrize(
    "wrong",
    [
        "http://mirror.example/files/",
        "http://127.0.0.1.example/",
        "http://localhost@mirror.example/",
        "mirror.example/files",
        "ftp://mirror.example/",
        "file://mirror/files",
        "https://",
        "https://mirror.example/?x=",
        "https://[mirror/",
        "https://mirror.example:port/",
        "https://:443/",
    ],
)
def test_what_is_no_mirror_is_refused_by_its_variable(wrong: str) -> None:
    with pytest.raises(FilesPrefixInvalid) as refused:
        Files(wrong)
    assert "KIT_FILES_PREFIX" in refused.value.what


@pytest.mark.parametrize(
    "given",
    [
        "http://me:hush@mirror.example/",
        "https://me:a@hush@mirror.example/",
        "https://me:a/hush@mirror.example/",
    ],
)
def test_a_refused_prefix_does_not_show_its_password(given: str) -> None:
    with pytest.raises(FilesPrefixInvalid) as refused:
        Files(given)
    assert "hush" not in f"{refused.value.what} {refused.value.why} {refused.value.fix}"
    assert "mirror.example" in refused.value.why


# --- what befalls this computer ---


def test_a_full_disk_is_told_as_such(server: FileServer, tmp_path: Path) -> None:
    server.paths[PATH] = PROGRAM
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / ".download").symlink_to("/dev/full")  # Linux' device without any room: the kernel's own ENOSPC
    with pytest.raises(DiskFull) as full:
        Files(server.url).program(PlatformFile(URL, SHA256), "tiny", folder)
    assert str(folder) in full.value.what
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("after", [1000, None], ids=["in its middle", "before it began"])
def test_an_interruption_ends_a_silent_transfer_at_once(
    server: FileServer, target: Path, after: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths[PATH] = stalled = Stalled(PROGRAM, after)
    monkeypatch.setattr(cancel, "current", Cancel())
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(fetch, Files(server.url, patient_s=60), target)
        assert stalled.reached.wait(10)
        began = time.monotonic()
        cancel.current.set()
        with pytest.raises(Cancelled):
            ended.result(30)
    assert time.monotonic() - began < 30  # and not when the server gives up
    assert left(target) == []


# --- through the supply ---


class NoEngine:
    """Files need none."""

    @property
    def images(self) -> NoEngine:
        return NoEngine()

    def find(self, reference: str) -> None:
        raise AssertionError(f"the engine was asked for {reference}")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the engine was asked for {name}")


def lock_of(folder: Path, platforms: list[str]) -> Path:
    """A tool with one file for each platform, whose content is the platform's name."""
    files = ", ".join(
        f"{name}: {{url: 'https://upstream.example/{name}', sha256: {hashlib.sha256(name.encode()).hexdigest()}}}"
        for name in platforms
    )
    lock = folder / "lock.yaml"
    lock.write_text(f"version: 1\ntools:\n  tiny: {{sources: [{{pulled: {{version: '1.0', files: {{{files}}}}}}}]}}\n")
    return lock


def supply(folder: Path, prefix: str, platforms: list[str]) -> Supply:
    environment = {"KIT_FILES_PREFIX": prefix, "PATH": ""}
    return Supply(lock_of(folder, platforms), folder / "cache", folder, NoEngine(), environment=environment)  # type: ignore[arg-type]


ALL = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"]


@pytest.mark.parametrize(
    ("system", "machine", "wanted"),
    [
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Darwin", "x86_64", "darwin-amd64"),
        ("Darwin", "arm64", "darwin-arm64"),
    ],
)
def test_the_file_of_this_platform_is_taken(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, wanted: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    server.paths |= {f"/upstream.example/{name}": name.encode() for name in ALL}
    here = supply(tmp_path, server.url, ALL)
    assert [need.how for need in here.ensure()] == ["pulled"]
    assert here.tool("tiny").read_text() == wanted
    assert wanted in here.tool("tiny").parts
    assert [request.path for request in server.requests if request.method == "GET"] == [f"/upstream.example/{wanted}"]


def test_a_platform_that_upstream_has_not_got_is_named(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(NoSource) as none:
        supply(tmp_path, server.url, ALL).ensure()
    assert f"{platform.system().lower()}-riscv64" in none.value.why
    assert server.requests == []


def test_two_kits_that_want_the_same_file_fetch_it_once(server: FileServer, tmp_path: Path) -> None:
    held = Held(b"linux-amd64")
    server.paths["/upstream.example/linux-amd64"] = held
    first, second = (supply(tmp_path, server.url, ["linux-amd64"]) for _ in range(2))
    with ThreadPoolExecutor() as pool:
        one = pool.submit(first.ensure)
        assert held.reached.wait(10)
        two = pool.submit(second.ensure)
        held.go.set()
        assert len(one.result(30)) + len(two.result(30)) == 1
    assert server.asked("/upstream.example/linux-amd64") == 1
    assert first.tool("tiny").read_text() == second.tool("tiny").read_text() == "linux-amd64"


def test_the_first_reason_of_a_failed_pull_stays_and_nothing_half_made(server: FileServer, tmp_path: Path) -> None:
    server.paths["/upstream.example/linux-amd64"] = Refused(403)
    here = supply(tmp_path, server.url, ["linux-amd64"])
    with pytest.raises(KitError) as failed:
        here.ensure()
    assert "it is not allowed (HTTP 403)" in failed.value.why
    assert not any(path for path in (tmp_path / "cache" / "tools").rglob("*") if path.is_file())


def test_an_interrupted_supply_leaves_nothing_half_made(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel, "current", Cancel())
    stalled = Stalled(b"linux-amd64", 5)
    server.paths["/upstream.example/linux-amd64"] = stalled
    here = supply(tmp_path, server.url, ["linux-amd64"])
    with ThreadPoolExecutor() as pool:
        made = pool.submit(here.ensure)
        assert stalled.reached.wait(10)
        cancel.current.set()
        with pytest.raises(Cancelled):
            made.result(30)
    assert not any(path for path in (tmp_path / "cache" / "tools").rglob("*") if path.is_file())
    monkeypatch.setattr(cancel, "current", Cancel())  # the next command
    server.paths["/upstream.example/linux-amd64"] = b"linux-amd64"
    assert len(supply(tmp_path, server.url, ["linux-amd64"]).ensure()) == 1


# Ctrl-C as a terminal sends it, to a command as kit runs one: whoever started the tests may have it switched off.
PULLING = """
import signal, sys
from pathlib import Path
from kit import cancel
from tests.unit.test_supply_download import supply

signal.signal(signal.SIGINT, signal.default_int_handler)
with cancel.current.listening():
    try:
        supply(Path(sys.argv[1]), sys.argv[2], ["linux-amd64"]).ensure()
    except KeyboardInterrupt:
        sys.exit(cancel.current.exit_code)
"""


def test_ctrl_c_in_the_middle_of_a_pull_leaves_nothing_half_made(server: FileServer, tmp_path: Path) -> None:
    server.paths["/upstream.example/linux-amd64"] = stalled = Stalled(b"linux-amd64", 5)
    kit = process.spawn(
        [sys.executable, "-c", PULLING, str(tmp_path), server.url], log=tmp_path / "log", env={"PYTHONPATH": str(ROOT)}
    )
    assert stalled.reached.wait(30), (tmp_path / "log").read_text()
    os.kill(kit, signal.SIGINT)
    _, status = os.waitpid(kit, 0)
    assert os.waitstatus_to_exitcode(status) == 130, (tmp_path / "log").read_text()
    assert not any(path for path in (tmp_path / "cache" / "tools").rglob("*") if path.is_file())

"""What upstream publishes, as far as kit's lock names it, published here: images in upstream's shape in a real registry, files in
archives as upstream packs them, and a lock with the digests and sums of these.

The registry is Debian's `docker-registry`, with TLS by the test's own authority, on the address that a network of the engine made
for this test has on this computer: the engine reaches it there, and so do the nodes of clusters, for which 127.0.0.1 would be
themselves. An image is one of an index with two platforms, as upstream's are; the other platform's is another image.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import ssl
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
import yaml

from kit.adapters import process
from kit.adapters.docker.client import Docker
from kit.host.platform import of_engine, of_host
from kit.supply.resolve import PORTABLE
from kit.supply.supply import Supply
from tests.support.debian import program
from tests.support.file_server import FileServer
from tests.support.program import ROOT

LOCK = ROOT / "kit" / "supply" / "lock.yaml"
TRUSTED = Path("/etc/docker/certs.d")  # where the engine looks for a registry's authority, at each request
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
OTHER = {"amd64": "arm64", "arm64": "amd64"}
# Go's and the releases' own words for a platform differ in what Compose publishes.
MEMBERS = {"helm": "{platform}/helm", "terraform": "tofu"}
START_S = 20.0


@dataclass(frozen=True)
class Registry:
    address: str  # host:port
    ca: Path

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = MANIFEST) -> tuple[str, bytes]:
        """Its answer: the digest that it names, and the body."""
        request = urllib.request.Request(
            f"https://{self.address}/v2/{path}", body, {"Content-Type": kind, "Accept": kind}, method=method
        )
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(self.ca)), timeout=30) as answer:
            return answer.headers.get("Docker-Content-Digest", ""), answer.read()


@contextmanager
def registry(docker: Docker, folder: Path) -> Iterator[Registry]:
    """Running on the gateway of a network of its own; the engine trusts its authority as long as the block lasts."""
    network = f"kit-registry-{os.getpid()}"
    docker.create_network(network, {})
    trusted: Path | None = None
    pid: int | None = None
    try:
        host = docker.api.inspect_network(network)["IPAM"]["Config"][0]["Gateway"]
        address = f"{host}:{_free_port(host)}"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.crt")
        leaf = authority.issue_cert(host)
        leaf.private_key_pem.write_to_path(folder / "tls.key")
        for number, part in enumerate(leaf.cert_chain_pems):
            part.write_to_path(folder / "tls.crt", append=number > 0)
        configuration = folder / "config.yml"
        configuration.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
            f"http: {{addr: '{address}', tls: {{certificate: {folder / 'tls.crt'}, key: {folder / 'tls.key'}}}}}\n"
            "log: {level: warn}\n"
        )
        trusted = TRUSTED / address
        trusted.mkdir(parents=True)
        shutil.copy(folder / "ca.crt", trusted / "ca.crt")
        log = folder / "registry.log"
        pid = process.spawn([program("docker-registry"), "serve", str(configuration)], log=log)
        found = Registry(address, folder / "ca.crt")
        _await(found, log)
        yield found
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if trusted is not None:
            shutil.rmtree(trusted, ignore_errors=True)
        docker.remove_network(network)


def publish_image(docker: Docker, to: Registry, reference: str, upstream: str) -> str:
    """Push a local image under upstream's name, in an index with one of another platform; returns the index's digest."""
    name, _, tag = upstream.rpartition(":")
    path = name if "/" in name else f"library/{name}"
    own = of_engine(docker).partition("-")[2]
    manifest = _push(docker, reference, f"{to.address}/{path}", tag)
    body = to.call("GET", f"{path}/manifests/{manifest}")[1]
    other_digest, other_size = _other_platform(to, path, OTHER[own])
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {"mediaType": MANIFEST, "digest": other_digest, "size": other_size, "platform": _linux(OTHER[own])},
            {"mediaType": MANIFEST, "digest": manifest, "size": len(body), "platform": _linux(own)},
        ],
    }
    content = json.dumps(index).encode()
    to.call("PUT", f"{path}/manifests/{tag}", content, INDEX)
    docker.images.untag(f"{to.address}/{path}:{tag}")
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def publish_files(supply: Supply, server: FileServer, document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Each tool's file under upstream's own address, packed as upstream packs it; tool → platform → SHA-256.

    The program of this platform is the one that kit has; what is published for the others is no program at all.
    """
    supply.ensure([f"tool/{name}" for name in document["tools"]], counting=PORTABLE)
    sums: dict[str, dict[str, str]] = {}
    for name, entry in document["tools"].items():
        (pulled,) = (source["pulled"] for source in entry["sources"] if "pulled" in source)
        real = Path(supply.place_of(f"tool/{name}", PORTABLE).place).read_bytes()
        for platform, file in pulled["files"].items():
            content = _packed(real if platform == of_host() else platform.encode(), file["url"], file.get("member"))
            path = "/" + file["url"].removeprefix("https://")
            server.paths[path] = content
            sums.setdefault(name, {})[platform] = hashlib.sha256(content).hexdigest()
            if pulled["sums"].startswith("."):
                server.paths[path + pulled["sums"]] = f"{sums[name][platform]}  {path.rpartition('/')[2]}\n".encode()
        if not pulled["sums"].startswith("."):
            lines = [f"{sums[name][p]}  {f['url'].rpartition('/')[2]}\n" for p, f in pulled["files"].items()]
            server.paths["/" + pulled["sums"].removeprefix("https://")] = "".join(lines).encode()
    return sums


def test_lock(document: Mapping[str, Any], digests: Mapping[str, str], sums: Mapping[str, Mapping[str, str]]) -> str:
    """The real lock with these digests and sums, and without recipes for what can be pulled: what was built before is no way."""
    made = json.loads(json.dumps(document))
    for name, entry in made["tools"].items():
        entry["sources"] = [source for source in entry["sources"] if "built" not in source]
        for source in entry["sources"]:
            for platform, file in source.get("pulled", {}).get("files", {}).items():
                file["sha256"] = sums[name][platform]
    for entry in made["images"].values():
        for source in entry["sources"]:
            if "pulled" in source and source["pulled"]["reference"] in digests:
                source["pulled"]["digest"] = digests[source["pulled"]["reference"]]
        if any("pulled" in source for source in entry["sources"]):
            entry["sources"] = [source for source in entry["sources"] if "built" not in source]
    del made["artifacts"]
    for name in [
        name for name, entry in made["images"].items() if any("artifacts" in s.get("built", {}) for s in entry["sources"])
    ]:
        del made["images"][name]
    return yaml.safe_dump(made, sort_keys=False)


test_lock.__test__ = False  # type: ignore[attr-defined]  # its name is what it makes


def read_lock() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(LOCK.read_text())
    return found


def _packed(content: bytes, url: str, member: str | None) -> bytes:
    if member is None:
        return content
    whole = io.BytesIO()
    if url.endswith(".zip"):
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
            zipped.writestr("LICENSE", "")
            zipped.writestr(member, content)
        return whole.getvalue()
    with tarfile.open(fileobj=whole, mode="w:gz", compresslevel=1) as tar:
        for name, data in ((f"{Path(member).parent}/README.md", b""), (member, content)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return whole.getvalue()


def _push(docker: Docker, reference: str, repository: str, tag: str) -> str:
    docker.images.tag(reference, f"{repository}:{tag}")
    answers = list(docker.api.push(repository, tag=tag, stream=True, decode=True))
    assert not [answer for answer in answers if "error" in answer], answers
    return next(str(answer["aux"]["Digest"]) for answer in answers if "aux" in answer)


def _other_platform(to: Registry, path: str, architecture: str) -> tuple[str, int]:
    """An image of no layers for another platform: whoever pulls it gets nothing that starts."""
    empty = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    configuration = json.dumps(empty).encode()
    digest = f"sha256:{hashlib.sha256(configuration).hexdigest()}"
    place = _upload(to, path)
    joined = "&" if "?" in place else "?"
    to.call("PUT", f"{place}{joined}digest={digest}", configuration, "application/octet-stream")
    kind = "application/vnd.docker.container.image.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": kind, "digest": digest, "size": len(configuration)},
        "layers": [],
    }
    body = json.dumps(manifest).encode()
    name = f"sha256:{hashlib.sha256(body).hexdigest()}"
    to.call("PUT", f"{path}/manifests/{name}", body)
    return name, len(body)


def _upload(to: Registry, path: str) -> str:
    """Where a blob is to be put, below /v2/."""
    request = urllib.request.Request(f"https://{to.address}/v2/{path}/blobs/uploads/", b"", method="POST")
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(to.ca)), timeout=30) as answer:
        return str(answer.headers["Location"]).partition("/v2/")[2]


def _linux(architecture: str) -> dict[str, str]:
    return {"os": "linux", "architecture": architecture}


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _await(found: Registry, log: Path) -> None:
    import time

    ends = time.monotonic() + START_S
    while True:
        try:
            found.call("GET", "")
            return
        except OSError:
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.05)

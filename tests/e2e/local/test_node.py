"""The node of a real cluster: images brought into it, from whatever image store, and pulled by it through a company's mirror.

The mirror is Debian's `docker-registry` at the gateway of a network that the test makes, which both the engine and the node can
reach; its certificate is by the tests' own authority, which the engine finds where its documentation says.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import socket
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.adapters import process
from kit.adapters.containerd import flattened, node
from kit.adapters.docker.client import Docker
from kit.adapters.kind import node_name
from kit.errors import ToolFailed
from kit.pki import authority
from kit.state import lock
from kit.targets.local import node_image
from kit.targets.local.target import LocalTarget
from tests.e2e.local.test_cluster_broken import uid
from tests.support.debian import program as debian_program
from tests.support.program import Program
from tests.support.reach import local_target

START_S = 30.0
POD_S = 90.0
PATH = "hub"  # where the mirror has upstream's images, as companies' proxies do
ENGINE_TRUST = Path("/etc/docker/certs.d")


@pytest.fixture(scope="module")
def docker(engine: None) -> Docker:
    return Docker()


@pytest.fixture(scope="module")
def cluster(whole: Program) -> Program:
    """Of the stack in which everything runs; no test here wants more of it than its cluster, and the last one makes another."""
    return whole


@dataclass(frozen=True)
class Mirror:
    address: str
    log: Path

    @property
    def prefix(self) -> str:
        return f"{self.address}/{PATH}/"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Mirror]:
    """A registry over TLS at the gateway of a network of its own, which the engine has been told to trust."""
    folder, name = tmp_path_factory.mktemp("mirror"), f"node-mirror-{os.getpid()}"
    made = docker.api.create_network(name, driver="bridge")["Id"]
    gateway = docker.api.inspect_network(made)["IPAM"]["Config"][0]["Gateway"]
    address = f"{gateway}:{_free_port(gateway)}"
    trusted = ENGINE_TRUST / address
    try:
        now = datetime.now(UTC)
        issuer = authority.create("company", now)
        leaf = authority.issue(issuer, "mirror", (gateway,), now)
        (folder / "tls.crt").write_bytes(leaf.certificate_pem() + issuer.intermediate.certificate_pem())
        (folder / "tls.key").write_bytes(leaf.key_pem())
        trusted.mkdir(parents=True)
        (trusted / "ca.crt").write_bytes(issuer.root.certificate_pem())
        with _registry(folder, address) as log:
            yield Mirror(address, log)
    finally:
        shutil.rmtree(trusted, ignore_errors=True)
        docker.api.remove_network(made)


def test_what_pods_pull_comes_through_the_mirror(cluster: Program, docker: Docker, mirror: Mirror) -> None:
    """Also of a registry of another name than Docker Hub's, which the mirror has below its own."""
    hub, other = f"kit-test-{uuid.uuid4().hex[:8]}", f"quay.io/kit-test/{uuid.uuid4().hex[:8]}"
    _pushed(docker, f"{mirror.prefix}library/{hub}")
    _pushed(docker, f"{mirror.prefix}{other}")
    through = replace(cluster, env={"KIT_REGISTRY_PREFIX": mirror.prefix})

    plan = through.must("up", "--local", "--only", "cluster", "--plan").stdout
    assert plan.split() == ["1", "set-up", "cluster/registries", *["the", "node", "pulls", "through", "no", "mirror", "yet"]]
    through.must("up", "--local", "--only", "cluster")
    assert through.must("up", "--local", "--only", "cluster", "--plan").stdout == "nothing to do\n"

    local = local_target(cluster)
    for image in (f"docker.io/library/{hub}:1", f"{other}:1"):
        assert _said_by_a_pod(local, image) == "from the mirror\n"
    log = mirror.log.read_text()
    assert f"/v2/{PATH}/library/{hub}/manifests/1?ns=docker.io" in log
    assert f"/v2/{PATH}/{other}/manifests/1?ns=quay.io" in log

    cluster.must("up", "--local", "--only", "cluster")
    assert cluster.must("up", "--local", "--only", "cluster", "--plan").stdout == "nothing to do\n"
    unknown = f"docker.io/library/{hub}:2"  # no name of the mirror's is asked any more, and upstream cannot have it
    asked = mirror.log.read_text().count("/manifests/2")
    with pytest.raises(ToolFailed):
        process.run(["docker", "exec", node_name(cluster.stack), "ctr", "-n", "k8s.io", "images", "pull", unknown])
    assert mirror.log.read_text().count("/manifests/2") == asked == 0


def test_a_mirror_on_this_computers_loopback_is_reached_at_the_gateway_or_left_out_with_a_note(
    cluster: Program, docker: Docker, tmp_path: Path
) -> None:
    """The engine takes it without TLS, so the node does. One that listens for this computer alone nobody else can reach."""
    port = _free_port("0.0.0.0")
    loopback = replace(cluster, env={"KIT_REGISTRY_PREFIX": f"127.0.0.1:{port}/"})
    said = loopback.must("up", "--local", "--only", "cluster").stderr
    assert "nothing answers the node there" in said
    assert _certs(cluster) == ""

    with _registry(tmp_path, f"0.0.0.0:{port}", tls=False):
        name = f"kit-test-{uuid.uuid4().hex[:8]}"
        _pushed(docker, f"127.0.0.1:{port}/library/{name}")
        cluster.must("up", "--local", "--only", "cluster")
        loopback.must("up", "--local", "--only", "cluster")
        assert _said_by_a_pod(local_target(cluster), f"{name}:1") == "from the mirror\n"
    cluster.must("up", "--local", "--only", "cluster")
    assert _certs(cluster) == ""


def test_images_are_in_the_node_under_their_own_names(cluster: Program, docker: Docker) -> None:
    name = f"kit.local/kit-test-{uuid.uuid4().hex[:8]}:1"
    with _in_the_engine(docker, name, "from the engine\n"):
        node.load(docker, node_name(cluster.stack), [name])
    assert name in _images(cluster)
    assert _said_by_a_pod(local_target(cluster), name) == "from the engine\n"


def test_an_image_of_several_platforms_of_which_one_is_here_is_loaded(cluster: Program) -> None:
    """As the engine's containerd image store hands it out: the whole index, one platform's content. Kind's way fails."""
    name = f"docker.io/library/kit-test-{uuid.uuid4().hex[:8]}:1"
    saved = _saved_by_a_containerd_store(name, _root("of this platform\n"))
    store: Any = SimpleNamespace(child_environment=dict, images=SimpleNamespace(save=lambda references: iter([saved])))
    by_kind = [
        "docker",
        "exec",
        "-i",
        node_name(cluster.stack),
        "ctr",
        "-n",
        "k8s.io",
        "images",
        "import",
        "--all-platforms",
        "-",
    ]
    with pytest.raises(ToolFailed) as refused:
        process.feed(by_kind, [saved])
    assert "not found" in refused.value.detail
    node.load(store, node_name(cluster.stack), [name])
    assert name in _images(cluster)
    assert _said_by_a_pod(local_target(cluster), name) == "of this platform\n"


def test_a_stream_that_breaks_off_is_an_error_and_leaves_no_image(cluster: Program) -> None:
    name = f"docker.io/library/kit-test-{uuid.uuid4().hex[:8]}:1"
    saved = _saved_by_a_containerd_store(name, _root("whole\n"))
    store: Any = SimpleNamespace(
        child_environment=dict, images=SimpleNamespace(save=lambda references: iter([saved[: len(saved) // 2]]))
    )
    with pytest.raises(ToolFailed):
        node.load(store, node_name(cluster.stack), [name])
    assert name not in _images(cluster)


def test_a_node_that_is_gone_is_made_again_with_its_images_and_sentry_s_data_is_still_there(
    whole: Program, docker: Docker
) -> None:
    """Its image is taken away, too. What a killed making of that leaves behind is not used; and `kind create`, which goes on when
    kit is killed, holds the lock: a second one beside it would delete what it makes."""
    local, kept = local_target(whole), f"kit.local/kit-test-{uuid.uuid4().hex[:8]}:1"
    wanted = node_image.wanted(local)
    assert wanted is not None
    assert wanted in node_image.current(local.supply)
    before, there = whole.must("demo", "-o", "json").json, uid(whole)
    docker.remove_container(node_name(whole.stack))

    # As another time, when the image is there: neither made nor loaded.
    plan = whole.must("up", "--local", "--plan").stdout
    assert "no cluster yet" in plan
    assert "cluster/node" not in plan
    assert "cluster/images" not in plan

    docker.images.tag(wanted, kept)  # another stack's node may use it: it keeps its files under another name
    try:
        assert docker.images.untag(wanted)
        making = whole.start("up", "--local")
        _until(lambda: _in_the_making(docker, whole))
        making.kill()
        making.communicate()
        assert docker.images.find(wanted) is None
        assert _in_the_making(docker, whole)  # a kill leaves no time to clean up: the next run does

        creating = whole.start("up", "--local")
        assert creating.stderr is not None
        assert any(re.search(r"✓ .* make +cluster/node", line) for line in creating.stderr)
        lock_file = local.workspace.lock_file
        _until(lambda: any(name == "kind" for _, name in lock.users(lock_file)))
        creating.kill()
        creating.communicate()
        assert not _in_the_making(docker, whole)
    finally:
        docker.images.untag(kept)
    ran = whole("up", "--local", "--wait-lock", "0", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-LOCKED"
    assert re.search(rf"kind \(process \d+\).*left running by `kit up` \(process {creating.pid}\)", ran.json["error"]["why"])
    whole.must("up", "--local", timeout_s=1800)
    container = next(each for each in docker.containers() if each.name == node_name(whole.stack))
    assert container.image == wanted
    inside = _images(whole)
    assert all(reference in inside for reference in local.cluster_images())
    assert uid(whole) != there
    assert whole.must("up", "--local", "--plan").stdout == "nothing to do\n"
    after = whole.must("demo", "-o", "json").json
    # The same exception is grouped into the same issue: it is in Postgres, which nobody touched.
    assert after["url"].split("/event/")[0] == before["url"].split("/event/")[0]


def _in_the_making(docker: Docker, program: Program) -> list[str]:
    return [each.name for each in docker.containers() if each.name.startswith(node_image.workplace(program.stack))]


def _said_by_a_pod(local: LocalTarget, image: str) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    container = {"name": "it", "image": image, "command": ["/busybox", "cat", "/said"]}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
    _until(lambda: local.kube.get("ServiceAccount", "default", "default") is not None)
    local.kube.create(pod)
    try:
        _until(lambda: _phase(local, name) in ("Succeeded", "Failed"), lambda: json.dumps(local.kube.get("Pod", name, "default")))
        return local.kube.logs(name, "default", "it")
    finally:
        local.kube.delete("Pod", name, "default")


def _phase(local: LocalTarget, name: str) -> str:
    found = local.kube.get("Pod", name, "default")
    return str((found or {}).get("status", {}).get("phase"))


def _images(program: Program) -> list[str]:
    command = ["docker", "exec", node_name(program.stack), "ctr", "-n", "k8s.io", "images", "ls", "-q"]
    return process.run(command).stdout.split()


def _certs(program: Program) -> str:
    return process.run(["docker", "exec", node_name(program.stack), "sh", "-c", f"ls {node.CERTS}"]).stdout


def _until(holds: Any, state: Any = lambda: "") -> None:
    ends = time.monotonic() + POD_S
    while not holds():
        assert time.monotonic() < ends, state()
        time.sleep(0.2)


def _root(said: str) -> bytes:
    """A file system of two files, as a tar: a program that needs no others, and what it is to say."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        tar.add(os.path.realpath(debian_program("busybox", "busybox-static")), "busybox")
        entry = tarfile.TarInfo("said")
        entry.size = len(said)
        tar.addfile(entry, io.BytesIO(said.encode()))
    return held.getvalue()


@contextmanager
def _in_the_engine(docker: Docker, name: str, said: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "root.tar").write_bytes(_root(said))
        docker.images.import_tar(Path(folder) / "root.tar", name, labels={})
    try:
        yield
    finally:
        docker.images.untag(name)


def _pushed(docker: Docker, repository: str) -> None:
    with _in_the_engine(docker, f"{repository}:1", "from the mirror\n"):
        answers = list(docker.api.push(repository, tag="1", stream=True, decode=True))
        assert not [answer for answer in answers if "error" in answer], answers


def _saved_by_a_containerd_store(name: str, layer: bytes) -> bytes:
    """An archive with an index of two platforms: all of the engine's own, and of the other nothing but its place in the index.

    https://github.com/kubernetes-sigs/kind/issues/3795, read 2026-11-28.
    """
    mine = str(Docker().api.version()["Arch"])
    other = "arm64" if mine == "amd64" else "amd64"
    image = flattened.Flattened(name, {"Architecture": mine, "Os": "linux"}, _digest(layer), len(layer))
    manifests = [
        {**_described(flattened.MANIFEST, content), "platform": {"architecture": architecture, "os": "linux"}}
        for architecture, content in ((mine, image.manifest), (other, b"elsewhere"))
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": flattened.INDEX, "manifests": manifests}).encode()
    top = {**_described(flattened.INDEX, index), "annotations": {flattened.NAME: name}}
    papers = [{"Config": _place(image.config), "RepoTags": [name], "Layers": [_place(layer)]}]
    return flattened.packed(
        {
            **{_place(blob): blob for blob in (layer, image.config, image.manifest, index)},
            "index.json": json.dumps({"schemaVersion": 2, "mediaType": flattened.INDEX, "manifests": [top]}).encode(),
            "manifest.json": json.dumps(papers).encode(),
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        }
    )


def _described(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _place(blob: bytes) -> str:
    return f"blobs/{_digest(blob).replace(':', '/')}"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def _registry(folder: Path, address: str, *, tls: bool = True) -> Iterator[Path]:
    secured = f", tls: {{certificate: {folder / 'tls.crt'}, key: {folder / 'tls.key'}}}" if tls else ""
    configuration, log = folder / "config.yml", folder / "registry.log"
    configuration.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: '{address}'{secured}}}\n"
        "log: {level: info}\n"
    )
    with process.beside([debian_program("docker-registry"), "serve", str(configuration)], log=log):
        host, _, port = address.rpartition(":")
        _until(lambda: _answers(host, int(port)), log.read_text)
        yield log


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])

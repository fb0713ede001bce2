"""A node's images: what is written down of an unpacked one, and where a node can be given them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest

from kit.adapters.containerd import flattened, node
from kit.adapters.containerd.flattened import Flattened, Measured

SEEN = {
    "Architecture": "arm64",
    "Variant": "v8",
    "Os": "linux",
    "Created": "2026-11-28T12:00:00Z",
    "Config": {"User": "10001", "Env": ["PATH=/bin"], "Entrypoint": ["/run"], "Cmd": None, "Labels": {"a": "b"}},
}


def image(reference: str = "kit.local/probe:1-aa") -> Flattened:
    return Flattened(reference, SEEN, "sha256:" + "1" * 64, 1024)


def files(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {name: opened.extractfile(name).read() for name in opened.getnames()}  # type: ignore[union-attr]


def test_a_layer_is_measured_as_it_passes() -> None:
    measured = Measured()
    assert list(measured.passing([b"ab", b"c"])) == [b"ab", b"c"]
    assert (measured.size, measured.digest) == (3, f"sha256:{hashlib.sha256(b'abc').hexdigest()}")


def test_what_a_container_is_started_with_stays_and_the_layers_become_one() -> None:
    config = json.loads(image().config)
    assert config["config"] == {"User": "10001", "Env": ["PATH=/bin"], "Entrypoint": ["/run"], "Labels": {"a": "b"}}
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm64", "v8")
    assert config["rootfs"] == {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}
    manifest = json.loads(image().manifest)
    assert manifest["config"]["digest"] == image().config_digest
    assert manifest["layers"] == [{"mediaType": flattened.LAYER, "digest": "sha256:" + "1" * 64, "size": 1024}]


def test_the_layout_names_each_image_and_holds_every_blob_but_the_layers() -> None:
    found = files(flattened.layout([image(), image("kit.local/bugsink:2-bb")]))
    named = json.loads(found["index.json"])["manifests"]
    assert [each["annotations"][flattened.NAME] for each in named] == ["kit.local/probe:1-aa", "kit.local/bugsink:2-bb"]
    for each in named:
        manifest = found[f"blobs/{each['digest'].replace(':', '/')}"]
        assert (len(manifest), f"sha256:{hashlib.sha256(manifest).hexdigest()}") == (each["size"], each["digest"])
        assert f"blobs/{json.loads(manifest)['config']['digest'].replace(':', '/')}" in found
    assert not [name for name in found if "1" * 64 in name]


@pytest.mark.parametrize(
    ("info", "can"),
    [
        ({"Driver": "overlay2", "SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"]}, True),
        ({"Driver": "overlay2", "SecurityOptions": None}, True),
        ({"Driver": "overlayfs", "SecurityOptions": []}, True),  # the containerd image store of Engine 29 and Desktop
        ({"Driver": "overlay2", "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"]}, False),
        ({"Driver": "overlay2", "SecurityOptions": ["name=userns"]}, False),
        ({"Driver": "fuse-overlayfs", "SecurityOptions": []}, False),
        ({"Driver": "vfs", "SecurityOptions": []}, False),
        ({}, False),
    ],
)
def test_where_a_node_can_be_given_its_images(info: dict[str, object], can: bool) -> None:
    assert node.can_be_given_images(info) is can

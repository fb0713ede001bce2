"""What a build in a container is told of the network: the proxies of the docker command's configuration."""

from __future__ import annotations

import io
import json
import os
import tarfile
import uuid
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from tests.support.debian import program

PASSWORD = "hunter2"
PROXY = f"http://user:{PASSWORD}@proxy.example:3128"
DOCKERFILE = """FROM scratch
COPY busybox /busybox
RUN ["/busybox", "sh", "-c", "case $HTTPS_PROXY in http://*@proxy.example:3128) [ $no_proxy = .example ] ;; *) exit 1 ;; esac"]
"""


def test_a_build_is_told_the_proxies_and_its_image_is_not(engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = {"proxies": {"default": {"httpsProxy": PROXY, "noProxy": ".example"}}}
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    docker, tag = Docker(), f"kit.local/kit-test-{uuid.uuid4().hex[:8]}:1"
    docker.images.build(context(), tag=tag, labels={}, arguments={}, log=tmp_path / "log")
    try:
        assert PASSWORD not in json.dumps([docker.api.inspect_image(tag), docker.api.history(tag)])
    finally:
        docker.images.untag(tag)


def context() -> io.BytesIO:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        tar.add(os.path.realpath(program("busybox", "busybox-static")), "busybox")
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(DOCKERFILE)
        tar.addfile(entry, io.BytesIO(DOCKERFILE.encode()))
    held.seek(0)
    return held

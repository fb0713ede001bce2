"""MinIO as a program, with one key and buckets that a test wants: S3 by plain HTTP on this computer."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.terraform import supply

KEY, SECRET = "states-owner", "states-owner-secret"


@dataclass(frozen=True)
class MinIO:
    endpoint: str
    data: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@contextmanager
def minio(folder: Path, *buckets: str) -> Iterator[MinIO]:
    supply().ensure(["artifact/minio"])
    program = next(path for path in Path(supply().place_of("artifact/minio").place).iterdir() if path.name.startswith("minio"))
    found = MinIO(f"http://127.0.0.1:{_free_port()}", folder / "data")
    for bucket in buckets:
        (found.data / bucket).mkdir(parents=True)  # MinIO takes the folders that it finds for buckets
    environment = {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "HOME": str(folder)}
    address = found.endpoint.removeprefix("http://")
    argv = [str(program), "server", "--quiet", "--address", address, str(found.data)]
    with (folder / "minio.log").open("wb") as log, subprocess.Popen(argv, env=environment, stdout=log, stderr=log) as process:
        try:
            _await(f"{found.endpoint}/minio/health/ready", process)
            yield found
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, "MinIO has ended"
        assert time.monotonic() < end, "MinIO is not ready"
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)

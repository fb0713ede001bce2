"""A real emulator process killed while it writes: whatever it has answered is there, whole, at the next start."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from yandex.cloud.vpc.v1 import network_service_pb2, network_service_pb2_grpc

from kit.yandex.engine import ids
from tests.support.emulator import Running, running

KILLS = 3
WRITERS = 4
ANSWERED = 25  # before each kill
REFUSALS = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED)
# More than a new cloud has: each network comes with a security group.
QUOTAS = ("--quota", "vpc.networks.count=100000", "--quota", "vpc.securityGroups.count=100000")


class Client:
    """Calls with what `kit yandex env` says."""

    def __init__(self, emulator: Running) -> None:
        said = emulator.program.must("yandex", "env", "--provider", "registry", "-o", "json").json
        credentials = grpc.ssl_channel_credentials(Path(said["SSL_CERT_FILE"]).read_bytes())
        self._channel = grpc.secure_channel(said["YC_ENDPOINT"], credentials)
        self._stub = network_service_pb2_grpc.NetworkServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {said['YC_TOKEN']}"),)

    def create(self, name: str) -> None:
        request = network_service_pb2.CreateNetworkRequest(folder_id=ids.FOLDER, name=name, description=name * 20)
        assert self._stub.Create(request, metadata=self._metadata, timeout=60).done

    def networks(self) -> dict[str, str]:
        request = network_service_pb2.ListNetworksRequest(folder_id=ids.FOLDER, page_size=1000)
        return {found.name: found.description for found in self._stub.List(request, metadata=self._metadata, timeout=60).networks}

    def close(self) -> None:
        self._channel.close()


def _write(client: Client, prefix: str, answered: set[str], enough: threading.Event, until: int) -> None:
    """Make networks until the emulator dies."""
    for number in range(100_000):
        name = f"{prefix}-{number}"
        try:
            client.create(name)
        except grpc.RpcError as error:
            enough.set()
            if error.code() in REFUSALS:
                raise  # it was not killed: nothing would be tried
            return
        answered.add(name)
        if len(answered) >= until:
            enough.set()


def test_an_emulator_killed_while_it_writes_has_everything_that_it_answered(tmp_path: Path) -> None:
    answered: set[str] = set()
    with running(tmp_path, tmp_path, *QUOTAS) as emulator:
        for kill in range(1, KILLS + 1):
            client, enough = Client(emulator), threading.Event()
            until = len(answered) + ANSWERED
            with ThreadPoolExecutor(WRITERS) as pool:
                prefixes = [f"n{kill}-{writer}" for writer in range(WRITERS)]
                writing = [pool.submit(_write, client, prefix, answered, enough, until) for prefix in prefixes]
                assert enough.wait(120)
                emulator.kill()  # while the writers are in the middle of a call
                for each in writing:
                    each.result()
            client.close()
            assert len(answered) >= until
            emulator.start()
            restarted = Client(emulator)
            found = restarted.networks()
            restarted.close()
            assert answered <= set(found)
            assert len(found) <= len(answered) + kill * WRITERS  # one call of each writer may be written and not answered
            assert all(description == name * 20 for name, description in found.items())

"""Runs the load balancers' controller beside the servers, and says where a tunnel of the proxy leads."""

from __future__ import annotations

import sys
import threading
import traceback

from kit.yandex.engine.state import EmulatorState
from kit.yandex.s3.tunnel import Destination, TunnelRefused
from kit.yandex.services import load_balancer

LOOK_S = 1.0


class Controller:
    """A thread that looks at the cluster's Services once a second. Behind what answers at once there is no cluster to look at."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load balancers", daemon=True)
        if not state.backing.is_quick:
            self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            try:
                load_balancer.reconcile(self._state)
            except Exception:  # the next look may find what this one missed
                traceback.print_exc(file=sys.stderr)


def destination(state: EmulatorState) -> Destination:
    """From a name that this cloud's public DNS knows, by its load balancer, to the port of a node; and from nothing else."""

    def found(host: str, port: int) -> tuple[str, int]:
        try:
            way = load_balancer.way(state, host, port)
        except load_balancer.NoWay as error:
            raise TunnelRefused(str(error)) from None
        place = state.backing.node_address(way.node_port)
        if place is None:
            raise TunnelRefused(f"no node of the cluster is there behind {way.address}")
        return place

    return found

"""Runs inside a pod: which addresses can be connected to from there. On its own, for it travels as the text of a command.

Tries again until all answer or none does, as it was asked to wait for: a network plugin may learn of a new pod a moment after the
pod has begun, and let it pass until then (kube-router does; run 2026-11-28).
"""

from __future__ import annotations

import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

ASKED = "KIT_ASKED"  # {"places": [[host, port]], "until": "open" or "shut", "within_s": seconds}
CONNECT_S = 2.0
PAUSE_S = 0.5


def address(place: tuple[str, int]) -> str:
    """Where it is, if it can be connected to; else ""."""
    try:
        with socket.create_connection(place, timeout=CONNECT_S) as connection:
            return str(connection.getpeername()[0])
    except OSError:
        return ""


def main() -> None:
    asked = json.loads(os.environ[ASKED])
    places = [(str(host), int(port)) for host, port in asked["places"]]
    end = time.monotonic() + asked["within_s"]
    with ThreadPoolExecutor(max_workers=16) as pool:
        while True:
            found = list(pool.map(address, places))
            is_so = all(found) if asked["until"] == "open" else not any(found)
            if is_so or time.monotonic() >= end:
                break
            time.sleep(PAUSE_S)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""What runs inside the cluster: kit's own probes, with the stack's authority and with it taken away.

With the authority every store must answer; with a foreign one of the same name, and with an empty file, every one must fail over
the certificate, or the first success would prove nothing. The last line printed is one JSON document; exit code 0 if all holds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kit import stores
from kit.endpoints import Endpoints, Trust, from_document
from kit.stores.contract import NotYet, Ready

AUTHORITY = "authority"
TRUSTS = {AUTHORITY: "authority/ca.crt", "foreign": "endpoints/foreign.crt", "empty": "endpoints/empty.crt"}

# The cluster's DNS may be younger than this pod; a certificate or a password does not mend itself by waiting.
PATIENCE_S = 15.0
PAUSE_S = 0.3


def main(folder: Path) -> int:
    endpoints = from_document(json.loads((folder / "endpoints" / "endpoints.json").read_text()))
    cases = [(name, trust) for trust in TRUSTS for name in stores.NAMES]
    with ThreadPoolExecutor(max_workers=len(cases)) as pool:
        found = list(pool.map(lambda case: _outcome(case[0], case[1], endpoints, folder), cases))
    for outcome in found:
        print(f"{outcome['store']:<11} {outcome['trust']:<10} {outcome['tls'] or outcome['cause']:<8} {outcome['reason']}")
    print(json.dumps({"probes": found}))
    return 0 if all(holds(outcome["trust"], outcome["cause"]) for outcome in found) else 1


def holds(trust: str, cause: str) -> bool:
    """Whether a probe came out as it must; `cause` is empty where the store answered."""
    return cause == ("" if trust == AUTHORITY else "tls")


def _outcome(name: str, trust: str, endpoints: Endpoints, folder: Path) -> dict[str, Any]:
    store, known = stores.module(name), Trust(folder / TRUSTS[trust])
    answer = patiently(lambda: store.probe(endpoints.store(name), known))
    if isinstance(answer, Ready):
        seen = {"tls": answer.tls.version, "latency_ms": round(answer.latency_ms, 1), "cause": "", "reason": ""}
    else:
        seen = {"tls": "", "latency_ms": None, "cause": answer.cause, "reason": answer.reason}
    return {"store": name, "trust": trust, **seen}


def patiently(ask: Callable[[], Ready | NotYet], sleep: Callable[[float], None] = time.sleep) -> Ready | NotYet:
    """Ask again while nobody is there to answer."""
    end = time.monotonic() + PATIENCE_S
    while True:
        answer = ask()
        if isinstance(answer, Ready) or answer.cause != "unreachable" or time.monotonic() >= end:
            return answer
        sleep(PAUSE_S)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""What runs inside the cluster: kit's own probes, with the stack's authority and with it taken away.

With the authority every store must answer and give back what was written to it, through the client libraries that Sentry uses;
with a foreign authority of the same name, and with an empty file, every one must fail over the certificate, or the first success
would prove nothing. The last line printed is one JSON document; exit code 0 if all holds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kit.endpoints import Endpoints, Trust, from_document
from kit.errors import KitError
from kit.stores import catalog
from kit.stores.contract import NotYet, Ready

AUTHORITY = "authority"
TRUSTS = {AUTHORITY: "authority/ca.crt", "foreign": "endpoints/foreign.crt", "empty": "endpoints/empty.crt"}

# The cluster's DNS may be younger than this pod; a certificate or a password does not mend itself by waiting.
PATIENCE_S = 15.0
PAUSE_S = 0.3

_BLANK: dict[str, Any] = {"tls": "", "latency_ms": None, "cause": "", "reason": "", "roundtrip": ""}


def main(folder: Path) -> int:
    endpoints = from_document(json.loads((folder / "endpoints" / "endpoints.json").read_text()))
    cases = [(name, trust) for trust in TRUSTS for name in catalog.NAMES]
    with ThreadPoolExecutor(max_workers=len(cases)) as pool:
        found = list(pool.map(lambda case: _outcome(case[0], case[1], endpoints, folder), cases))
    for outcome in found:
        verdict, said = outcome["cause"] or outcome["tls"], outcome["reason"] or outcome["roundtrip"]
        print(f"{outcome['store']:<11} {outcome['trust']:<10} {verdict:<8} {said}")
    print(json.dumps({"probes": found}))
    return 0 if all(holds(outcome["trust"], outcome["cause"]) for outcome in found) else 1


def holds(trust: str, cause: str) -> bool:
    """Whether a probe came out as it must; `cause` is empty where the store answered."""
    return cause == ("" if trust == AUTHORITY else "tls")


def _outcome(name: str, trust: str, endpoints: Endpoints, folder: Path) -> dict[str, Any]:
    store, endpoint, known = catalog.module(name), endpoints.store(name), Trust(folder / TRUSTS[trust])
    answer = patiently(lambda: store.probe(endpoint, known))
    if not isinstance(answer, Ready):
        return {**_BLANK, "store": name, "trust": trust, "cause": answer.cause, "reason": answer.reason}
    seen = {**_BLANK, "store": name, "trust": trust, "tls": answer.tls.version, "latency_ms": round(answer.latency_ms, 1)}
    if trust != AUTHORITY:
        return seen  # it should not have answered; nothing is written over such a connection
    try:
        return {**seen, "roundtrip": store.smoke(endpoint, known).what}
    except KitError as error:
        return {**seen, "cause": "roundtrip", "reason": f"{error.what}: {error.why}"}


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

"""The proof of the whole: the SDK sends a real exception from a process of its own, and the server's API shows that very event.

The process knows the stack only by its environment, like any application: SENTRY_DSN and the authority. A DSN is a credential,
so it is never an argument.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit import cancel
from kit.adapters import proxies
from kit.adapters.process import Runner, run
from kit.adapters.proxies import Proxy
from kit.endpoints import Secret, Trust
from kit.errors import KitError, first_line
from kit.sentry.demo.receiver import Receiver

SCRIPT = Path("examples/python/main.py")  # below the shipped files
POLL_S = 0.1
VISIBLE_TIMEOUT_S = 20.0


class DemoNotDelivered(KitError):
    """The demo's sender says that Sentry did not accept its event."""

    code = "KIT-DEMO-NOT-DELIVERED"
    exit_code = 57
    what = "the exception was not delivered"
    fix = "kit status, kit logs sentry"


class DemoNotSeen(KitError):
    """Sentry accepted the demo's event and does not show it."""

    code = "KIT-DEMO-NOT-SEEN"
    exit_code = 58
    what = "event {event_id} was accepted, and Sentry does not show it"
    why = "its API did not list it within {waited_s:.0f} s"
    fix = "kit logs sentry"


@dataclass(frozen=True, slots=True)
class DemoResult:
    event_id: str
    url: str
    seconds: float  # from the start of the sending process until the event was seen


def prove(
    script: Path,
    dsn: Secret,
    server: Receiver,
    *,
    note: Callable[[str], None] = lambda reason: None,
    runner: Runner = run,
    sleep: Callable[[float], None] = cancel.wait,
) -> DemoResult:
    """Send and see. Raises `DemoNotDelivered`, `DemoNotSeen`, or what the server's API says."""
    started = time.monotonic()
    note("raising an exception")
    event_id = send(script, dsn, server.trust, server.proxy, runner=runner)
    note(f"waiting for event {event_id}")
    while True:
        seen = server.find(event_id)
        elapsed_s = time.monotonic() - started
        if seen:
            return DemoResult(event_id, seen.url, elapsed_s)
        if elapsed_s > VISIBLE_TIMEOUT_S:
            raise DemoNotSeen(event_id=event_id, waited_s=elapsed_s)
        sleep(POLL_S)


def send(script: Path, dsn: Secret, trust: Trust, proxy: Proxy | None = None, *, runner: Runner = run) -> str:
    """The id of an event that was accepted at the DSN's address. Raises `DemoNotDelivered`."""
    sent = runner([sys.executable, str(script)], env=_environment(dsn, trust, proxy), secrets=(dsn.reveal(),), check=False)
    if sent.exit_code != 0:
        said = sent.stderr.replace(dsn.reveal(), "***").strip() or "the sender said nothing"
        raise DemoNotDelivered(why=first_line(said).removeprefix("not delivered: "), detail=said)
    return sent.stdout.strip().splitlines()[-1]


def _environment(dsn: Secret, trust: Trust, proxy: Proxy | None) -> dict[str, str | None]:
    """A proxy that is given is the only one: what the shell names leads elsewhere."""
    through = proxies.through(proxy) if proxy else proxies.sparing()
    return {"SENTRY_DSN": dsn.reveal(), "SENTRY_CA_CERTS": str(trust.ca_file), **through}

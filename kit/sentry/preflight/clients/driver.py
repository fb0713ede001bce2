"""In the place of one component: its variables, its mounts, its configuration, and every connection that it would make.

The configuration is executed once as it is, and once with the trusted files replaced by a foreign authority of the same name.
The first run connects, writes and reads back; in the second every client must fail, or its verification is only for show. The
two run side by side, the second in a process of its own, because libraries and OpenSSL read their variables where they please.
Before a client is tried, its server is asked for its certificate with kit's own handshake: that tells an expired leaf from a
wrong name, where libraries say "connection failed", and gives the version of TLS.

The last line printed is one JSON document; nothing secret is in it.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from kit.sentry.check.executor import mail
from kit.sentry.check.executor.execute import execute
from kit.sentry.preflight.clients import consumer_groups, handshakes
from kit.sentry.preflight.clients.contract import NOTE, Client, Connection, NamedTopic, Trouble, Wanted, Wrong, numbers
from kit.sentry.preflight.clients.demands import STORES, demand

INPUT = Path("/run/kit/input")  # wanted.json, foreign.crt; beside it code/ and volumes/
REQUEST = "KIT_PREFLIGHT"  # {"kind": …, "version": …, "args": […], "groups": […], "largest": true, "mail": true, "trust": …}
LIFE_S = 90
ATTEMPTS = 2  # with the foreign authority, where something else came between
# Where the image of a kind looks for its file; "$NAME" is a variable, "*" what the init containers would have prepared.
FILES: Mapping[str, Sequence[str]] = {
    "sentry": ("$SENTRY_CONF/sentry.conf.py", "/etc/sentry/sentry.conf.py"),
    "snuba": ("$SNUBA_SETTINGS", "/etc/snuba/settings.py"),
    "relay": ("/work/.relay/config.yml", "/etc/relay/config.yml", "*/config.yml", "*/config.yml.tpl"),
    "taskbroker": (
        "$TASKBROKER_CONFIG",
        "/etc/taskbroker/config.yaml",
        "/etc/taskbroker/config.yml",
        "*/config.yaml",
        "*/config.yml",
    ),
}
# Client → what it imports: once, before the two runs part and before there are threads.
LIBRARIES: Mapping[str, Sequence[str]] = {
    "psycopg2": ("psycopg2",),
    "sqlx": ("psycopg2",),
    "redis-py": ("redis", "rb"),
    "kombu": ("redis", "kombu", "kombu.simple", "kombu.transport.redis"),
    "confluent-kafka": ("confluent_kafka.admin",),
    "rdkafka": ("confluent_kafka.admin",),
    "segmentio-kafka": ("confluent_kafka.admin",),
    "clickhouse-driver": ("clickhouse_driver",),
    "clickhouse-http": ("urllib3", "clickhouse_connect"),
    "boto3": ("boto3", "botocore.config"),
    "gocloud": ("boto3", "botocore.config"),
}


def main() -> None:
    faulthandler.dump_traceback_later(LIFE_S, exit=True)  # a library that hangs must say where, before the Job's time is over
    request = json.loads(os.environ.pop(REQUEST))
    with suppress(ImportError):  # distutils, which redis-py 3.4.1 imports and Python 3.12 lost, as setuptools gives it to Sentry
        importlib.import_module("_distutils_hack").add_shim()
    wanted = _wanted(request, json.loads((INPUT / "wanted.json").read_text()))
    started = time.monotonic()
    outcome = examine(request, dict(os.environ), wanted, INPUT / "foreign.crt")
    outcome["seconds"] = round(time.monotonic() - started, 2)
    for each in outcome["connections"]:
        print(f"{each['store']:<11} {each['client']:<18} {each['cause'] or each['tls']:<14} {each['said']}", flush=True)
    print(json.dumps(outcome))


def _wanted(request: Mapping[str, Any], release: Mapping[str, Any]) -> Wanted:
    """Of one component; `release` is what is the same for all of them."""
    return Wanted(
        kind=request["kind"],
        version=numbers(request.get("version", "")),
        topics=release["topics"],
        groups=tuple(request.get("groups") or ()),
        largest_record=bool(request.get("largest")),
        clickhouse=release["clickhouse"],
        is_stand_in=release["is_stand_in"],
    )


def examine(request: Mapping[str, Any], env: Mapping[str, str], wanted: Wanted, foreign: Path) -> dict[str, Any]:
    """{"error": null | text, "connections": [outcome, …]}"""
    kind, version = request["kind"], request.get("version", "")
    source, options = configuration(kind, env, request.get("args") or ())
    found = execute(kind, source, env, version, options)
    if found["error"]:
        return {"error": found["error"], "connections": []}
    connections = _connections(found, env, request)
    wanted = replace(
        wanted,
        named=tuple(NamedTopic(**topic) for topic in found.get("topics") or ()),
        groups=tuple(sorted({*wanted.groups, *consumer_groups.configured(kind, source, env)})),
    )
    _load(connections)
    swap = _swapped([request["trust"]], connections, foreign)
    swapped = {name: swap(value) for name, value in env.items()}
    other = _in_a_child(lambda: _foreign(request, swap(source), swapped, swap(options)))
    own = [outcome for found in _side_by_side(connections, lambda each: _own(each, wanted)) for outcome in found]
    strangers = other()
    for outcome in own:
        if outcome["latency_ms"] is not None:  # it connected: what else is wrong does not excuse it from verifying
            outcome["foreign"] = strangers.get(f"{outcome['use']} {outcome['client']}", "not tried")
            if outcome["foreign"] == "accepted":
                outcome.update(
                    cause="not-verifying", said="the client took a server whose certificate a foreign authority signed"
                )
            elif not outcome["foreign"].startswith("refused"):
                outcome.update(cause="unproven", said=outcome["foreign"])
    return {"error": None, "connections": own}


def _load(connections: Sequence[Connection]) -> None:
    for each in connections:
        if each["store"] in STORES:
            _client(each)
        for name in LIBRARIES.get(each["client"], ()):
            with suppress(ImportError):  # not every release has every one; the client itself says what it misses
                importlib.import_module(name)


# ── what is to be tried ────────────────────────────────────────────────────────────────────────────────────────────────────


def configuration(kind: str, env: Mapping[str, str], args: Sequence[str]) -> tuple[str, str]:
    """The text of the settings file, and of Sentry's config.yml beside it."""
    named = [word for word in args if word.endswith((".yml", ".yaml"))]
    for place in (*named, *FILES.get(kind, ())):
        for path in _paths(place, env):
            if path.is_file():
                beside = path.with_name("config.yml")
                return path.read_text(), beside.read_text() if kind == "sentry" and beside.is_file() else ""
    return "", ""


def _paths(place: str, env: Mapping[str, str]) -> list[Path]:
    if place.startswith("*"):
        return sorted((INPUT.parent / "volumes").glob(place))
    if not place.startswith("$"):
        return [Path(place)]
    variable, _, rest = place[1:].partition("/")
    return [Path(env[variable]) / rest] if env.get(variable) else []


def _connections(found: Mapping[str, Any], env: Mapping[str, str], request: Mapping[str, Any]) -> list[Connection]:
    """The stores', and the mail server's in the one component that tries it: every other one of Sentry's would log in as well."""
    by_mail = mail.connections(found["settings"].get("mail") or {}, env) if request.get("mail") else []
    return _distinct([*found["connections"], *by_mail])


def _distinct(connections: Sequence[Connection]) -> list[Connection]:
    """Snuba names one Redis many times over: the first of the same kind is tried for all."""
    seen: dict[str, Connection] = {}
    for each in connections:
        seen.setdefault(json.dumps({key: value for key, value in each.items() if key != "use"}, sort_keys=True), each)
    return list(seen.values())


def _swapped(folders: Sequence[str], connections: Sequence[Connection], foreign: Path) -> Callable[[str], str]:
    """Text with every trusted file's path replaced by that of a file with the foreign authority alone."""
    target = Path("/tmp/kit-foreign")
    target.mkdir(exist_ok=True)
    files = {each["tls"]["ca"] for each in connections if each["tls"]["ca"]}
    files |= {str(path) for folder in folders for path in Path(folder).glob("*.crt")}
    paths: dict[str, str] = {}
    for number, path in enumerate(sorted(files, key=len, reverse=True)):
        paths[path] = str(target / f"{number}.crt")
        Path(paths[path]).write_text(foreign.read_text())

    def swap(text: str) -> str:
        for path, replacement in paths.items():
            text = text.replace(path, replacement)
        return text

    return swap


# ── trying ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _own(connection: Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """One outcome, or as many as there are causes of trouble: each has a remedy of its own."""
    outcome: dict[str, Any] = {key: connection[key] for key in ("store", "client", "use", "addresses", "user")}
    outcome |= {
        "options": {key: connection["options"].get(key) for key in ("db", "bucket", "database") if key in connection["options"]}
    }
    outcome |= {"tls": "", "latency_ms": None, "cause": "", "said": "", "foreign": "not needed"}
    try:
        demand(connection)
        outcome["tls"] = handshakes.shown(connection, wanted)
        started = time.monotonic()
        answer = _client(connection).ask(connection, True, wanted)
        outcome |= {"latency_ms": round((time.monotonic() - started) * 1000, 1), "said": answer.did}
        return [{**outcome, **each} for each in _sorted_out(answer.troubles)] or [outcome]
    except Wrong as wrong:
        outcome |= {"cause": wrong.cause, "said": wrong.said}
    except Exception as error:  # the handshake has passed: what the client itself says now is mostly its trust
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        outcome |= {"cause": _cause(said), "said": said}
    return [outcome]


def _sorted_out(troubles: Sequence[Trouble]) -> list[dict[str, str]]:
    """By cause. Notes are for a connection that has nothing worse."""
    found: dict[str, list[str]] = {}
    for each in troubles:
        found.setdefault(each.cause, []).append(each.said)
    worse = {cause: said for cause, said in found.items() if cause != NOTE}
    return [{"cause": cause, "said": "; ".join(said)} for cause, said in (worse or found).items()]


def _cause(said: str) -> str:
    """Of an error that no client module understood, by its words."""
    for words, cause in (
        # OpenSSL's, of chains that only strict rules refuse (x509_txt.c)
        ("key usage extension", "authority-form"),
        ("Authority Key Identifier", "authority-form"),
        ("Subject Key Identifier", "authority-form"),
        ("Basic Constraints of CA cert not", "authority-form"),
        ("ProxyError", "proxy"),
        ("ProxyConnectionError", "proxy"),
        ("Tunnel connection failed", "proxy"),
    ):
        if words.lower() in said.lower():
            return cause
    return "client-trust" if _about_trust(said) else "client"


def _about_trust(said: str) -> bool:
    text = said.lower().replace("sasl_ssl", "")  # the protocol's name, in front of whatever librdkafka says
    return any(words in text for words in ("certificate", "ssl", "tls"))


def _foreign(request: Mapping[str, Any], source: str, env: Mapping[str, str], options: str) -> dict[str, str]:
    """use and client → "accepted", or why it was refused."""
    os.environ.clear()
    os.environ.update(env)
    found = execute(request["kind"], source, env, request.get("version", ""), options)
    connections = _connections(found, env, request)

    def attempt(connection: Connection) -> str:
        """ "accepted", "refused: …" for the certificate's sake, or "failed: …" for any other: that proves nothing."""
        said = ""
        for _ in range(ATTEMPTS):
            try:
                handshakes.reached(connection)
                _client(connection).ask(connection, False, Wanted())
            except Exception as error:
                said = " ".join(f"{type(error).__name__}: {getattr(error, 'said', error)}".split())[:200]
                if _about_trust(said):
                    return f"refused: {said}"
            else:
                return "accepted"
        return f"failed: {said}"

    tried = [each for each in connections if each["store"] in STORES and each["tls"]["on"]]
    outcomes = _side_by_side(tried, attempt)
    return {f"{each['use']} {each['client']}": outcome for each, outcome in zip(tried, outcomes, strict=True)}


def _client(connection: Connection) -> Client:
    return cast(Client, importlib.import_module(f"kit.sentry.preflight.clients.{STORES[connection['store']]}"))


def _side_by_side(connections: Sequence[Connection], work: Callable[[Connection], Any]) -> list[Any]:
    with ThreadPoolExecutor(max_workers=max(1, len(connections))) as pool:
        return list(pool.map(work, connections))


def _in_a_child(work: Callable[[], dict[str, str]]) -> Callable[[], dict[str, str]]:
    """Started now, in a process that shares nothing but what is loaded; the result when it is called for."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            faulthandler.register(signal.SIGALRM, chain=True)  # says where, then the signal ends the process
            signal.alarm(LIFE_S - 1)
            os.close(reading)
            with os.fdopen(writing, "w") as pipe:
                json.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(writing)

    def result() -> dict[str, str]:
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        found: dict[str, str] = json.loads(text) if text else {}
        return found

    return result

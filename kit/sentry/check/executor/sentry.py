"""Reads Sentry's settings: sentry.conf.py executed, with the options of config.yml over it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from kit.sentry.check.executor import sentry_stores as stores
from kit.sentry.check.executor.commands import option
from kit.sentry.check.executor.contract import Found, Given
from kit.sentry.check.executor.documents import is_on, load
from kit.sentry.check.executor.python_settings import run
from kit.sentry.check.executor.sentry_consumers import consumer_of, consumers

CELERY_GONE = (25, 12)  # chart 28.0.0, Sentry 25.12.1: taskbroker in place of Celery
ROUTES, DEFAULT_ROUTE = "taskworker.route.overrides", "taskworker"  # sentry/taskworker/adapters.py, read 2026-11


def read(given: Given) -> Found:
    env = given.env
    defined = run(given.source, env, {"sentry.conf.server": _defaults(given), "distutils.util": {"strtobool": _strtobool}})
    options = with_options(defined["SENTRY_OPTIONS"], given.options)
    found = Found([stores.postgres(name, database, env) for name, database in defined["DATABASES"].items()])
    for name, cluster in options.get("redis.clusters", {}).items():
        found.connections += stores.redis_cluster(name, cluster, env)
    if defined.get("BROKER_URL") is not None:
        found.connections.append(stores.celery_broker(defined["BROKER_URL"], defined.get("BROKER_USE_SSL"), env))
    for name, cluster in defined["KAFKA_CLUSTERS"].items():
        found.connections += stores.kafka_cluster(name, cluster)
    for use in ("filestore", "filestore.profiles", "replay.storage"):
        found.connections += stores.filestore(use, options, env)
    found.connections += stores.nodestore(defined["SENTRY_NODESTORE"], defined["SENTRY_NODESTORE_OPTIONS"], env)
    _note_topics(found, defined, options, given)
    found.settings = {
        "retention_days": options.get("system.event-retention-days"),
        "nodestore": defined["SENTRY_NODESTORE"],
        "eventstream": defined["SENTRY_EVENTSTREAM"],
        "errors_only": is_on(defined.get("SENTRY_SELF_HOSTED_ERRORS_ONLY", False)),
        "secret_key": options.get("system.secret-key"),
        "mail": {name.removeprefix("mail."): value for name, value in options.items() if str(name).startswith("mail.")},
    }
    return found


def with_options(from_python: Mapping[str, Any], config_yml: str) -> dict[str, Any]:
    """Both together: config.yml is stored over what the Python says (bootstrap_options in sentry/runner/initializer.py)."""
    return {**from_python, **(load(config_yml) or {} if config_yml.strip() else {})}


# ── topics ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _note_topics(found: Found, defined: Mapping[str, Any], options: Mapping[str, Any], given: Given) -> None:
    """Renamed ones, those that tasks are routed to, and what a consumer reads.

    Tasks do not follow KAFKA_TOPIC_OVERRIDES (a maintainer in self-hosted#4392, 2026-07); consumers do.
    """
    renamed = dict(defined["KAFKA_TOPIC_OVERRIDES"] or {})
    for name, target in renamed.items():
        found.topic(target, "renamed", f"KAFKA_TOPIC_OVERRIDES.{name}")
    if not given.before(*CELERY_GONE):
        found.topic(defined.get("TASKWORKER_DEFAULT_TOPIC") or DEFAULT_ROUTE, "routed", "TASKWORKER_DEFAULT_TOPIC")
    for namespace, topic in _routes(defined.get("TASKWORKER_ROUTES")).items():
        found.topic(topic, "routed", f"TASKWORKER_ROUTES.{namespace}")
    for namespace, topic in (options.get(ROUTES) or {}).items():
        found.topic(topic, "routed", f"{ROUTES}.{namespace}")
    _note_consumer(found, renamed, given)


def _routes(text: Any) -> Mapping[str, str]:
    """JSON in a text; a mapping before 25.9 or so. What is neither Sentry reports and goes on without."""
    if isinstance(text, Mapping):
        return text
    try:
        routes = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return routes if isinstance(routes, Mapping) else {}


def _note_consumer(found: Found, renamed: Mapping[str, str], given: Given) -> None:
    name, words = consumer_of(given.command)
    topic, dead_letters = consumers(given.version).get(name, ("", ""))
    use = f"sentry run consumer {name}"
    found.topic(option(words, "--topic") or renamed.get(topic, topic), "consumed", use)
    found.topic(renamed.get(dead_letters, dead_letters), "dead-letter", use)
    found.topic(option(words, "--synchronize-commit-log-topic"), "consumed", f"{use} --synchronize-commit-log-topic")


# ── what stands in for the image ───────────────────────────────────────────────────────────────────────────────────────────


def _defaults(given: Given) -> dict[str, Any]:
    """What the chart's file and ours rely on of `sentry.conf.server`; a store that is left out shows by its own default."""
    defaults: dict[str, Any] = {
        "os": os,
        "sys": sys,
        "env": _env,
        "SENTRY_OPTIONS": {},
        "SENTRY_DEFAULT_OPTIONS": {},
        "SENTRY_FEATURES": {},
        "DATABASES": {"default": {"ENGINE": "sentry.db.postgres", "NAME": "sentry", "HOST": "", "PORT": ""}},
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
        "KAFKA_CLUSTERS": {"default": {"common": {"bootstrap.servers": "127.0.0.1:9092"}}},
        "KAFKA_TOPIC_OVERRIDES": {},
        "KAFKA_TOPIC_TO_CLUSTER": {},
        "SENTRY_EVENTSTREAM": "sentry.eventstream.snuba.SnubaEventStream",
        "SENTRY_EVENTSTREAM_OPTIONS": {},
        "SENTRY_NODESTORE": "sentry.nodestore.django.DjangoNodeStorage",
        "SENTRY_NODESTORE_OPTIONS": {},
        "SENTRY_CACHE": None,
        "LOGGING": {"handlers": {}, "loggers": {}, "root": {}},
        "INSTALLED_APPS": (),
        "MIDDLEWARE": (),
        "TEMPLATES": [],
        "AUTHENTICATION_BACKENDS": (),
        "CELERY_IMPORTS": (),
        "CELERY_QUEUES": [],
        "CELERYBEAT_SCHEDULE": {},
        "SENTRY_DISALLOWED_IPS": (),
        "SENTRY_SCOPES": set(),
        "ALLOWED_HOSTS": ["*"],
        "TASKWORKER_ROUTES": given.env.get("TASKWORKER_ROUTES"),
    }
    if given.before(*CELERY_GONE):
        defaults["BROKER_URL"] = "redis://127.0.0.1:6379"
    return defaults


def _env(key: str, default: Any = "", type: Callable[[Any], Any] | None = None) -> Any:
    value = os.environ.get(key, default)
    return type(value) if type is not None else value


def _strtobool(text: str) -> int:
    """As in distutils, which newer Pythons have not."""
    word = text.lower()
    if word in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if word in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"invalid truth value {text!r}")

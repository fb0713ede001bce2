"""Sentry's topics: which they are, and how a broker's are made the same.

A profile names releases of Sentry's schemas (terraform/topics) and what they lack; kit.yaml adds those that the user's own
values name. The union is made, compared and mended (`kit.stores.kafka_topics`), and it is what the rules and the preflight hold
against the topics that rendered programs name: brokers make none by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kit.endpoints import KafkaEndpoint, Trust
from kit.errors import KitError
from kit.sentry.lines.profiles import Profile
from kit.stores import kafka_topics
from kit.stores.contract import Credentials
from kit.stores.kafka import admin_endpoint
from kit.stores.kafka_topics import Comparison, Topic

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

FOLDER = Path("terraform/topics")  # below the shipped files


class SchemasMissing(KitError):
    """A profile names a release of Sentry's schemas that is not here."""

    code = "KIT-TOPICS-SCHEMAS"
    exit_code = 10
    what = "the profile {profile} needs the topics of sentry-kafka-schemas {version}, which are not here"
    why = "there is no {file}"
    fix = "python terraform/topics/make.py {version}; or correct `schemas` in the profile"


def wanted(profile: Profile, assets: Path, own: Mapping[str, Mapping[str, str]]) -> tuple[Topic, ...]:
    """Every topic that this Sentry is given, by name; `own` are the user's, name → settings.

    A newer release of the schemas counts before an older one, the profile before both, the user before all.
    Raises `SchemasMissing`, `StoreError`.
    """
    found: dict[str, Topic] = {}
    for version in profile.schemas:
        if not (file := schemas(assets, version)).is_file():
            raise SchemasMissing(profile=profile.name, version=version, file=file)
        found |= {topic.name: topic for topic in kafka_topics.of_schemas(file)}
    for further in (profile.topics, own):
        found |= {name: Topic(name, 1, {key: str(value) for key, value in given.items()}) for name, given in further.items()}
    return tuple(found[name] for name in sorted(found))


def schemas(assets: Path, version: str) -> Path:
    """The file with the topics of one release of the schemas."""
    return assets / FOLDER / f"{version}.json"


def read(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust, wanted: Iterable[Topic]) -> Comparison:
    """What the broker has beside what is wanted. `endpoint` is Sentry's own."""
    admin = _connected(endpoint, credentials, trust)
    return kafka_topics.compare(wanted, kafka_topics.actual(admin))


def mend(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust, wanted: Iterable[Topic]) -> tuple[str, ...]:
    """Make the broker's topics what is wanted; a line for each change. Nothing is deleted."""
    admin = _connected(endpoint, credentials, trust)
    return kafka_topics.mend(admin, kafka_topics.compare(wanted, kafka_topics.actual(admin)))


def delete(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust, names: tuple[str, ...]) -> None:
    """Topics that nobody asked for, with all that is in them."""
    kafka_topics.delete(_connected(endpoint, credentials, trust), names)


def _connected(endpoint: KafkaEndpoint, credentials: Credentials, trust: Trust) -> AdminClient:
    from kit.stores import kafka_admin  # the client library, which who only asks for names does not pay for

    return kafka_admin.connect(admin_endpoint(endpoint, credentials), trust)


def complaint(comparison: Comparison) -> str | None:
    """Why the topics are to be mended, in words; None where they are as wanted."""
    different = len({each.topic for each in comparison.different})
    counts = {"missing": len(comparison.missing), "different": different}
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number) or None

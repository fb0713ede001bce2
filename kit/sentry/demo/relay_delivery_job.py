"""What runs inside the cluster to see one event in Kafka: the login is mounted, the event's id a variable, the last line JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from kit.endpoints import KafkaEndpoint, Secret, Trust
from kit.errors import KitError
from kit.stores import kafka_records

ASKED = "KIT_ROAD"
LOGIN, AUTHORITY = Path("/run/kit/login/kafka.json"), Path("/run/kit/trust/ca.crt")
TOPIC = "ingest-events"  # of errors, whichever line: sentry-kafka-schemas 1.0.4 and 2.1.39, and Relay's default for `events`


def dump(kafka: KafkaEndpoint) -> str:
    """The login in clear: only for a Secret."""
    return json.dumps({**asdict(kafka), "password": kafka.password.reveal()})


def load(text: str) -> KafkaEndpoint:
    fields = json.loads(text)
    return KafkaEndpoint(**{**fields, "password": Secret(fields["password"]), "more_hosts": tuple(fields["more_hosts"])})


def main() -> None:
    asked = json.loads(os.environ[ASKED])
    since = datetime.fromisoformat(asked["since"])
    try:
        with kafka_records.tail(load(LOGIN.read_text()), Trust(AUTHORITY), TOPIC, since) as tail:
            record = tail.find(asked["event_id"].encode(), asked["timeout_s"])
    except KitError as error:
        print(f"{error.what}: {error.why}")
        raise SystemExit(1) from error
    found = None if record is None else {"partition": record.partition, "offset": record.offset}
    print(json.dumps({"record": found}))

"""Write `<version>.json` from one release of Sentry's own package of schemas: python terraform/topics/make.py VERSION...

The package says which topics a Sentry needs and with which settings they are to be made; Snuba and Sentry are built against
the same release. It is data here because Terraform reads it too, because two releases are needed side by side, and because
the package cannot be installed beside the cloud's SDK (protobuf below 6 against 6.31 and above).
tests/e2e/local/test_topics_data.py makes it again and compares.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import yaml

PACKAGE = "sentry-kafka-schemas"


def document(wheel: Path, version: str) -> str:
    """The JSON text for one release, the same bytes each time."""
    topics = {}
    with zipfile.ZipFile(wheel) as packed:
        for name in sorted(packed.namelist()):
            if not name.startswith("sentry_kafka_schemas/topics/") or not name.endswith(".yaml"):
                continue
            described = yaml.safe_load(packed.read(name))
            enforced = described.get("enforced_partition_count")
            topics[Path(name).stem] = {
                "partitions": enforced or 1,
                "enforced": enforced is not None,
                "config": {key: str(value) for key, value in sorted(described["topic_creation_config"].items())},
            }
    return json.dumps({"schemas": version, "topics": topics}, indent=1, sort_keys=True) + "\n"


def download(version: str, folder: Path) -> Path:
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*argv, "--dest", str(folder), f"{PACKAGE}=={version}"], check=True)
    return next(folder.glob(f"sentry_kafka_schemas-{version}-*.whl"))


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            Path(__file__).with_name(f"{wanted}.json").write_text(document(download(wanted, Path(scratch)), wanted))

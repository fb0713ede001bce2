"""The shipped configuration against the rules of the cloud, by the real terraform and provider: what is taken, what is refused.

The emulator has the quotas of a new cloud, and more is asked for as a rehearsal asks: what kit's check says is enough must be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit import yaml_file
from kit.adapters.yandex import client as yandex
from kit.targets.cloud import changes, checks
from kit.yandex.engine import ids
from kit.yandex.engine.state import Options
from tests.terraform.planning import TERRAFORM
from tests.terraform.test_rehearsal import Rehearsal, rehearsal

EXAMPLES = sorted(path.name for path in (TERRAFORM / "examples").glob("*.tfvars"))
SIZES = sorted(yaml_file.read(TERRAFORM / "sizes.yaml").plain())
FITS_A_NEW_CLOUD = {"demo": True, "ha": False}  # docs/cloud.md says which quotas ha needs more of


def sized(example: str) -> str:
    """The size of an example."""
    lines = (TERRAFORM / "examples" / example).read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("size "))


OTHERS = [size for size in SIZES if size not in {sized(example) for example in EXAMPLES}]  # one apply for each size is enough


@pytest.mark.parametrize("chosen", [*EXAMPLES, *OTHERS])
def test_every_example_and_every_size_can_be_applied(tmp_path: Path, chosen: str) -> None:
    with rehearsal(tmp_path) as it:
        words = [f"-var-file=examples/{chosen}"] if chosen in EXAMPLES else []
        variables: dict[str, Any] = {} if chosen in EXAMPLES else {"size": chosen}
        it.terraform("plan", "-out=rules.tfplan", "-input=false", *words, **variables)
        document = it.shown("rules.tfplan")
        created = Counter(step.subject.partition(".")[0] for step in changes.steps(document) if step.verb == "create")
        cloud = yandex.from_environment(it.environment)
        said = checks.quotas(cloud, ids.CLOUD, created, changes.sums(document), rehearses=True)
        size = sized(chosen) if chosen in EXAMPLES else chosen
        assert (not said) is FITS_A_NEW_CLOUD.get(size, not said), said
        it.terraform("apply", "-input=false", "-no-color", "rules.tfplan", is_planned=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("refused"), options=Options(iam_delay_s=3600)) as it:
        yield it


WRONG = {
    "an unknown host class": ("yandex_mdb_kafka_cluster.sentry", {"kafka": {"preset": "s3-c3-m7"}}, "are not available"),
    "a disk too large": ("yandex_mdb_postgresql_cluster_v2.sentry", {"postgres": {"disk_size": 8193}}, "Invalid disk_size"),
    "less disk than twice the memory": ("yandex_mdb_redis_cluster_v2.sentry", {"redis": {"disk_size": 15}}, "Invalid disk_size"),
    "too many cores": ("yandex_mdb_clickhouse_cluster_v2.sentry", {"clickhouse": {"preset": "s3-c80-m320"}}, "mdb.cpu.count"),
    "a cluster before its role": ("yandex_kubernetes_cluster.sentry", {}, "require 'k8s.clusters.agent' role"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_the_cloud_would_refuse_ends_the_apply(demo: Rehearsal, name: str) -> None:
    target, resources, says = WRONG[name]
    words = ("apply", "-auto-approve", "-input=false", "-no-color", f"-target={target}")
    assert says in flat(demo.terraform(*words, expect=(1,), resources=resources).stderr)


def test_the_pause_after_a_role_lets_a_cluster_be_made(tmp_path: Path) -> None:
    """Without it the cluster is refused, see above."""
    words = ("apply", "-auto-approve", "-input=false", "-no-color", "-target=yandex_kubernetes_cluster.sentry")
    with rehearsal(tmp_path, options=Options(iam_delay_s=2)) as it:
        it.terraform(*words, iam_pause_s=3)


def flat(said: str) -> str:
    return " ".join(said.replace("│", " ").split())

"""The profiles' files read, and what a broken one says."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from kit.sentry.chart import wiring
from kit.sentry.lines import profiles, topics
from kit.sentry.lines.profiles import ProfileInvalid, ProfileUnknown
from kit.sentry.lines.topics import SchemasMissing
from kit.supply import version

ROOT = Path(__file__).parents[2]
STORES = {"kafka", "postgres", "redis", "clickhouse", "s3"}


def test_each_name_has_its_file_and_each_file_its_name() -> None:
    assert {path.stem for path in (ROOT / profiles.FOLDER).glob("*.yaml")} == set(profiles.NAMES)
    assert [profiles.load(name).name for name in profiles.NAMES] == list(profiles.NAMES)


@pytest.mark.parametrize("name", profiles.NAMES)
def test_a_profile_is_of_one_piece(name: str) -> None:
    profile = profiles.load(name)
    assert version.satisfies(profile.chart_version, profile.chart_range)
    assert all(topics.schemas(ROOT, release).is_file() for release in profile.schemas)
    assert set(profile.sizes) == {"errors-only", "full"}
    assert all(set(component.stores) <= STORES for component in profile.components)
    assert all("errors-only" not in component.sizes or "full" in component.sizes for component in profile.components)
    keys = [component.key for component in profile.components]
    assert keys
    assert len(set(keys)) == len(keys)
    assert wiring.from_document(name, profile.wiring).mount == "/etc/kit/trust"


@pytest.mark.parametrize("name", profiles.NAMES)
def test_librdkafka_is_told_of_the_authority_wherever_it_has_a_variable_for_it(name: str) -> None:
    profile = profiles.load(name)
    everywhere = profile.wiring["everywhere"]
    assert everywhere["KAFKA_SSL_CA_PATH"] == everywhere["PGSSLROOTCERT"] == "/etc/kit/trust/ca.crt"
    # What replaces a whole trust store must hold the public roots too.
    assert {everywhere[key] for key in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")} == {"/etc/kit/trust/bundle.crt"}


def test_the_small_size_of_both_lines_runs_what_an_error_passes_through() -> None:
    for name in profiles.NAMES:
        running = {component.key for component in profiles.load(name).running("errors-only")}
        assert {"relay", "sentry.web", "sentry.ingestConsumerEvents", "snuba.consumer", "snuba.api"} <= running
        assert not {"vroom", "symbolicator"} & running


def test_rust_consumers_run_only_where_they_know_tls() -> None:
    for name in profiles.NAMES:
        profile = profiles.load(name)
        assert profile.rules["rust_consumers"] is False or version.satisfies(profile.app_version, ">=25.4.0")


def sourceless(text: str) -> list[str]:
    """The lines of a profile that say something and have no source: neither themselves nor a line that they stand below."""
    known = yaml.safe_load(text)["sources"]
    found, above = [], list[tuple[int, bool]]()
    for line in text.splitlines():
        code = line.split(" #")[0].rstrip()
        if not code or code.startswith("#"):
            continue
        depth = len(code) - len(code.lstrip())
        above = [(at, has) for at, has in above if at < depth]
        named = re.findall(r"\[([a-z0-9.-]+)\]$", line)
        has = any(has for _, has in above) or (bool(named) and named[0] in known)
        is_leaf = not code.endswith(":")
        above.append((depth, has))
        if is_leaf and not has and code.split(":")[0] not in ("name", "  - image", "    - image", "  secret_files"):
            found.append(line)
    return found


@pytest.mark.parametrize("name", profiles.NAMES)
def test_every_line_that_says_something_has_its_source_and_its_date(name: str) -> None:
    text = (ROOT / profiles.FOLDER / f"{name}.yaml").read_text()
    block = text[text.index("sources:") : text.index("\n\n")]
    assert sourceless(text.replace(block, "sources: " + repr(yaml.safe_load(block)["sources"]) + " # [kit]", 1)) == []
    for key, source in yaml.safe_load(text)["sources"].items():
        assert f"[{key}]" in text, f"{key}: a source of nothing"
        assert set(source) == {"what", "read"}
        assert isinstance(source["read"], date)


def test_a_line_without_a_source_is_found() -> None:
    text = (
        "sources: {docs: {what: x, read: 2026-01-01}} # [docs]\nfine: 1 # so it is [docs]\nbare: 2\nblock: # [docs]\n  below: 3\n"
    )
    assert sourceless(text) == ["bare: 2"]
    assert sourceless(text + "wrong: 4 # [nowhere]\n") == ["bare: 2", "wrong: 4 # [nowhere]"]


def test_the_topics_are_those_of_every_release_of_the_schemas_of_the_profile_and_the_user_s() -> None:
    seed = {topic.name: topic for topic in topics.wanted(profiles.load("seed"), ROOT, {"mine": {"max.message.bytes": "5"}})}
    assert {"task-worker", "ingest-events-backlog", "snuba-items", "taskworker"} <= set(seed)  # of 1.0.4, 1.1.0, 1.2.0, 1.2.0
    assert seed["mine"].settings == {"max.message.bytes": "5"}
    current = {topic.name for topic in topics.wanted(profiles.load("current"), ROOT, {})}
    brokers = ("ingest", "long", "products")  # chart 33's, beside the default one
    assert {f"taskworker-{broker}{suffix}" for broker in brokers for suffix in ("", "-dlq")} <= current


def test_a_release_of_the_schemas_that_is_not_here_is_named_with_what_makes_it() -> None:
    profile = dataclasses.replace(profiles.load("current"), schemas=("2.1.39", "9.9.9"))
    with pytest.raises(SchemasMissing, match=r"sentry-kafka-schemas 9\.9\.9") as refused:
        topics.wanted(profile, ROOT, {})
    assert refused.value.fix.startswith("python terraform/topics/make.py 9.9.9")


def test_the_newer_release_of_the_schemas_counts_where_two_differ() -> None:
    found = {topic.name: topic for topic in topics.wanted(profiles.load("seed"), ROOT, {})}
    assert found["ingest-transactions-backlog"].settings["retention.ms"] == "86400000"  # seven days until 1.0.4


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ProfileUnknown) as refused:
        profiles.load("newest")
    assert "current, seed" in refused.value.why


@pytest.mark.parametrize("name", ["../profiles/seed", "", "seed.yaml"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ProfileUnknown):
        profiles.load(name)


def test_a_profile_that_lacks_something_says_what(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / profiles.FOLDER / "seed.yaml").read_text())
    del document["chart"]["range"]
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ProfileInvalid, match=r"broken\.yaml") as refused:
        profiles.load("broken", tmp_path)
    assert "range" in refused.value.why


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("chart: [")
    with pytest.raises(ProfileInvalid):
        profiles.load("broken", tmp_path)


@pytest.mark.parametrize("sha256", ["0" * 63, "0" * 65, "X" * 64, f"sha256:{'0' * 64}", None, 12])
def test_what_is_no_sha256_is_refused(tmp_path: Path, sha256: object) -> None:
    document = yaml.safe_load((ROOT / profiles.FOLDER / "seed.yaml").read_text())
    document["chart"]["sha256"] = sha256
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ProfileInvalid, match=r"broken\.yaml") as refused:
        profiles.load("broken", tmp_path)
    line = int(refused.value.what.partition("broken.yaml:")[2].split()[0])
    assert "sha256" in (tmp_path / "broken.yaml").read_text().splitlines()[line - 1]


def test_a_chart_may_be_pinned(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / profiles.FOLDER / "seed.yaml").read_text())
    assert profiles.load("seed").chart_sha256 == document["chart"].get("sha256", "")
    document["chart"]["sha256"] = "0a" * 32
    (tmp_path / "pinned.yaml").write_text(yaml.safe_dump(document))
    assert profiles.load("pinned", tmp_path).chart_sha256 == "0a" * 32

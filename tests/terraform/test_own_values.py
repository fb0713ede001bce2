"""The user's own values on the whole road before a cluster: module, merge, chart, wiring, executed settings, rules."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest
import yaml

from kit import workspace
from kit.blueprint import file
from kit.blueprint.stack import Stack
from kit.sentry.chart.own_values import OwnValuesUnfit, OwnValuesUnrendered
from kit.sentry.check.check import Inspection
from kit.sentry.check.rule import Finding
from kit.sentry.preview import Preview
from kit.targets.local import previews
from kit.targets.local.target import LocalTarget
from tests.support import fixture_chart
from tests.support.program import Program
from tests.support.terraform import program

Made = Callable[[str], Preview]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """kit.yaml's text → what `kit values` looks at, by the small chart in Sentry's place and with no stack."""
    program()  # terraform is there from here on
    home = tmp_path_factory.mktemp("home")
    chart = fixture_chart.write(tmp_path_factory.mktemp("chart"))

    def make(text: str) -> Preview:
        described = file.parse(text, "kit.yaml", name="own-values")
        wanted = dataclasses.replace(described.sentry, flavour="chart", chart=str(chart))
        space = dataclasses.replace(workspace.find(described.name), home=home)
        return previews.of_stack(LocalTarget(dataclasses.replace(described, sentry=wanted), space), wanted)

    return make


@pytest.fixture(scope="module")
def without(made: Made) -> frozenset[str]:
    """What is found in the small chart anyway."""
    return frozenset(said(made("").inspect()))


def own(text: str) -> str:
    return "sentry:\n  values:\n" + "".join(f"    {line}\n" for line in text.splitlines())


def said(looked: Inspection) -> list[str]:
    return [line(finding) for finding in looked.findings]


def line(finding: Finding) -> str:
    return f"{finding.rule} {finding.place}: {finding.found}"


def settings(name: str, *lines: str) -> str:
    return "\n".join([f"config:\n  {name}: |", *(f"    {line}" for line in lines)])


HARMLESS = """\
sentry:
  web: {replicas: 3, resources: {requests: {memory: 1Gi}}}
  worker: null
snuba: {api: {env: [{name: LOG_LEVEL, value: debug}]}}
config:
  sentryConfPy: |
    SENTRY_FEATURES["organizations:dashboards-edit"] = True
  snubaSettingsPy: |
    TURBO_SAMPLE_RATE = 0.1
"""


def test_values_that_break_nothing_are_found_right(made: Made, without: frozenset[str]) -> None:
    looked = made(own(HARMLESS)).inspect()
    assert set(said(looked)) - without == set()
    assert looked.connections == made("").inspect().connections, "no connection was lost"


# The user's values → the rule that finds them.
BREAKING = {
    "Postgres without verification": ("externalPostgresql: {sslMode: require}", "PG-VERIFY-FULL"),
    "Redis without TLS": ("externalRedis: {ssl: false}", "CLIENT-TLS"),
    "another Redis": ("externalRedis: {host: elsewhere}", "STORE-KNOWN"),
    "another database of Redis": ("externalRedis: {db: 3}", "REDIS-DB"),
    "Kafka without TLS, in the chart's key": ("externalKafka: {security: {protocol: SASL_PLAINTEXT}}", "NO-PLAINTEXT"),
    "Kafka's plaintext port": ("externalKafka: {cluster: [{host: kafka, port: 9092}]}", "NO-PLAIN-PORT"),
    "ClickHouse's plaintext port": ("externalClickhouse: {tcpPort: 9000}", "NO-PLAIN-PORT"),
    "public files": ("filestore: {s3: {default_acl: public-read}}", "S3-PRIVATE"),
    "the other bucket's key": ("filestore: {s3: {existingSecret: kit-nodestore}}", "KEYS-OWN"),
    "a Secret that nobody makes": ("externalPostgresql: {existingSecret: mine}", "REFERENCE-THERE"),
    "a key that the Secret has not": ("externalPostgresql: {existingSecretKeys: {password: pw}}", "REFERENCE-THERE"),
    "another secret key": ("sentry: {existingSecret: kit-postgres, existingSecretKey: password}", "DJANGO-KEY"),
    "hooks that must hurry": ("hooks: {activeDeadlineSeconds: 60}", "HOOK-DEADLINE"),
    "an image that moves": ("fixture: {tag: latest}", "IMAGE-PINNED"),
    "an image of Bitnami": ("fixture: {registry: docker.io/bitnami/getsentry}", "IMAGE-NO-BITNAMI"),
    "Deployments as hooks": ("asHook: true", "HOOKS-ARE-JOBS"),
    "a proxy between Sentry and its stores": (
        "sentry: {web: {env: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}]}}",
        "PROXY-SPARES",
    ),
    "a topic that nobody makes": (settings("sentryConfPy", 'KAFKA_TOPIC_OVERRIDES["events"] = "my-events"'), "TOPIC-MADE"),
    "a Relay that does not ask for its topics": ("config: {relay: '  kafka_validate_topics: false'}", "RELAY-VALIDATES"),
    "mail without TLS": ("mail: {backend: smtp, host: smtp.example.org, from: a@b}", "MAIL-TLS"),
    "mail from nobody": ("mail: {backend: smtp, host: smtp.example.org, useTls: true}", "MAIL-GIVEN"),
    "a key that nobody reads": ("sentri: {web: {replicas: 2}}", "VALUES-KNOWN"),
    "settings that do not run": (settings("sentryConfPy", "raise RuntimeError('no')"), "SETTINGS-RUN"),
    "settings that turn TLS off": (
        settings("sentryConfPy", 'DEFAULT_KAFKA_OPTIONS["common"]["security.protocol"] = "SASL_PLAINTEXT"'),
        "KAFKA-PROTOCOL",
    ),
    "settings that name no authority": (
        settings("sentryConfPy", 'DEFAULT_KAFKA_OPTIONS["common"]["ssl.ca.location"] = ""'),
        "CLIENT-CA",
    ),
    "Snuba's without verification": (settings("snubaSettingsPy", 'CLUSTERS[0]["verify"] = False'), "CLIENT-VERIFIES"),
    "Snuba's without TLS": (settings("snubaSettingsPy", 'CLUSTERS[0]["secure"] = False'), "CLIENT-TLS"),
    "events in Postgres": (
        settings("sentryConfPy", 'SENTRY_NODESTORE = "sentry.nodestore.django.DjangoNodeStorage"'),
        "NODESTORE-S3",
    ),
    "files on a disk": (settings("sentryConfPy", 'SENTRY_OPTIONS["filestore.backend"] = "filesystem"'), "FILESTORE-S3"),
    "a secret in the settings": (settings("sentryConfPy", 'GITHUB = {"password": "hunter2-in-clear"}'), "SECRET-LITERAL"),
}


@pytest.mark.parametrize(("text", "rule"), BREAKING.values(), ids=BREAKING)
def test_values_that_break_a_rule_are_found_by_it(made: Made, without: frozenset[str], text: str, rule: str) -> None:
    looked = made(own(text)).inspect()
    found = [finding for finding in looked.findings if finding.rule == rule and line(finding) not in without]
    assert found, said(looked)
    assert all(finding.fix and finding.why for finding in found)
    assert "hunter2" not in " ".join(said(looked))
    if found[0].object == "values":
        assert found[0].found.endswith("(kit.yaml:3)")


def test_another_shape_than_the_charts_is_refused_with_its_line(made: Made) -> None:
    with pytest.raises(OwnValuesUnfit) as refused:
        made(own("memcached: null\nfixture: whole")).inspect()
    assert "kit.yaml:4 makes fixture a single word" in refused.value.what


def test_settings_that_are_taken_away_are_told_in_helms_words(made: Made) -> None:
    with pytest.raises(OwnValuesUnrendered) as refused:
        made(own("config: {snubaSettingsPy: null}")).inspect()
    assert (refused.value.code, refused.value.exit_code) == ("KIT-VALUES-UNRENDERED", 14)
    assert "settings.yaml" in refused.value.why


def test_settings_of_nothing_take_nothing_away(made: Made) -> None:
    assert said(made(own("config: {snubaSettingsPy: '', sentryConfPy: ''}")).inspect()) == said(made("").inspect())


# -- as a user types it


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program()
    return Program(tmp_path_factory.mktemp("values"), "own-values")


@pytest.fixture
def written(kit: Program) -> Callable[[str], None]:
    return lambda text: (kit.home / "kit.yaml").write_text(text) and None


def test_merged_values_are_shown_with_a_mark(kit: Program, written: Callable[[str], None]) -> None:
    written("")
    plain = yaml.safe_load(kit.must("values", "show").stdout)
    written(own("sentry:\n  web: {replicas: 2}\n" + settings("sentryConfPy", "MINE = 1")))
    shown = kit.must("values", "show").stdout
    marked = [line for line in shown.splitlines() if "# kit.yaml:" in line]
    assert [line.split("#")[0].strip() for line in marked] == ["sentryConfPy: |", "replicas: 2"]
    found = yaml.safe_load(shown)
    assert found["sentry"]["web"] == {**plain["sentry"]["web"], "replicas": 2}
    assert found["config"]["sentryConfPy"].startswith(plain["config"]["sentryConfPy"].rstrip())
    assert found["config"]["sentryConfPy"].rstrip().endswith("MINE = 1")
    assert kit.must("values", "show", "-o", "json").json == found


def test_a_file_of_values_is_taken_for_stores_elsewhere_too(kit: Program, written: Callable[[str], None]) -> None:
    from tests.support.elsewhere import ENDPOINTS

    written("sentry: {values: own.yaml}\n")
    (kit.home / "own.yaml").write_text("system: {uploadUrl: https://up.example.net}\n")
    (kit.home / "endpoints.json").write_text(json.dumps(ENDPOINTS))
    words = ("values", "show", "--endpoints", str(kit.home / "endpoints.json"), "--url", "https://sentry.example.net")
    assert "uploadUrl: https://up.example.net  # own.yaml:1" in kit.must(*words).stdout


def test_another_shape_is_refused_with_code_cause_and_fix(kit: Program, written: Callable[[str], None]) -> None:
    written(own("sentry:\n  web: [a]"))
    ran = kit("values", "show")
    assert (ran.exit_code, ran.stdout) == (10, "")
    assert "KIT-VALUES-OWN" in ran.stderr
    assert "kit.yaml:4 makes sentry.web a list" in " ".join(ran.stderr.split())


def test_mail_is_among_the_values_of_the_local_stack(kit: Program, written: Callable[[str], None]) -> None:
    written("mail: {host: smtp.example.org, user: sentry, from: sentry@example.org}\n")
    assert yaml.safe_load(kit.must("values", "show").stdout)["mail"] == {
        "backend": "smtp",
        "host": "smtp.example.org",
        "port": 587,
        "useTls": True,
        "useSsl": False,
        "from": "sentry@example.org",
        "username": "sentry",
        "existingSecret": "kit-mail",
        "existingSecretKey": "mail-password",
    }


def test_a_mistake_in_kit_yaml_stops_every_command_that_reads_it(kit: Program, written: Callable[[str], None]) -> None:
    written("mail: {host: smtp.example.org, from: a@b, tls: none}\n")
    ran = kit("status")
    assert ran.exit_code == 10
    assert "KIT-MAIL-PLAINTEXT" in ran.stderr


def test_a_stack_s_description_stays_pure() -> None:
    assert Stack() == file.parse("sentry: {values: {}}", "kit.yaml")

"""`sentry.values` and `mail` of kit.yaml: words stay as they are written, secrets stay out, and every refusal has its line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kit import yaml_file
from kit.blueprint import file
from kit.blueprint.file import MailPlaintext
from kit.blueprint.own_values import BadBlueprint, SecretInClear
from kit.blueprint.stack import Mail, OwnValues, SentryWanted, Stack
from kit.errors import KitError
from kit.state import choice

WRITTEN = """\
sentry:
  values:
    sentry:
      web: {replicas: 2, env: [{name: A, value: "1.30"}]}
      worker: null
    on: false
"""


def read(values: str) -> OwnValues:
    """Of values written below `sentry.values`, which begins in line 3."""
    return file.parse("sentry:\n  values:\n" + "".join(f"    {line}\n" for line in values.splitlines()), "kit.yaml").sentry.values


def refused(text: str) -> KitError:
    with pytest.raises(KitError) as caught:
        file.parse(text, "kit.yaml")
    return caught.value


def test_values_are_read_with_the_place_of_each() -> None:
    found = file.parse(WRITTEN, "kit.yaml").sentry.values
    env = [{"name": "A", "value": "1.30"}]
    assert found.document == {"sentry": {"web": {"replicas": 2, "env": env}, "worker": None}, "on": False}
    assert found.place(("sentry", "worker")) == "kit.yaml:5"
    assert found.place(("sentry", "web", "env", "0", "value")) == "kit.yaml:4"
    assert found.place(("sentry", "web", "unknown")) == "kit.yaml:4", "the nearest above it"
    assert found.place(("elsewhere",)) == ""


def test_nobody_can_change_what_was_read() -> None:
    found = read("a: {b: [1]}")
    found.document["a"]["b"].append(2)
    assert found.document == {"a": {"b": [1]}}
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.text = "{}"  # type: ignore[misc]


def test_where_it_is_written_makes_no_difference() -> None:
    assert read("a: 1\nb: 2") == read("b: 2\n\n\na: 1")


@pytest.mark.parametrize("nothing", ["", " ~", "\n    # sentry: {}"])
def test_values_that_are_all_commented_out_are_none(nothing: str) -> None:
    assert file.parse(f"sentry:\n  values:{nothing}\n", "kit.yaml") == Stack()


def test_a_file_of_values_is_found_beside_kit_yaml(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("# mine\nsentry:\n  web: {replicas: 3}\n")
    (tmp_path / "kit.yaml").write_text("sentry: {values: ./own.yaml}\n")
    found = file.load(tmp_path / "kit.yaml", name=None).sentry.values
    assert found.document == {"sentry": {"web": {"replicas": 3}}}
    assert found.place(("sentry", "web")) == f"{tmp_path / 'own.yaml'}:3"


def test_an_empty_file_of_values_is_none(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("# nothing yet\n")
    (tmp_path / "kit.yaml").write_text("sentry: {values: own.yaml}\n")
    assert file.load(tmp_path / "kit.yaml", name=None) == Stack()


@pytest.mark.parametrize(
    ("content", "where", "says"),
    [
        (b"sentry: [\n", "own.yaml:2", "expected"),
        (b"- a\n", "own.yaml:1", "a mapping is expected"),
        (b"a: 1\n---\nb: 2\n", "own.yaml:2", "single document"),
        (b"a: 1\nb: \xff\n", "own.yaml:2", "UTF-8"),
        (b"image:\n  tag: 1.30\n", "own.yaml:2", "1.30 without quotes is 1.3"),
        (b"[" * 5000, "own.yaml", "nested too deeply"),
    ],
)
def test_what_is_wrong_in_it_is_named_with_its_own_line(tmp_path: Path, content: bytes, where: str, says: str) -> None:
    (tmp_path / "own.yaml").write_bytes(content)
    (tmp_path / "kit.yaml").write_text("sentry: {values: own.yaml}\n")
    with pytest.raises(BadBlueprint) as caught:
        file.load(tmp_path / "kit.yaml", name=None)
    assert f"{where} is not" in caught.value.what
    assert says in caught.value.why


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "kit.yaml").write_text("name: kit\nsentry:\n  values: own.yaml\n")
    with pytest.raises(BadBlueprint) as caught:
        file.load(tmp_path / "kit.yaml", name=None)
    assert "kit.yaml:3 " in caught.value.what
    assert "own.yaml" in caught.value.why


# -- words as they are written


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.5", 1.5),
        ("0.25", 0.25),
        ("-3", -3),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("~", None),
        ('"1.30"', "1.30"),
        ("'on'", "on"),
        ("1.30.1", "1.30.1"),
        ("2026-11-28", "2026-11-28"),
        ("1e3", "1e3"),
        ("=", "="),
        ("!!str 012", "012"),
        ("v1.30", "v1.30"),
    ],
)
def test_a_word_that_reads_as_it_looks_is_taken(written: str, value: Any) -> None:
    assert read(f"a: {written}").document == {"a": value}


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("1.30", "1.3"),
        ("26.10", "26.1"),
        ("4.0", "4"),
        ("1.0e+3", "1000"),
        (".5", "0.5"),
        ("012", "10"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("+1", "1"),
        ("12:30:45", "45045"),
        ("9007199254740993", "9007199254740993"),
        ("yes", "true"),
        ("on", "true"),
        ("Off", "false"),
        (".inf", "inf"),
        ("!!binary aGk=", ""),
        ("!mine x", ""),
    ],
)
@pytest.mark.parametrize("section", ["sentry: {values: {a: {b: %s}}}", "cloud:\n  labels: {b: %s}"])
def test_a_word_that_yaml_would_change_is_refused_with_its_line(section: str, written: str, read_as: str) -> None:
    error = refused(f"name: kit\n{section % written}\n")
    assert isinstance(error, BadBlueprint)
    assert f"kit.yaml:{2 if 'sentry' in section else 3} " in error.what
    if read_as:
        assert f"without quotes is {read_as} " in error.why
        assert f'quote it: "{written}"' in error.fix


def test_a_key_is_a_word_whatever_yaml_takes_it_for() -> None:
    assert read("on: a\n1.30: b\n~: c").document == {"on": "a", "1.30": "b", "~": "c"}


def test_aliases_and_merges_are_written_out() -> None:
    assert read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: [*x]").document == {
        "x": {"a": 1, "b": 2},
        "y": {"a": 1, "b": 3},
        "z": [{"a": 1, "b": 2}],
    }


@pytest.mark.parametrize(
    ("values", "line", "says"),
    [
        ("a: 1\na: 2", 4, "twice"),
        ("x: &x {b: *x}", 3, "leads back"),
        ("x: &x\n  <<: *x", 4, "<< takes a mapping"),
        ("x: &x [1]\ny: {<<: *x}", 4, "<< takes a mapping"),
        ("? [a]\n: 1", 3, "a key is a word"),
        ("- a", 2, "a mapping is expected"),
        (
            "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)),
            3,
            f"more than {yaml_file.MOST_NODES} values",
        ),
    ],
)
def test_what_cannot_be_values_is_refused_with_its_line(values: str, line: int, says: str) -> None:
    with pytest.raises(BadBlueprint) as caught:
        read(values)
    assert f"kit.yaml:{line} " in caught.value.what
    assert says in caught.value.why


# -- secrets


@pytest.mark.parametrize(
    ("values", "line", "names"),
    [
        ("mail:\n  password: hunter22", 4, "mail.password"),
        ("slack: {clientSecret: abc}", 3, "slack.clientSecret"),
        ("github:\n  webhookSecret: abc\n  existingSecret: mine", 4, "github.webhookSecret"),
        ("github:\n  privateKey: |\n    -----BEGIN", 4, "github.privateKey"),
        ("discord: {botToken: 123456}", 3, "discord.botToken"),
        ("externalRedis: {password: hunter22}", 3, "externalRedis.password"),
        ("filestore: {s3: {accessKey: AK, secretKey: x}}", 3, "filestore.s3.accessKey"),
        ("geodata: {licenseKey: x}", 3, "geodata.licenseKey"),
        ("openai: {api-token: x}", 3, "openai.api-token"),
        ("sentry:\n  web:\n    env:\n      - {name: A, value: b}\n      - name: MY_API_KEY\n        value: abc", 8, "MY_API_KEY"),
        ("sentry: {web: {env: [{name: REDIS_URL, value: 'rediss://:hunter22@redis:6380'}]}}", 3, "value"),
    ],
)
def test_a_secret_that_is_written_out_is_refused_with_the_way_to_name_one(values: str, line: int, names: str) -> None:
    with pytest.raises(SecretInClear) as caught:
        read(values)
    error = caught.value
    assert error.what.startswith(f"kit.yaml:{line} ")
    assert names in error.what
    assert "kit secrets set" in error.fix
    assert "kit-own" in error.fix
    for secret in ("hunter22", "abc", "AK", "BEGIN"):
        assert secret not in f"{error.what} {error.why} {error.fix} {error.detail}".replace(names, "")


@pytest.mark.parametrize(
    "values",
    [
        "slack: {existingSecret: mine, existingSecretClientSecret: client-secret}",
        "externalPostgresql: {existingSecret: mine, existingSecretKeys: {password: password}}",
        "postgresql: {auth: {secretKeys: {adminPasswordKey: postgres-password}}}",
        "filestore: {s3: {accessKeyIdRef: a, secretAccessKeyRef: b}}",
        "externalKafka: {sasl: {password: None}}",
        "serviceAccount: {automountServiceAccountToken: true}",
        "ingress: {annotations: {nginx.ingress.kubernetes.io/auth-secret: basic}, tls: [{secretName: sentry-tls}]}",
        "relay: {processing: {additionalKafkaConfig: [{name: sasl.password, value: '${KAFKA_SASL_PASSWORD}'}]}}",
        "sentry: {web: {env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: kit-own, key: token}}}]}}",
        "sentry: {web: {env: [{name: TOKEN_PATH, value: /run/token}, {name: U, value: 'rediss://:$(PW)@redis:6380'}]}}",
        "mail: {password: ''}",
    ],
)
def test_what_only_names_a_secret_is_taken(values: str) -> None:
    assert read(values).document


# -- mail


def test_mail_is_read_and_takes_the_ports_of_its_kind() -> None:
    least = file.parse("mail: {host: smtp.example.org, from: sentry@example.org}", "kit.yaml").mail
    assert least == Mail("smtp.example.org", "sentry@example.org", 587, "", "starttls")
    full = file.parse("mail: {host: 10.0.0.1, from: a@b, user: me, tls: tls}", "kit.yaml").mail
    assert full == Mail("10.0.0.1", "a@b", 465, "me", "tls")
    other = file.parse("mail: {host: smtp, from: a@b, port: 25}", "kit.yaml").mail
    assert other is not None
    assert (other.port, other.tls) == (25, "starttls")


@pytest.mark.parametrize("word", ["none", "no", "off", "false", "plaintext", "None"])
def test_mail_without_tls_is_refused_by_a_name_of_its_own(word: str) -> None:
    error = refused(f"mail:\n  host: smtp.example.org\n  from: a@b\n  tls: {word}\n")
    assert isinstance(error, MailPlaintext)
    assert (error.code, error.exit_code) == ("KIT-MAIL-PLAINTEXT", 10)
    assert "kit.yaml:4" in error.what
    assert "starttls" in error.fix


def test_a_password_of_mail_has_no_place_in_kit_yaml() -> None:
    error = refused("mail:\n  host: smtp.example.org\n  password: hunter22\n")
    assert isinstance(error, SecretInClear)
    assert "kit.yaml:3" in error.what
    assert "kit secrets set mail" in error.fix
    assert "hunter22" not in f"{error.what}{error.why}{error.fix}"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("mail: {from: a@b}", 1, "`host`"),
        ("mail: {host: smtp}", 1, "`from`"),
        ("mail:\n  host: smtp://smtp.example.org\n  from: a@b", 2, "host name"),
        ("mail:\n  host: smtp\n  from: Sentry", 3, "e-mail address"),
        ("mail:\n  host: smtp\n  from: a@b\n  port: 0", 4, "whole number"),
        ("mail:\n  host: smtp\n  from: a@b\n  tls: ssl", 4, "starttls, tls"),
        ("mail:\n  hots: smtp", 2, "unknown key 'hots'"),
        ("mail: smtp.example.org", 1, "a mapping is expected"),
        ("sentry:\n  mail: {}", 2, "unknown key 'mail'"),
    ],
)
def test_what_is_wrong_with_mail_is_named_with_its_line(text: str, line: int, says: str) -> None:
    error = refused(text)
    assert f"kit.yaml:{line} " in error.what
    assert says in error.why


# -- what is remembered


def test_values_are_not_remembered_with_the_choice_of_a_sentry(tmp_path: Path) -> None:
    wanted = SentryWanted(flavour="chart", values=read("a: private-business"))
    choice.save(tmp_path, wanted)
    assert "private-business" not in (tmp_path / choice.NAME).read_text()
    assert choice.load(tmp_path) == SentryWanted(flavour="chart")

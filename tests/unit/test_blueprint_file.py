"""kit.yaml: what is right is read, what is wrong is named with file and line."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kit.blueprint import file
from kit.blueprint.stack import SentryWanted, Stack
from tests.support.program import ROOT

RIGHT = """\
name: scratch
ports:
  kafka.sasl: 19091
memory_mb: {kafka: 1024}
"""


def test_a_right_file_is_read() -> None:
    assert file.parse(RIGHT, "kit.yaml") == Stack(name="scratch", ports={"kafka.sasl": 19091}, memory_mb={"kafka": 1024})


def test_which_sentry_is_read() -> None:
    text = "sentry: {kind: chart, profile: seed, size: full, chart: ./sentry, retention_days: 30}"
    assert file.parse(text, "kit.yaml").sentry == SentryWanted("chart", "seed", "full", "./sentry", 30)


def test_network_policies_are_wanted_unless_they_are_not() -> None:
    assert file.parse("sentry: {kind: lite}", "kit.yaml").sentry.network_policies is True
    assert file.parse("sentry: {network_policies: false}", "kit.yaml").sentry.network_policies is False
    with pytest.raises(file.BadBlueprint, match=r"kit\.yaml:1"):
        file.parse("sentry: {network_policies: none}", "kit.yaml")


def test_the_older_name_of_the_kind_is_read_with_a_warning() -> None:
    old = file.parse("sentry:\n  flavour: chart\n", "kit.yaml")
    assert old.sentry == SentryWanted("chart")
    assert old.warnings == ("kit.yaml:2: `sentry.flavour` is called `sentry.kind` now",)
    assert file.parse("sentry: {kind: chart}", "kit.yaml").warnings == ()


def test_the_cloud_s_variables_are_taken_as_they_are() -> None:
    assert file.parse("cloud: {domain: sentry.example.com, zones: [a, b]}", "kit.yaml").cloud == {
        "domain": "sentry.example.com",
        "zones": ["a", "b"],
    }


def test_the_command_line_names_the_stack_before_the_file_does() -> None:
    assert file.parse(RIGHT, "kit.yaml", name="other").name == "other"


def test_an_empty_file_is_the_defaults() -> None:
    assert file.parse("", "kit.yaml") == Stack()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("nmae: x\n", 1, "unknown key 'nmae'"),
        ("name: kit\nports:\n  kafka.sals: 1\n", 3, "unknown key 'kafka.sals'"),
        ("ports:\n  kafka.sasl: ninety\n", 2, "'ninety' is not a whole number"),
        ("ports:\n  kafka.sasl: 70000\n", 2, "'70000' is not a whole number"),
        ("memory_mb:\n  kafka: 1\n", 2, "'1' is not a whole number"),
        ("ports: 9091\n", 1, "a mapping is expected"),
        ("sentry:\n  profile: curent\n", 2, "'curent' is none of current, seed"),
        ("sentry: {kind: light}\n", 1, "'light' is none of lite, chart"),
        ("sentry:\n  kind: lite\n  flavour: chart\n", 3, "`kind` says the same as `flavour`"),
        ("sentry: {flavur: chart}\n", 1, "unknown key 'flavur'"),
        ("sentry: {size: huge}\n", 1, "'huge' is none of errors-only, full"),
        ("- kit\n", 1, "a mapping is expected"),
        ("name: kit\nname: other\n", 2, "twice"),
        ("name: [kit]\n", 1, "a word is expected"),
        ("name: kit\n  ports: x\n", 2, "mapping values are not allowed"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(file.BadBlueprint) as caught:
        file.parse(text, "kit.yaml")
    assert f"kit.yaml:{line} " in caught.value.what
    assert says in caught.value.why


def test_a_near_miss_gets_a_suggestion() -> None:
    with pytest.raises(file.BadBlueprint) as caught:
        file.parse("nmae: x\n", "kit.yaml")
    assert caught.value.fix == "did you mean 'name'?"


@pytest.mark.parametrize("name", ["Kit", "1st", "a_b", "", "-x", "x-", "x" * 31, "../etc", "a b"])
def test_a_name_that_containers_cannot_bear_is_refused(name: str) -> None:
    with pytest.raises(file.BadName):
        file.checked_name(name)


def test_a_file_the_user_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(file.BadBlueprint, match=r"nowhere\.yaml"):
        file.load(tmp_path / "nowhere.yaml", name=None)


@pytest.mark.parametrize(
    ("content", "where", "says", "fix"),
    [
        ("name: x  # я\n".encode("utf-16"), "", "UTF-16", "iconv -f UTF-16"),
        ("name: x\n".encode("utf-16-le"), "", "UTF-16", "iconv -f UTF-16"),
        ("name: x\n# я\n".encode("cp1251"), ":2", "not text in UTF-8", "iconv -f CP1251"),
        (b"name: x\x00\n", ":1", "a control character", "remove it"),
        (None, "", "directory", "who may read the file"),
    ],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, content: bytes | None, where: str, says: str, fix: str) -> None:
    path = tmp_path / "kit.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(file.BadBlueprint) as caught:
        file.load(path, name=None)
    assert caught.value.what == f"{path}{where} is not a valid blueprint"
    assert says in caught.value.why
    assert fix in caught.value.fix


@pytest.mark.parametrize("variable", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
@pytest.mark.parametrize(
    ("content", "name"),
    [(b"", "kit"), (b"name: x\r\nports: {}\r\n", "x"), (b"\xef\xbb\xbfname: x\n", "x"), ("name: x  # я\n".encode(), "x")],
)
def test_any_other_text_is_read(tmp_path: Path, content: bytes, name: str, variable: dict[str, str]) -> None:
    (tmp_path / "kit.yaml").write_bytes(content)
    code = "from kit.blueprint import file; print(file.load(None, name=None).name)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variable}
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == f"{name}\n"


def test_a_folder_of_that_name_is_no_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kit.yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(file.BadBlueprint, match="not a valid blueprint"):
        file.load(None, name=None)


def test_a_file_that_this_user_may_not_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = Path(name) / "kit.yaml"
        path.touch(0o000)
        user = os.geteuid()
        if user == 0:  # who may read everything
            os.seteuid(12345)
        try:
            with pytest.raises(file.BadBlueprint) as caught:
                file.load(path, name=None)
        finally:
            os.seteuid(user)
    assert caught.value.what == f"{path} is not a valid blueprint"
    assert "Permission denied" in caught.value.why


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("ports:\n  kafka.sasl: 9500\n  s3.api: 9500\n", 3, "s3.api and kafka.sasl are given the same port, 9500"),
        ("ports: {kafka.sasl: 0}", 1, "'0' is not a whole number from 1 to 65535"),
        ("ports: {kafka.sasl: 65536}", 1, "'65536' is not a whole number from 1 to 65535"),
        ("cloud:\n  kafka_version: 4.0\n", 2, "4.0 without quotes is 4 to whoever reads YAML"),
        ("cloud:\n  clickhouse_version: 26.10\n", 2, "26.10 without quotes is 26.1"),
        ("cloud: {kubernetes_version: 1.30}\n", 1, "1.30 without quotes is 1.3"),
        ("cloud:\n  labels:\n    build: 012\n", 3, "012 without quotes is 10"),
        ("cloud:\n  labels:\n    on: yes\n", 3, "yes without quotes is true"),
        ("cloud: {? [a]: 1}", 1, "a key is a word"),
        ("? [a]\n: 1\n", 1, "a key is a word"),
        ("cloud: {a: 1, a: 2}", 1, "'a' stands here twice"),
        ("cloud:\n  a: !mine 1\n", 2, "the tag !mine is not for values"),
        ("cloud:\n  a: !mine {b: 1}\n", 2, "the tag !mine is not for values"),
        ("cloud:\n  a: !!python/object:os.system {}\n", 2, "is not for values"),
        ("name: !mine x", 1, "the tag !mine is not for values"),
        ("cloud: [a]", 1, "a mapping is expected"),
    ],
)
def test_a_word_that_means_two_things_is_refused_at_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(file.BadBlueprint) as caught:
        file.parse(text, "kit.yaml")
    assert caught.value.what == f"kit.yaml:{line} is not a valid blueprint"
    assert says in caught.value.why


def test_what_is_in_quotes_reaches_terraform_as_it_is() -> None:
    text = 'cloud: {kafka_version: "4.0", clickhouse_version: "26.10", postgres_version: 17, labels: {build: "012", on: "yes"}}'
    cloud = {
        "kafka_version": "4.0",
        "clickhouse_version": "26.10",
        "postgres_version": 17,
        "labels": {"build": "012", "on": "yes"},
    }
    assert file.parse(text, "kit.yaml").cloud == cloud


def test_what_is_a_word_to_kafka_stays_as_it_is_written() -> None:
    text = "sentry:\n  topics:\n    own: {retention.ms: 86400000, compression.type: on, ratio: 0.50}\n    other:\n"
    settings = {"retention.ms": "86400000", "compression.type": "on", "ratio": "0.50"}
    assert file.parse(text, "kit.yaml").sentry.topics == {"own": settings, "other": {}}

"""How the cloud's names are put into the cluster's DNS, as data. That they resolve is e2e's to prove."""

from __future__ import annotations

import re

import pytest

from kit.yandex.backing import dns_names
from kit.yandex.contract import Record

PRESENT = ".:53 {\n    errors\n    kubernetes cluster.local {\n       ttl 30\n    }\n}\n"


def test_every_cloud_name_is_a_service_of_its_own() -> None:
    host = "rc1a-0123456789abcdef.mdb.yandexcloud.net"
    found = ["c-c9q1.rw.mdb.yandexcloud.net", "c-c9q1.ro.mdb.yandexcloud.net", host]
    assert [dns_names.service_name(name) for name in found] == ["c-c9q1-rw", "c-c9q1-ro", "rc1a-0123456789abcdef"]
    assert dns_names.alias(host, "kafka")["spec"] == {"type": "ExternalName", "externalName": "kafka"}


@pytest.mark.parametrize(
    ("asked", "service"),
    [
        ("c-c9q1.rw.mdb.yandexcloud.net.", "c-c9q1-rw"),
        ("rc1a-0123456789abcdef.mdb.yandexcloud.net.", "rc1a-0123456789abcdef"),
        ("storage.yandexcloud.net.", "storage"),
        ("my.bucket.storage.yandexcloud.net.", "storage"),
        ("notstorage.yandexcloud.net.", None),
        ("mdb.yandexcloud.net.example.org.", None),
        ("yandexcloud.net.", None),
    ],
)
def test_the_rules_lead_to_the_services_and_nothing_else_does(asked: str, service: str | None) -> None:
    """The rules are regular expressions in Go's words, which are Python's here."""
    rules = [line.split() for line in dns_names.corefile(PRESENT, ()).splitlines() if "rewrite" in line]
    for _, _, _, _, pattern, target, *_ in rules:
        if found := re.match(pattern, asked):
            expected = f"{service}.kit-yandex.svc.cluster.local."
            assert re.sub(r"\{(\d)\}", lambda number: found[int(number[1])], target) == expected
            return
    assert service is None


def test_what_others_wrote_stays_and_what_kit_wrote_is_replaced() -> None:
    once = dns_names.corefile(PRESENT, (Record("a.example.org.", "A", 60, ("192.0.2.1",)),))
    assert dns_names.corefile(once, ()) == dns_names.corefile(PRESENT, ())
    assert "192.0.2.1" in once
    assert [line for line in PRESENT.splitlines() if line not in once.splitlines()] == []


def test_a_record_answers_for_its_type_and_is_empty_for_others() -> None:
    text = dns_names.corefile(PRESENT, (Record("a.example.org.", "A", 60, ("192.0.2.1", "192.0.2.2")),))
    assert text.index('answer "{{ .Name }} 60 IN A 192.0.2.1"') < text.index('answer "{{ .Name }} 60 IN A 192.0.2.2"')
    assert text.index("template IN A a.example.org.") < text.index("template IN ANY a.example.org.")
    assert r'match "^a\.example\.org\.$"' in text


def test_a_wildcard_covers_one_label() -> None:
    text = dns_names.corefile(PRESENT, (Record("*.example.org.", "A", 60, ("192.0.2.1",)),))
    pattern = next(line.split('"')[1] for line in text.splitlines() if "match" in line)
    assert re.match(pattern, "a.example.org.")
    assert not re.match(pattern, "a.b.example.org.")
    assert not re.match(pattern, "example.org.")


def test_quotes_backslashes_and_braces_survive_the_corefile() -> None:
    text = dns_names.corefile(PRESENT, (Record("t.example.org.", "TXT", 60, ('"a \\"b\\" {{c}} {$HOME}"',)),))
    (line,) = (line for line in text.splitlines() if 'answer "' in line)
    body = line.partition("IN TXT ")[2]
    assert "\\\\" not in body  # a backslash before a backslash would end the word at the next quote
    unescaped = body.removesuffix('"').replace('\\"', '"')
    assert "{$" not in unescaped
    rendered = unescaped.replace('{{printf "%c" 92}}', "\\").replace('{{printf "%c" 123}}', "{")
    assert rendered == '"a \\"b\\" {{c}} {$HOME}"'


@pytest.mark.parametrize(
    "record", [Record("a.org", "A", 1, ("x",)), Record("a.org.", "TXT", 1, ("a\nb",)), Record("a {.org.", "A", 1, ())]
)
def test_what_would_break_the_configuration_is_refused(record: Record) -> None:
    assert dns_names.unusable(record)

"""The records of emulated DNS zones, as the very CoreDNS of the cluster answers them. It reads what `names` writes for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.state.ports import any_free
from kit.yandex.backing import dns_names
from kit.yandex.contract import Record
from tests.support import dns
from tests.support.terraform import supply

ODD = '"v=1; \\"quoted\\" {{.Name}} {$HOME} c:\\\\d"'
RECORDS = (
    Record("sentry.example.org.", "A", 60, ("192.0.2.1", "192.0.2.2")),
    Record("*.sentry.example.org.", "A", 60, ("192.0.2.3",)),
    Record("www.example.org.", "CNAME", 60, ("sentry.example.org.",)),
    Record("text.example.org.", "TXT", 60, (ODD,)),
    Record("mail.example.org.", "MX", 60, ("10 sentry.example.org.",)),
    Record("six.example.org.", "AAAA", 60, ("2001:db8::1",)),
    Record("example.org.", "NS", 60, ("ns1.yandexcloud.net.",)),
)


@pytest.fixture(scope="module")
def port(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    supply().ensure(["artifact/coredns"])
    program = next(Path(supply().place_of("artifact/coredns").place).rglob("coredns"))
    number = any_free()
    present = f".:{number} {{\n    bind 127.0.0.1\n    errors\n    template ANY ANY . {{\n      rcode NXDOMAIN\n    }}\n}}\n"
    file = tmp_path_factory.mktemp("dns") / "Corefile"
    file.write_text(dns_names.corefile(present, RECORDS))
    with subprocess.Popen([program, "-conf", file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            _await_ready(number)
            yield number
        finally:
            running.terminate()


def _await_ready(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            dns.ask(port, "sentry.example.org", "A", timeout_s=0.3)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def addresses(port: int, name: str) -> list[str]:
    return sorted(".".join(map(str, data)) for kind, data in dns.ask(port, name, "A")[1] if kind == "A")


def test_every_address_is_answered(port: int) -> None:
    assert addresses(port, "sentry.example.org") == ["192.0.2.1", "192.0.2.2"]


def test_an_asterisk_covers_one_label(port: int) -> None:
    assert addresses(port, "any.sentry.example.org") == ["192.0.2.3"]
    assert dns.ask(port, "a.b.sentry.example.org", "A") == (dns.NXDOMAIN, [])


def test_an_alias_is_answered_with_what_stands_behind_it(port: int) -> None:
    code, found = dns.ask(port, "www.example.org", "A")
    assert code == dns.NOERROR
    assert [kind for kind, _ in found] == ["CNAME", "A", "A"]


def test_a_name_without_such_data_is_still_there(port: int) -> None:
    """A resolver that is told NXDOMAIN for AAAA gives the name up, address or not."""
    assert dns.ask(port, "sentry.example.org", "AAAA") == (dns.NOERROR, [])
    assert dns.ask(port, "nobody.example.org", "A") == (dns.NXDOMAIN, [])


def test_text_arrives_as_it_was_written(port: int) -> None:
    _, ((kind, data),) = dns.ask(port, "text.example.org", "TXT")
    assert (kind, data[1:].decode()) == ("TXT", 'v=1; "quoted" {{.Name}} {$HOME} c:\\d')


def test_other_types_are_answered(port: int) -> None:
    assert [kind for kind, _ in dns.ask(port, "mail.example.org", "MX")[1]] == ["MX"]
    assert [kind for kind, _ in dns.ask(port, "six.example.org", "AAAA")[1]] == ["AAAA"]

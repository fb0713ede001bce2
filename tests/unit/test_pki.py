"""The authority: what it issues verifies by an independent implementation, and what is damaged is noticed."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification

from kit.pki import authority as ca
from kit.pki import folder

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
NAMES = ("kafka", "localhost", "127.0.0.1", "::1")
HOLDERS = {"kafka": NAMES, "redis": ("redis", "localhost")}


def verify(authority: ca.Authority, leaf: ca.Pair, name: str, at: datetime = NOW) -> None:
    """By cryptography's own path validation (RFC 5280 and the web's profile), not by the code under test."""
    store = verification.Store([authority.root.certificate])
    subject = ca.general_name(name)
    verifier = verification.PolicyBuilder().store(store).time(at).build_server_verifier(subject)
    verifier.verify(leaf.certificate, [authority.intermediate.certificate])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_a_leaf_verifies(name: str) -> None:
    authority = ca.create("kit", NOW)
    verify(authority, ca.issue(authority, "kafka.kit", NAMES, NOW), name)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("other", NOW),
        ("127.0.0.2", NOW),
        ("kafka", NOW + ca.LEAF_LIFETIME + timedelta(seconds=1)),
        ("kafka", NOW - ca.BACKDATED - timedelta(seconds=1)),
    ],
    ids=["wrong name", "wrong address", "expired", "not valid yet"],
)
def test_a_leaf_verifies_for_nothing_else(name: str, at: datetime) -> None:
    authority = ca.create("kit", NOW)
    leaf = ca.issue(authority, "kafka.kit", NAMES, NOW)
    with pytest.raises(verification.VerificationError):
        verify(authority, leaf, name, at)


def test_an_authority_of_the_same_name_does_not_verify() -> None:
    leaf = ca.issue(ca.create("kit", NOW), "kafka.kit", NAMES, NOW)
    with pytest.raises(verification.VerificationError):
        verify(ca.create("kit", NOW), leaf, "kafka")


def test_usages_and_path_lengths_are_the_least_that_works() -> None:
    authority = ca.create("kit", NOW)
    leaf = ca.issue(authority, "kafka.kit", NAMES, NOW)
    lengths = [
        pair.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        for pair in (authority.root, authority.intermediate, leaf)
    ]
    assert [(value.ca, value.path_length) for value in lengths] == [(True, 1), (True, 0), (False, None)]
    usage = leaf.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign


def test_a_leaf_without_a_name_is_not_issued() -> None:
    with pytest.raises(ValueError, match="name"):
        ca.issue(ca.create("kit", NOW), "x", (), NOW)


def test_renewal_is_due_at_two_thirds_in_whole_seconds() -> None:
    assert ca.renewal_due(NOW, NOW + timedelta(days=90)) == (NOW + timedelta(days=60)).replace(microsecond=0)


def test_second_ensure_makes_nothing(tmp_path: Path) -> None:
    assert folder.ensure(tmp_path, "kit", HOLDERS, NOW) == ("authority", "kafka", "redis")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert folder.ensure(tmp_path, "kit", HOLDERS, NOW) == ()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_keys_are_private_and_certificates_public(tmp_path: Path) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {".key": 0o600, ".crt": 0o644}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda leaf: (leaf / "tls.crt").write_bytes((leaf / "tls.crt").read_bytes()[:100]), "cut short"),
        (lambda leaf: (leaf / "tls.key").unlink(), "missing"),
        (lambda leaf: (leaf / "tls.key").write_bytes((leaf.parents[1] / "redis/current/tls.key").read_bytes()), "not the key"),
    ],
    ids=["half a certificate", "no key", "another's key"],
)
def test_a_damaged_leaf_is_named_and_replaced(tmp_path: Path, spoil, complaint: str) -> None:  # type: ignore[no-untyped-def]
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    spoil(tmp_path / "kafka" / "current")
    authority = folder.load_authority(tmp_path, NOW)
    assert complaint in str(folder.leaf_complaint(tmp_path, "kafka", authority, NAMES, NOW))
    assert folder.ensure(tmp_path, "kit", HOLDERS, NOW) == ("kafka",)
    assert (tmp_path / "kafka" / "current").readlink() == Path("v2")


@pytest.mark.parametrize(
    ("names", "now", "complaint"),
    [
        ((*NAMES, "kafka.example"), NOW, "lacks the name kafka.example"),
        (NAMES, NOW + timedelta(days=61), "expires"),
    ],
)
def test_a_leaf_that_no_longer_serves_is_named(tmp_path: Path, names: tuple[str, ...], now: datetime, complaint: str) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    authority = folder.load_authority(tmp_path, NOW)
    assert complaint in str(folder.leaf_complaint(tmp_path, "kafka", authority, names, now))


@pytest.mark.parametrize("name", ["root.crt", "root.key", "intermediate.crt", "intermediate.key"])
def test_a_damaged_authority_is_an_error_and_stays_as_it_is(tmp_path: Path, name: str) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    victim = tmp_path / "authority" / name
    victim.write_bytes(victim.read_bytes()[:50])
    with pytest.raises(folder.AuthorityCorrupt) as caught:
        folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    assert str(victim) in caught.value.what
    assert victim.stat().st_size == 50


def test_half_an_authority_is_not_none(tmp_path: Path) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    (tmp_path / "authority" / "root.key").unlink()
    with pytest.raises(folder.AuthorityCorrupt, match=r"root\.key"):
        folder.load_authority(tmp_path, NOW)


def test_a_certificate_from_the_future_blames_the_clock(tmp_path: Path) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    with pytest.raises(folder.NotValidYet) as caught:
        folder.load_authority(tmp_path, NOW - timedelta(days=1))
    assert caught.value.code == "KIT-CLOCK"


def test_a_damaged_ca_file_is_published_again(tmp_path: Path) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    whole = (tmp_path / "ca.crt").read_bytes()
    (tmp_path / "ca.crt").write_bytes(whole[:40])
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    assert (tmp_path / "ca.crt").read_bytes() == whole


ENDS = {"intermediate": ca.INTERMEDIATE_LIFETIME, "root": ca.ROOT_LIFETIME}


@pytest.mark.parametrize("left", [timedelta(days=-1), ca.LEAF_LIFETIME - timedelta(seconds=1)], ids=["expired", "ends too soon"])
@pytest.mark.parametrize("which", ENDS)
def test_an_authority_that_would_end_before_what_it_issues_is_replaced(
    tmp_path: Path, which: str, left: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ca, f"{which.upper()}_LIFETIME", timedelta(days=200))
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    former = (tmp_path / "ca.crt").read_bytes()
    later = NOW.replace(microsecond=0) + timedelta(days=200) - left
    assert folder.load_authority(tmp_path, later) is None
    assert folder.authority_complaint(tmp_path, later) == "the authority ends on 2026-11-17"
    monkeypatch.undo()
    assert folder.ensure(tmp_path, "kit", HOLDERS, later) == ("authority", "kafka", "redis")
    assert folder.ensure(tmp_path, "kit", HOLDERS, later) == ()
    assert (tmp_path / "ca.crt").read_bytes() != former
    made = folder.load_authority(tmp_path, later)
    assert made is not None
    leaf = x509.load_pem_x509_certificates((tmp_path / "kafka" / "current" / "tls.crt").read_bytes())[0]
    verify(made, ca.Pair(leaf, made.root.key), "kafka", later + ca.LEAF_LIFETIME - timedelta(days=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["authority", "bundle.crt", "ca.crt", "kafka", "redis"]


def test_what_an_authority_issues_never_outlives_it(tmp_path: Path) -> None:
    folder.ensure(tmp_path, "kit", {}, NOW)
    last = NOW.replace(microsecond=0) + ca.INTERMEDIATE_LIFETIME - ca.LEAF_LIFETIME
    made = folder.load_authority(tmp_path, last)
    assert made is not None
    assert folder.authority_complaint(tmp_path, last) is None
    assert ca.issue(made, "kafka.kit", NAMES, last).certificate.not_valid_after_utc <= ca.ends(made)


def test_a_stack_without_an_authority_is_told_so(tmp_path: Path) -> None:
    assert folder.authority_complaint(tmp_path, NOW) == "no authority yet"


def test_of_former_leaf_certificates_only_the_last_one_stays(tmp_path: Path) -> None:
    folder.ensure(tmp_path, "kit", HOLDERS, NOW)
    for times in range(1, 4):
        folder.ensure(tmp_path, "kit", HOLDERS, NOW + times * ca.LEAF_LIFETIME)
    assert sorted(path.name for path in (tmp_path / "kafka").iterdir()) == ["current", "v3", "v4"]
    assert (tmp_path / "kafka" / "current").resolve().name == "v4"

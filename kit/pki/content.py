"""The content of a certificate as services hand it out: a chain of PEM texts and a key, read, described and issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kit.pki import authority as ca


@dataclass(frozen=True, slots=True)
class Content:
    """`chain`: the leaf first, each a PEM text. `key`: PEM, PKCS 8 where it was issued here."""

    chain: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the first certificate of a chain says."""

    names: tuple[str, ...]
    serial: str  # lower-case hex
    issuer: str
    subject: str
    not_before: datetime
    not_after: datetime


def issued(authority: ca.Authority, names: Sequence[str], now: datetime) -> Content:
    """A new leaf for these names with its intermediate."""
    leaf = ca.issue(authority, names[0], names, now)
    chain = (leaf.certificate_pem(), authority.intermediate.certificate_pem())
    return Content(tuple(each.decode() for each in chain), leaf.key_pem().decode())


def given(certificates: str, key: str) -> Content:
    """From PEM texts. Raises `ValueError`, in words, where they are none or do not belong together."""
    try:
        chain = x509.load_pem_x509_certificates(certificates.encode())
        loaded: Any = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        raise ValueError("certificate and key must be PEM") from None
    if loaded.public_key() != chain[0].public_key():
        raise ValueError("the key is not the certificate's")
    return Content(tuple(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain), key)


def leaf(content: Content) -> Leaf:
    return described(content.chain[0])


def described(pem: str) -> Leaf:
    """Raises `ValueError` where it is no certificate."""
    found = x509.load_pem_x509_certificate(pem.encode())
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return Leaf(
        names=tuple(names),
        serial=f"{found.serial_number:x}",
        issuer=found.issuer.rfc4514_string(),
        subject=found.subject.rfc4514_string(),
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
    )


def in_pkcs1(key: str) -> str:
    """The same key in its own kind's older form (RSA's is PKCS 1)."""
    loaded: Any = serialization.load_pem_private_key(key.encode(), None)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    worded: bytes = loaded.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return worded.decode()

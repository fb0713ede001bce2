"""Makes the authority (root, intermediate) and issues leaf certificates, in memory. EC P-256: a key takes microseconds.

Pure but for randomness: the time is an argument, and nothing is written here (see `folder.py`).
Profiles after RFC 5280: path lengths 1 and 0, key usage critical, SANs only (no name in the subject is ever matched).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT_LIFETIME = timedelta(days=3650)
INTERMEDIATE_LIFETIME = timedelta(days=1825)
LEAF_LIFETIME = timedelta(days=90)
# A container or a colleague's laptop may be a little behind; more than this is a wrong clock and is reported as such.
BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclass(frozen=True, slots=True)
class Authority:
    root: Pair
    intermediate: Pair


def create(stack: str, now: datetime) -> Authority:
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name(f"kit {stack} root")
    root = Pair(_ca(root_name, root_key, root_name, root_key, now, ROOT_LIFETIME, path_length=1), root_key)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _ca(_name(f"kit {stack} intermediate"), key, root_name, root_key, now, INTERMEDIATE_LIFETIME, path_length=0)
    return Authority(root, Pair(certificate, key))


def issue(authority: Authority, common_name: str, names: Sequence[str], now: datetime) -> Pair:
    """A leaf for `names` (DNS names and IP addresses), usable as server and as client, signed by the intermediate."""
    if not names:
        raise ValueError("a leaf without a name would match nothing")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.intermediate
    certificate = (
        _builder(_name(common_name), key, issuer.certificate.subject, issuer.key, now, LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(
            # Kafka's broker is a client of its own controller; vroom-like clients authenticate with a leaf too.
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return Pair(certificate, key)


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def ends(authority: Authority) -> datetime:
    """When what it has issued verifies no more."""
    return min(pair.certificate.not_valid_after_utc for pair in (authority.root, authority.intermediate))


def serves(certificate_pem: bytes, names: Sequence[str], now: datetime) -> bool:
    """Whether it has these names and is not yet to be renewed, whoever issued it."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        has = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begins <= now < renewal_due(begins, ends) and all(general_name(name) in list(has) for name in names)


def renewal_due(not_before: datetime, not_after: datetime) -> datetime:
    """Two thirds of the lifetime, in whole seconds."""
    return (not_before + (not_after - not_before) * 2 / 3).replace(microsecond=0)


def _ca(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
    *,
    path_length: int,
) -> x509.Certificate:
    return (
        _builder(subject, key, issuer, issuer_key, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    now = now.replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "kit"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )

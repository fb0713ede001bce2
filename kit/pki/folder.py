"""The authority on disk: `certs/<stack>/`.

    authority/root.{crt,key} intermediate.{crt,key}     keys 0600
    ca.crt                                              the root: what clients trust
    bundle.crt                                          public roots and the root
    <holder>/v1/{tls.crt,tls.key,ca.crt}, current → v1  a leaf with its intermediate; a renewal is the next version

Servers mount the holder's folder, so a renewed leaf is a new version and one renamed link: no reader ever sees a
certificate beside another certificate's key.
"""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kit import files
from kit.errors import KitError
from kit.host import trust
from kit.pki import authority as ca


class AuthorityCorrupt(KitError):
    """A file of the authority cannot be read or does not fit its siblings; it is never replaced by itself."""

    code = "KIT-AUTHORITY-CORRUPT"
    exit_code = 21
    what = "{path} cannot be used"
    fix = "restore the file from a backup, or remove the stack with everything in it: kit purge"


class NotValidYet(KitError):
    """A certificate begins in the future: this computer's clock is wrong, or was when the certificate was made."""

    code = "KIT-CLOCK"
    exit_code = 22
    what = "{path} is not valid yet"
    why = "it begins at {not_before:%Y-%m-%d %H:%M:%S}Z and the clock says {now:%Y-%m-%d %H:%M:%S}Z"
    fix = "set the clock (timedatectl set-ntp true); if it was wrong back then: kit purge && kit up --local"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says, as shown by `kit certs show`."""

    holder: str
    file: Path
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str  # SHA-256 of the DER, lower-case hex

    def days_left(self, now: datetime) -> int:
        return (self.not_after - now).days


def load_authority(certs: Path, now: datetime) -> ca.Authority | None:
    """The authority, or None where there is none that can issue: none yet, or one that would end before what it issues.

    A part of one is corrupt, not absent: certificates in use hang on it.
    """
    folder = certs / "authority"
    paths = [folder / f"{name}.{kind}" for name in ("root", "intermediate") for kind in ("crt", "key")]
    if not any(path.exists() for path in paths):
        return None
    root, intermediate = _load_pair(paths[0], paths[1]), _load_pair(paths[2], paths[3])
    try:
        intermediate.certificate.verify_directly_issued_by(root.certificate)
    except Exception as error:
        raise AuthorityCorrupt(path=paths[2], why=f"it was not issued by {paths[0]}") from error
    for pair, path in ((root, paths[0]), (intermediate, paths[2])):
        if pair.certificate.not_valid_before_utc > now:
            raise NotValidYet(path=path, not_before=pair.certificate.not_valid_before_utc, now=now)
    found = ca.Authority(root, intermediate)
    return None if ca.ends(found) < now + ca.LEAF_LIFETIME else found


def authority_complaint(certs: Path, now: datetime) -> str | None:
    """Why a new authority is to be made, in words for the plan; None if the present one serves."""
    if load_authority(certs, now):
        return None
    ends = [facts(holder, path).not_after for holder, path in _of_authority(certs).items() if path.exists()]
    return f"the authority ends on {min(ends):%Y-%m-%d}" if ends else "no authority yet"


def save_authority(certs: Path, authority: ca.Authority) -> None:
    """Written into a folder of another name and renamed, so that half an authority cannot be met. A former one is removed: who is
    killed in between leaves none, and the next run makes one."""
    fresh = files.private_folder(certs / ".tmp-authority")
    for name, pair in (("root", authority.root), ("intermediate", authority.intermediate)):
        files.write(fresh / f"{name}.key", pair.key_pem(), files.PRIVATE)
        files.write(fresh / f"{name}.crt", pair.certificate_pem())
    former = certs / f"{files.TEMPORARY}former-authority"
    shutil.rmtree(former, ignore_errors=True)
    with suppress(FileNotFoundError):
        (certs / "authority").rename(former)
    fresh.rename(certs / "authority")
    files.sync_names(certs)
    shutil.rmtree(former, ignore_errors=True)


def publish_trust(certs: Path, authority: ca.Authority) -> None:
    root = authority.root.certificate_pem()
    files.write(certs / "ca.crt", root)
    files.write(certs / "bundle.crt", public_roots() + root)


def public_roots() -> bytes:
    """The host's own trust store as PEM; empty where it has none (then the bundle is the root alone)."""
    path = ssl.get_default_verify_paths().openssl_cafile
    # Not SSL_CERT_FILE: `kit env` points it at the very bundle that is made from this.
    for candidate in (path, *trust.USUAL):
        if Path(candidate).is_file():
            return Path(candidate).read_bytes().rstrip() + b"\n"
    return b""


def make_authority(certs: Path, stack: str, now: datetime) -> ca.Authority:
    """A new authority, saved and published."""
    authority = ca.create(stack, now)
    save_authority(certs, authority)
    publish_trust(certs, authority)
    return authority


def make_leaf(
    certs: Path, stack: str, holder: str, authority: ca.Authority, names: Sequence[str], now: datetime
) -> tuple[Path, ca.Pair]:
    """A new leaf as the holder's current version; returns its folder and the leaf."""
    leaf = ca.issue(authority, f"{holder}.{stack}", names, now)
    return save_leaf(certs, holder, authority, leaf), leaf


def save_leaf(certs: Path, holder: str, authority: ca.Authority, leaf: ca.Pair) -> Path:
    """A new version of the holder's leaf, made current; returns its folder. The one before it stays for whoever reads it at this
    moment; older ones are removed, with their keys."""
    owner = files.store_owner()
    folder = files.private_folder(certs / holder, owner)
    versions = {int(path.name[1:]): path for path in folder.glob("v*") if path.name[1:].isdigit()}
    version = 1 + max(versions, default=0)
    target = files.private_folder(folder / f"v{version}", owner)
    files.write(target / "tls.key", leaf.key_pem(), files.PRIVATE, owner)
    files.write(target / "tls.crt", leaf.certificate_pem() + authority.intermediate.certificate_pem(), owner=owner)
    files.write(target / "ca.crt", authority.root.certificate_pem(), owner=owner)
    files.point(folder / "current", target.name)
    for older in (path for number, path in versions.items() if number < version - 1):
        shutil.rmtree(older)
    return target


def leaf_complaint(certs: Path, holder: str, authority: ca.Authority | None, names: Sequence[str], now: datetime) -> str | None:
    """Why this holder needs a new leaf, in words for the plan; None if the present one serves.

    A leaf is disposable: whatever is wrong with it, a new one mends it. Only a leaf from the future is an error, for
    a new one from the same wrong clock would be no better.
    """
    folder = certs / holder / "current"
    if not folder.exists():
        return "no certificate yet"
    try:
        pair = _load_pair(folder / "tls.crt", folder / "tls.key")
    except AuthorityCorrupt as corrupt:
        return f"{corrupt.why}"
    certificate = pair.certificate
    if certificate.not_valid_before_utc > now:
        raise NotValidYet(path=folder / "tls.crt", not_before=certificate.not_valid_before_utc, now=now)
    if authority is None or certificate.issuer != authority.intermediate.certificate.subject:
        return "issued by another authority"
    try:
        certificate.verify_directly_issued_by(authority.intermediate.certificate)
    except Exception:
        return "issued by another authority"
    missing = [name for name in names if ca.general_name(name) not in _general_names(certificate)]
    if missing:
        return f"lacks the name {missing[0]}"
    if now >= ca.renewal_due(certificate.not_valid_before_utc, certificate.not_valid_after_utc):
        return f"expires {certificate.not_valid_after_utc:%Y-%m-%d}"
    return None


def inventory(certs: Path) -> tuple[Facts, ...]:
    """Every certificate of the stack, the authority first."""
    paths = _of_authority(certs)
    paths |= {path.parent.name: path / "tls.crt" for path in sorted(certs.glob("*/current"))}
    return tuple(facts(holder, path) for holder, path in paths.items() if path.exists())


def _of_authority(certs: Path) -> dict[str, Path]:
    return {name: certs / "authority" / f"{name}.crt" for name in ("root", "intermediate")}


def facts(holder: str, path: Path) -> Facts:
    certificate = _load_certificate(path)
    return Facts(
        holder=holder,
        file=path.resolve(),
        subject=certificate.subject.rfc4514_string(),
        issuer=str(certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        names=tuple(str(name.value) for name in _general_names(certificate)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def fingerprint(certs: Path, holder: str) -> str | None:
    """SHA-256 of the holder's present leaf certificate in DER, lower-case hex; None where there is none that can be read."""
    try:
        return facts(holder, certs / holder / "current" / "tls.crt").fingerprint
    except AuthorityCorrupt:
        return None


def trust_complaint(certs: Path, authority: ca.Authority) -> str | None:
    """Why the published trust does not serve; None if it does."""
    root = authority.root.certificate_pem()
    for path, serves in ((certs / "ca.crt", root.__eq__), (certs / "bundle.crt", lambda content: content.endswith(root))):
        if not path.exists():
            return f"no {path.name} yet"
        if not serves(path.read_bytes()):
            return f"{path.name} is damaged"
    return None


def lacks(certs: Path, holders: Mapping[str, Sequence[str]], now: datetime | None = None) -> bool:
    """Whether `ensure` would make anything."""
    now = now or datetime.now(UTC)
    authority = load_authority(certs, now)
    if authority is None or trust_complaint(certs, authority):
        return True
    return any(leaf_complaint(certs, holder, authority, names, now) for holder, names in holders.items())


def ensure(certs: Path, stack: str, holders: Mapping[str, Sequence[str]], now: datetime | None = None) -> tuple[str, ...]:
    """Make what is missing of the authority and of the holders' leaf certificates; returns what was made."""
    now = now or datetime.now(UTC)
    made = []
    authority = load_authority(certs, now)
    if authority is None:
        authority = make_authority(certs, stack, now)
        made.append("authority")
    if trust_complaint(certs, authority):
        publish_trust(certs, authority)
    for holder, names in holders.items():
        if leaf_complaint(certs, holder, authority, names, now):
            make_leaf(certs, stack, holder, authority, names, now)
            made.append(holder)
    return tuple(made)


def _general_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _load_pair(certificate_path: Path, key_path: Path) -> ca.Pair:
    certificate = _load_certificate(certificate_path)
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityCorrupt(path=key_path, why=_why(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise AuthorityCorrupt(path=key_path, why=f"it is not the key of {certificate_path.name}")
    return ca.Pair(certificate, key)


def _load_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AuthorityCorrupt(path=path, why=_why(error)) from error


def _why(error: Exception) -> str:
    return "the file is missing" if isinstance(error, FileNotFoundError) else "its content is damaged or cut short"

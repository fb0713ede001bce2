"""The authorities that this computer trusts, as one file: for builds in containers, and for a Python that knows of none.

A company's proxy that looks into TLS has an authority of its own, which its administrator puts into the system's bundle. Where
that is, Python knows as it was built: Ubuntu's knows a folder alone, python.org's on a Mac has nothing until a script was run.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

# Where systems keep the whole bundle, the ones with a company's authority first.
# Linux: golang/go src/crypto/x509/root_linux.go; Homebrew: its formula ca-certificates, which takes in the system's keychains;
# macOS' own file: public set-up scripts that name it; all read 2026-11-28.
USUAL = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch; Alpine with ca-certificates
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL and theirs
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL 7 on
    "/opt/homebrew/etc/ca-certificates/cert.pem",  # Homebrew on Apple silicon
    "/usr/local/etc/ca-certificates/cert.pem",  # Homebrew on Intel
    "/etc/ssl/cert.pem",  # macOS; Alpine without the package
)
# By which variable clients are told to trust a file, each instead of what they have brought along, but Node's, which adds to it:
# docs.openssl.org/master/man3/SSL_CTX_load_verify_locations; golang/go src/crypto/x509/root_unix.go; curl.se/docs/sslcerts.html;
# requests.readthedocs.io/en/latest/user/advanced; nodejs.org/api/cli.html; all read 2026-11-28. Java knows no variable.
CLIENT_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
BEGINS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----")


def bundle(environment: Mapping[str, str] = os.environ, usual: Iterable[str | Path] = USUAL) -> Path:
    """A PEM file: SSL_CERT_FILE if it is one, else the system's, else what Python was built with, else certifi's.

    A variable that names nothing of the kind is passed over, as OpenSSL does: it is the trace of another environment.
    """
    import certifi

    named = environment.get("SSL_CERT_FILE")
    built_with = ssl.get_default_verify_paths().openssl_cafile
    for candidate in ([named] if named else []), usual, [built_with]:
        for path in map(Path, candidate):
            if holds_certificates(path):
                return path.resolve()
    return Path(certifi.where())


def client_variables(bundle: Path) -> dict[str, str]:
    """For a shell whose clients are to trust `bundle`: public authorities and one more."""
    return dict.fromkeys(CLIENT_VARIABLES, str(bundle))


def holds_certificates(path: Path) -> bool:
    """Whether a file can be read and has a certificate in PEM."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return any(beginning in content for beginning in BEGINS)

"""What the cloud says when it refuses, as errors with a way out. gRPC's codes decide, never the words."""

from __future__ import annotations

from typing import Any

from kit.errors import KitError

HOW_TO_GET_ONE = (
    "export YC_TOKEN=$(yc iam create-token), or YC_SERVICE_ACCOUNT_KEY_FILE=key.json (yc iam key create --output key.json "
    "--service-account-name NAME)"
)


class NoCredentials(KitError):
    """No variable holds credentials for Yandex Cloud."""

    code = "KIT-CLOUD-NO-CREDENTIALS"
    exit_code = 64
    what = "there are no credentials for Yandex Cloud"
    why = "neither YC_SERVICE_ACCOUNT_KEY_FILE nor YC_TOKEN is set"
    fix = HOW_TO_GET_ONE


class CredentialsUnusable(KitError):
    """The credentials for Yandex Cloud cannot be read."""

    code = "KIT-CLOUD-CREDENTIALS"
    exit_code = 65
    what = "{variable} cannot be used"
    fix = HOW_TO_GET_ONE


class CredentialsRefused(KitError):
    """Yandex Cloud does not accept the credentials, or they have expired."""

    code = "KIT-CLOUD-UNAUTHENTICATED"
    exit_code = 65
    what = "could not {doing}"
    fix = f"{{source}} has expired or belongs to another cloud: {HOW_TO_GET_ONE}"


class CloudRefused(KitError):
    """Yandex Cloud answered a question with an error."""

    code = "KIT-CLOUD-REFUSED"
    exit_code = 66
    what = "could not {doing}"
    fix = "mend what it names, and run the same command again"


class PermissionMissing(CloudRefused):
    """The account whose credentials are used has no role in Yandex Cloud that allows the call."""

    code = "KIT-CLOUD-PERMISSION"
    fix = "give the account behind {source} the role that it needs"


class CloudUnreachable(KitError):
    """Yandex Cloud, or the emulator of its API, does not answer."""

    code = "KIT-CLOUD-UNREACHABLE"
    exit_code = 67
    what = "could not {doing}"
    why = "{endpoint}: {said}"
    fix = "check the network and YC_ENDPOINT ({endpoint})"


class CloudUntrusted(CloudUnreachable):
    """The certificate of Yandex Cloud's API, or of the emulator, is of no authority that is trusted here."""

    code = "KIT-CLOUD-TLS"
    fix = 'name a file in SSL_CERT_FILE that has the authority of {endpoint}; for the emulator: eval "$(kit yandex env)"'


class TrustFileUnusable(KitError):
    """A variable of the shell names a file of trusted authorities that is none."""

    code = "KIT-TRUST-FILE"
    exit_code = 21
    what = "{variable} names {file}, which cannot be used"
    why = "{reason}; without it nobody knows by whom the cloud's certificate may be signed"
    fix = "unset {variable}, or let it name a PEM file of authorities"


class ServiceAbsent(KitError):
    """The cloud does not offer a service at this address."""

    code = "KIT-CLOUD-SERVICE-ABSENT"
    exit_code = 66
    what = "{endpoint} has no service {service}"
    why = "it is not among the addresses that it tells"
    fix = "check YC_ENDPOINT; the emulator offers what its coverage page lists"


def refused(doing: str, error: Any, endpoint: str, source: str) -> KitError:
    """From a `grpc.RpcError`; `doing` completes "could not …", `source` is the variable with the credentials."""
    code, said = error.code().name, str(error.details() or "")
    if code == "UNAUTHENTICATED":
        return CredentialsRefused(doing=doing, why=said or "the cloud does not know this token", source=source)
    if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
        is_tls = "CERTIFICATE_VERIFY_FAILED" in said or "Ssl handshake failed" in said or "SSL_ERROR" in said
        kind = CloudUntrusted if is_tls else CloudUnreachable
        return kind(doing=doing, endpoint=endpoint, said=said or "no answer in time")
    if code == "PERMISSION_DENIED":
        return PermissionMissing(doing=doing, why=said or "permission denied", source=source)
    return CloudRefused(doing=doing, why=f"{code}: {said}")

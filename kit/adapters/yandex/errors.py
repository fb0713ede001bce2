"""What the cloud says when it refuses, as errors with a way out. gRPC's codes decide, never the words."""

from __future__ import annotations

from typing import Any

from kit.errors import KitError

HOW_TO_GET_ONE = (
    "export YC_TOKEN=$(yc iam create-token), or YC_SERVICE_ACCOUNT_KEY_FILE=key.json (yc iam key create --output key.json "
    "--service-account-name NAME)"
)


class NoCredentials(KitError):
    """Nothing says as whom to talk to Yandex Cloud."""

    code = "KIT-CLOUD-NO-CREDENTIALS"
    exit_code = 64

    def __init__(self) -> None:
        super().__init__(
            what="there are no credentials for Yandex Cloud",
            why="neither YC_SERVICE_ACCOUNT_KEY_FILE nor YC_TOKEN is set",
            fix=HOW_TO_GET_ONE,
        )


class CredentialsUnusable(KitError):
    """The credentials for Yandex Cloud cannot be read."""

    code = "KIT-CLOUD-CREDENTIALS"
    exit_code = 65

    def __init__(self, variable: str, why: str) -> None:
        super().__init__(what=f"{variable} cannot be used", why=why, fix=HOW_TO_GET_ONE)


class CredentialsRefused(KitError):
    """Yandex Cloud does not accept the credentials, or they have expired."""

    code = "KIT-CLOUD-UNAUTHENTICATED"
    exit_code = 65


class CloudRefused(KitError):
    """Yandex Cloud answered a question with an error."""

    code = "KIT-CLOUD-REFUSED"
    exit_code = 66


class CloudUnreachable(KitError):
    """Yandex Cloud, or the emulator of its API, does not answer."""

    code = "KIT-CLOUD-UNREACHABLE"
    exit_code = 67


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

    def __init__(self, service: str, endpoint: str) -> None:
        super().__init__(
            what=f"{endpoint} has no service {service}",
            why="it is not among the addresses that it tells",
            fix="check YC_ENDPOINT; the emulator offers what its coverage page lists",
        )


def refused(what: str, error: Any, endpoint: str, source: str) -> KitError:
    """From a `grpc.RpcError`; `what` completes "could not …", `source` is the variable with the credentials."""
    code, said = error.code().name, str(error.details() or "")
    what = f"could not {what}"
    if code == "UNAUTHENTICATED":
        fix = f"{source} has expired or belongs to another cloud: {HOW_TO_GET_ONE}"
        return CredentialsRefused(what=what, why=said or "the cloud does not know this token", fix=fix)
    if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
        is_tls = "CERTIFICATE_VERIFY_FAILED" in said or "Ssl handshake failed" in said or "SSL_ERROR" in said
        trust = f'name a file in SSL_CERT_FILE that has the authority of {endpoint}; for the emulator: eval "$(kit yandex env)"'
        reach = f"check the network and YC_ENDPOINT ({endpoint})"
        why = f"{endpoint}: {said or 'no answer in time'}"
        return CloudUnreachable(what=what, why=why, fix=trust if is_tls else reach)
    if code == "PERMISSION_DENIED":
        return CloudRefused(
            what=what, why=said or "permission denied", fix=f"give the account behind {source} the role that it needs"
        )
    return CloudRefused(what=what, why=f"{code}: {said}", fix="mend what it names, and run the same command again")

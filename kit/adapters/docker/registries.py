"""Tells why a registry does not give an image, from the engine's message, each cause with its own text and remedy.

The engine's status is of little use: 20.10 answers 500 for a registry's 401, 403, 429 and 503 alike when it pulls. So its words
decide. They were recorded from Engine 20.10.24 and read, for the containerd image store, in public reports (named below).
"""

from __future__ import annotations

import re
from typing import ClassVar

from kit.adapters.docker.credentials import DOCKER_HUB, MissingHelper
from kit.errors import FORMATTER, KitError, first_line

DIGEST_SHOWN = len("sha256:") + 12
MIRROR = "set KIT_REGISTRY_PREFIX to a mirror"
# The header `ratelimit-limit: 100;w=21600` for a /64, docker/hub-feedback#2464 (2025-05-12); "per IPv4 address or IPv6 /64
# subnet", docker/docs#22134. Its pages named 10 an hour for some months of 2025 (docker/docs#21494). All read 2026-11-28.
HUB_LIMIT = "without a login Docker Hub allows about 100 pulls in 6 hours for one IPv4 address or IPv6 /64, which offices share"


class ImagePullFailed(KitError):
    """A registry did not give the image that was asked of it."""

    code = "KIT-IMAGE-PULL-FAILED"
    exit_code = 38
    what = "{reference} could not be pulled"
    why = "{said!l}"
    fix = "check KIT_REGISTRY_PREFIX and the digest in the lock, or: kit images build"
    detail = "{said}"
    in_a_list: ClassVar[str] = "{what}: {words}"

    reference: str
    said: str
    registry: str
    image: str
    words: str  # the reason itself
    login: str

    def __init__(self, *, reference: str, said: str, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(
            why=why,
            fix=fix,
            reference=reference,
            said=said,
            registry=host_of(reference),
            image=short(reference),
            # Go's HTTP client puts the method and the whole address in front.
            words=re.sub(r'^(Get|Head|Post) "[^"]*": ', "", first_line(said)),
            login=f"docker login {host_of(reference)}".removesuffix(f" {DOCKER_HUB}"),
        )

    @property
    def reason(self) -> str:
        """All of it in one line."""
        return FORMATTER.vformat(self.in_a_list, (), {**self.fields, "what": self.what, "why": self.why, "fix": self.fix})


class RegistryUnreachable(ImagePullFailed):
    """A registry cannot be reached: its name is unknown here, nobody listens, or it hangs up."""

    code = "KIT-REGISTRY-UNREACHABLE"
    exit_code = 39
    what = "the registry {registry} cannot be reached"
    why = "asked for {image}: {words}"
    fix = f"check the network, and the engine's own proxy (docker info); or {MIRROR} that can be reached"


class RegistrySilent(ImagePullFailed):
    """A registry does not answer in time, or falls silent in the middle of an image."""

    code = "KIT-REGISTRY-SILENT"
    exit_code = 39
    what = "the registry {registry} does not answer"
    why = "asked for {image}: {words}"
    fix = f"run the same command again, or {MIRROR} that answers"


class RegistryFailing(ImagePullFailed):
    """A registry answers with an error of its own."""

    code = "KIT-REGISTRY-FAILS"
    what = "the registry {registry} is out of order"
    why = "asked for {image}: {words}"
    fix = f"run the same command again later, or {MIRROR}"


class RegistryUntrusted(ImagePullFailed):
    """The engine does not trust a registry's certificate."""

    code = "KIT-REGISTRY-TLS"
    exit_code = 39
    what = "the registry {registry} is not trusted by the engine"
    why = "asked for {image}: {words}"
    fix = "put its authority's certificate where the engine looks: /etc/docker/certs.d/{registry}/ca.crt (or the system's trust)"


class RegistryPlaintext(RegistryUntrusted):
    """A registry speaks plain HTTP, and the engine talks to registries over TLS."""

    code = "KIT-REGISTRY-PLAINTEXT"
    fix = f"it speaks plain HTTP: give it TLS, or {MIRROR} that has it"


class RegistryDenied(ImagePullFailed):
    """A registry wants a login, or does not allow this one; some say the same of what does not exist."""

    code = "KIT-REGISTRY-DENIED"
    what = "the registry {registry} does not allow {image}"
    why = "{words}"
    fix = "{login}; or check the name: many registries say this of what is not there"
    in_a_list = "{what}: {why}; {login}"


class RegistryLoginUnread(RegistryDenied):
    """A registry wants a login, and the program that keeps the logins is not installed."""

    code = "KIT-REGISTRY-LOGIN"
    in_a_list = "{what}: {why}"


class RegistryLacks(ImagePullFailed):
    """A registry does not have that image, or not by that digest."""

    code = "KIT-REGISTRY-LACKS"
    what = "the registry {registry} has no {image}"
    fix = "check KIT_REGISTRY_PREFIX and the lock (kit images lock), or: kit images build"
    in_a_list = "{what}"


class RegistryLimited(ImagePullFailed):
    """A registry has given this network or user as much as it gives for now."""

    code = "KIT-REGISTRY-LIMIT"
    what = "the registry {registry} gives no more images for now"
    why = "{words}"
    fix = f"{{login}}, or {MIRROR}, or wait"
    in_a_list = "{what} ({words}): {fix}"


class CredentialHelperFailed(ImagePullFailed):
    """The program that keeps the logins to registries is installed, but fails."""

    code = "KIT-CREDENTIAL-HELPER"
    what = "the login to {registry} cannot be read"
    fix = "see which credsStore or credHelpers the docker CLI's config.json names, and try it: docker login"
    SAID: ClassVar[str] = "Credentials store error"  # the SDK's words: docker 7.2, auth.py


# The first that fits is it. `denied` comes before `not found`, for "pull access denied …, repository does not exist" is a 404;
# a proxy's troubles come before everything that a proxy may say.
# Recorded from 20.10.24: "no basic auth credentials", "denied", "manifest unknown", "toomanyrequests: …", "received unexpected
# HTTP status: 503 Service Unavailable", "EOF", "connect: connection refused", "no such host", "(Client.Timeout exceeded …)".
# Read, 2026-11-28: nektos/act#2078, containerd/nerdctl#3601 (429 to a HEAD, in an OAuth answer), ScribeMD/docker-cache#829.
SIGNS: tuple[tuple[type[ImagePullFailed], str], ...] = (
    (RegistryUnreachable, r"proxyconnect"),
    (RegistryLimited, r"toomanyrequests|too many requests"),
    (RegistryPlaintext, r"server gave http response to https client"),
    (RegistryUntrusted, r"x509:|tls: (?!.*timeout)|certificate"),
    (RegistryDenied, r"no basic auth|unauthorized|\bdenied\b|forbidden|insufficient_scope|authentication required"),
    (RegistryFailing, r"internal server error|bad gateway|service unavailable|gateway time-?out"),
    (RegistrySilent, r"i/o timeout|client\.timeout|deadline exceeded|handshake timeout|awaiting (response )?headers|timed out"),
    (RegistryUnreachable, r"no such host|misbehaving|name resolution|connection refused|unreachable|no route to host"),
    (RegistryUnreachable, r"\beof\b|reset by peer|broken pipe"),  # it hung up
    (RegistryLacks, r"manifest unknown|manifest_unknown|name unknown|blob unknown|not found|no matching manifest"),
)
STATUSES: dict[int, type[ImagePullFailed]] = {
    401: RegistryDenied,
    403: RegistryDenied,
    404: RegistryLacks,
    429: RegistryLimited,
}


def refused(reference: str, said: str, *, status: int | None = None, helper: MissingHelper | None = None) -> ImagePullFailed:
    """The error for what the engine said of a registry. `helper` is the missing program that would have the login to it."""
    words = _without_names(said, reference).lower()
    kind = next((kind for kind, signs in SIGNS if re.search(signs, words)), None) or STATUSES.get(status or 0, ImagePullFailed)
    error = kind(reference=reference, said=said)
    if kind is RegistryLimited and error.registry == DOCKER_HUB:
        return RegistryLimited(reference=reference, said=said, why=f"{error.words}; {HUB_LIMIT}")
    if kind is RegistryDenied and helper:
        why, fix = f"{error.words}; {helper.said}", f"{helper.fix}: {error.login}"
        return RegistryLoginUnread(reference=reference, said=said, why=why, fix=fix)
    return error


def host_of(reference: str) -> str:
    """The registry of a reference: its first part, if that has a dot or a port or is localhost, and else Docker Hub."""
    first, slash, _ = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    host = first if is_host else DOCKER_HUB
    return DOCKER_HUB if host in ("index.docker.io", "registry-1.docker.io") else host


def short(reference: str) -> str:
    """Without its registry, and with as much of the digest as one can compare by eye."""
    name = reference.partition("/")[2] if host_of(reference) != DOCKER_HUB else reference
    before, at, digest = name.partition("@")
    return f"{before}@{digest[:DIGEST_SHOWN]}…" if at else name


def _without_names(said: str, reference: str) -> str:
    """A repository may be called `denied`, and that is no reason."""
    head, slash, last = reference.partition("@")[0].rpartition("/")
    repository = f"{head}{slash}{last.partition(':')[0]}"
    names = "|".join(re.escape(name) for name in (repository, repository.partition("/")[2]) if name)
    return re.sub(rf"https?://\S+|(?<!\w)(?:{names})(?!\w)", "", said)

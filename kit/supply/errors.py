"""What can go wrong between the lock and a program or an image that can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kit.errors import KitError

SHOWN = 3  # names in the first line; all of them stand below it
WAYS_OUT = (
    "reach the registries and upstream's hosts, or set mirrors of them: KIT_REGISTRY_PREFIX, KIT_FILES_PREFIX",
    "on a computer that reaches them: kit images save FILE; and here: kit images load FILE",
)


class LockInvalid(KitError):
    """The lock file says something that kit does not understand or does not allow."""

    code = "KIT-LOCK-INVALID"
    exit_code = 12
    what = "{where} is not a valid lock"
    fix = "mend it, or take it from git; KIT_LOCK names another file, and without it kit's own is used"


class NotInLock(KitError):
    """A name was given that the lock does not have."""

    code = "KIT-SUPPLY-UNKNOWN"
    exit_code = 13
    what = "`{name}` is not in the lock"
    why = "known are: {known}"
    fix = "kit images list"


class NotSupplied(KitError):
    """A tool or an image was used before it was made or fetched."""

    code = "KIT-SUPPLY-ABSENT"
    exit_code = 22
    what = "{section} {name} is not there yet"
    fix = "kit images build {name}"


class NoSource(KitError):
    """There is no way to get one or more tools or images of the lock here; each is named with its reasons."""

    code = "KIT-SUPPLY-NO-SOURCE"
    exit_code = 23
    what = "there is no way to get {entries} here"
    fix = "{ways:\nor }"

    def __init__(self, reasons: Mapping[str, str | tuple[str, ...]], programs: Iterable[str] = ()) -> None:
        """`programs` are those, and where to get them, with which kit could build instead."""
        self.reasons = {key: (why,) if isinstance(why, str) else why for key, why in reasons.items()}
        only = len(self.reasons) == 1
        super().__init__(
            entries=named(self.reasons) if len(self.reasons) <= SHOWN else f"{len(self.reasons)} entries of the lock",
            why="; ".join(next(iter(self.reasons.values()))) if only else "each reason stands below",
            ways=(*WAYS_OUT, *([f"let kit build: install {', '.join(programs)}"] if programs else [])),
            detail="" if only else _grouped(self.reasons),
        )


def named(keys: Iterable[str]) -> str:
    """`image/a`, `artifact/b`, `artifact/c` → `image a and artifacts b, c`."""
    sections: dict[str, list[str]] = {}
    for key in keys:
        section, _, name = key.partition("/")
        sections.setdefault(section, []).append(name)
    return " and ".join(f"{section}{'s' * (len(names) > 1)} {', '.join(names)}" for section, names in sections.items())


def _grouped(reasons: Mapping[str, tuple[str, ...]]) -> str:
    """One paragraph for all entries that have the same reasons: many have."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for key, why in reasons.items():
        groups.setdefault(why, []).append(key)
    return "\n".join("\n".join([named(keys), *(f"    {line}" for line in why)]) for why, keys in groups.items())


class RecipeBroken(KitError):
    """A recipe ran to its end, but what it promised is not there."""

    code = "KIT-RECIPE-BROKEN"
    exit_code = 24
    what = "the recipe of {made} did not make what it should"
    fix = "see {log}"


class ChecksumWrong(KitError):
    """A fetched file has another SHA-256 than the lock or the archive says."""

    code = "KIT-SUPPLY-CHECKSUM"
    exit_code = 25
    what = "{file} is not what it should be"
    why = "SHA-256 {got:.12}…, wanted {wanted:.12}…; it was thrown away"
    fix = "get it again from a place you trust"


class DownloadFailed(KitError):
    """A file that upstream publishes could not be fetched, or is not what it should be inside."""

    code = "KIT-DOWNLOAD-FAILED"
    exit_code = 26
    what = "{address} could not be fetched"
    fix = "check network, proxy (HTTPS_PROXY) and the system's trusted authorities, or set KIT_FILES_PREFIX to a mirror"

    may_pass: bool  # another try may go better
    status: int | None = None  # HTTP's, where a server answered


class FilesPrefixInvalid(KitError):
    """KIT_FILES_PREFIX is no place that can be fetched from safely."""

    code = "KIT-FILES-PREFIX"
    exit_code = 10
    what = "{variable} is no address of a mirror"
    why = "it is `{value}`; it must begin with https:// or file:///, or with http:// on this computer itself"
    fix = "export {variable}=https://mirror.example/files/ (in a login, @ is written as %40 and / as %2F)"


class RegistryPrefixInvalid(KitError):
    """KIT_REGISTRY_PREFIX is nothing that the name of an image can begin with."""

    code = "KIT-REGISTRY-PREFIX"
    exit_code = 10
    what = "{variable} is no registry"
    why = "it is `{value}`; it must be a host with a dot or a port, and folders in lower case: no scheme, no login"
    fix = "export {variable}=mirror.example/hub/ (or 127.0.0.1:5000/); its login: docker login mirror.example"


class ArchiveInvalid(KitError):
    """A file is not an archive made by `kit images save`."""

    code = "KIT-ARCHIVE-INVALID"
    exit_code = 14
    what = "{path} is not an archive of kit"
    fix = "make it again: kit images save FILE"

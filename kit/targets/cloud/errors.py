"""What can be wrong before terraform is asked, and what has to be said when it stopped half-way."""

from __future__ import annotations

from collections.abc import Sequence

from kit.errors import KitError


class NoCloudStack(KitError):
    """Nothing of this stack stands in the cloud."""

    code = "KIT-NO-CLOUD-STACK"
    exit_code = 4

    def __init__(self, stack: str, rehearses: bool) -> None:
        option = " --rehearse" if rehearses else ""
        where = "the rehearsal" if rehearses else "the cloud"
        super().__init__(
            what=f"there is no stack {stack} in {where}", why="its state holds nothing", fix=f"kit up --cloud{option}"
        )


class UnknownVariable(KitError):
    """kit.yaml sets a variable that the configuration does not have, or that is kit's to set."""

    code = "KIT-CLOUD-VARIABLE"
    exit_code = 10

    def __init__(self, name: str, why: str, fix: str) -> None:
        super().__init__(what=f"cloud.{name} cannot be set in kit.yaml", why=why, fix=fix)


class DomainMissing(KitError):
    """Nobody said under which name Sentry is to be reached."""

    code = "KIT-CLOUD-DOMAIN"
    exit_code = 10

    def __init__(self) -> None:
        super().__init__(
            what="the cloud needs a domain",
            why="certificates, DNS and Sentry's own links are made for it",
            fix="write `cloud: {domain: sentry.example.com}` into kit.yaml",
        )


class FolderMissing(KitError):
    """The folder that everything would be made in does not exist, or is not this user's to see."""

    code = "KIT-CLOUD-FOLDER"
    exit_code = 60

    def __init__(self, folder: str) -> None:
        super().__init__(
            what=f"folder {folder or '(none given)'} cannot be used",
            why="the cloud knows no such folder, or does not show it to these credentials" if folder else "no folder was named",
            fix="yc resource-manager folder list; then `cloud: {folder_id: …}` in kit.yaml, or YC_FOLDER_ID",
        )


class QuotaTooSmall(KitError):
    """What the plan needs is more than the cloud may use."""

    code = "KIT-CLOUD-QUOTA"
    exit_code = 63

    def __init__(self, lacking: Sequence[str]) -> None:
        super().__init__(
            what="the cloud's quota is too small for this plan",
            why="; ".join(lacking),
            fix="ask for more in the console (Quotas), or make it smaller: `cloud: {size: demo}`",
        )


class VersionClosed(KitError):
    """A version that the cloud makes no new clusters with."""

    code = "KIT-CLOUD-VERSION"
    exit_code = 63

    def __init__(self, what: str, offered: Sequence[str]) -> None:
        super().__init__(
            what=f"{what} can not be created any more",
            why=f"offered are {', '.join(offered)}",
            fix="choose one of these in kit.yaml",
        )


class ForeignState(KitError):
    """A state of the rehearsal met the cloud, or the reverse."""

    code = "KIT-CLOUD-FOREIGN-STATE"
    exit_code = 60

    def __init__(self, path: str, rehearses: bool) -> None:
        here, there = ("rehearsal", "cloud") if rehearses else ("cloud", "rehearsal")
        super().__init__(
            what=f"the state in {path} is not of the {here}",
            why=f"its resources have ids of the {there}: applying it here would lose or damage them",
            fix="use another --stack, or put the right state back",
        )


class StateLost(KitError):
    """kit remembers a stack in the cloud whose state is gone."""

    code = "KIT-CLOUD-STATE-LOST"
    exit_code = 60

    def __init__(self, path: str) -> None:
        super().__init__(
            what=f"the state of the cloud stack is missing from {path}",
            why="something was applied before, and without its state terraform would make everything a second time",
            fix="put the state back from a backup; or, if nothing stands any more, remove the folder above it",
        )


class ApplyStopped(KitError):
    """An apply did not come to its end: what stands is named, for it costs money."""

    code = "KIT-CLOUD-STOPPED"
    exit_code = 64

    def __init__(self, error: KitError, standing: Sequence[str], billed: Sequence[str], option: str) -> None:
        shown = ", ".join(billed[:8]) + (f" and {len(billed) - 8} more" if len(billed) > 8 else "")
        super().__init__(
            what=error.what,
            why=f"{error.why} — {len(standing)} resources stand" + (f", of which cost money: {shown}" if billed else ""),
            fix=f"mend it and run `kit up --cloud{option}` again: it goes on from there; or `kit down --cloud{option}`",
            detail=error.detail,
        )


class Kept(KitError):
    """Deletion protection is on."""

    code = "KIT-CLOUD-PROTECTED"
    exit_code = 16

    def __init__(self, protected: Sequence[str]) -> None:
        super().__init__(
            what="nothing was removed: deletion protection is on",
            why=f"it protects {', '.join(protected[:6])}" + (f" and {len(protected) - 6} more" if len(protected) > 6 else ""),
            fix="`cloud: {deletion_protection: false}` in kit.yaml, kit up --cloud, then kit down --cloud again",
        )


class ProfileTooOld(KitError):
    """The cloud makes no store any more that this Sentry can use."""

    code = "KIT-CLOUD-PROFILE"
    exit_code = 63

    def __init__(self, profile: str, why: str) -> None:
        super().__init__(what=f"profile {profile} has no place in the cloud", why=why, fix="kit up --cloud --profile current")


class AuthorityMissing(KitError):
    """The certificate authority of the managed stores could not be had."""

    code = "KIT-CLOUD-AUTHORITY"
    exit_code = 60

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            what=f"the certificate authority of the managed stores could not be read from {place}",
            why=why,
            fix="give it as a file: KIT_CLOUD_CA_FILE=CA.pem kit up --cloud",
        )

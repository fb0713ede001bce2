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


class ShellContradicts(KitError):
    """A variable TF_VAR_… of the shell differs from what kit gives Terraform."""

    code = "KIT-CLOUD-SHELL"
    exit_code = 10
    what = "{variable} of the shell says something else than kit"
    fix = "unset {variable}"


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
            what=f"{what} cannot be created any more",
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

    def __init__(self, error: KitError, standing: Sequence[str], billed: Sequence[str], again: str, leave: str) -> None:
        super().__init__(
            what=error.what,
            why=f"{error.why} — {_standing(standing, billed)}",
            fix=f"{error.fix}; `{again}` goes on from there" + (f", `{leave}` takes it all away" if leave != again else ""),
            detail=error.detail,
        )


class ApplyInterrupted(KitError):
    """Ctrl-C while the cloud was at it: terraform has ended what it was at, and has written down what stands."""

    code = "KIT-CLOUD-INTERRUPTED"
    exit_code = 130

    def __init__(self, standing: Sequence[str], billed: Sequence[str], again: str, leave: str) -> None:
        super().__init__(
            what="interrupted, and nothing is lost",
            why=_standing(standing, billed),
            fix=f"`{again}` goes on from there" + (f", `{leave}` takes it all away" if leave != again else ""),
        )


def _standing(standing: Sequence[str], billed: Sequence[str]) -> str:
    if not standing:
        return "nothing stands"
    return f"{len(standing)} resources stand" + (
        f", of which cost money: {_some(billed)}" if billed else ", none of which costs money"
    )


def _some(names: Sequence[str], count: int = 8) -> str:
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


class StillStands(KitError):
    """A purge of something that still stands in the cloud."""

    code = "KIT-CLOUD-STANDS"
    exit_code = 16

    def __init__(self, standing: Sequence[str]) -> None:
        super().__init__(
            what="nothing was removed: the stack still stands in the cloud",
            why=f"without its state nobody would know of {_some(standing)}, and it would go on costing money",
            fix="kit down --cloud",
        )


class Kept(KitError):
    """Deletion protection is on."""

    code = "KIT-CLOUD-PROTECTED"
    exit_code = 16

    def __init__(self, protected: Sequence[str]) -> None:
        super().__init__(
            what="nothing was removed: deletion protection is on",
            why=f"it protects {_some(protected, 6)}",
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


class ApiNotReached(KitError):
    """The cluster's API would have no address that this computer reaches."""

    code = "KIT-CLOUD-API-ADDRESS"
    exit_code = 10

    def __init__(self) -> None:
        super().__init__(
            what="kit could not install Sentry from here",
            why="without kubernetes_api_cidrs the cluster's API has no public address, and this computer is outside its network",
            fix="`cloud: {kubernetes_api_cidrs: [203.0.113.7/32]}` in kit.yaml, with your own address; or --only cluster",
        )


class StandInInCloud(KitError):
    """The small stand-in was asked for where its images are not."""

    code = "KIT-CLOUD-FLAVOUR"
    exit_code = 10

    def __init__(self) -> None:
        super().__init__(
            what="the stand-in for Sentry cannot run in the cloud",
            why="its images are on this computer only; it is for rehearsals",
            fix="kit up --cloud --sentry chart; or rehearse: kit up --cloud --rehearse",
        )


class ProbeImageMissing(KitError):
    """The preflight runs in the cloud's cluster, and its image is in no registry that the nodes reach."""

    code = "KIT-CLOUD-PROBE-IMAGE"
    exit_code = 10

    def __init__(self, profile: str, reference: str) -> None:
        pushed = f"cr.yandex/<registry>/probe-{profile}"
        super().__init__(
            what="the preflight's image is not known in the cloud",
            why="the nodes take images from registries only, and KIT_PROBE_IMAGE names none",
            fix=f"kit images build probe-{profile} && docker tag {reference} {pushed} && docker push {pushed}; "
            f"then KIT_PROBE_IMAGE={pushed} kit up --cloud",
        )


class ProviderMissing(KitError):
    """Neither a registry has the provider nor can it be built here."""

    code = "KIT-CLOUD-PROVIDER"
    exit_code = 63

    def __init__(self, unavailable: KitError | None, built: KitError) -> None:
        said = f"no registry gave it ({unavailable.why}), and " if unavailable else ""
        super().__init__(
            what="there is no way to get terraform's provider for Yandex Cloud here",
            why=f"{said}it could not be built: {built.what}: {built.why}",
            fix=f"{built.fix}; or name a mirror that has it in the file of TF_CLI_CONFIG_FILE",
            detail=built.detail,
        )


class PricesUnreadable(KitError):
    """The user's own prices cannot be counted with."""

    code = "KIT-CLOUD-PRICES"
    exit_code = 10

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            what=f"{path} holds no prices",
            why=why,
            fix="write what one of each costs for a month: {vcpu: …, memory_gb: …, disk_gb: …}",
        )


class EmulatorInUse(KitError):
    """The rehearsal cannot be cleared away under a running emulator."""

    code = "KIT-CLOUD-EMULATOR-RUNS"
    exit_code = 20

    def __init__(self, stack: str) -> None:
        super().__init__(
            what="nothing was removed: the emulator of this stack runs",
            why=f"somebody started `kit yandex emulate` for stack {stack}, and works with what would be removed",
            fix="end it (Ctrl-C where it runs), then the same command again",
        )


class ValuesAreMade(KitError):
    """Other values were asked of the cloud stack than those that its configuration has made."""

    code = "KIT-CLOUD-VALUES"
    exit_code = 10

    def __init__(self, option: str) -> None:
        super().__init__(
            what="the cloud stack has these values and no others",
            why="profile and size are variables of its configuration, which makes the values together with the stores",
            fix=f"kit up --cloud{option} --profile … --plan; values without a stack: --endpoints FILE --url URL",
        )


class ChartNotRehearsed(KitError):
    """The chart itself was to be installed in the rehearsal's cluster."""

    code = "KIT-CLOUD-REHEARSAL"
    exit_code = 10

    def __init__(self) -> None:
        super().__init__(
            what="a rehearsal installs the stand-in for Sentry, not the chart",
            why="the chart would be made for its public domain, and nothing leads from there to this computer",
            fix="the chart on this computer: kit up --local --sentry chart; its values for the cloud: "
            "kit values check --cloud --rehearse --chart …",
        )

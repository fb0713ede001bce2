"""What can be wrong before terraform is asked, and what has to be said when it stopped half-way."""

from __future__ import annotations

from collections.abc import Sequence

from kit.errors import KitError


class NoCloudStack(KitError):
    """Nothing of this stack stands in the cloud."""

    code = "KIT-NO-CLOUD-STACK"
    exit_code = 4
    what = "there is no stack {stack} in {where}"
    why = "its state holds nothing"
    fix = "kit up --cloud{option}"


class UnknownVariable(KitError):
    """kit.yaml sets a variable that the configuration does not have, or that is kit's to set."""

    code = "KIT-CLOUD-VARIABLE"
    exit_code = 10
    what = "cloud.{name} cannot be set in kit.yaml"


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
    what = "the cloud needs a domain"
    why = "certificates, DNS and Sentry's own links are made for it"
    fix = "write `cloud: {{domain: sentry.example.com}}` into kit.yaml"


class FolderMissing(KitError):
    """The folder that everything would be made in does not exist, or is not this user's to see."""

    code = "KIT-CLOUD-FOLDER"
    exit_code = 60
    what = "folder {folder} cannot be used"
    why = "the cloud knows no such folder, or does not show it to these credentials"
    fix = "yc resource-manager folder list; then `cloud: {{folder_id: …}}` in kit.yaml, or YC_FOLDER_ID"


class QuotaTooSmall(KitError):
    """What the plan needs is more than the cloud may use."""

    code = "KIT-CLOUD-QUOTA"
    exit_code = 63
    what = "the cloud's quota is too small for this plan"
    why = "{lacking:; }"
    fix = "ask for more in the console (Quotas), or make it smaller: `cloud: {{size: demo}}`"


class VersionClosed(KitError):
    """A version that the cloud makes no new clusters with."""

    code = "KIT-CLOUD-VERSION"
    exit_code = 63
    what = "{version} cannot be created any more"
    why = "offered are {offered}"
    fix = "choose one of these in kit.yaml"


class ForeignState(KitError):
    """A state of the rehearsal met the cloud, or the reverse."""

    code = "KIT-CLOUD-FOREIGN-STATE"
    exit_code = 60
    what = "the state in {path} is not of {here}"
    why = "its resources have ids of {there}: applying it here would lose or damage them"
    fix = "use another --stack, or put the right state back"


class StateLost(KitError):
    """kit remembers a stack in the cloud whose state is gone."""

    code = "KIT-CLOUD-STATE-LOST"
    exit_code = 60
    what = "the state of the cloud stack is missing from {path}"
    why = "something was applied before, and without its state terraform would make everything a second time"
    fix = "put the state back from a backup; or, if nothing stands any more, remove the folder above it"


class StateTaken(KitError):
    """The place in a bucket that the state was to be moved to holds another one."""

    code = "KIT-CLOUD-STATE-TAKEN"
    exit_code = 60
    what = "{where} holds a state already"
    why = "it is of another stack, or of an earlier life of this one; it would be lost, and with it what it knows to have made"
    fix = "name another --key or --bucket; or remove that object, if nothing stands of it any more"


class ApplyStopped(KitError):
    """Terraform's apply failed half-way: what it has made is named, for it costs money."""

    code = "KIT-CLOUD-STOPPED"
    exit_code = 64
    why = "{cause} — {standing}"
    fix = "{remedy}; {onward}"


class ApplyInterrupted(KitError):
    """Ctrl-C during terraform's apply: it has ended what it was doing, and has written down what it made."""

    code = "KIT-CLOUD-INTERRUPTED"
    exit_code = 130
    what = "interrupted, and nothing is lost"
    why = "{standing}"
    fix = "{onward}"


def standing(names: Sequence[str], billed: Sequence[str]) -> str:
    """How many resources there are, and which of them cost money."""
    if not names:
        return "nothing stands"
    money = f", of which cost money: {some(billed)}" if billed else ", none of which costs money"
    return f"{len(names)} resources stand{money}"


def some(names: Sequence[str], count: int = 8) -> str:
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


class StillStands(KitError):
    """A purge of something that still stands in the cloud."""

    code = "KIT-CLOUD-STANDS"
    exit_code = 16
    what = "nothing was removed: the stack still stands in the cloud"
    why = "without its state nobody would know of {standing}, and it would go on costing money"
    fix = "kit down --cloud"


class Kept(KitError):
    """Deletion protection is on."""

    code = "KIT-CLOUD-PROTECTED"
    exit_code = 16
    what = "nothing was removed: deletion protection is on"
    why = "it protects {protected}"
    fix = "`cloud: {{deletion_protection: false}}` in kit.yaml, kit up --cloud, then kit down --cloud again"


class ProfileTooOld(KitError):
    """The cloud makes no store any more that this Sentry can use."""

    code = "KIT-CLOUD-PROFILE"
    exit_code = 63
    what = "profile {profile} has no place in the cloud"
    fix = "kit up --cloud --profile current"


class AuthorityMissing(KitError):
    """The certificate authority of the managed stores could not be had."""

    code = "KIT-CLOUD-AUTHORITY"
    exit_code = 60
    what = "the certificate authority of the managed stores could not be read from {place}"
    fix = "give it as a file: KIT_CLOUD_CA_FILE=CA.pem kit up --cloud"


class ApiNotReached(KitError):
    """The cluster's API would have no address that this computer reaches."""

    code = "KIT-CLOUD-API-ADDRESS"
    exit_code = 10
    what = "kit could not install Sentry from here"
    why = "without kubernetes_api_cidrs the cluster's API has no public address, and this computer is outside its network"
    fix = "`cloud: {{kubernetes_api_cidrs: [203.0.113.7/32]}}` in kit.yaml, with your own address; or --only cluster"


class StandInInCloud(KitError):
    """The stand-in was asked for where its images are not."""

    code = "KIT-CLOUD-FLAVOUR"
    exit_code = 10
    what = "the stand-in for Sentry cannot run in the cloud"
    why = "its images are on this computer only; it is for rehearsals"
    fix = "kit up --cloud --sentry chart; or rehearse: kit up --cloud --rehearse"


class ProbeImageMissing(KitError):
    """The preflight runs in the cloud's cluster, and its image is in no registry that the nodes reach."""

    code = "KIT-CLOUD-PROBE-IMAGE"
    exit_code = 10
    what = "the preflight's image is not known in the cloud"
    why = "the nodes take images from registries only, and KIT_PROBE_IMAGE names none"
    fix = (
        "kit images build probe-{profile} && docker tag {reference} cr.yandex/<registry>/probe-{profile} && "
        "docker push cr.yandex/<registry>/probe-{profile}; "
        "then KIT_PROBE_IMAGE=cr.yandex/<registry>/probe-{profile} kit up --cloud"
    )


class ProviderMissing(KitError):
    """Neither a registry has the provider nor can it be built here."""

    code = "KIT-CLOUD-PROVIDER"
    exit_code = 63
    what = "there is no way to get terraform's provider for Yandex Cloud here"
    fix = "{remedy}; or name a mirror that has it in the file of TF_CLI_CONFIG_FILE"


class PricesUnreadable(KitError):
    """The user's own prices cannot be counted with."""

    code = "KIT-CLOUD-PRICES"
    exit_code = 10
    what = "{path} holds no prices"
    fix = "write what one of each costs for a month: {{vcpu: …, memory_gb: …, disk_gb: …}}"


class EmulatorInUse(KitError):
    """The rehearsal cannot be cleared away under a running emulator."""

    code = "KIT-CLOUD-EMULATOR-RUNS"
    exit_code = 20
    what = "nothing was removed: the emulator of this stack runs"
    why = "another command rehearses, or somebody started `kit yandex emulate` for stack {stack}, with what would be removed"
    fix = "wait for that command, or end it (Ctrl-C where it runs), then the same command again"


class ValuesAreMade(KitError):
    """Other values were asked of the cloud stack than those that its configuration has made."""

    code = "KIT-CLOUD-VALUES"
    exit_code = 10
    what = "the cloud stack has these values and no others"
    why = "profile and size are variables of its configuration, which makes the values together with the stores"
    fix = "kit up --cloud{option} --profile … --plan; values without a stack: --endpoints FILE --url URL"


class ChartNotRehearsed(KitError):
    """The chart itself was to be installed in the rehearsal's cluster."""

    code = "KIT-CLOUD-REHEARSAL"
    exit_code = 10
    what = "a rehearsal installs the stand-in for Sentry, not the chart"
    why = "the chart would be made for its public domain, and nothing leads from there to this computer"
    fix = (
        "the chart on this computer: kit up --local --sentry chart; its values for the cloud: kit values check --cloud "
        "--rehearse --chart …"
    )

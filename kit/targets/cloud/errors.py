"""Errors of the cloud target: before Terraform is asked, and when it stopped half-way."""

from __future__ import annotations

from collections.abc import Sequence

from kit.errors import KitError


class NoCloudStack(KitError):
    """The command needs a stack in the cloud, and nothing of it exists there."""

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
    """kit.yaml names no domain under which Sentry is to be reached in the cloud."""

    code = "KIT-CLOUD-DOMAIN"
    exit_code = 10
    what = "the cloud needs a domain"
    why = "certificates, DNS and Sentry's own links are made for it"
    fix = "write `cloud: {{domain: sentry.example.com}}` into kit.yaml"


class FolderMissing(KitError):
    """The cloud folder for the stack's resources does not exist, or these credentials may not see it."""

    code = "KIT-CLOUD-FOLDER"
    exit_code = 60
    what = "folder {folder} cannot be used"
    why = "the cloud knows no such folder, or does not show it to these credentials"
    fix = "yc resource-manager folder list; then `cloud: {{folder_id: …}}` in kit.yaml, or YC_FOLDER_ID"


class QuotaTooSmall(KitError):
    """The plan needs more than the cloud's quotas allow."""

    code = "KIT-CLOUD-QUOTA"
    exit_code = 63
    what = "the cloud's quota is too small for this plan"
    why = "{lacking:; }"
    fix = "ask for more in the console (Quotas), or make it smaller: `cloud: {{size: demo}}`"


class VersionClosed(KitError):
    """Yandex Cloud makes no new clusters of the version that was asked for."""

    code = "KIT-CLOUD-VERSION"
    exit_code = 63
    what = "{version} cannot be created any more"
    why = "offered are {offered}"
    fix = "choose one of these in kit.yaml"


class ForeignState(KitError):
    """A state file of a rehearsal was used with the real cloud, or the other way round."""

    code = "KIT-CLOUD-FOREIGN-STATE"
    exit_code = 60
    what = "the state in {path} is not of {here}"
    why = "its resources have ids of {there}: applying it here would lose or damage them"
    fix = "use another --stack, or put the right state back"


class StateLost(KitError):
    """The stack was applied in the cloud before, and its state file is gone."""

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
    fix = (
        "kit cloud join with the same --bucket works on that stack from here; if it is another one, name another --key or "
        "--bucket; or remove that object, if nothing stands of it any more"
    )


class NothingShared(KitError):
    """A stack is to be joined, and the place that was named in a bucket holds no state of one."""

    code = "KIT-CLOUD-NOTHING-SHARED"
    exit_code = 4
    what = "there is no stack to join in {where}"
    why = "no state lies there that has something in it"
    fix = "kit cloud init-state --bucket … on the computer that made the stack; or --key, if its state has another name there"


class NotShared(KitError):
    """A stack is to be left whose state lies on this computer and nowhere else."""

    code = "KIT-CLOUD-NOT-SHARED"
    exit_code = 10
    what = "stack {stack} is shared with nobody"
    why = "its state and its passwords lie on this computer alone, and nothing of it could be changed or removed without them"
    fix = "kit down --cloud removes the stack, kit cloud init-state shares it"


class StateHere(KitError):
    """A stack is to be joined where this computer has a stack of that name with a state of its own."""

    code = "KIT-CLOUD-STATE-HERE"
    exit_code = 60
    what = "stack {stack} has a state of its own on this computer"
    why = "{holds}; it would be forgotten, and with it what it knows to have made"
    fix = "join under another name, kit --stack NAME cloud join …; or move this state: kit cloud init-state"


class OtherName(KitError):
    """A shared stack is worked on under another name than the one that it was made with."""

    code = "KIT-CLOUD-OTHER-NAME"
    exit_code = 10
    what = "Lockbox secret {secret} is of stack {theirs}, and this one is called {stack}"
    why = "a stack's name stands on everything in its cluster: under another one `kit up` would change all of it"
    fix = (
        "if it is the same one: kit --stack {theirs} …, or `name: {theirs}` in kit.yaml; if not: "
        "`cloud: {{name_prefix: …}}` gives this one names of its own"
    )


class SharedSecretsMissing(KitError):
    """Lockbox does not have the secrets of a stack whose state is shared."""

    code = "KIT-CLOUD-SHARED-SECRETS"
    exit_code = 60
    what = "kit's own secrets of this stack are not in Lockbox"
    why = "folder {folder} has no secret {secret}, and new ones would lock everyone else out"
    fix = "on the computer that made the stack: kit cloud init-state with the same --bucket, which brings them there"


class SharedSecretsChanged(KitError):
    """Somebody else changed a stack's secrets in Lockbox while a command was at work."""

    code = "KIT-CLOUD-SECRETS-CHANGED"
    exit_code = 62
    what = "somebody else has just written Lockbox secret {secret}"
    why = "this command has begun with other passwords, and would put them in the place of the new ones"
    fix = "the same command again: it begins with those that are there now"


class SharedSecretsForbidden(KitError):
    """The account whose credentials are used may not read or write a shared stack's secrets in Lockbox."""

    code = "KIT-CLOUD-SECRETS-ROLE"
    exit_code = 66
    what = "Lockbox secret {secret} with kit's own passwords could not be {done}"
    fix = (
        "the account behind {source} needs {roles}: yc resource-manager folder add-access-binding {folder} --role ROLE "
        "--subject userAccount:ID, once for each"
    )


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
    """A cloud stack is to be purged while its resources still exist."""

    code = "KIT-CLOUD-STANDS"
    exit_code = 16
    what = "nothing was removed: the stack still stands in the cloud"
    why = "without its state nobody would know of {standing}, and it would go on costing money"
    fix = "kit down --cloud"


class Kept(KitError):
    """The cloud stack is to be removed, and deletion protection is on."""

    code = "KIT-CLOUD-PROTECTED"
    exit_code = 16
    what = "nothing was removed: deletion protection is on"
    why = "it protects {protected}"
    fix = "`cloud: {{deletion_protection: false}}` in kit.yaml, kit up --cloud, then kit down --cloud again"


class ProfileTooOld(KitError):
    """Yandex Cloud no longer offers a store in a version that the profile's Sentry can use."""

    code = "KIT-CLOUD-PROFILE"
    exit_code = 63
    what = "profile {profile} has no place in the cloud"
    fix = "kit up --cloud --profile current"


class TooManyClickHouseHosts(KitError):
    """More ClickHouse hosts are asked for than the profile's Snuba can use."""

    code = "KIT-CLOUD-CLICKHOUSE-HOSTS"
    exit_code = 10
    what = "{hosts} ClickHouse hosts are asked for, and Sentry of the profile {profile} works with {most}"
    why = "from 26.9 on Snuba opens the hosts of a cluster at port 8123, where the managed service has no TLS"
    fix = "take hosts out of resources.clickhouse; a larger preset makes the one host faster: docs/cloud.md"


class AuthorityMissing(KitError):
    """The certificate authority of the managed stores could not be fetched."""

    code = "KIT-CLOUD-AUTHORITY"
    exit_code = 60
    what = "the certificate authority of the managed stores could not be read from {place}"
    fix = "give it as a file: KIT_CLOUD_CA_FILE=CA.pem kit up --cloud"


class ApiNotReached(KitError):
    """Sentry is to be installed from here, and the cluster's API has no address that this computer reaches."""

    code = "KIT-CLOUD-API-ADDRESS"
    exit_code = 10
    what = "kit could not install Sentry from here"
    why = "without `public` in kubernetes_api the cluster's API has no public address, and this computer is outside its network"
    fix = "in kit.yaml `cloud: {{kubernetes_api: {{public: true, cidrs: [203.0.113.7/32]}}}}`, your address; or --only cluster"


class RegionUnknown(KitError):
    """The region is none of those whose addresses and authority are known here."""

    code = "KIT-CLOUD-REGION"
    exit_code = 10
    what = "region {region} is not known here"
    why = "neither its API's and storage's addresses nor the authority of its database hosts stand in terraform/regions.yaml"
    fix = "one of {known}; or add it there, with its sources"


class RegionNotRehearsed(KitError):
    """A rehearsal was asked for in a region that the emulator does not play."""

    code = "KIT-CLOUD-REGION-REHEARSED"
    exit_code = 10
    what = "region {region} cannot be rehearsed"
    why = "the emulator plays {played} alone: its hosts and its storage have that region's names"
    fix = "rehearse with `cloud: {{region: {played}}}` and its zones; for {region} look at the plan: --plan without --rehearse"


class StandInInCloud(KitError):
    """The stand-in for Sentry was asked for in the cloud, where its images are not."""

    code = "KIT-CLOUD-FLAVOUR"
    exit_code = 10
    what = "the stand-in for Sentry cannot run in the cloud"
    why = "its images are on this computer only; it is for rehearsals"
    fix = "kit up --cloud --sentry chart; or rehearse: kit up --cloud --rehearse"


class ProbeImageMissing(KitError):
    """The preflight is to run in the cloud's cluster, and its image is in no registry that the nodes reach."""

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
    """No registry has Terraform's provider for Yandex Cloud, and it cannot be built here."""

    code = "KIT-CLOUD-PROVIDER"
    exit_code = 63
    what = "there is no way to get terraform's provider for Yandex Cloud here"
    fix = "{remedy}; or name a mirror that has it in the file of TF_CLI_CONFIG_FILE"


class PricesUnreadable(KitError):
    """The user's own file of prices cannot be read, or lacks a price."""

    code = "KIT-CLOUD-PRICES"
    exit_code = 10
    what = "{where} holds no prices"
    fix = "write what one of each costs for a month: {{vcpu: …, memory_gb: …, disk_gb: …}}"


class EmulatorInUse(KitError):
    """A rehearsal is to be removed while its emulator runs."""

    code = "KIT-CLOUD-EMULATOR-RUNS"
    exit_code = 20
    what = "nothing was removed: the emulator of this stack runs"
    why = "another command rehearses, or somebody started `kit yandex emulate` for stack {stack}, with what would be removed"
    fix = "wait for that command, or end it (Ctrl-C where it runs), then the same command again"


class ValuesAreMade(KitError):
    """Values of another profile or size were asked for than those that the cloud stack was applied with."""

    code = "KIT-CLOUD-VALUES"
    exit_code = 10
    what = "the cloud stack has these values and no others"
    why = "profile and size are variables of its configuration, which makes the values together with the stores"
    fix = "kit up --cloud{option} --profile … --plan; values without a stack: --endpoints FILE --url URL"


class ChartNotRehearsed(KitError):
    """The chart itself was asked for in a rehearsal, which installs the stand-in."""

    code = "KIT-CLOUD-REHEARSAL"
    exit_code = 10
    what = "a rehearsal installs the stand-in for Sentry, not the chart"
    why = "Sentry's own programs were never run behind the emulator: a rehearsal tries the cloud, the stores and the way in"
    fix = (
        "the chart on this computer: kit up --local --sentry chart; its values for the cloud: kit values check --cloud "
        "--rehearse --chart …"
    )


class DoorMissing(KitError):
    """Sentry is wanted, and nothing would answer at its address."""

    code = "KIT-CLOUD-DOOR"
    exit_code = 10
    what = "nobody would reach Sentry at https://{domain}"


class CertificatePending(KitError):
    """Certificate Manager has not issued the certificate of Sentry's name."""

    code = "KIT-CERTIFICATE-PENDING"
    exit_code = 64
    what = "the certificate of {domain} is not issued yet: {status}"
    why = "Certificate Manager looks for _acme-challenge.{domain} every half an hour, and gives up after a week{said}"
    fix = "{remedy}; the same command goes on from there"

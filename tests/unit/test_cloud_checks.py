"""What is refused before the cloud is asked to make anything: each with its code, its cause and its remedy."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kit import yaml_file
from kit.adapters.yandex.client import Quota, from_environment
from kit.adapters.yandex.errors import CredentialsRefused, NoCredentials
from kit.blueprint.stack import Mail, SentryWanted, Stack
from kit.cli import app
from kit.errors import KitError
from kit.sentry.chart import values
from kit.sentry.lines import profiles
from kit.targets.cloud import checks, plan, rehearsal
from kit.targets.cloud.changes import Sums
from kit.targets.cloud.errors import (
    ApiNotReached,
    DomainMissing,
    FolderMissing,
    ForeignState,
    ProbeImageMissing,
    QuotaTooSmall,
    RegionNotRehearsed,
    RegionUnknown,
    ShellContradicts,
    StandInInCloud,
    StateLost,
    TooManyClickHouseHosts,
    UnknownVariable,
    VersionClosed,
)
from kit.targets.cloud.place import BACKEND, Place
from kit.targets.cloud.target import CloudTarget
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace
from tests.support.cloud import cloud
from tests.support.program import ROOT

CHART = SentryWanted(flavour="chart")


def space(home: Path) -> Workspace:
    return Workspace("it", ROOT, home, home / "cache")


# -- the description


def test_a_domain_is_asked_for_and_may_come_as_terraform_s_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_VAR_domain", raising=False)
    target = CloudTarget(Stack(), space(tmp_path), rehearses=False)
    with pytest.raises(DomainMissing):
        target.public_variables()
    monkeypatch.setenv("TF_VAR_domain", "sentry.example.com")
    assert "domain" not in target.public_variables(), "terraform reads it itself"
    written = CloudTarget(Stack(cloud={"domain": "a.example.com"}), space(tmp_path), rehearses=False)
    assert written.public_variables()["domain"] == "a.example.com"


def test_a_rehearsal_whose_ports_are_lost_says_what_to_do(tmp_path: Path) -> None:
    behind = LocalTarget(Stack(name="kit-yc"), space(tmp_path))
    with pytest.raises(rehearsal.BackingLost) as lost:
        rehearsal.url(behind)
    assert str(behind.ports_file) in lost.value.why
    assert "kit purge --cloud --rehearse" in lost.value.fix


@pytest.mark.parametrize("described", [{}, {"domain": ""}, {"size": "ha"}])
def test_a_rehearsal_needs_no_domain(described: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_VAR_domain", raising=False)
    given = CloudTarget(Stack(cloud=described), space(tmp_path), rehearses=True).public_variables()
    assert given == {**given, **described, "domain": rehearsal.DOMAIN}
    named = CloudTarget(Stack(cloud={"domain": "a.example.com"}), space(tmp_path), rehearses=True)
    assert named.public_variables()["domain"] == "a.example.com"
    monkeypatch.setenv("TF_VAR_domain", "b.example.com")
    assert "domain" not in CloudTarget(Stack(), space(tmp_path), rehearses=True).public_variables(), "terraform reads it itself"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("kafka_password", "remove cloud.kafka_password"), ("domian", "did you mean domain?"), ("zzz", "variables.tf")],
)
def test_a_variable_that_is_unknown_or_kit_s_own_is_refused(name: str, remedy: str) -> None:
    with pytest.raises(UnknownVariable) as refused:
        checks.variables(ROOT / "terraform", Stack(cloud={"domain": "a.example.com", name: "x"}), "a.example.com")
    assert remedy in refused.value.fix


@pytest.mark.parametrize(
    ("name", "said", "remedy"),
    [
        ("size", "ha", "cloud: {size: …}"),
        ("zones", '["ru-central1-b"]', "cloud: {zones: …}"),
        ("sentry_size", "full", "sentry: {size: …}"),
        ("kafka_password", "theirs", "kit makes it"),
    ],
)
def test_a_variable_of_the_shell_that_contradicts_kit_is_refused_by_name(name: str, said: str, remedy: str) -> None:
    described = {"domain": "a.example.com", "size": "demo", "zones": ["ru-central1-a"]}
    wanted = Stack(cloud=described, sentry=SentryWanted(size="errors-only"))
    given = checks.variables(ROOT / "terraform", wanted, "a.example.com")
    agreeing = {"TF_VAR_size": "demo", "TF_VAR_zones": '["ru-central1-a"]', "TF_VAR_nodes_min": "3", "TF_VAR_other": "x"}
    checks.shell(given, agreeing)
    with pytest.raises(ShellContradicts, match=f"TF_VAR_{name}") as refused:
        checks.shell(given, {**agreeing, f"TF_VAR_{name}": said})
    assert remedy in refused.value.why


def test_how_much_of_sentry_runs_is_the_cloud_s_own_size_to_say_unless_somebody_said_it() -> None:
    unsaid = checks.variables(ROOT / "terraform", Stack(cloud={"domain": "a.example.com", "size": "ha"}), "a.example.com")
    assert "sentry_size" not in unsaid
    said = Stack(cloud={"domain": "a.example.com", "size": "ha"}, sentry=SentryWanted(size="errors-only"))
    assert checks.variables(ROOT / "terraform", said, "a.example.com")["sentry_size"] == "errors-only"


def test_a_contradiction_is_found_before_anything_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_size", "ha")
    target = CloudTarget(Stack(cloud={"domain": "a.example.com", "size": "demo"}), space(tmp_path), rehearses=True)
    with pytest.raises(ShellContradicts, match="TF_VAR_size"):
        plan.plan(target)


def test_mail_is_one_variable_for_both_targets() -> None:
    wanted = Stack(cloud={"domain": "a.example.com"}, mail=Mail("smtp.example.com", "sentry@example.com", user="me"))
    given = checks.variables(ROOT / "terraform", wanted, "a.example.com")
    assert given["mail"] == {
        "host": "smtp.example.com",
        "port": 587,
        "user": "me",
        "from": "sentry@example.com",
        "tls": "starttls",
    }
    assert given["mail"] == values.mail(wanted.mail)
    assert "mail" not in checks.variables(ROOT / "terraform", Stack(cloud={"domain": "a.example.com"}), "a.example.com")


# -- ClickHouse


@pytest.mark.parametrize("shell", [False, True])
def test_more_clickhouse_hosts_than_snuba_can_use_are_refused_before_anything_is_planned(
    shell: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"clickhouse": {"hosts": 2, "keeper": "separate"}}
    monkeypatch.setenv("TF_VAR_resources", json.dumps(asked) if shell else "")
    wanted = {"domain": "a.example.com", "size": "ha", **({} if shell else {"resources": asked})}
    target = CloudTarget(Stack(cloud=wanted), space(tmp_path), rehearses=True)
    with pytest.raises(TooManyClickHouseHosts, match="2 ClickHouse hosts are asked for") as refused:
        plan.plan(target)
    assert "8123" in refused.value.why
    assert "resources.clickhouse" in refused.value.fix


def test_the_hosts_that_snuba_can_use_are_taken() -> None:
    current, seed = profiles.load("current"), profiles.load("seed")
    for resources in (
        None,
        {},
        {"kafka": {"disk_size": 64}},
        {"clickhouse": {"preset": "s3-c8-m32"}},
        {"clickhouse": {"hosts": 1}},
    ):
        checks.clickhouse_hosts(current, resources)
    checks.clickhouse_hosts(seed, {"clickhouse": {"hosts": 3}})  # its Snuba takes the native port, where the service has TLS


def test_the_older_form_of_the_api_s_ranges_is_refused_with_the_new_one() -> None:
    wanted = Stack(cloud={"domain": "a.example.com", "kubernetes_api_cidrs": ["203.0.113.7/32"]})
    with pytest.raises(UnknownVariable) as refused:
        checks.variables(ROOT / "terraform", wanted, "a.example.com")
    assert refused.value.fix == "cloud: {kubernetes_api: {public: true, cidrs: […]}}"


# -- regions


def test_a_region_brings_its_addresses_and_its_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("YC_ENDPOINT", "TF_VAR_region"):
        monkeypatch.delenv(name, raising=False)
    usual = CloudTarget(Stack(), space(tmp_path), rehearses=False).clients
    there = CloudTarget(Stack(cloud={"region": "kz1"}), space(tmp_path), rehearses=False).clients
    assert (usual.environment["YC_ENDPOINT"], there.environment["YC_ENDPOINT"]) == (
        "api.cloud.yandex.net:443",
        "api.yandexcloud.kz:443",
    )
    assert there.region.authority == "https://storage.yandexcloud.kz/cloud-certs/CA.pem"
    monkeypatch.setenv("YC_ENDPOINT", "localhost:1")
    assert usual.environment["YC_ENDPOINT"] == "localhost:1"


def test_a_region_whose_addresses_nobody_wrote_down_is_refused_in_one_sentence(tmp_path: Path) -> None:
    target = CloudTarget(Stack(cloud={"domain": "a.example.com", "region": "mars1"}), space(tmp_path), rehearses=False)
    with pytest.raises(RegionUnknown) as refused:
        plan.plan(target)
    assert (refused.value.what, refused.value.fix) == (
        "region mars1 is not known here",
        "one of kz1, ru-central1; or add it there, with its sources",
    )


def test_the_emulator_plays_one_region(tmp_path: Path) -> None:
    target = CloudTarget(Stack(cloud={"domain": "a.example.com", "region": "kz1"}), space(tmp_path), rehearses=True)
    with pytest.raises(RegionNotRehearsed, match="kz1 cannot be rehearsed"):
        plan.plan(target)


def test_addresses_of_a_region_stand_in_the_file_of_regions_alone() -> None:
    """But for whom a key's token request is meant: it is the same in every region, and so is the provider's default."""
    texts = [*(ROOT / "terraform").glob("*.tf"), *(ROOT / "kit").rglob("*.py")]
    found = {
        (path.name, name)
        for path in texts
        if "yandex" not in path.relative_to(ROOT).parts[:2]  # the emulator plays one region
        for name in re.findall(r"(?:https?://)?[a-z0-9.-]+\.(?:yandexcloud|yandex)\.(?:net|kz)\b", path.read_text())
    }
    assert found == {
        ("client.py", "api.cloud.yandex.net"),
        ("client.py", "https://iam.api.cloud.yandex.net"),
        ("variables.tf", "api.cloud.yandex.net"),  # an example in a message
    }


def test_the_version_to_begin_with_may_be_closed_once_the_cluster_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        """Carries the version that is held against those on offer."""

    def ask(yandex: Any, folder: str, kubernetes: str | None) -> None:
        raise Asked(kubernetes)

    monkeypatch.setattr(checks, "cloud", ask)
    monkeypatch.setenv("YC_TOKEN", "t1.a.b")
    wanted = Stack(cloud={"domain": "a.example.com", "kubernetes_version": "1.31"}, parts=("stores", "cluster"))
    target = CloudTarget(wanted, space(tmp_path), rehearses=False)
    for is_applied, asked in ((False, "1.31"), (True, None)):
        monkeypatch.setattr(CloudTarget, "is_applied", is_applied)
        with pytest.raises(Asked) as found:
            plan.plan(target)
        assert found.value.args == (asked,)


# -- the operator's roles


def test_the_operator_s_roles_exist_and_the_commands_grant_those_of_the_table() -> None:
    text = (ROOT / "docs" / "cloud.md").read_text().partition("**Whoever runs it**")[2].partition("**The domain.**")[0]
    rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ") and "`" in line]
    named = {role for row in rows for role in re.findall(r"`([^`]+)`", row)}
    services = yaml_file.read(ROOT / "kit/yandex/rules/roles.yaml").plain(("services",))
    unknown = {role for role in named if role.partition(".")[2] not in services[role.partition(".")[0]]["roles"]}
    assert unknown == set()
    said = subprocess.run(
        ["bash", "-c", re.search(r"for role in .*?done", text, re.DOTALL)[0].replace("yc resource-manager", "echo")],  # type: ignore[index]
        capture_output=True,
        text=True,
        env={"YC_FOLDER_ID": "b1g"},
        check=True,
    ).stdout
    assert set(re.findall(r"--role (\S+)", said)) | {"quota-manager.viewer"} == named


# -- the real cloud, from this computer


PUBLIC = '{"public": true, "cidrs": ["203.0.113.7/32"]}'


def before(sentry: SentryWanted = CHART, **given: Any) -> None:
    known: dict[str, Any] = {"kubernetes_api": PUBLIC, "is_reached": lambda: False, "probe_image": "cr/probe:1"}
    checks.before_the_cloud(sentry, reference=lambda: "kit.local/probe-current:1", **{**known, **given})


def test_nothing_is_made_that_could_not_be_finished_from_here() -> None:
    before()
    with pytest.raises(StandInInCloud) as lite:
        before(SentryWanted())
    assert "--sentry chart" in lite.value.fix
    for none in (None, '{"public": false, "cidrs": ["10.0.0.0/8"]}', '{ cidrs = ["10.0.0.0/8"] }'):
        with pytest.raises(ApiNotReached) as api:
            before(kubernetes_api=none)
        assert "kubernetes_api: {public: true" in api.value.fix
    before(kubernetes_api=None, is_reached=lambda: True)  # from a host inside the network
    before(kubernetes_api='{ public = true, cidrs = ["203.0.113.7/32"] }')  # as a TF_VAR_… may have it
    with pytest.raises(ProbeImageMissing) as probe:
        before(probe_image=None)
    assert "docker push" in probe.value.fix
    assert "KIT_PROBE_IMAGE=" in probe.value.fix


# -- the state


def state_of(place: Place, folder: str) -> None:
    place.configuration.mkdir(parents=True, exist_ok=True)
    instance = {"attributes": {"folder_id": folder}}
    document = {"resources": [{"mode": "managed", "instances": [instance]}, {"mode": "data", "instances": [{}]}]}
    place.state.write_text(json.dumps(document))


@pytest.mark.parametrize(("rehearses", "folder"), [(True, "b1gq8mk2vhf0kc5rs1ee"), (False, "b1gemufolder00000000")])
def test_a_state_of_the_other_world_is_refused_and_stays_as_it_is(tmp_path: Path, rehearses: bool, folder: str) -> None:
    place = Place(space(tmp_path), rehearses)
    state_of(place, folder)
    kept = place.state.read_bytes()
    with pytest.raises(ForeignState) as refused:
        checks.state(place, must_exist=True)
    assert ("rehearsal" if rehearses else "cloud") in refused.value.what
    assert place.state.read_bytes() == kept
    state_of(place, "b1gemufolder00000000" if rehearses else "b1gq8mk2vhf0kc5rs1ee")
    checks.state(place, must_exist=True)


def test_a_lost_or_damaged_state_is_not_gone_on_without(tmp_path: Path) -> None:
    place = Place(space(tmp_path), True)
    checks.state(place, must_exist=False)  # nothing yet
    with pytest.raises(StateLost) as lost:
        checks.state(place, must_exist=True)
    assert "a second time" in lost.value.why
    place.configuration.mkdir(parents=True)
    place.state.write_text('{"resources": [')
    with pytest.raises(StateLost):
        checks.state(place, must_exist=True)
    place.state.unlink()
    (place.configuration / BACKEND).write_text("")
    checks.state(place, must_exist=True)  # it lies in a bucket


# -- credentials, folder, versions, as the cloud answers


def test_the_cloud_is_asked_who_one_is_where_and_with_what(tmp_path: Path) -> None:
    with cloud(tmp_path) as here:
        known = from_environment(here.environment(YC_TOKEN="t1.a.b"))
        assert checks.cloud(known, "b1gfolder", "1.33").cloud_id == "b1gcloud"
        for folder in ("b1gother", ""):
            with pytest.raises(FolderMissing):
                checks.cloud(known, folder, None)
        with pytest.raises(VersionClosed) as closed:
            checks.cloud(known, "b1gfolder", "1.25")
        assert "1.32, 1.33" in closed.value.why
        with pytest.raises(CredentialsRefused) as expired:
            checks.cloud(from_environment(here.environment(YC_TOKEN="expired")), "b1gfolder", None)
        assert "yc iam create-token" in expired.value.fix
        here.accepts = "t1.the.right"
        with pytest.raises(CredentialsRefused):
            checks.cloud(from_environment(here.environment(YC_TOKEN="t1.an.old")), "b1gfolder", None)
    with pytest.raises(NoCredentials):
        from_environment({})


# -- quotas


class Limits:
    def __init__(self, *quotas: Quota, fails: KitError | None = None) -> None:
        self._quotas, self._fails = quotas, fails

    def quotas(self, cloud_id: str, service: str) -> Mapping[str, Quota]:
        if self._fails:
            raise self._fails
        return {quota.id: quota for quota in self._quotas}

    def raise_quotas(self, cloud_id: str, limits: Mapping[str, float]) -> frozenset[str]:
        self.asked = dict(limits)
        return frozenset(limits) - {"mdb.clusters.count"}


SUMS = Sums(16, 64, 416, {"kubernetes_nodes": {"vcpu": 8, "memory_gb": 32, "disk_gb": 192}})
GIB = 1024**3


@pytest.mark.parametrize(
    ("quota", "said"),
    [
        (Quota("mdb.clusters.count", 3, 0), "mdb.clusters.count: 4 needed, 3 free of 3"),
        (Quota("mdb.clusters.count", 16, 13), "mdb.clusters.count: 4 needed, 3 free of 16"),
        (Quota("mdb.cpu.count", 4, None), "mdb.cpu.count: 8 needed, 4 free of 4"),
        (Quota("compute.instanceMemory.size", 16 * GIB, 0), "compute.instanceMemory.size: 32 GB needed, 16 GB free of 16"),
    ],
)
def test_a_quota_that_is_too_small_is_named_with_what_is_needed(quota: Quota, said: str) -> None:
    created = {"yandex_mdb_kafka_cluster": 1, "yandex_mdb_redis_cluster_v2": 3, "yandex_mdb_kafka_topic": 70}
    with pytest.raises(QuotaTooSmall) as small:
        checks.quotas(Limits(quota), "b1gcloud", created, SUMS)  # type: ignore[arg-type]
    assert small.value.why == said


def test_nodes_count_with_the_most_that_there_may_be() -> None:
    growing = Sums(SUMS.vcpu, SUMS.memory_gb, SUMS.disk_gb, SUMS.per_service, growth=3)
    with pytest.raises(QuotaTooSmall) as small:
        checks.quotas(Limits(Quota("compute.instanceCores.count", 16, 0)), "b1g", {"x": 1}, growing)  # type: ignore[arg-type]
    assert small.value.why == "compute.instanceCores.count: 24 needed, 16 free of 16"


def test_a_rehearsal_asks_for_more_and_says_so_and_a_limit_that_stays_refuses_it() -> None:
    created = {"yandex_mdb_kafka_cluster": 2}
    limits = Limits(Quota("compute.ssdDisks.size", 100 * GIB, 20 * GIB), Quota("mdb.clusters.count", 2, 0))
    (said,) = checks.quotas(limits, "b1g", created, SUMS, rehearses=True)  # type: ignore[arg-type]
    assert "compute.ssdDisks.size: 192 GB needed, 80 GB free of 100" in said
    assert limits.asked == {"compute.ssdDisks.size": 212 * GIB}
    fixed = Limits(Quota("mdb.clusters.count", 1, 0))
    with pytest.raises(QuotaTooSmall) as small:
        checks.quotas(fixed, "b1g", created, SUMS, rehearses=True)  # type: ignore[arg-type]
    assert small.value.why == "mdb.clusters.count: 2 needed, 1 free of 1"


def test_what_stands_counts_in_a_rehearsal_where_nobody_else_has_anything() -> None:
    """Another size of a stack that stands: in the cloud, whose usage is whose cannot be told."""
    limits = Limits(Quota("compute.ssdDisks.size", 100 * GIB, 96 * GIB))
    assert checks.quotas(limits, "b1g", {}, SUMS, stands=True) == ()  # type: ignore[arg-type]
    (said,) = checks.quotas(limits, "b1g", {}, SUMS, stands=True, rehearses=True)  # type: ignore[arg-type]
    assert "compute.ssdDisks.size: 96 GB needed, 4 GB free of 100" in said
    assert limits.asked == {"compute.ssdDisks.size": 192 * GIB}


def test_what_fits_passes_and_what_cannot_be_asked_is_said() -> None:
    created = {"yandex_mdb_kafka_cluster": 1}
    assert checks.quotas(Limits(Quota("mdb.clusters.count", 1, 0)), "b1g", created, SUMS) == ()  # type: ignore[arg-type]
    silent = Limits(fails=KitError(what="no", why="permission denied", fix=""))
    said = checks.quotas(silent, "b1g", created, SUMS)  # type: ignore[arg-type]
    assert len(said) == len({*checks.COUNTS, *checks.SUMS})
    assert all("not checked: permission denied" in each for each in said)


# -- as a user meets it


Kit = Callable[..., tuple[int, str]]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kit:
    """The program in this process: exit code and standard output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    for name in ("YC_TOKEN", "YC_SERVICE_ACCOUNT_KEY_FILE", "TF_VAR_domain", "TF_VAR_kubernetes_api"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("KIT_PROBE_IMAGE", "cr.example/probe:1")

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            app.main(["--stack", "it", *words])
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().out

    return run


def test_the_command_line_says_it_in_three_lines_and_makes_nothing(kit: Kit, tmp_path: Path) -> None:
    def refused(described: str, *words: str) -> str:
        (tmp_path / "kit.yaml").write_text(described)
        exit_code, said = kit("up", "--cloud", "--plan", "-o", "json", *words)
        assert exit_code, said
        return str(json.loads(said)["error"]["code"])

    assert refused("cloud: {}\n") == "KIT-CLOUD-DOMAIN"
    assert refused("cloud: {domain: s.example.com}\n") == "KIT-CLOUD-FLAVOUR"
    assert refused("cloud: {domain: s.example.com}\n", "--sentry", "chart") == "KIT-CLOUD-API-ADDRESS"
    assert refused("cloud: {domain: s.example.com}\n", "--rehearse", "--sentry", "chart") == "KIT-CLOUD-REHEARSAL"
    shut = "cloud: {domain: s.example.com, kubernetes_api: {public: true, cidrs: [203.0.113.7/32]}}\n"
    assert refused(shut, "--sentry", "chart") == "KIT-CLOUD-DOOR"
    whole = shut.replace("}}", "}, ingress_cidrs: [0.0.0.0/0]}")
    assert refused(whole, "--sentry", "chart") == "KIT-CLOUD-NO-CREDENTIALS"
    assert not (tmp_path / ".kit" / "it").exists(), "nothing was written for what is refused"
    for verb, code in (("down", 4), ("status", 4), ("verify", 4), ("demo", 4), ("env", 4), ("preflight", 4)):
        assert kit(verb, "--cloud")[0] == code, verb
    assert not (tmp_path / ".kit" / "it").exists(), "nor for a stack that is not there"


@pytest.mark.parametrize("words", ["topics", "logs kafka", "certs show", "doctor", "chart render"])
def test_a_command_of_the_local_stack_never_acts_on_it_for_the_cloud(kit: Kit, words: str) -> None:
    exit_code, said = kit(*words.split(), "--cloud", "-o", "json")
    assert exit_code == 10
    assert json.loads(said)["error"]["code"] == "KIT-LOCAL-ONLY"

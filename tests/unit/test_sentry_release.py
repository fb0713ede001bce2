"""One release for both targets: what each site gives is what the profile mounts, and what was done is remembered by both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kit import workspace
from kit.blueprint.stack import SentryWanted, Stack
from kit.endpoints import Secret
from kit.errors import KitError
from kit.pki import folder
from kit.sentry import credentials, release
from kit.sentry.chart.chart import Chart
from kit.sentry.installation import Installation
from kit.sentry.installed import Installed
from kit.sentry.lines import profiles
from kit.sentry.lines.upgrade_path import UpgradePath
from kit.sentry.preflight import preflight
from kit.sentry.release import SentryRelease
from kit.state import markers, ports, secrets
from kit.supply.errors import NotSupplied
from kit.supply.supply import Supply
from kit.targets.cloud import site as cloud_site
from kit.targets.cloud.outputs import Outputs
from kit.targets.cloud.target import CloudTarget
from kit.targets.local import layout
from kit.targets.local import site as local_site
from kit.targets.local.target import LocalTarget
from tests.support.elsewhere import ENDPOINTS
from tests.support.holding import holding

SECRETS = tuple(
    [f"{name}_password" for name in ("kafka", "postgres", "redis", "clickhouse")]
    + [f"{use}_{kind}_key" for use in ("filestore", "nodestore") for kind in ("access", "secret")]
)


def on_this_computer(folder_: Path, stack: Stack) -> SentryRelease:
    local = LocalTarget(stack, replace(workspace.find(stack.name), home=folder_))
    folder.ensure(local.workspace.certs, stack.name, layout.holders(stack))
    secrets.ensure(local.secrets_file, local.secret_makers())
    ports.save(local.ports_file, layout.usual_ports())
    return local_site.release(local)


def in_the_cloud(folder_: Path, stack: Stack) -> SentryRelease:
    cloud = CloudTarget(stack, replace(workspace.find(stack.name), home=folder_), rehearses=False)
    secrets.ensure(cloud.place.secrets, cloud_site.secret_makers())
    cloud.place.ca_file.write_text("AUTHORITY")
    own = {**cloud.clients.own, **dict.fromkeys(SECRETS, Secret("word"))}
    document: dict[str, Any] = {
        "endpoints": ENDPOINTS,
        "profile": {"name": stack.sentry.profile, "size": stack.sentry.size},
        "values": "",
        "ingress": {"domain": "sentry.example.com"},
        "secrets": {name: {"kind": "variable", "variable": name} for name in SECRETS},
    }
    cloud._outputs = Outputs(document, lambda: own, lambda: pytest.fail("Lockbox was asked"))
    return cloud_site.release(cloud)


RELEASES = {"local": on_this_computer, "cloud": in_the_cloud}


@pytest.fixture(params=RELEASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with holding(replace(workspace.find(Stack().name), home=tmp_path)):
        yield lambda stack: RELEASES[request.param](tmp_path, stack)


def mounted(wiring: Any) -> Iterator[str]:
    """Names of the Secrets that a profile's wiring refers to."""
    if isinstance(wiring, Mapping):
        if isinstance(wiring.get("secret"), str):
            yield wiring["secret"]
        for each in wiring.values():
            yield from mounted(each)
    elif isinstance(wiring, list):
        for each in wiring:
            yield from mounted(each)


@pytest.mark.parametrize("profile", profiles.NAMES)
@pytest.mark.parametrize("size", ["errors-only", "full"])
def test_every_secret_that_the_profile_mounts_is_given_by_both_sites(place: Any, profile: str, size: str) -> None:
    """A pod with a Secret that nobody made hangs in its creation."""
    made: SentryRelease = place(Stack(sentry=SentryWanted("chart", profile, size)))
    given = {each["metadata"]["name"] for each in made.installation().credentials if each["kind"] == "Secret"}
    asked = {name for name in mounted(profiles.load(profile).wiring) if not name.endswith("-filled")}  # those are rendered
    if size != "full":
        asked.remove(credentials.VROOM_CLIENT)  # nobody mounts it where profiling does not run
    assert asked - given == set()


def test_what_the_data_has_been_through_is_remembered_before_helm_runs(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: SentryRelease = place(Stack(sentry=SentryWanted("chart", "current", "errors-only")))
    loaded: list[str] = []
    made.site = replace(made.site, load_chart_images=lambda documents, note: loaded.append("images"))
    monkeypatch.setattr(type(made.flavour), "chart", lambda flavour: Chart(Path("."), "sentry", "33.8.0", ""))
    monkeypatch.setattr(Installation, "wired", lambda self: ())
    monkeypatch.setattr(Installation, "installed_version", lambda self: "")

    def killed(self: Installation, note: object) -> None:
        raise KitError(what="Helm was killed", why="", fix="")

    monkeypatch.setattr(Installation, "install", killed)
    with pytest.raises(KitError, match="Helm was killed"):
        made.install(lambda said: None)
    assert loaded == ["images"]
    assert markers.load(made.site.markers) == {"migrated/postgres": "33.8.0"}
    monkeypatch.setattr(type(made.flavour), "chart", lambda flavour: Chart(Path("."), "sentry", "33.7.0", ""))
    with pytest.raises(UpgradePath):
        made.check_upgrade()


def test_a_release_whose_cluster_does_not_answer_is_as_if_it_were_not_there(place: Any) -> None:
    made: SentryRelease = place(Stack())
    markers.record(made.site.markers, "values", "checked")
    markers.record(made.site.markers, "preflight", "passed")
    assert (made.seen().values, made.seen().preflight, made.seen().fingerprint) == ("checked", None, None)
    assert made.component().state == "absent"
    made.site.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    made.site.kubeconfig.write_text("")
    assert (made.seen().values, made.seen().preflight) == ("checked", None)
    assert made.component().state == "degraded"


def test_a_release_is_shown_whose_image_the_lock_no_longer_makes(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after another checkout's recipe, or `docker image rm`: what runs in the cluster runs on."""
    made: SentryRelease = place(Stack())
    made.site = replace(made.site, url=lambda: "https://sentry.example.com")
    made.site.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    made.site.kubeconfig.write_text("")
    found = Installed("fingerprint", "current", "errors-only", "sentry-lite", "0.1.0", "web: it is starting")
    monkeypatch.setattr(release, "installed", lambda api: found)
    monkeypatch.setattr(preflight, "last", lambda api: None)

    def absent(supply: Supply, name: str) -> None:
        raise NotSupplied(section="image", name=name, why="its recipe has changed")

    monkeypatch.setattr(Supply, "image", absent)
    shown = made.component()
    assert (shown.state, shown.reason, shown.image) == ("starting", "web: it is starting", None)

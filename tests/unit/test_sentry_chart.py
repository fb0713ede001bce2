"""Where a chart comes from, what is refused before anything is rendered, and the wrapper that prints what it is given."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.helm import Helm
from kit.adapters.process import Result
from kit.errors import ToolFailed
from kit.sentry.chart import chart as charts
from kit.sentry.chart import manifests
from kit.sentry.chart.chart import Chart, ChartAltered, ChartForeign, ChartInvalid, ChartMissing
from kit.sentry.lines import profiles
from tests.support import fixture_chart

CURRENT, SEED = profiles.load("current"), profiles.load("seed")


def unused(argv: Sequence[str], **given: Any) -> Result:
    raise AssertionError(f"nothing here asks Helm: {argv}")


def failing(said: str) -> Any:
    def run(argv: Sequence[str], **given: Any) -> Result:
        raise ToolFailed(what="helm ended with 1", why=said, fix="", detail=said)

    return run


def helm(runner: Any = unused) -> Helm:
    return Helm(Path("helm"), Path("kubeconfig"), runner)


def find(path: Path, profile: profiles.Profile = CURRENT) -> Chart:
    return charts.find(str(path), profile, Path("cache"), helm())


def packed(folder: Path, chart: Path) -> Path:
    target = folder / "chart.tgz"
    with tarfile.open(target, "w:gz") as archive:
        archive.add(chart, "sentry")
    return target


def test_a_chart_in_range_is_taken_as_a_folder_and_as_an_archive(tmp_path: Path) -> None:
    folder = fixture_chart.write(tmp_path, "33.7.2")
    found = find(folder)
    assert (found.name, found.version, found.app_version) == ("sentry", "33.7.2", "26.8.0")
    again = find(packed(tmp_path, folder))
    assert (again.version, again.path.name) == ("33.7.2", "chart.tgz")
    assert found.digest != find(fixture_chart.write(tmp_path, "33.7.2", crash="x")).digest


@pytest.mark.parametrize(("version", "profile"), [("34.0.0", CURRENT), ("26.15.1", CURRENT), ("33.8.0", SEED)])
def test_a_chart_of_a_foreign_version_is_refused(tmp_path: Path, version: str, profile: profiles.Profile) -> None:
    with pytest.raises(ChartForeign) as refused:
        find(fixture_chart.write(tmp_path, version), profile)
    assert f"is sentry {version}, and profile {profile.name} is written for sentry {profile.chart_range}" in refused.value.what
    assert f"--chart with sentry {profile.chart_version}" in refused.value.fix


def test_a_chart_of_another_name_is_refused() -> None:
    with pytest.raises(ChartForeign, match="sentry-lite"):
        find(fixture_chart.ROOT / "kind" / "charts" / "sentry-lite")


def test_a_directory_that_is_no_chart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChartInvalid) as refused:
        find(tmp_path)
    assert refused.value.why == "there is no Chart.yaml in it"


def test_an_archive_whose_only_chart_is_a_dependency_is_refused(tmp_path: Path) -> None:
    (tmp_path / "charts" / "redis").mkdir(parents=True)
    (tmp_path / "charts" / "redis" / "Chart.yaml").write_text("{name: redis, version: 1.0.0}")
    with pytest.raises(ChartInvalid, match="cannot be used"):
        find(packed(tmp_path, tmp_path / "charts"))


@pytest.mark.parametrize("said", ["name: sentry", "- sentry", "name: ["])
def test_a_chart_file_that_says_nothing_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / "Chart.yaml").write_text(said)
    with pytest.raises(ChartInvalid, match="cannot be used"):
        find(tmp_path)


def test_a_file_that_is_no_archive_and_a_path_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "chart.tgz").write_text("not packed")
    for path in (tmp_path / "chart.tgz", tmp_path / "nowhere"):
        with pytest.raises(ChartInvalid, match=path.name):
            find(path)


@pytest.mark.parametrize("reference", [None, "oci://registry.example/charts/sentry"])
def test_where_nobody_answers_the_way_to_bring_a_chart_is_said(tmp_path: Path, reference: str | None) -> None:
    said = failing("Error: looks like it is not a valid chart repository or cannot be reached: no such host\n")
    with pytest.raises(ChartMissing) as refused:
        charts.find(reference, CURRENT, tmp_path, helm(said))
    assert "no such host" in refused.value.why
    assert "--chart FILE.tgz" in refused.value.fix
    assert "kit images save --for chart FILE" in refused.value.fix


def test_a_chart_that_is_kept_is_not_fetched_again(tmp_path: Path) -> None:
    kept = tmp_path / "charts" / "sentry-33.8.0.tgz"
    kept.parent.mkdir()
    packed(tmp_path, fixture_chart.write(tmp_path)).rename(kept)
    assert charts.find(None, CURRENT, tmp_path, helm()).path == kept


def pinned(sha256: str) -> profiles.Profile:
    return dataclasses.replace(CURRENT, chart_sha256=sha256)


def pulling(folder: Path, source: Path) -> Any:
    """Helm as far as `pull` goes: the archive appears in the folder."""

    def run(argv: Sequence[str], **given: Any) -> Result:
        assert argv[1] == "pull"
        shutil.copy(source, folder / "charts" / "sentry-33.8.0.tgz")
        return Result(tuple(argv), 0, "", "")

    return run


def test_a_chart_that_was_fetched_is_the_very_one_that_the_profile_names(tmp_path: Path) -> None:
    archive = packed(tmp_path, fixture_chart.write(tmp_path))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert charts.find(None, pinned(sha256), tmp_path, helm(pulling(tmp_path, archive))).version == "33.8.0"
    assert charts.find(None, pinned(sha256), tmp_path, helm()).version == "33.8.0"  # and so is the one that was kept


@pytest.mark.parametrize("reference", [None, "oci://registry.example/charts/sentry"])
def test_a_fetched_chart_of_another_digest_is_refused_and_not_kept(tmp_path: Path, reference: str | None) -> None:
    archive = packed(tmp_path, fixture_chart.write(tmp_path))
    with pytest.raises(ChartAltered) as refused:
        charts.find(reference, pinned("0" * 64), tmp_path, helm(pulling(tmp_path, archive)))
    assert (refused.value.code, refused.value.exit_code) == ("KIT-CHART-DIGEST", 15)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in refused.value.why
    assert "0" * 64 in refused.value.why
    assert not list((tmp_path / "charts").iterdir())


def test_a_kept_chart_that_was_changed_since_is_refused_and_left_to_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    kept = packed(tmp_path, fixture_chart.write(tmp_path)).rename(tmp_path / "charts" / "sentry-33.8.0.tgz")
    with pytest.raises(ChartAltered, match=r"sentry-33\.8\.0\.tgz is another archive"):
        charts.find(None, pinned("0" * 64), tmp_path, helm())
    assert kept.exists()


def test_a_chart_of_the_users_own_is_held_to_no_digest(tmp_path: Path) -> None:
    folder = fixture_chart.write(tmp_path)
    assert charts.find(str(folder), pinned("0" * 64), tmp_path, helm()).path == folder
    assert charts.unpinned(charts.read(folder), str(folder), CURRENT) == ""


def test_a_published_chart_that_is_not_pinned_says_how_it_would_be(tmp_path: Path) -> None:
    chart = charts.read(packed(tmp_path, fixture_chart.write(tmp_path)))
    said = charts.unpinned(chart, None, CURRENT)
    assert "held to its version and not to its archive" in said
    assert f"`sha256: {hashlib.sha256(chart.path.read_bytes()).hexdigest()}` below `chart` in the profile current.yaml" in said
    assert charts.unpinned(chart, None, pinned("0" * 64)) == ""


def test_what_helm_cannot_render_is_told_in_its_words() -> None:
    said = failing("Error: template: sentry/templates/web.yaml:3: nil pointer evaluating interface {}.port\n")
    with pytest.raises(ChartInvalid, match="cannot be used") as refused:
        charts.render(Chart(Path("sentry"), "sentry", "33.8.0", ""), "sentry", "sentry", {}, helm(said))
    assert refused.value.why.startswith("template: sentry/templates/web.yaml:3: nil pointer")


def test_the_wrapper_prints_what_it_is_given_and_evaluates_nothing(tmp_path: Path) -> None:
    """Braces in a settings file are no template: the one template only reads a file."""
    document = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "{{ .Release.Name }} ${B}"}}
    made = charts.write_wrapper(tmp_path, Chart(Path("c"), "sentry", "33.8.0", "26.8.0"), [document])
    assert charts.read(made).version == "33.8.0"
    assert [each.name for each in (made / "templates").iterdir()] == ["all.yaml"]
    assert (made / "templates" / "all.yaml").read_text() == '{{ .Files.Get "manifests.yaml" }}\n'
    assert manifests.parse((made / "manifests.yaml").read_text()) == (document,)

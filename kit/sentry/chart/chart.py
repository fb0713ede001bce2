"""Finds and fetches Sentry's chart, renders it, and makes a wrapper chart of the wired manifests.

A chart is a folder or an archive on this computer: given by the user, kept in the cache, or fetched from where the profile
says. Its version is held against the profile, because values written for one line are silently ignored by another; a fetched
archive is also held against the profile's `chart.sha256`, where it has one, because a version can be published twice.

The release is installed through a wrapper: a chart of the same name and version whose one template prints the manifests that
were rendered, wired and checked. A post-renderer would do the same with Helm 4 only, for in Helm 3 hooks bypass it; and with
the wrapper what was checked is, byte for byte, what is applied. What it costs: templates that ask the cluster (`lookup`) see
an empty one, which is why every secret comes from a Secret that kit makes.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit import files
from kit.adapters.helm import Helm
from kit.errors import KitError, ToolFailed
from kit.sentry.chart import manifests
from kit.sentry.lines.profiles import Profile
from kit.sentry.objects import Document
from kit.supply import version as versions

OCI = "oci://"
CACHE_FOLDER = "charts"  # below kit's cache
MANIFESTS = "manifests.yaml"


class ChartMissing(KitError):
    """The chart is neither given nor kept, and where it is published does not answer."""

    code = "KIT-CHART-MISSING"
    exit_code = 15
    what = "the chart {name} {version} is not on this computer and could not be fetched"
    fix = (
        "give one: --chart DIRECTORY or --chart FILE.tgz; or, on a connected machine, `kit images save --for chart FILE` "
        "and here `kit images load FILE`"
    )


class ChartInvalid(KitError):
    """What the user gave is no chart, or Helm cannot render it."""

    code = "KIT-CHART-INVALID"
    exit_code = 15
    what = "{reference} cannot be used as the chart"
    fix = "--chart takes a folder with a Chart.yaml and its dependencies (helm dependency build), a .tgz, or oci://…"


class ChartForeign(KitError):
    """The given chart is of a version that the profile was not written for."""

    code = "KIT-CHART-VERSION"
    exit_code = 15
    what = "{file} is {found}, and profile {profile} is written for {chart} {range}"
    why = "values of one line of the chart are ignored without a word by another"
    fix = "--chart with {chart} {version}, or the other profile: --profile"


class ChartAltered(KitError):
    """The chart's archive has another SHA-256 than the profile says."""

    code = "KIT-CHART-DIGEST"
    exit_code = 15
    what = "{path.name} is another archive than the one that profile {profile} names"
    why = "its sha256 is {found}, and chart.sha256 is {wanted}"
    fix = "find out who changed it at {source}; if it is meant, write the new sha256 into the profile"


@dataclass(frozen=True, slots=True)
class Chart:
    path: Path  # a folder or a .tgz
    name: str
    version: str
    app_version: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all its files."""
        return files.folder_digest(self.path) if self.path.is_dir() else files.digest({"archive": self.path.read_bytes()})


def find(reference: str | None, profile: Profile, cache: Path, helm: Helm) -> Chart:
    """The chart that a profile is installed from. Raises `ChartMissing`, `ChartInvalid`, `ChartForeign`, `ChartAltered`."""
    if reference is None or is_published(reference):
        path = _kept_or_fetched(reference, profile, cache / CACHE_FOLDER, helm)
    else:
        path = Path(reference).expanduser()
        if not path.exists():
            raise ChartInvalid(reference=reference, why="there is no such file or folder")
    chart = read(path)
    if chart.name != profile.chart_name or not versions.satisfies(chart.version, profile.chart_range):
        raise ChartForeign(
            file=chart.path.name,
            found=f"{chart.name} {chart.version}",
            profile=profile.name,
            chart=profile.chart_name,
            range=profile.chart_range,
            version=profile.chart_version,
        )
    return chart


def is_published(reference: str | None) -> bool:
    """Whether it comes from somebody else's repository, and not from a file of the user's own."""
    return reference is None or reference.startswith(OCI)


def unpinned(chart: Chart, reference: str | None, profile: Profile) -> str:
    """What to say of a published chart that nothing holds to one archive; "" where there is nothing to say."""
    if not is_published(reference) or profile.chart_sha256:
        return ""
    name = f"{profile.chart_name} {profile.chart_version}"
    return (
        f"the chart {name} is held to its version and not to its archive: who publishes it could change it. This one would be "
        f"pinned by `sha256: {_sha256(chart.path)}` below `chart` in the profile {profile.name}.yaml"
    )


def read(path: Path) -> Chart:
    """A folder or an archive, by what its Chart.yaml says."""
    import yaml

    try:
        said = yaml.safe_load(_chart_file(path))
        return Chart(
            path, str(said["name"]), str(said["version"]), str(said.get("appVersion", "")), dict(said.get("annotations") or {})
        )
    except (OSError, tarfile.TarError, StopIteration) as error:
        raise ChartInvalid(reference=str(path), why="there is no Chart.yaml in it") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ChartInvalid(reference=str(path), why="its Chart.yaml says neither name nor version") from error


def _chart_file(path: Path) -> str:
    if path.is_dir():
        return (path / "Chart.yaml").read_text()
    with tarfile.open(path) as archive:
        # name/Chart.yaml is the chart itself; those further down are of its dependencies.
        member = next(each for each in archive if each.isfile() and each.name.removeprefix("./").split("/")[1:] == ["Chart.yaml"])
        file = archive.extractfile(member)
        assert file is not None  # it is a file
        return file.read().decode()


def _kept_or_fetched(reference: str | None, profile: Profile, folder: Path, helm: Helm) -> Path:
    path = folder / f"{profile.chart_name}-{profile.chart_version}.tgz"
    source = reference or profile.chart_repository
    if path.is_file():
        _check_digest(path, profile, source)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if source.startswith(OCI):
            helm.pull(source, profile.chart_version, folder)
        else:
            helm.pull(profile.chart_name, profile.chart_version, folder, repository=source)
    except ToolFailed as error:
        raise _missing(profile, f"{source}: {_last_line(error)}") from error
    if not path.is_file():
        raise _missing(profile, f"{source} delivered something else than {path.name}")
    try:
        _check_digest(path, profile, source)
    except ChartAltered:
        path.unlink()  # so that it is fetched again, and not taken for one that was kept
        raise
    return path


def _check_digest(path: Path, profile: Profile, source: str) -> None:
    if profile.chart_sha256 and (found := _sha256(path)) != profile.chart_sha256:
        raise ChartAltered(path=path, profile=profile.name, found=found, wanted=profile.chart_sha256, source=source)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _missing(profile: Profile, why: str) -> ChartMissing:
    return ChartMissing(name=profile.chart_name, version=profile.chart_version, why=why)


def _last_line(error: KitError) -> str:
    """What Helm says is wrong: behind it may stand advice on --debug."""
    lines = [line for line in (error.detail or error.why).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("Error: ")] or lines
    return said[-1].removeprefix("Error: ") if said else error.why


def render(chart: Chart, release: str, namespace: str, values: Mapping[str, Any], helm: Helm) -> tuple[Document, ...]:
    """The chart's objects, hooks included, as the chart made them. Raises `ChartInvalid` with Helm's own words."""
    try:
        return manifests.parse(helm.template(release, chart.path, namespace, values))
    except ToolFailed as error:
        raise ChartInvalid(reference=str(chart.path), why=_last_line(error)) from error


def write_wrapper(folder: Path, chart: Chart, documents: Iterable[Document]) -> Path:
    """A chart below `folder` that consists of these objects and nothing else."""
    target = folder / chart.name
    (target / "templates").mkdir(parents=True)
    described = {"apiVersion": "v2", "name": chart.name, "version": chart.version, "appVersion": chart.app_version}
    (target / "Chart.yaml").write_text(json.dumps({**described, "description": "Rendered, wired and checked by kit."}))
    (target / "templates" / "all.yaml").write_text(f'{{{{ .Files.Get "{MANIFESTS}" }}}}\n')
    (target / MANIFESTS).write_text(manifests.dump(documents))
    return target

"""From the chart that is installed to the one that is wanted: what lies between that cannot be jumped over.

Sentry squashes its migrations at certain releases: a database that has not been through such a release cannot be brought on by
any later one. So a jump over a stop is refused before Helm runs, with the way that works. There is no way back: migrations only
go forward.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from msgspec import Struct

from kit import yaml_file
from kit.errors import KitError
from kit.sentry.lines import profiles
from kit.supply.version import satisfies

FILE = Path(__file__).with_suffix(".yaml")


class Stop(Struct, frozen=True):
    chart: str
    app: str
    why: str
    source: str


class Skip(Struct, frozen=True):
    """Versions that nobody should install, and the one to take instead."""

    versions: tuple[str, ...]
    instead: str
    why: str
    source: str


class _Path(Struct, frozen=True, forbid_unknown_fields=True):
    stops: tuple[Stop, ...]
    skip: tuple[Skip, ...]


class UpgradePath(KitError):
    """An upgrade that passes over a version of the chart, which Sentry's database would not survive."""

    code = "KIT-UPGRADE-PATH"
    exit_code = 17
    what = "from chart {installed} there is no direct way to {wanted}"
    why = "{reasons:; }"
    fix = "first {stops:, then }; then {wanted}"


class UpgradeBackwards(UpgradePath):
    """An older chart is to be installed than the one that is."""

    code = "KIT-UPGRADE-BACKWARDS"
    what = "chart {installed} is installed, and {wanted} is older"
    why = "Sentry's and Snuba's migrations only go forward"
    fix = "keep the newer chart, or start anew: kit purge, then kit up (docs/sentry-release.md)"


class ChartBroken(UpgradePath):
    """A version of the chart is to be installed that is known not to work."""

    code = "KIT-UPGRADE-BROKEN"
    what = "chart {wanted} should not be installed"
    why = "{reason} ({source})"
    fix = "take {instead}"


def _how(stop: Stop) -> str:
    """By kit where a profile is written for that chart; a stop that none is written for has to be walked without it."""
    for name in profiles.NAMES:
        if satisfies(stop.chart, profiles.load(name).chart_range):
            return f"by kit up --local --sentry chart --profile {name} --chart sentry-{stop.chart}.tgz"
    return "by Helm with values of your own, for no profile of kit is written for it"


def required(from_version: str, to_version: str, file: Path = FILE) -> tuple[Stop, ...]:
    """The stops between two versions of the chart, in their order; arriving at one, or standing on it, needs no other."""
    between = f">{_plain(from_version)},<{_plain(to_version)}"
    return tuple(stop for stop in _known(file).stops if satisfies(stop.chart, between))


def check(installed: str, wanted: str, file: Path = FILE) -> None:
    """Raise `UpgradePath` unless `wanted` may be installed over `installed` ("" where nothing is)."""
    for skip in _known(file).skip:
        if _plain(wanted) in skip.versions:
            raise ChartBroken(wanted=wanted, reason=skip.why, source=skip.source, instead=skip.instead)
    if not installed:
        return
    if satisfies(wanted, f"<{_plain(installed)}"):
        raise UpgradeBackwards(installed=installed, wanted=wanted)
    if stops := required(installed, wanted, file):
        raise UpgradePath(
            installed=installed,
            wanted=wanted,
            reasons=[f"{stop.chart}: {stop.why}" for stop in stops],
            stops=[f"chart {stop.chart} (Sentry {stop.app}) {_how(stop)}" for stop in stops],
            detail="\n".join(f"{stop.chart}  Sentry {stop.app}  {stop.source}" for stop in stops),
        )


@cache
def _known(file: Path) -> _Path:
    return yaml_file.read(file).to(_Path)


def _plain(version: str) -> str:
    """Without a leading v and without what stands behind the numbers: a pre-release counts as its release."""
    return version.removeprefix("v").partition("-")[0].partition("+")[0]

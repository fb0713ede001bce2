"""Which ClickHouse a release works with: as the profile says, or as a chart of one's own says of itself.

Snuba refuses a store older than its migrations were written for, and ClickHouse refuses some of them from 26.7 on. Both ends are
data of the profile. A chart without Snuba says so in its Chart.yaml: `annotations: {dev.kit/clickhouse: ">=18"}`.
"""

from __future__ import annotations

from kit.errors import KitError
from kit.sentry.chart.chart import Chart
from kit.sentry.lines.profiles import Profile
from kit.supply.version import satisfies

ANNOTATION = "dev.kit/clickhouse"


class ClickHouseUnfit(KitError):
    """The stack's ClickHouse is too old or too new for the release."""

    code = "KIT-CLICKHOUSE-VERSION"
    exit_code = 41
    what = "ClickHouse {version} does not fit Sentry of the profile {profile}, which works with {wanted}"
    why = "Snuba refuses an older one, and a newer one refuses Snuba's migrations"
    fix = "take ClickHouse from a registry: kit images pull clickhouse; without one, kit up --local --sentry lite"


def wanted(profile: Profile, chart: Chart) -> str:
    """A range such as ">=24.8,<=26.5"."""
    return chart.annotations.get(ANNOTATION) or f">={profile.minimum_clickhouse},<={profile.maximum_clickhouse}"


def fits(version: str, wanted: str) -> bool:
    """Whether a server's version lies in the range. An upper bound such as 26.5 is a line, with all its releases."""
    return all(satisfies(_of_line(version, bound) if "<" in bound else version, bound) for bound in wanted.split(","))


def _of_line(version: str, bound: str) -> str:
    """The version cut to as many numbers as the bound has."""
    return ".".join(version.split(".")[: bound.count(".") + 1])


def check(version: str, profile: Profile, chart: Chart) -> None:
    """Raises `ClickHouseUnfit`."""
    if not fits(version, wanted(profile, chart)):
        raise ClickHouseUnfit(version=version, wanted=wanted(profile, chart), profile=profile.name)

"""Which ClickHouse a release works with, and what the others are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.sentry.chart import clickhouse_range
from kit.sentry.chart.chart import Chart
from kit.sentry.chart.clickhouse_range import ClickHouseUnfit
from kit.sentry.lines import profiles

CHART = Chart(Path("sentry"), "sentry", "33.8.0", "26.8.0")


@pytest.mark.parametrize("version", ["24.8", "25.3.6.10034", "25.8.33.6", "26.5.1", "26.5.99.1"])
def test_a_version_between_the_ends_is_taken(version: str) -> None:
    clickhouse_range.check(version, profiles.load("current"), CHART)


@pytest.mark.parametrize("version", ["18.16", "24.7.9.1", "26.6.1", "26.7.2", "27.1"])
def test_a_version_outside_is_refused_with_the_range(version: str) -> None:
    with pytest.raises(ClickHouseUnfit, match=f"ClickHouse {version} does not fit") as refused:
        clickhouse_range.check(version, profiles.load("current"), CHART)
    assert ">=24.8,<=26.5" in refused.value.what


def test_the_older_line_takes_what_its_snuba_takes() -> None:
    clickhouse_range.check("23.8.11.29", profiles.load("seed"), CHART)
    with pytest.raises(ClickHouseUnfit):
        clickhouse_range.check("23.8.11.28", profiles.load("seed"), CHART)


def test_a_chart_without_snuba_says_what_it_works_with() -> None:
    own = Chart(Path("sentry"), "sentry", "33.8.0", "26.8.0", {clickhouse_range.ANNOTATION: ">=18"})
    clickhouse_range.check("18.16", profiles.load("current"), own)

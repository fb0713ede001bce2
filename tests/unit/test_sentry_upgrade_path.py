"""Which versions of the chart an upgrade passes through, and which ways are refused."""

from __future__ import annotations

import pytest

from kit.sentry.lines import profiles
from kit.sentry.lines.upgrade_path import UpgradePath, check, required


@pytest.mark.parametrize(
    ("installed", "wanted", "stops"),
    [
        ("26.15.1", "33.8.0", ["26.22.0", "28.0.0"]),
        ("26.15.1", "26.22.0", []),
        ("26.22.0", "27.3.1", []),
        ("26.21.9", "27.1.1", ["26.22.0"]),
        ("26.22.0", "33.8.0", ["28.0.0"]),
        ("28.0.0", "33.8.0", []),
        ("29.0.0", "33.8.0", []),
        ("25.6.0", "26.15.1", ["25.20.0"]),
        ("25.6.0", "33.8.0", ["25.20.0", "26.22.0", "28.0.0"]),
        ("33.8.0", "33.8.0", []),
        ("v26.15.1", "33.8.0-rc.1", ["26.22.0", "28.0.0"]),
    ],
)
def test_the_stops_between_two_versions_in_their_order(installed: str, wanted: str, stops: list[str]) -> None:
    assert [stop.chart for stop in required(installed, wanted)] == stops


def test_a_jump_over_a_stop_is_refused_with_the_way_that_works() -> None:
    with pytest.raises(UpgradePath) as refused:
        check("26.15.1", "33.8.0")
    error = refused.value
    assert error.code == "KIT-UPGRADE-PATH"
    assert error.fix == (
        "first chart 26.22.0 (Sentry 25.5.1) by kit up --local --sentry chart --profile seed --chart sentry-26.22.0.tgz, "
        "then chart 28.0.0 (Sentry 25.12.1) by Helm with values of your own, for no profile of kit is written for it; then 33.8.0"
    )
    assert "hard stop 25.5.1" in error.why


@pytest.mark.parametrize("version", ["30.4.0", "31.0.0"])
@pytest.mark.parametrize("installed", ["", "29.0.0"])
def test_a_broken_version_is_refused_also_on_an_empty_cluster(version: str, installed: str) -> None:
    with pytest.raises(UpgradePath) as refused:
        check(installed, version)
    assert refused.value.fix == "take 31.1.0"


def test_there_is_no_way_back() -> None:
    with pytest.raises(UpgradePath, match="older"):
        check("33.8.0", "26.15.1")


@pytest.mark.parametrize(("installed", "wanted"), [("", "33.8.0"), ("", "26.15.1"), ("33.8.0", "33.8.0"), ("26.15.1", "26.18.0")])
def test_what_jumps_over_nothing_is_let_through(installed: str, wanted: str) -> None:
    check(installed, wanted)


def test_from_the_older_profile_to_the_newer_one_there_are_two_stops() -> None:
    stops = required(profiles.load("seed").chart_version, profiles.load("current").chart_version)
    assert [stop.chart for stop in stops] == ["26.22.0", "28.0.0"]

"""Real charts, rendered with our module's values and wired: nothing to find, and the transformer is why.

Which trees is the caller's choice (KIT_CHART_DIR); without one their tests are skipped by name, and our own light chart is left.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from kit.sentry.chart.scale import scales
from kit.sentry.lines import profiles
from tests.support import chart_lines
from tests.support.chart_lines import Measured

# What `kit values check` of a full render may take altogether; here it is the check alone.
SLOWEST_S = 5.0

EVERY = [pytest.param(path, size, id=f"{path.name}-{size}") for path in chart_lines.given() for size in chart_lines.SIZES]
NONE = [pytest.param(Path(), "", marks=pytest.mark.skip(reason=chart_lines.HOW_TO_GET_ONE), id="no chart given")]


@cache
def measured(path: Path, size: str) -> Measured:
    return chart_lines.measured(path, size)


@pytest.mark.parametrize(("path", "size"), EVERY or NONE)
def test_a_real_chart_with_our_values_has_no_findings(path: Path, size: str) -> None:
    found = measured(path, size)
    assert [f"{each.rule} {each.place}: {each.found}" for each in found.looked.findings] == []
    assert found.seconds < SLOWEST_S


@pytest.mark.parametrize("autoscaling", ["none", "cpu"])
@pytest.mark.parametrize(("path", "size"), EVERY or NONE)
def test_a_real_chart_knows_all_that_availability_ha_says(path: Path, size: str, autoscaling: str) -> None:
    found = chart_lines.measured(path, size, availability="ha", autoscaling=autoscaling)
    assert [f"{each.rule} {each.place}: {each.found}" for each in found.looked.findings] == []
    assert bool(found.looked.kinds["HorizontalPodAutoscaler"]) is (autoscaling == "cpu")
    least = {name: scale.least for (_, name), scale in scales(found.rendered).items()}
    assert (least["sentry-relay"], least["sentry-web"], least["sentry-ingest-consumer-events"]) == (3, 3, 2)


@pytest.mark.parametrize(("path", "size"), EVERY or NONE)
def test_every_store_is_reached_by_every_kind_of_client(path: Path, size: str) -> None:
    """So that no finding is not for want of looking."""
    looked = measured(path, size).looked
    assert looked.configurations >= 5
    assert looked.connections >= 20
    assert looked.containers > looked.kinds["Deployment"]


@pytest.mark.parametrize(("path", "size"), EVERY or NONE)
def test_without_the_transformer_containers_lack_the_authority(path: Path, size: str) -> None:
    found = measured(path, size)
    without = {each.place for each in found.unwired.findings if each.rule == "CA-MOUNTED"}
    assert len(without) == found.looked.containers


@pytest.mark.parametrize("name", profiles.NAMES)
def test_the_light_sentry_has_no_findings_with_either_profile(name: str) -> None:
    found = chart_lines.measured_lite(name)
    assert [f"{each.rule} {each.place}: {each.found}" for each in found.looked.findings] == []
    assert found.looked.connections >= 12
    assert "CA-MOUNTED" in {each.rule for each in found.unwired.findings}

"""What a release is made like: each number of the recipe has a digest, so that none of it changes without a new number.

The fingerprint decides whether anything is installed, without rendering: it is of the inputs, and of this number for what makes
the objects from them.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit import files
from kit.blueprint.stack import OwnValues, SentryWanted, Stack
from kit.endpoints import Secret
from kit.sentry import objects
from kit.sentry.chart import chart as charts
from kit.sentry.chart.chart import Chart
from kit.sentry.credentials import Certificate
from kit.sentry.flavours import FullChart
from kit.sentry.installation import RECIPE, Installation
from kit.sentry.site import ModuleValues
from kit.sentry.stand_in import front
from tests.support.program import ROOT
from tests.unit.test_sentry_check import ENDPOINTS
from tests.unit.test_sentry_wiring import ALL, PROFILE, RELAY_FILE

# Another digest: raise `kit.sentry.installation.RECIPE`, and add what it makes now. The old ones tell what stacks out there have.
MADE = {1: "d213e146e77d", 2: "3b3731cdd373", 3: "3b3731cdd373"}
OWN = OwnValues('{"a": {"b": 2}, "config": {"sentryConfPy": "MINE = 2"}}')


def installation(wiring: dict[str, Any], certificate: Certificate | None = None) -> Installation:
    supply = SimpleNamespace(image=lambda name: SimpleNamespace(reference=f"{name}:1"))
    site: Any = SimpleNamespace(
        values=lambda version: ModuleValues("1", lambda: "a: {b: 1, c: 3}\nconfig: {sentryConfPy: TLS = 1}\n"),
        profile=lambda: SimpleNamespace(name="seed", wiring=wiring),
        size=lambda: "errors-only",
        stack=Stack(sentry=SentryWanted(flavour="chart", values=OWN)),
        endpoints=lambda: ENDPOINTS,
        ports_behind={},
        front_certificate=lambda: certificate,
        balanced=lambda: None,
        machine=SimpleNamespace(assets=ROOT, supply=supply),
    )
    made = Installation(site, FullChart(site))
    chart = SimpleNamespace(name="sentry", version="33.8.0", digest="d", app_version="26.8.0", path=ROOT / "tests/charts/sentry")
    known = objects.secret("kit", "kit-kafka", {"password": "word"})
    made.__dict__.update(chart=chart, rendered=(*ALL, RELAY_FILE), credentials=(known,))
    return made


def test_a_number_of_the_recipe_makes_one_thing(tmp_path: Path) -> None:
    made = installation(PROFILE)
    written = charts.write_wrapper(tmp_path, Chart(tmp_path, "sentry", "33.8.0", "26.8.0"), made.wired())
    applied = str((*made.applied, *made.policies))
    found = files.digest({"values": str(made.values), "applied": applied, "wrapper": files.folder_digest(written)})
    assert max(MADE) == RECIPE
    assert found == MADE[RECIPE], "other objects than before: raise RECIPE and add this digest"


def test_an_input_that_changes_changes_the_fingerprint_and_the_text_of_a_module_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = installation(PROFILE), installation({**PROFILE, "mount": "/elsewhere"})
    assert one.fingerprint != other.fingerprint
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read for a fingerprint"))
    assert installation(PROFILE).fingerprint == one.fingerprint


def test_a_changed_recipe_is_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    before = installation(PROFILE).fingerprint
    monkeypatch.setattr("kit.sentry.installation.RECIPE", RECIPE + 1)
    assert installation(PROFILE).fingerprint != before


def test_objects_of_kits_own_count_as_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    before = installation(PROFILE, Certificate("CHAIN", Secret("KEY"))).fingerprint
    assert installation(PROFILE, Certificate("CHAIN", Secret("KEY"))).fingerprint == before
    monkeypatch.setattr(front, "PORT", 9443)
    assert installation(PROFILE, Certificate("CHAIN", Secret("KEY"))).fingerprint != before

"""The small chart in Sentry's place (tests/charts/sentry), written out in a version and with a mistake of the test's choice.

Its settings are rendered by the templates of kit's own stand-in chart, so that there is one text of them; its images are all the
probe's, named as the chart names them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kit.adapters.docker.client import Docker

ROOT = Path(__file__).parents[2]
CHART = ROOT / "tests" / "charts" / "sentry"
SHARED = ROOT / "kind" / "charts" / "sentry-lite" / "templates"
OF_LITE = {".Values.lite.sentryVersion": ".Chart.AppVersion", ".Values.lite.baseUrl": ".Values.system.url"}
IMAGES = ("sentry", "snuba", "relay", "taskbroker", "vroom")


def write(folder: Path, version: str = "33.8.0", app: str = "26.8.0", **fixture: Any) -> Path:
    """The chart below `folder`; `fixture` is set in its values.yaml. `app` is Sentry's version, and the tag of its images."""
    target = folder / folder_name(version, fixture)
    shutil.copytree(CHART, target)
    for name in ("_environment.tpl", "settings.yaml"):
        text = (SHARED / name).read_text()
        for word, here in OF_LITE.items():
            text = text.replace(word, here)
        (target / "templates" / name).write_text(text)
    for name, changes in (("Chart.yaml", {"version": version, "appVersion": app}), ("values.yaml", {})):
        document = yaml.safe_load((target / name).read_text()) | changes
        if name == "values.yaml":
            document["fixture"] |= {"tag": app, **fixture}
        (target / name).write_text(yaml.safe_dump(document))
    return target


def folder_name(version: str, fixture: Mapping[str, Any]) -> str:
    return "-".join(["sentry", version, *sorted(set(fixture) - {"registry"})])


def references(registry: str, app: str) -> tuple[str, ...]:
    return tuple(f"{registry}/{name}:{app}" for name in IMAGES)


def name_images(docker: Docker, probe: str, registry: str, app: str = "26.8.0") -> None:
    """Give the engine's probe image the names that the chart asks for, as `kit images load` would have brought them."""
    for reference in references(registry, app):
        name, _, tag = reference.rpartition(":")
        docker.api.tag(probe, name, tag)


def forget_images(docker: Docker, registry: str, app: str = "26.8.0") -> None:
    for reference in references(registry, app):
        if docker.images.find(reference) is not None:
            docker.api.remove_image(reference, noprune=True)

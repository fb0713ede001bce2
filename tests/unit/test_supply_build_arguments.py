"""What a Dockerfile is told of the user's surroundings, and what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.supply.builders import build_arguments

ROOT = Path(__file__).parents[2]
INDEX = "https://pypi.example/simple/"


@pytest.mark.parametrize("image", ["bugsink", "probe", "probe-profile"])
def test_an_image_with_python_packages_gets_the_index_of_the_user_s_pip(image: str) -> None:
    dockerfile = ROOT / "kind" / "images" / image / "Dockerfile"
    assert build_arguments(dockerfile, "python:3", {"PIP_INDEX_URL": INDEX}) == {"BASE": "python:3", "PIP_INDEX_URL": INDEX}
    assert build_arguments(dockerfile, "python:3", {}) == {"BASE": "python:3"}


def test_a_login_does_not_get_into_a_layer_s_history() -> None:
    dockerfile = ROOT / "kind" / "images" / "probe" / "Dockerfile"
    assert build_arguments(dockerfile, None, {"PIP_INDEX_URL": "https://me:secret@pypi.example/simple/"}) == {}


def test_others_are_not_told_of_it() -> None:
    dockerfile = ROOT / "compose" / "redis" / "image" / "Dockerfile"
    assert build_arguments(dockerfile, "debian:13", {"PIP_INDEX_URL": INDEX}) == {"BASE": "debian:13"}

"""The recipes of images in upstream's shape stand for what the lock pulls, and for nothing that it no longer does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kit.supply import lock_file
from tests.connected.upstream import recipes

LOCK = Path(__file__).parents[2] / "kit" / "supply" / "lock.yaml"


@pytest.mark.parametrize("shape", recipes.SHAPES, ids=lambda shape: shape.name)
def test_a_shape_is_of_an_image_that_the_lock_pulls(shape: recipes.Shape) -> None:
    entries = lock_file.read(LOCK).entries
    assert f"image/{shape.base}" in entries
    assert shape.reference in [source.reference for entry in entries.values() for source in entry.pulled_images]


@pytest.mark.parametrize("shape", recipes.SHAPES, ids=lambda shape: shape.name)
def test_a_recipe_says_after_what_it_was_written_and_takes_no_label_of_ours_along(shape: recipes.Shape) -> None:
    text = (recipes.HERE / shape.folder / "Dockerfile").read_text()
    assert text.startswith("# In the shape of ")
    # A label of ours would make kit take the image for one that it has built.
    assert "FROM scratch" in text or re.search(r'^LABEL dev\.kit\.recipe=""', text, re.MULTILINE)

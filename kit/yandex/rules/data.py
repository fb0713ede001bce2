"""Reads the data files of this folder. Every line of them that states a fact names a source, which the file's `sources` list."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from kit import yaml_file

FOLDER = Path(__file__).parent
GB = 1024**3


@functools.cache
def read(name: str) -> Any:
    """A file of this folder as plain data."""
    return yaml_file.read(FOLDER / name).plain()

"""Where Terraform keeps the state of a cloud stack: on this computer, or in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit import files
from kit.errors import KitError
from kit.targets.cloud.place import BACKEND, backend

if TYPE_CHECKING:
    from kit.targets.cloud.target import CloudTarget


def move(cloud: CloudTarget, bucket: str, key: str, endpoint: str, region: str) -> None:
    """Into a bucket; the state that lies here goes along and stays behind as a backup."""
    file = cloud.place.configuration / BACKEND
    files.write(file, backend(bucket, key, endpoint, region))
    try:
        cloud.around.configuration.move_state()
    except KitError:
        file.unlink()
        raise

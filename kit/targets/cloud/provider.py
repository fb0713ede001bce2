"""The Yandex provider for a configuration: by terraform's own `init` where a registry answers, else built here and mirrored.

`init` is tried first, because it may know more than kit: the user's own mirror. Once kit's mirror was needed, it stays: the lock
file of the configuration holds the checksum of what was built, and `init` asks its source each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kit.engines.terraform import Configuration
from kit.engines.terraform_errors import ProviderUnavailable
from kit.engines.terraform_mirror import mirror
from kit.supply.schedule import Progress
from kit.supply.supply import Supply

ARTIFACT = "artifact/terraform-provider-yandex"


def initialised(
    configuration: Configuration,
    supply: Supply,
    mirror_folder: Path,
    backend: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Configuration:
    """Initialise; the result is the configuration to go on with, and knows the mirror if there is one.

    Building the provider takes minutes and says so through `progress`; what was built once is used again.
    """
    if not mirror_folder.exists():
        try:
            configuration.init(backend)
            return configuration
        except ProviderUnavailable:
            pass
    supply.ensure([ARTIFACT], progress)
    mirrored = configuration.with_environment({"TF_CLI_CONFIG_FILE": str(mirrored_provider(supply, mirror_folder))})
    mirrored.init(backend)
    return mirrored


def mirrored_provider(supply: Supply, mirror_folder: Path) -> Path:
    """The CLI configuration of a mirror with the built provider; raises `NotSupplied` where it is not built."""
    version = supply.lock.entries[ARTIFACT].version
    built = Path(supply.place_of(ARTIFACT).place) / f"terraform-provider-yandex_v{version}"
    return mirror(mirror_folder, built, version)

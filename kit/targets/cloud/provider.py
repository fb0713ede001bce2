"""The Yandex provider for a configuration: by terraform's own `init` where a registry answers, else built here and mirrored.

`init` is tried first, because it may know more than kit: the user's own mirror. Once kit's mirror was needed, it stays: the lock
file of the configuration holds the checksum of what was built, and `init` asks its source each time. What was initialised from
the same files by the same program is not initialised again: that takes seconds, or minutes on a bad network.
"""

from __future__ import annotations

from pathlib import Path

from kit import files
from kit.adapters.terraform.errors import ProviderUnavailable
from kit.adapters.terraform.mirror import mirror
from kit.adapters.terraform.program import Configuration
from kit.errors import KitError
from kit.supply.schedule import Progress
from kit.supply.supply import Supply
from kit.targets.cloud.errors import ProviderMissing

ARTIFACT = "artifact/terraform-provider-yandex"
NOTE = "initialised"  # in terraform's own folder
LOCK = ".terraform.lock.hcl"


def initialised(
    configuration: Configuration,
    supply: Supply,
    mirror_folder: Path,
    progress: Progress | None = None,
) -> Configuration:
    """Initialise; the result is the configuration to go on with, and knows the mirror if there is one.

    Building the provider takes minutes and says so through `progress`; what was built once is used again.
    """
    if not mirror_folder.exists():
        if _is_initialised(configuration, ""):
            return configuration
        try:
            configuration.init()
            return _noted(configuration, "")
        except ProviderUnavailable as error:
            unavailable = error
            _ensure(supply, progress, unavailable)
    else:
        _ensure(supply, progress, None)
    place = str(supply.place_of(ARTIFACT).place)
    mirrored = configuration.with_environment({"TF_CLI_CONFIG_FILE": str(mirrored_provider(supply, mirror_folder))})
    if not _is_initialised(mirrored, place):
        mirrored.init()
    return _noted(mirrored, place)


def _ensure(supply: Supply, progress: Progress | None, unavailable: ProviderUnavailable | None) -> None:
    """Raises `ProviderMissing` with both reasons where no registry has it and it cannot be built."""
    try:
        supply.ensure([ARTIFACT], progress)
    except KitError as error:
        tried = f"no registry gave it ({unavailable.why}), and " if unavailable else ""
        why = f"{tried}it could not be built: {error.what}: {error.why}"
        raise ProviderMissing(why=why, remedy=error.fix, detail=error.detail) from error


def _noted(configuration: Configuration, provider: str) -> Configuration:
    note, now = configuration.data / NOTE, _made_from(configuration, provider)
    if not note.exists() or note.read_text() != now:
        files.write(note, now)
    return configuration


def _is_initialised(configuration: Configuration, provider: str) -> bool:
    """Whether the last `init` was of these very files, and what it brought is still there."""
    note = configuration.data / NOTE
    brought = list((configuration.data / "providers").glob("*/*/*/*/*"))
    is_there = bool(brought) and all(platform.exists() for platform in brought)
    return is_there and note.exists() and note.read_text() == _made_from(configuration, provider)


def _made_from(configuration: Configuration, provider: str) -> str:
    """Every file that `init` reads, the program, and the provider that the mirror holds."""
    folder = configuration.folder
    read = [folder / LOCK, *sorted(folder.rglob("*.tf")), *sorted(folder.glob("*.tf.json"))]
    texts: dict[str, str | bytes] = {str(path.relative_to(folder)): path.read_bytes() for path in read if path.exists()}
    return files.digest({**texts, "program": str(configuration.terraform.program), "provider": provider})


def mirrored_provider(supply: Supply, mirror_folder: Path) -> Path:
    """The CLI configuration of a mirror with the built provider; raises `NotSupplied` where it is not built."""
    version = supply.lock.entries[ARTIFACT].versions["built"]
    built = Path(supply.place_of(ARTIFACT).place) / f"terraform-provider-yandex_v{version}"
    return mirror(mirror_folder, built, version)

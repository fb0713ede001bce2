"""Where the `docker` command looks for its plugins, Compose among them, and where products put them that it is not told of.

The plugin's file runs on its own as `docker-compose` does (docker/compose cmd/main.go, the branch RunningStandalone, v2.40.3 and
v5.5.0), so whoever has the plugin needs no other Compose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.host.platform import of_host

# docker/cli cli-plugins/manager/manager_unix.go, read 2026-11-28. Docker's packages use /usr/libexec, and so do those of Debian,
# Ubuntu and Alpine; Docker Desktop on Linux /usr/lib; Desktop in WSL and Homebrew on an Intel Mac /usr/local/lib.
SYSTEM = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# Products that leave it to the user to name their folder; seen in public set-up scripts and in `docker info`, read 2026-11-28.
DARWIN = (
    "/opt/homebrew/lib/docker/cli-plugins",  # Homebrew on Apple silicon, for colima; todd-dsm/mac-ops#103
    "/Applications/Docker.app/Contents/Resources/cli-plugins",  # Docker Desktop
    "/Applications/OrbStack.app/Contents/MacOS/xbin",  # OrbStack; the links in ~/.docker/cli-plugins lead here
)
LINUX = ("/home/linuxbrew/.linuxbrew/lib/docker/cli-plugins",)  # Homebrew on Linux
OF_THE_USER = (".orbstack/bin", ".rd/bin")  # OrbStack; Rancher Desktop


def folders(environment: Mapping[str, str], home: Path | None = None, platform: str = "") -> tuple[Path, ...]:
    """Folders that may hold `docker-compose`, in the order in which to look.

    First those that the CLI reads, in its own order (getPluginDirs in cli-plugins/manager/manager.go), then the products' own.
    The home folder is the environment's, the platform this computer's, unless they are given.
    """
    home = home or (Path(environment["HOME"]) if environment.get("HOME") else None)
    platform = platform or of_host()
    found: list[Path] = []
    configured = environment.get("DOCKER_CONFIG")
    configuration = Path(configured) if configured else home / ".docker" if home else None
    if configuration:
        found += [*_extra(configuration / "config.json"), configuration / "cli-plugins"]
    found += map(Path, SYSTEM)
    if environment.get("HOMEBREW_PREFIX"):
        found.append(Path(environment["HOMEBREW_PREFIX"]) / "lib/docker/cli-plugins")
    found += map(Path, DARWIN if platform.startswith("darwin-") else LINUX)
    found += [home / folder for folder in OF_THE_USER if home]
    return tuple(dict.fromkeys(found))


def _extra(configuration: Path) -> list[Path]:
    """`cliPluginsExtraDirs` of the CLI's configuration; a file that cannot be read or is damaged names none."""
    try:
        document: Any = json.loads(configuration.read_text(encoding="utf-8"))
        named = document["cliPluginsExtraDirs"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not isinstance(named, list):
        return []
    return [Path(name) for name in named if isinstance(name, str) and Path(name).is_absolute()]

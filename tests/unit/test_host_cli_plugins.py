"""Where Compose may be as a plugin: every place that the docker command reads, and those of the products."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.host import cli_plugins

SYSTEM = [Path(folder) for folder in cli_plugins.SYSTEM]


def test_the_cli_s_own_places_come_first_and_in_its_order(tmp_path: Path) -> None:
    extra = ["/opt/a/cli-plugins", "/opt/b/cli-plugins"]
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": extra, "auths": {}}))
    found = cli_plugins.folders({}, tmp_path, "linux-amd64")
    assert found[:7] == (*map(Path, extra), tmp_path / ".docker" / "cli-plugins", *SYSTEM)


def test_another_configuration_folder_is_honoured(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_text('{"cliPluginsExtraDirs": ["/opt/x"]}')
    found = cli_plugins.folders({"DOCKER_CONFIG": str(own)}, tmp_path, "linux-amd64")
    assert found[:2] == (Path("/opt/x"), own / "cli-plugins")
    assert tmp_path / ".docker" / "cli-plugins" not in found


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "null", "{}", '{"cliPluginsExtraDirs": "/opt/x"}', '{"cliPluginsExtraDirs": [1, null, "relative"]}', "\xff"],
)
def test_a_damaged_configuration_names_no_folder(tmp_path: Path, content: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_bytes(content.encode("latin-1"))
    assert cli_plugins.folders({}, tmp_path, "linux-amd64")[0] == tmp_path / ".docker" / "cli-plugins"


@pytest.mark.parametrize("platform", ["darwin-arm64", "darwin-amd64"])
def test_on_a_mac_homebrew_desktop_and_orbstack_are_looked_at(tmp_path: Path, platform: str) -> None:
    found = cli_plugins.folders({}, tmp_path, platform)
    assert Path("/opt/homebrew/lib/docker/cli-plugins") in found
    assert Path("/usr/local/lib/docker/cli-plugins") in found  # Homebrew on Intel
    assert Path("/Applications/Docker.app/Contents/Resources/cli-plugins") in found
    assert Path("/Applications/OrbStack.app/Contents/MacOS/xbin") in found
    assert not [folder for folder in cli_plugins.folders({}, tmp_path, "linux-arm64") if folder.is_relative_to("/Applications")]


def test_homebrew_at_a_place_of_its_own(tmp_path: Path) -> None:
    found = cli_plugins.folders({"HOMEBREW_PREFIX": "/srv/brew"}, tmp_path, "linux-amd64")
    assert Path("/srv/brew/lib/docker/cli-plugins") in found


def test_a_user_without_a_home_still_has_the_system_s() -> None:
    assert cli_plugins.folders({})[:4] == tuple(SYSTEM)


def test_the_home_is_that_of_the_environment(tmp_path: Path) -> None:
    assert cli_plugins.folders({"HOME": str(tmp_path)})[0] == tmp_path / ".docker" / "cli-plugins"


def test_no_folder_is_named_twice(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"cliPluginsExtraDirs": ["/usr/lib/docker/cli-plugins"]}')
    found = cli_plugins.folders({"HOMEBREW_PREFIX": "/opt/homebrew"}, tmp_path, "darwin-arm64")
    assert len(found) == len(set(found))

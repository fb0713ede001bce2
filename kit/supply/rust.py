"""Rust programs out of a source package of PyPI: fetched by pip, held against its hash, built by cargo with caches of kit's own.

Such a package brings its whole workspace as an archive within the archive, with the Cargo.lock that its authors built with. A
dependency that they take from a repository is in no registry; the recipe names the published crate that stands in for it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from kit.adapters.environment import Withheld
from kit.adapters.process import Runner
from kit.errors import ToolMissing
from kit.supply.cache import Cache
from kit.supply.download import sha256_of
from kit.supply.errors import ChecksumWrong, RecipeBroken
from kit.supply.lock import Cargo

BUILD_S = 3 * 3600.0
STAMP = ".kit-recipe"  # in an unpacked workspace: what it was made from
# doc.rust-lang.org/cargo/reference/environment-variables.html, read 2026-11-28: profiles, targets, wrappers and flags of the
# compiler. Registries, proxies and logins stay.
WITHHELD = Withheld(
    ("CARGO", "CARGO_*", "RUSTC", "RUSTC_*", "RUSTDOC", "RUSTFLAGS"),
    but=("CARGO_HTTP_*", "CARGO_NET_*", "CARGO_REGISTRIES_*", "CARGO_REGISTRY_*", "CARGO_SOURCE_*", "CARGO_CREDENTIAL_*"),
)
# Built to be run by tests, not by customers: what costs minutes of compilation and megabytes is off.
PROFILE = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_DEBUG": "false",
    "CARGO_PROFILE_RELEASE_STRIP": "true",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_INCREMENTAL": "0",
}
# … but for these: Relay compiles thousands of patterns at its start, which takes seconds where they are not optimised.
OPTIMISED = ("regex-automata", "regex-syntax", "aho-corasick", "memchr")


def build(run: Runner, cache: Cache, recipe: Cargo, into: Path, log: Path) -> None:
    """The recipe's programs, as files in `into`. Raises `ToolMissing`, `ChecksumWrong`, `RecipeBroken`."""
    for tool, package in {"cargo": "rustup, or Debian's cargo", "cmake": "cmake", "c++": "g++"}.items():
        if shutil.which(tool) is None:
            raise ToolMissing(program=tool, why=f"it builds {recipe.package}", fix=f"install {package}")
    for header, package in recipe.headers.items():
        if run(["c++", "-x", "c", "-E", "-include", header, "/dev/null"], check=False).exit_code != 0:
            raise ToolMissing(program=header, why=f"it builds {recipe.package}", fix=f"apt-get install {package}")
    workspace = _workspace(run, cache, recipe, log)
    argv = ["cargo", "build", "--release", *(() if recipe.crates else ("--locked",))]
    for program in recipe.programs:
        argv += ["--bin", program]
    if recipe.features:
        argv += ["--features", ",".join(recipe.features)]
    for crate in OPTIMISED:
        argv += ["--config", f"profile.release.package.{crate}.opt-level=2"]
    target = cache.cargo / "target" / workspace.name  # two workspaces may have programs of one name
    env = {
        **WITHHELD.changes(),
        **PROFILE,
        **recipe.env,
        "CARGO_HOME": str(cache.cargo / "home"),
        "CARGO_TARGET_DIR": str(target),
    }
    run(argv, env=env, cwd=workspace, timeout_s=BUILD_S, log=log)
    for program in recipe.programs:
        shutil.copy2(target / "release" / program, into / program)


def _workspace(run: Runner, cache: Cache, recipe: Cargo, log: Path) -> Path:
    """The unpacked workspace. It stays where it is: cargo knows by its path and its times what is compiled already."""
    place = cache.cargo / "src" / recipe.package.replace("==", "-")
    made_from = json.dumps([recipe.sha256, recipe.archive, recipe.folder, sorted(recipe.crates.items())])
    stamp = place / STAMP
    if not (stamp.is_file() and stamp.read_text() == made_from):
        with tempfile.TemporaryDirectory(dir=cache.temporary()) as scratch, cache.landing(place) as folder:
            package = _fetched(run, recipe, Path(scratch), log)
            _unpack(package, recipe, folder, log)
            if recipe.crates:
                manifest = folder / "Cargo.toml"
                manifest.write_text(_with_crates(manifest.read_text(), recipe.crates, recipe, log))
            (folder / STAMP).write_text(made_from)
    return place


def _fetched(run: Runner, recipe: Cargo, scratch: Path, log: Path) -> Path:
    """The source package, by pip, which checks the hash; checked here once more, for what pip does is not our promise."""
    name = recipe.package.partition("==")[0]
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{recipe.package} --hash=sha256:{recipe.sha256}\n")
    into = scratch / "package"
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", f"--no-binary={name}"]
    run([*argv, "--require-hashes", f"--requirement={wanted}", f"--dest={into}"], timeout_s=BUILD_S, log=log)
    (package,) = into.iterdir()
    if (got := sha256_of(package)) != recipe.sha256:
        raise ChecksumWrong(file=package.name, wanted=recipe.sha256, got=got)
    return package


def _unpack(package: Path, recipe: Cargo, folder: Path, log: Path) -> None:
    """The workspace out of the archive within the archive, into `folder`."""
    with tempfile.TemporaryDirectory(dir=package.parent) as scratch:
        if zipfile.is_zipfile(package):
            with zipfile.ZipFile(package) as outer:
                outer.extractall(scratch)
        else:
            with tarfile.open(package) as tar:
                tar.extractall(scratch, filter="data")
        inner = next(Path(scratch).rglob(recipe.archive), None)
        if inner is None:
            raise RecipeBroken(made=recipe.package, why=f"the package holds no {recipe.archive}", log=log)
        with zipfile.ZipFile(inner) as zipped:
            zipped.extractall(scratch)
        workspace = inner.parent / recipe.folder if (inner.parent / recipe.folder).is_dir() else Path(scratch) / recipe.folder
        if not (workspace / "Cargo.toml").is_file():
            raise RecipeBroken(made=recipe.package, why=f"{recipe.archive} holds no {recipe.folder}/Cargo.toml", log=log)
        shutil.copytree(workspace, folder, dirs_exist_ok=True)


def _with_crates(manifest: str, crates: Mapping[str, str], recipe: Cargo, log: Path) -> str:
    """The workspace's Cargo.toml with published crates where it names repositories."""
    for name, version in crates.items():
        from_repository = re.compile(rf'^({re.escape(name)} = \{{ )git = "[^"]*", rev = "[^"]*"', re.MULTILINE)
        manifest, count = from_repository.subn(rf'\g<1>version = "={version}"', manifest)
        if count != 1:
            raise RecipeBroken(
                made=recipe.package, why=f"Cargo.toml takes {name} from {count} repositories, not from one", log=log
            )
    return manifest

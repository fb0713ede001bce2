"""What a custom image may stand on, and what goes into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.blueprint.stack import PROFILES
from kit.sentry.chart import custom_images
from kit.sentry.chart.custom_images import BaseUnknown, Trusted, base_of, context
from kit.sentry.lines import profiles
from kit.supply.lock import PulledImage
from kit.supply.lock_file import read

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "ab" * 32
TRUSTED = Trusted(b"the authority", b"public ones and the authority")


def test_every_recipe_has_an_upstream_image_in_each_profile_of_its_very_version() -> None:
    upstream = read(ROOT / custom_images.UPSTREAM)
    names = {f"image/{name}-{profile}" for name in custom_images.NAMES for profile in PROFILES}
    assert set(upstream.entries) == names
    for profile in PROFILES:
        for name in custom_images.NAMES:
            (pulled,) = upstream.entries[f"image/{name}-{profile}"].pulled_images
            assert pulled.reference.endswith(f"/{name}:{profiles.load(profile).app_version}")


def test_every_recipe_in_the_folder_is_one_that_is_built() -> None:
    folders = {path.parent.name for path in (ROOT / custom_images.FOLDER).glob("*/Dockerfile")}
    assert folders == {*custom_images.NAMES, "relay-distroless"}


@pytest.mark.parametrize(
    ("given", "base"),
    [
        (f"getsentry/sentry@{DIGEST}", PulledImage("getsentry/sentry", DIGEST)),
        (f"mirror:5000/getsentry/sentry:25.2.0@{DIGEST}", PulledImage("mirror:5000/getsentry/sentry:25.2.0", DIGEST)),
        (DIGEST, PulledImage(DIGEST, None)),
        ("kit.local/probe:1-4266ee46f179", PulledImage("kit.local/probe:1-4266ee46f179", None)),
    ],
)
def test_a_base_is_named_by_its_content(given: str, base: PulledImage) -> None:
    assert base_of("sentry", "seed", given, ROOT) == base


@pytest.mark.parametrize("given", ["getsentry/sentry", "getsentry/sentry:25.2.0", "getsentry/sentry:latest", "x@sha256:ab", ""])
def test_a_base_that_names_no_content_is_refused(given: str) -> None:
    with pytest.raises(BaseUnknown) as refused:
        base_of("sentry", "seed", given, ROOT)
    assert "--base" in refused.value.fix


def test_the_pinned_upstream_image_is_taken_where_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / custom_images.FOLDER
    folder.mkdir(parents=True)
    text = (ROOT / custom_images.UPSTREAM).read_text()
    (tmp_path / custom_images.UPSTREAM).write_text(text.replace("digest: null", f"digest: {DIGEST}", 1))
    assert base_of("sentry", "seed", None, tmp_path) == PulledImage("getsentry/sentry:25.2.0", DIGEST)
    with pytest.raises(BaseUnknown, match="snuba"):
        base_of("snuba", "seed", None, tmp_path)


@pytest.mark.parametrize(
    ("name", "is_distroless", "parts"),
    [
        ("sentry", False, {"Dockerfile", "ca.crt", "into_certifi.py", "kit_nodestore.py"}),
        ("snuba", False, {"Dockerfile", "ca.crt", "into_certifi.py"}),
        ("relay", False, {"Dockerfile", "ca.crt"}),
        ("relay", True, {"Dockerfile", "ca.crt", "bundle.crt"}),
    ],
)
def test_nothing_but_public_parts_goes_in(name: str, is_distroless: bool, parts: set[str]) -> None:
    content = context(ROOT, name, TRUSTED, is_distroless=is_distroless)
    assert set(content) == parts
    for part in parts - {"Dockerfile"}:
        assert f"{part}" in content["Dockerfile"].decode(), part
    assert content["Dockerfile"].decode().count("RUN ") == (0 if is_distroless else 1)


def test_a_context_is_the_same_bytes_each_time() -> None:
    content = context(ROOT, "sentry", TRUSTED, is_distroless=False)
    assert custom_images.packed(content).read() == custom_images.packed(dict(reversed(content.items()))).read()

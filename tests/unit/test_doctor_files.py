"""What `kit doctor` says of a stack's files: who may read them, and how long the authority lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit import doctor
from kit.blueprint.stack import Stack
from kit.pki import authority, folder
from kit.targets.local.target import LocalTarget
from kit.workspace import Workspace

LETTING_IN = (
    *("certs/x/authority/root.key", "certs/x/kafka/v1/tls.key", ".kit/x/secrets.json", ".kit/x/given.json"),
    *(".kit/x/secrets/kafka/password", ".kit/x/kubeconfig", ".kit/x/api-tokens.csv", ".kit/x/cloud/kubeconfig"),
    *(".kit/x/cloud/secrets.json", ".kit/x/cloud/configuration/terraform.tfstate"),
    *(".kit/x/rehearsal/configuration/terraform.tfstate.backup", ".kit/x/rehearsal/certs/sentry/v1/tls.key"),
    *(".kit/x/yandex/token", ".kit/x/yandex/journal.jsonl"),
)


@pytest.fixture
def local(tmp_path: Path) -> LocalTarget:
    return LocalTarget(Stack(name="x"), Workspace("x", tmp_path, tmp_path, tmp_path / "cache"))


def test_what_lets_somebody_in_is_for_its_owner_alone(local: LocalTarget, tmp_path: Path) -> None:
    others = [tmp_path / "certs" / "x" / "ca.crt", tmp_path / ".kit" / "x" / "markers.json"]
    for path in [*(tmp_path / name for name in LETTING_IN), *others]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o644 if path in others else 0o600)
    assert doctor._private_files(local) == ("right", f"{len(LETTING_IN)} keys and secrets, none readable by others", "")
    for name in LETTING_IN:
        (tmp_path / name).chmod(0o640)
        assert doctor._private_files(local) == ("wrong", f"others may read {tmp_path / name}", f"chmod 600 {tmp_path / name}")
        (tmp_path / name).chmod(0o600)


def test_an_authority_that_ends_is_said(local: LocalTarget) -> None:
    certs, now = local.workspace.certs, datetime.now(UTC)
    assert doctor._authority(local) == ("note", "no authority yet", "kit up --local")
    folder.ensure(certs, "x", {}, now)
    assert doctor._authority(local)[0] == "right"
    folder.make_authority(certs, "x", now - authority.INTERMEDIATE_LIFETIME + timedelta(days=1))
    assert doctor._authority(local) == ("note", f"the authority ends on {now + timedelta(days=1):%Y-%m-%d}", "kit up --local")

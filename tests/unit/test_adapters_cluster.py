"""The doors to Helm and to the cluster's API: what they send, and what they make of what is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.helm import Helm, Release
from kit.adapters.kubernetes.api import KubeApi, identity, path_of
from kit.adapters.kubernetes.kubeconfig import KubeconfigUnusable
from kit.adapters.process import Result

UPGRADED = {
    "name": "sentry",
    "namespace": "sentry",
    "version": 3,
    "info": {"status": "deployed"},
    "chart": {"metadata": {"name": "sentry-lite", "version": "0.1.0", "appVersion": "2.6.1"}},
}
LISTED = {
    "name": "sentry",
    "namespace": "sentry",
    "revision": "3",
    "status": "deployed",
    "chart": "sentry-lite-0.1.0",
    "app_version": "2.6.1",
}


class Said:
    """Helm as a recording: every call is kept, every answer is given beforehand."""

    def __init__(self, stdout: Any) -> None:
        self.stdout, self.calls = json.dumps(stdout), []  # type: ignore[var-annotated]

    def __call__(self, argv: Sequence[str], **options: Any) -> Result:
        self.calls.append((tuple(argv), options))
        return Result(tuple(argv), 0, self.stdout, "")


def helm(said: Said) -> Helm:
    return Helm(Path("helm"), Path("kubeconfig"), said)


def test_values_go_in_on_stdin_and_nothing_of_them_is_an_argument() -> None:
    said = Said(UPGRADED)
    made = helm(said).upgrade("sentry", Path("chart"), "sentry", {"word": "visible-value"})
    assert made == Release("sentry", "sentry", 3, "deployed", "sentry-lite", "0.1.0", "2.6.1")
    argv, options = said.calls[0]
    assert json.loads(options["stdin"]) == {"word": "visible-value"}
    assert "visible-value" not in " ".join(argv)
    assert argv[argv.index("--values") + 1] == "-"
    assert not {"--wait", "--atomic"} & set(argv)
    assert argv[argv.index("--kubeconfig") + 1] == "kubeconfig"


def test_list_and_upgrade_tell_of_the_same_release() -> None:
    assert helm(Said([LISTED])).release("sentry", "sentry") == helm(Said(UPGRADED)).upgrade("sentry", Path("c"), "sentry", {})


def test_no_release_is_none() -> None:
    assert helm(Said([])).release("sentry", "sentry") is None


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "path"),
    [
        ("Namespace", "sentry", None, "/api/v1/namespaces/sentry"),
        ("Secret", "s", "sentry", "/api/v1/namespaces/sentry/secrets/s"),
        ("Deployment", "d", "sentry", "/apis/apps/v1/namespaces/sentry/deployments/d"),
        ("Job", None, "sentry", "/apis/batch/v1/namespaces/sentry/jobs"),
        ("Pod", None, None, "/api/v1/pods"),
    ],
)
def test_every_kind_has_its_path(kind: str, name: str | None, namespace: str | None, path: str) -> None:
    assert path_of(kind, name, namespace) == path


def test_an_object_that_names_itself_later_has_an_identity() -> None:
    assert identity({"kind": "Job", "metadata": {"generateName": "run-", "namespace": "n"}}) == ("Job", "run-", "n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no such file"),
        ("", "it cannot be understood"),
        ("clusters: [", "it cannot be understood"),
        ("current-context: kind-kit\ncontexts: []\nclusters: []\nusers: []\n", "it cannot be understood"),
    ],
    ids=["absent", "empty", "cut short", "without its cluster"],
)
def test_an_unusable_kubeconfig_is_a_complaint_and_an_error(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    assert why in (KubeApi(path).complaint() or "")
    with pytest.raises(KubeconfigUnusable):
        KubeApi(path).get("Namespace", "sentry")

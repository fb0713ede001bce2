"""Runs Helm: a chart's folder and values in, rendered manifests or a release out.

Values go in on stdin, so nothing of them is in an argument or a file. There is no waiting for pods here: Helm's own tells only
that time is up, while `kit` watches the pods and can say why. For the Jobs of hooks Helm itself waits, whoever calls it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.adapters.environment import Withheld
from kit.adapters.process import Runner, run

TIMEOUT_S = 120.0
REVISIONS_KEPT = 5
# `helm help` of 3.22 lists Helm's own variables; Kubernetes' Go client reads KUBE_FEATURE_* besides
# (client-go/features/envvar.go, read 2026-11-28). Charts, logins to registries and caches are where the user has them.
WITHHELD = Withheld(
    ("HELM_*", "KUBE*"),
    but=("HELM_*_HOME", "HELM_REGISTRY_CONFIG", "HELM_REPOSITORY_*"),
)


@dataclass(frozen=True, slots=True)
class Release:
    name: str
    namespace: str
    revision: int
    status: str  # "deployed", "failed", "pending-upgrade" …
    chart: str  # "sentry-lite"
    version: str  # the chart's
    app_version: str


# No cluster is asked, and without it the Sentry chart makes no HTTPRoute, whatever its values say: sentry-kubernetes/charts,
# templates/_helper.tpl (sentry.route.apiVersion), 33.8.0, rendered 2026-11-29.
GATEWAY_API = "gateway.networking.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Helm:
    program: Path
    kubeconfig: Path
    runner: Runner = run
    kubernetes: str = ""  # what `template` assumes of a cluster that it does not ask; empty: Helm's own default

    def upgrade(
        self, name: str, chart: Path, namespace: str, values: Mapping[str, Any], *, hooks_timeout_s: float = TIMEOUT_S
    ) -> Release:
        """Install, or upgrade in place; returns as soon as the API server has everything and every hook has run."""
        argv = ["upgrade", "--install", name, str(chart), "--namespace", namespace, "--timeout", f"{hooks_timeout_s:.0f}s"]
        argv += ["--values", "-", "--history-max", str(REVISIONS_KEPT), "--output", "json"]
        said = self._run(argv, stdin=json.dumps(values), timeout_s=hooks_timeout_s + TIMEOUT_S)
        return release_from_status(json.loads(said))

    def values(self, name: str, namespace: str) -> dict[str, Any]:
        """What the running release was given."""
        return json.loads(self._run(["get", "values", name, "--namespace", namespace, "--output", "json"])) or {}

    def manifest(self, name: str, namespace: str) -> str:
        """What the running release consists of, without its hooks."""
        return self._run(["get", "manifest", name, "--namespace", namespace])

    def hooks(self, name: str, namespace: str) -> str:
        """The hooks of the running release, which are in no manifest of it."""
        return self._run(["get", "hooks", name, "--namespace", namespace])

    def pull(self, reference: str, version: str, folder: Path, repository: str = "") -> None:
        """A chart's archive into `folder`, from an OCI reference or, with its name, from a repository."""
        argv = ["pull", reference, "--version", version, "--destination", str(folder)]
        self._run(argv + (["--repo", repository] if repository else []), with_cluster=False)

    def release(self, name: str, namespace: str) -> Release | None:
        """The release in whatever state it is, or None."""
        said = self._run(["list", "--namespace", namespace, "--filter", f"^{name}$", "--all", "--output", "json"])
        rows = json.loads(said)
        return release_from_list(rows[0]) if rows else None

    def uninstall(self, name: str, namespace: str) -> None:
        self._run(["uninstall", name, "--namespace", namespace, "--ignore-not-found"])

    def template(self, name: str, chart: Path, namespace: str, values: Mapping[str, Any], only: str | None = None) -> str:
        """The manifests as YAML, without asking a cluster; `only` names one template file."""
        argv = ["template", name, str(chart), "--namespace", namespace, "--values", "-", "--api-versions", GATEWAY_API]
        if only:
            argv += ["--show-only", only]
        if self.kubernetes:
            argv += ["--kube-version", self.kubernetes]
        return self._run(argv, stdin=json.dumps(values), with_cluster=False)

    def _run(self, argv: list[str], *, stdin: str | None = None, with_cluster: bool = True, timeout_s: float = TIMEOUT_S) -> str:
        cluster = ["--kubeconfig", str(self.kubeconfig)] if with_cluster else []
        command = [str(self.program), *argv, *cluster]
        return self.runner(command, stdin=stdin, env=WITHHELD.changes(), timeout_s=timeout_s).stdout


def release_from_status(document: Mapping[str, Any]) -> Release:
    """From the JSON of `helm upgrade` and `helm status`."""
    metadata = document["chart"]["metadata"]
    return Release(
        name=document["name"],
        namespace=document["namespace"],
        revision=int(document["version"]),
        status=document["info"]["status"],
        chart=metadata["name"],
        version=metadata["version"],
        app_version=str(metadata.get("appVersion", "")),
    )


def release_from_list(row: Mapping[str, Any]) -> Release:
    """From one row of `helm list`, where chart and version are one word."""
    chart, _, version = row["chart"].rpartition("-")
    return Release(
        row["name"], row["namespace"], int(row["revision"]), row["status"], chart, version, str(row.get("app_version", ""))
    )

"""The Job that gives a new Sentry the project key and the token that kit knows beforehand, so that `kit demo` works at once.

It is the chart's own web pod with another command: the same image, configuration, secrets and trust, whatever the chart's
version.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kit.errors import KitError
from kit.sentry.chart.manifests import of_kind, pod_of
from kit.sentry.objects import RELEASE, STACK_LABEL, Document, config_map, job

NAME = "kit-first-run"
WEB = f"{RELEASE}-web"
SECRET = "kit-first-run"  # dsn-key, api-token, admin
SCRIPT = Path("kind/first-run/first_run.py")  # below the shipped files
FOLDER = "/etc/kit/first-run"
DEADLINE_S = 900
VARIABLES = {"KIT_DSN_KEY": "dsn-key", "KIT_API_TOKEN": "api-token", "KIT_ADMIN": "admin"}
KEPT = ("name", "image", "imagePullPolicy", "env", "envFrom", "volumeMounts", "securityContext", "resources")


class NoWebPod(KitError):
    """The release has no Deployment of Sentry's web server, in whose pod the project key is made."""

    code = "KIT-NO-WEB"
    exit_code = 53
    what = "the release has no Deployment {name}"
    why = "the project key is made from inside the web server's pod"
    fix = "turn `sentry.web.enabled` on in the values"


def documents(stack: str, release: Iterable[Document], script: str) -> tuple[Document, ...]:
    """ConfigMap with the script, and the Job. `release` has the wired objects of the release."""
    web = of_kind(release, "Deployment").get(WEB)
    if web is None:
        raise NoWebPod(name=WEB)
    labels = {STACK_LABEL: stack, "app.kubernetes.io/name": NAME}
    return (
        config_map(stack, NAME, {SCRIPT.name: script}),
        job(f"{NAME}-", labels, _pod(web), deadline_s=DEADLINE_S, retries=2),
    )


def _pod(web: Document) -> dict[str, Any]:
    pod = copy.deepcopy(pod_of(web))
    assert pod is not None  # a Deployment has one
    container = {key: value for key, value in pod["containers"][0].items() if key in KEPT}
    entries = [{"name": name, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": key}}} for name, key in VARIABLES.items()]
    mounts = [*container.get("volumeMounts", ()), {"name": NAME, "mountPath": FOLDER, "readOnly": True}]
    made = {**container, "command": ["sentry", "exec", f"{FOLDER}/{SCRIPT.name}"], "volumeMounts": mounts}
    made["env"] = [*container.get("env", ()), *entries]
    volumes = [*pod.get("volumes", ()), {"name": NAME, "configMap": {"name": NAME}}]
    return {**pod, "restartPolicy": "Never", "containers": [made], "volumes": volumes}

"""A release of one container and the settings that it is started with."""

from __future__ import annotations

from kit.sentry.chart.manifests import Container
from kit.sentry.check.pods import Files


def sentry_with(source: str, name: str = "sentry-web") -> tuple[Container, Files]:
    """A Deployment of Sentry whose sentry.conf.py is `source`."""
    volume = {"name": "config", "configMap": {"name": name}}
    spec = {"name": "web", "image": "getsentry/sentry:26.8.0", "volumeMounts": [{"name": "config", "mountPath": "/etc/sentry"}]}
    container = Container("Deployment", name, "main", spec, {"containers": [spec], "volumes": [volume]}, {})
    return container, Files({name: {"data": {"sentry.conf.py": source}}}, {}, {})

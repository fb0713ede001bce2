"""What kit adds to the chart's release on this computer: the HTTPS door, and the Job that makes key and token known."""

from __future__ import annotations

from typing import Any

import pytest

from kit.sentry.chart.manifests import containers, of_kind
from kit.sentry.stand_in import first_run, front
from kit.sentry.stand_in.first_run import NoWebPod
from tests.support.program import ROOT


def web() -> dict[str, Any]:
    container = {
        "name": "web",
        "image": "getsentry/sentry:1",
        "command": ["sentry", "run", "web"],
        "readinessProbe": {"httpGet": {"path": "/_health/"}},
        "env": [{"name": "SSL_CERT_FILE", "value": "/etc/kit/trust/bundle.crt"}],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/sentry"}],
    }
    pod = {"containers": [container, {"name": "sidecar", "image": "x:1"}], "volumes": [{"name": "config"}]}
    return {"kind": "Deployment", "metadata": {"name": "sentry-web"}, "spec": {"template": {"spec": pod}}}


def test_the_front_sends_what_sdks_send_to_relay_and_the_rest_to_the_web_server() -> None:
    template, start = ((ROOT / file).read_text() for file in (front.TEMPLATE, front.START))
    made = front.documents("kit", template, start, "front:1", revision="r1")
    text = of_kind(made, "ConfigMap")[front.NAME]["data"]["nginx.conf"]
    assert "set $relay http://sentry-relay.sentry.svc.cluster.local:3000;" in text
    assert "set $web http://sentry-web.sentry.svc.cluster.local:9000;" in text
    assert "${" not in text
    (container,) = containers(of_kind(made, "Deployment")[front.NAME])
    assert container.spec["securityContext"]["readOnlyRootFilesystem"] is True
    assert of_kind(made, "Service")[front.NAME]["spec"]["ports"][0]["nodePort"] == 30443


def test_the_first_run_is_the_web_pod_with_another_command() -> None:
    release = [web()]
    _, job = first_run.documents("kit", release, "print()")
    (container,) = containers({**job, "metadata": {"name": "made"}})
    assert container.image == "getsentry/sentry:1"
    assert container.spec["command"] == ["sentry", "exec", "/etc/kit/first-run/first_run.py"]
    assert "readinessProbe" not in container.spec
    assert container.env["SSL_CERT_FILE"]["value"] == "/etc/kit/trust/bundle.crt"
    assert container.env["KIT_DSN_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "kit-first-run", "key": "dsn-key"}
    assert [volume["name"] for volume in container.pod["volumes"]] == ["config", "kit-first-run"]
    assert release == [web()]


def test_a_release_without_a_web_server_is_named() -> None:
    with pytest.raises(NoWebPod, match="sentry-web"):
        first_run.documents("kit", [], "")

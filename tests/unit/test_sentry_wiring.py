"""The transformer: every container gets the authority and its variables, hooks and init containers too."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from kit.endpoints import Secret
from kit.sentry.chart import wiring
from kit.sentry.chart.manifests import containers
from kit.sentry.chart.wiring import Key, WiringInvalid, filled_files, from_document, wire
from kit.sentry.objects import Document

PROFILE: dict[str, Any] = {
    "mount": "/etc/kit/trust",
    "everywhere": {"SSL_CERT_FILE": "/etc/kit/trust/bundle.crt", "PGSSLROOTCERT": "/etc/kit/trust/ca.crt"},
    "by_image": [
        {
            "image": "getsentry/sentry",
            "secret_env": {"KIT_PASSWORD": {"secret": "kit-kafka", "key": "password"}},
            "mounts": [{"config_map": "kit-nodestore-code", "path": "/etc/kit/nodestore"}],
        },
        {"image": "getsentry/relay", "env": {"RELAY_LOG_LEVEL": "INFO"}},
    ],
    "secret_files": [
        {
            "config_map": "sentry-relay",
            "secret": "kit-relay",
            "substitute": {"KAFKA_PASSWORD": {"secret": "kit-kafka", "key": "password"}},
        }
    ],
    "requests": {"cpu": "10m", "memory": "64Mi"},
}
WIRING = from_document("seed", PROFILE)


def pod(*images: str, init: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"containers": [{"name": f"c{n}", "image": image} for n, image in enumerate(images)], **more}
    if init:
        found["initContainers"] = [{"name": f"i{n}", "image": image} for n, image in enumerate(init)]
    return found


def deployment(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": {"spec": spec}}}


def hook(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "annotations": {"helm.sh/hook": "post-install"}}
    return {"kind": "Job", "metadata": metadata, "spec": {"template": {"spec": spec}}}


def cron(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "CronJob", "metadata": {"name": name}, "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}


RELAY_FILE = {
    "kind": "ConfigMap",
    "metadata": {"name": "sentry-relay"},
    "data": {"config.yml": "password: ${KAFKA_PASSWORD}, left: ${OTHER}"},
}
ALL: tuple[Document, ...] = (
    deployment("web", pod("getsentry/sentry:1", init=("busybox:1",))),
    hook("db-init", pod("getsentry/sentry:1")),
    cron("cleanup", pod("getsentry/snuba:1", "getsentry/relay:1")),
    {"kind": "Service", "metadata": {"name": "web"}, "spec": {}},
)


def test_every_container_has_the_authority_and_its_variables() -> None:
    seen = [container for document in wire(ALL, WIRING) for container in containers(document)]
    assert len(seen) == 5
    for container in seen:
        assert {"name": "kit-trust", "configMap": {"name": "kit-trust"}} in container.pod["volumes"]
        assert {"name": "kit-trust", "mountPath": "/etc/kit/trust", "readOnly": True} in container.spec["volumeMounts"]
        assert container.env["SSL_CERT_FILE"]["value"] == "/etc/kit/trust/bundle.crt"
        assert container.spec["resources"]["requests"] == {"cpu": "10m", "memory": "64Mi"}


def test_what_is_for_one_image_reaches_that_image_only() -> None:
    web, job, cleanup, _ = wire(ALL, WIRING)
    init, main = containers(web)
    assert "KIT_PASSWORD" not in init.env
    assert main.env["KIT_PASSWORD"]["valueFrom"] == {"secretKeyRef": {"name": "kit-kafka", "key": "password"}}
    assert [mount["mountPath"] for mount in main.spec["volumeMounts"]] == ["/etc/kit/trust", "/etc/kit/nodestore"]
    snuba, relay = containers(cleanup)
    assert "RELAY_LOG_LEVEL" in relay.env
    assert "RELAY_LOG_LEVEL" not in snuba.env
    assert "KIT_PASSWORD" in next(containers(job)).env


@pytest.mark.parametrize("image", ["registry.test:5000/mirror/sentry:1", "sentry@sha256:0", "own/sentry-with-ca:1"])
def test_a_mirrored_image_is_wired_like_upstreams(image: str) -> None:
    (container,) = containers(wire([deployment("web", pod(image))], WIRING)[0])
    assert "KIT_PASSWORD" in container.env
    assert "RELAY_LOG_LEVEL" not in container.env


def test_an_image_that_only_has_the_word_in_its_path_is_another() -> None:
    (container,) = containers(wire([deployment("redis", pod("registry.test/getsentry/sentry/redis:7"))], WIRING)[0])
    assert "KIT_PASSWORD" not in container.env


def test_wiring_twice_is_wiring_once_and_the_given_documents_stay_as_they_are() -> None:
    before = copy.deepcopy(ALL)
    once = wire(ALL, WIRING)
    assert wire(once, WIRING) == once
    assert before == ALL


def test_a_variable_of_the_chart_under_the_same_name_is_replaced_and_ours_come_first() -> None:
    spec = pod("getsentry/snuba:1")
    spec["containers"][0]["env"] = [
        {"name": "URL", "value": "$(SSL_CERT_FILE)"},
        {"name": "PGSSLROOTCERT", "value": "/elsewhere"},
    ]
    (container,) = containers(wire([deployment("api", spec)], WIRING)[0])
    names = [entry["name"] for entry in container.spec["env"]]
    assert sorted(names) == ["PGSSLROOTCERT", "SSL_CERT_FILE", "URL"]
    assert names.index("SSL_CERT_FILE") < names.index("URL")
    assert container.env["PGSSLROOTCERT"]["value"] == "/etc/kit/trust/ca.crt"


def test_requests_of_the_chart_are_kept() -> None:
    spec = pod("getsentry/snuba:1")
    spec["containers"][0]["resources"] = {"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}
    (container,) = containers(wire([deployment("api", spec)], WIRING)[0])
    assert container.spec["resources"] == {"requests": {"cpu": "2", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}


def test_a_file_with_secrets_leaves_the_release_and_its_pods_mount_a_secret() -> None:
    volumes = [{"name": "config", "configMap": {"name": "sentry-relay", "defaultMode": 420}}]
    relay = deployment("relay", pod("getsentry/relay:1", volumes=volumes))
    wired = wire([RELAY_FILE, relay], WIRING)
    assert [document["kind"] for document in wired] == ["Deployment"]
    (container,) = containers(wired[0])
    assert {"name": "config", "secret": {"secretName": "kit-relay", "defaultMode": 420}} in container.pod["volumes"]

    def reveal(where: Key) -> Secret:
        return Secret(f"{where.secret}/{where.key}")

    (secret,) = filled_files([RELAY_FILE, relay], WIRING, "sentry", reveal)
    assert (secret["kind"], secret["metadata"]["name"], secret["metadata"]["namespace"]) == ("Secret", "kit-relay", "sentry")
    assert base64.b64decode(secret["data"]["config.yml"]) == b"password: kit-kafka/password, left: ${OTHER}"
    assert filled_files([relay], WIRING, "sentry", reveal) == ()


@pytest.mark.parametrize("missing", ["mount", "everywhere"])
def test_a_profile_without_it_is_refused(missing: str) -> None:
    with pytest.raises(WiringInvalid, match="seed"):
        from_document("seed", {key: value for key, value in PROFILE.items() if key != missing})


def test_the_volume_bears_the_name_of_the_config_map() -> None:
    assert wiring.TRUST == "kit-trust"

"""The network policies: least, from the endpoints; and what they let out, judged as Kubernetes would."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kit.sentry import network_policies, objects
from kit.sentry.chart.manifests import of_kind
from kit.sentry.network_policies import DENY, documents, labelled, lets_out
from kit.sentry.objects import network_labels
from tests.unit.test_sentry_check import ENDPOINTS

WEB: dict[str, Any] = {
    "kind": "Service",
    "metadata": {"name": "sentry-web"},
    "spec": {"selector": {"role": "web"}, "ports": [{"port": 9000}]},
}
RELAY: dict[str, Any] = {
    "kind": "Service",
    "metadata": {"name": "sentry-relay"},
    "spec": {"selector": {"role": "relay"}, "ports": [{"port": 3000, "targetPort": "relay"}]},
}
FRONT: dict[str, Any] = {
    "kind": "Service",
    "metadata": {"name": "kit-front"},
    "spec": {"type": "NodePort", "selector": {"app": "front"}, "ports": [{"port": 443, "targetPort": 8443}]},
}
INGRESS: dict[str, Any] = {
    "kind": "Ingress",
    "metadata": {"name": "sentry"},
    "spec": {
        "rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {"name": "sentry-web", "port": {"number": 9000}}}}]}}]
    },
}
ROUTE: dict[str, Any] = {
    "kind": "HTTPRoute",
    "metadata": {"name": "sentry"},
    "spec": {"rules": [{"backendRefs": [{"name": "sentry-relay", "port": 3000}]}]},
}


def deployment(image: str, kind: str = "Deployment", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    metadata = {"name": "x", "annotations": annotations or {}}
    return {"kind": kind, "metadata": metadata, "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template}}


def reached(document: dict[str, Any]) -> set[str]:
    """What the policies let a pod of this object out to."""
    labels = labelled([document])[0]["spec"]["template"]["metadata"]["labels"]
    ports = {
        "kafka": 9091,
        "postgres": 6432,
        "redis": 6380,
        "clickhouse": 8443,
        "native": 9440,
        "s3": 9000,
        "https": 443,
        "mail": 587,
    }
    policies = documents("kit", ENDPOINTS, 587, ())
    return {name for name, port in ports.items() if lets_out(policies, labels, port)}


def test_nothing_is_let_in_or_out_of_a_pod_that_has_no_label_of_the_release() -> None:
    policies = documents("kit", ENDPOINTS, 587, (FRONT,))
    deny = of_kind(policies, "NetworkPolicy")[DENY]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert [port for port in (53, 443, 587, 6432, 9091) if lets_out(policies, {"app": "intruder"}, port)] == []


@pytest.mark.parametrize(
    ("image", "stores"),
    [
        ("getsentry/sentry:26.8.0", {"kafka", "postgres", "redis", "s3", "https", "mail"}),
        ("mirror.example/own/relay:26.8.0", {"kafka", "redis"}),
        ("getsentry/snuba:26.8.0", {"kafka", "redis", "clickhouse", "native"}),
        ("getsentry/taskbroker:26.8.0", {"kafka"}),
        ("getsentry/vroom:26.8.0", {"kafka", "s3"}),
        ("getsentry/symbolicator:26.8.0", {"https"}),
        ("bugsink/bugsink:2.5.1", {"postgres", "https", "mail"}),
        ("nginx:1", set()),
        ("memcached:1", set()),
    ],
)
def test_a_pod_is_let_out_to_what_its_program_speaks_to_and_to_nothing_else(image: str, stores: set[str]) -> None:
    assert reached(deployment(image)) == stores


def test_a_hook_of_any_image_may_wait_for_the_stores() -> None:
    hook = deployment("netcat:1", "Job", {"helm.sh/hook": "post-install"})
    assert reached(hook) == {"kafka", "postgres", "redis", "clickhouse", "native", "s3"}


def test_labels_are_added_to_pods_and_to_no_selector() -> None:
    before = deployment("getsentry/relay:26.8.0")
    made = labelled([before])[0]
    assert made["spec"]["selector"] == {"matchLabels": {"app": "x"}}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "x", **network_labels("kafka", "redis")}
    assert before["spec"]["template"]["metadata"]["labels"] == {"app": "x"}


def test_jobs_of_kits_own_reach_every_store() -> None:
    made = objects.job("kit-", {"app": "job"}, objects.pod([], {}), deadline_s=1)
    labels = made["spec"]["template"]["metadata"]["labels"]
    policies = documents("kit", ENDPOINTS, None, ())
    assert all(lets_out(policies, labels, port) for port in (9091, 6432, 6380, 8443, 9440, 9000))


@pytest.mark.parametrize(
    ("release", "doors"),
    [
        ((WEB, RELAY), {}),
        ((WEB, RELAY, FRONT), {"kit-front": ({"app": "front"}, 8443)}),
        ((WEB, RELAY, INGRESS), {"sentry-web": ({"role": "web"}, 9000)}),
        ((WEB, RELAY, ROUTE), {"sentry-relay": ({"role": "relay"}, "relay")}),
    ],
    ids=["nothing", "a node port", "an Ingress", "a route"],
)
def test_from_outside_is_let_in_to_what_is_exposed_and_to_nothing_else(release: Any, doors: dict[str, Any]) -> None:
    found = {}
    for policy in documents("kit", ENDPOINTS, None, release):
        for rule in policy["spec"].get("ingress", ()):
            if "from" not in rule:
                name = policy["metadata"]["name"].removeprefix(network_policies.FROM_OUTSIDE)
                found[name] = (policy["spec"]["podSelector"]["matchLabels"], rule["ports"][0]["port"])
    assert found == doors


def test_a_store_behind_a_service_is_let_out_to_by_the_port_behind_it_too() -> None:
    """A Service's address is translated before a policy looks at it."""
    policies = documents("kit", ENDPOINTS, None, (), {"s3": 9999})
    assert [port for port in (9000, 9999) if lets_out(policies, network_labels("s3"), port)] == [9000, 9999]
    assert not lets_out(documents("kit", ENDPOINTS, None, ()), network_labels("s3"), 9999)


def test_no_policy_lets_anything_out_to_the_metadata_service() -> None:
    blocks = [
        peer["ipBlock"]
        for policy in documents("kit", ENDPOINTS, 25, ())
        for rule in policy["spec"].get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert {block["cidr"]: block.get("except") for block in blocks} == {"0.0.0.0/0": ["169.254.0.0/16"], "169.254.20.10/32": None}


def own(egress: list[Any], selector: dict[str, Any] | None = None) -> dict[str, Any]:
    spec = {"podSelector": selector or {}, "policyTypes": ["Egress"], "egress": egress}
    return {"kind": "NetworkPolicy", "metadata": {"name": "own"}, "spec": spec}


@pytest.mark.parametrize(
    ("policy", "is_let_out"),
    [
        (own([{}]), True),
        (own([{"ports": [{"port": 2500, "endPort": 2600}]}]), True),
        (own([{"ports": [{"port": 2500, "endPort": 2520}]}]), False),
        (own([{"ports": [{"protocol": "UDP", "port": 2525}]}]), False),
        (own([{"to": [{"podSelector": {}}], "ports": [{"port": 2525}]}]), False),
        (own([{}], {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}), True),
        (own([{}], {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}), False),
        (own([{}], {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}), False),
    ],
)
def test_a_policy_of_the_users_own_adds_to_what_is_let_out(policy: dict[str, Any], is_let_out: bool) -> None:
    labels = {"app": "a", **network_labels("kafka")}
    assert lets_out([*documents("kit", ENDPOINTS, None, ()), policy], labels, 2525) is is_let_out


class Cluster:
    """What `apply` and `close` do to the API."""

    def __init__(self, *present: str) -> None:
        self.present = list(present)

    def apply(self, document: dict[str, Any]) -> None:
        self.present += [document["metadata"]["name"]] if document["metadata"]["name"] not in self.present else []

    def list(self, kind: str, namespace: str, selector: str) -> list[dict[str, Any]]:
        assert (kind, namespace, selector) == ("NetworkPolicy", "sentry", "dev.kit/network-policy=yes")
        return [{"metadata": {"name": name}} for name in self.present]

    def delete(self, kind: str, name: str, namespace: str) -> None:
        self.present.remove(name)


def test_all_is_denied_only_when_no_pod_without_labels_is_left() -> None:
    """Pods of a release that an older kit installed have none: they go on until the new ones are up."""
    cluster: Any = Cluster()
    policies = documents("kit", ENDPOINTS, None, ())
    network_policies.apply(cluster, policies)
    assert DENY not in cluster.present
    assert "kit-to-kafka" in cluster.present
    network_policies.close(cluster, policies)
    assert DENY in cluster.present
    network_policies.apply(cluster, policies)
    assert DENY in cluster.present


def test_policies_that_are_gone_are_a_complaint() -> None:
    there: dict[str, Any] = {}
    api: Any = SimpleNamespace(get=lambda kind, name, namespace: there.get(f"{namespace}/{kind}/{name}"))
    assert network_policies.complaint(api) == "its network policies are gone"
    there[f"sentry/NetworkPolicy/{DENY}"] = {}
    assert network_policies.complaint(api) is None


def test_what_is_not_wanted_any_more_is_taken_away() -> None:
    cluster: Any = Cluster("kit-to-mail", DENY)
    network_policies.apply(cluster, documents("kit", ENDPOINTS, None, ()))
    assert "kit-to-mail" not in cluster.present
    network_policies.apply(cluster, ())
    assert cluster.present == []

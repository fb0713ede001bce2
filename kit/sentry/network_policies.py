"""NetworkPolicies of the namespace: nothing comes in and nothing goes out but what Sentry's programs need. Pure but for `apply`
and `close`.

A policy knows labels and no images, so pods are labelled by what their programs speak to (`families.yaml`). The stores lie
outside the cluster under names, and a policy knows no names either: what is let out is let out by port, to every address. What
pods of another namespace may reach is not said here: a policy is of one namespace.

Policies add up, so another one of the user's own in the same namespace allows more.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kit.blueprint.stack import STORES
from kit.endpoints import HTTPS, Endpoints
from kit.sentry.chart.families import family_of
from kit.sentry.chart.manifests import HOOK, TEMPLATES, containers, pod_of
from kit.sentry.objects import NAMESPACE, NETWORK, REACHES, Document, metadata, network_labels

if TYPE_CHECKING:
    from kit.adapters.kubernetes.api import KubeApi

KIND = "NetworkPolicy"
OWN = "dev.kit/network-policy"  # label of kit's own policies
# Selects every pod, also those of an earlier release, which have no labels yet: applied when the new pods are up.
DENY = "kit-deny"
FROM_OUTSIDE = "kit-from-outside-"  # and the Service
# Holds the metadata service, which hands out the node's token: yandex.cloud/docs/compute/concepts/vm-metadata, read 2026-11-28.
LINK_LOCAL = "169.254.0.0/16"
# NodeLocal DNSCache: kubernetes.io, tasks/administer-cluster/nodelocaldns; read 2026-11-28. In Yandex Cloud it is an add-on.
NODE_DNS = "169.254.20.10/32"
DNS_NAMESPACE = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
YES = "yes"


def labelled(documents: Iterable[Document]) -> tuple[Document, ...]:
    """The same objects, their pods with the labels that the policies go by. The given ones stay as they are."""
    return tuple(_labelled(document) for document in documents)


def _labelled(document: Document) -> Document:
    if pod_of(document) is None:
        return document
    made: Any = copy.deepcopy(dict(document))
    place = made
    for key in TEMPLATES[document["kind"]]:
        place = place[key]
    own = place.setdefault("metadata", {})
    own["labels"] = {**(own.get("labels") or {}), **network_labels(*_reached(document))}
    return made  # type: ignore[no-any-return]


def _reached(document: Document) -> Iterator[str]:
    """By its programs. A hook of any image may wait for any store: charts have small ones of their own for that."""
    if HOOK in (document["metadata"].get("annotations") or {}):
        yield from STORES
    for container in containers(document):
        family = family_of(container)
        yield from (*family.stores, *family.outside) if family else ()


def documents(
    stack: str,
    endpoints: Endpoints,
    mail_port: int | None,
    exposed: Iterable[Document],
    behind: Mapping[str, int] = MappingProxyType({}),
) -> tuple[Document, ...]:
    """The policies. `exposed` are the release's objects: its Services that are seen from outside are what is let in to.

    `mail_port` is None where no mail leaves. `behind`: store → its port behind a Service, which is the one that policies see.
    """
    own = {"matchLabels": {NETWORK: YES}}
    everywhere = [{"ipBlock": {"cidr": "0.0.0.0/0", "except": [LINK_LOCAL]}}]
    ports: dict[str, tuple[int, ...]] = {
        "kafka": (endpoints.kafka.port,),
        "postgres": (endpoints.postgres.port,),
        "redis": (endpoints.redis.port,),
        "clickhouse": (endpoints.clickhouse.https_port, endpoints.clickhouse.native_port),
        "s3": (endpoints.s3.port,),
        "https": (HTTPS,),
        **({"mail": (mail_port,)} if mail_port else {}),
    }
    ports |= {store: (*ports[store], port) for store, port in behind.items()}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    resolvers = [{"namespaceSelector": DNS_NAMESPACE}, {"ipBlock": {"cidr": NODE_DNS}}]
    found = [
        _policy(stack, "kit-dns", own, egress=[{"to": resolvers, "ports": dns}]),
        _policy(stack, "kit-inside", own, ingress=[{"from": [{"podSelector": {}}]}], egress=[{"to": [{"podSelector": {}}]}]),
    ]
    for name, listening in ports.items():
        selector: Document = {"matchLabels": {f"{REACHES}{name}": YES}}
        found.append(_policy(stack, f"kit-to-{name}", selector, egress=[{"to": everywhere, "ports": _tcp(listening)}]))
    for name, selector, numbers in _doors(tuple(exposed)):
        found.append(_policy(stack, f"{FROM_OUTSIDE}{name}", {"matchLabels": selector}, ingress=[{"ports": _tcp(numbers)}]))
    found.append(_policy(stack, DENY, {}, ingress=[], egress=[]))
    return tuple(found)


def _policy(stack: str, name: str, selector: Document, **rules: list[Any]) -> Document:
    types = [kind for kind in ("Ingress", "Egress") if kind.lower() in rules]
    spec = {"podSelector": dict(selector), "policyTypes": types, **{kind: each for kind, each in rules.items() if each}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": KIND,
        "metadata": metadata(stack, name, {OWN: YES}),
        "spec": spec,
    }


def _tcp(numbers: Iterable[int | str]) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": number} for number in dict.fromkeys(numbers)]


# ── what is seen from outside


def _doors(release: tuple[Document, ...]) -> Iterator[tuple[str, Mapping[str, str], tuple[int | str, ...]]]:
    """Service, the labels of its pods, their ports: of those on node ports, and of those that an Ingress or a route names."""
    named = {name for document in release for name in _backends(document)}
    for document in release:
        if document["kind"] != "Service":
            continue
        name, spec = document["metadata"]["name"], document.get("spec") or {}
        if spec.get("selector") and (name in named or spec.get("type") in ("NodePort", "LoadBalancer")):
            ports = tuple(port.get("targetPort") or port["port"] for port in spec.get("ports") or ())
            yield name, spec["selector"], ports


def _backends(document: Document) -> Iterator[str]:
    """The Services that an Ingress (networking.k8s.io/v1) or an HTTPRoute (gateway.networking.k8s.io/v1) leads to."""
    spec = document.get("spec") or {}
    if document["kind"] == "Ingress":
        paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
        for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
            if service := (backend or {}).get("service"):
                yield service["name"]
    elif document["kind"] == "HTTPRoute":
        for rule in spec.get("rules") or ():
            yield from (backend["name"] for backend in rule.get("backendRefs") or ())


# ── in the cluster


def apply(api: KubeApi, policies: tuple[Document, ...]) -> None:
    """All but the last, which only `close` applies, and none of kit's that is not among them any more."""
    wanted = {policy["metadata"]["name"] for policy in policies}
    for policy in policies:
        if policy["metadata"]["name"] != DENY:
            api.apply(policy)
    for present in api.list(KIND, NAMESPACE, f"{OWN}={YES}"):
        if present["metadata"]["name"] not in wanted:
            api.delete(KIND, present["metadata"]["name"], NAMESPACE)


def close(api: KubeApi, policies: tuple[Document, ...]) -> None:
    """Deny whatever has none of the labels. To be called when no pod of an earlier release is left, which has none either."""
    for policy in policies:
        if policy["metadata"]["name"] == DENY:
            api.apply(policy)


def complaint(api: KubeApi) -> str | None:
    """Why the release is not as it was installed; for a release that came to its end with policies."""
    return "its network policies are gone" if api.get(KIND, DENY, NAMESPACE) is None else None


# ── what they let pass


def lets_out(policies: Iterable[Document], pod_labels: Mapping[str, str], port: int) -> bool:
    """Whether a pod of these labels may open a TCP connection to a port outside the cluster. Without a policy it may."""
    chosen = [
        policy["spec"]
        for policy in policies
        if policy["kind"] == KIND
        and "Egress" in _types(policy["spec"])
        and _selects(policy["spec"].get("podSelector") or {}, pod_labels)
    ]
    return not chosen or any(_passes(rule, port) for spec in chosen for rule in spec.get("egress") or ())


def _types(spec: Document) -> Iterable[str]:
    """As Kubernetes fills in what is not said."""
    return spec.get("policyTypes") or ("Ingress", *(("Egress",) if spec.get("egress") else ()))


def _selects(selector: Document, pod_labels: Mapping[str, str]) -> bool:
    wanted = all(pod_labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return wanted and all(_fits(each, pod_labels) for each in selector.get("matchExpressions") or ())


def _fits(expression: Document, pod_labels: Mapping[str, str]) -> bool:
    value, values = pod_labels.get(expression["key"]), expression.get("values") or ()
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]


def _passes(rule: Document, port: int) -> bool:
    to = rule.get("to") or ()
    if to and not any("ipBlock" in peer for peer in to):
        return False
    ports = rule.get("ports") or ()
    return not ports or any(
        each.get("protocol", "TCP") == "TCP" and (each.get("port") is None or _within(each, port)) for each in ports
    )


def _within(entry: Document, port: int) -> bool:
    first = entry["port"]
    return isinstance(first, int) and first <= port <= entry.get("endPort", first)

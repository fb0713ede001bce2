"""The stage for a real Relay: a stack's stores and cluster, what the chart renders for Relay there, and its mistakes.

What runs is what the chart would run: its ConfigMap, its Secret, its variables, mounts and commands, wired as `kit up` wires
them. Only Sentry's web server is the tests' own (upstream.py), and the images are those that the supply has built.
"""

from __future__ import annotations

import base64
import copy
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from kit.adapters.containerd import node
from kit.adapters.kind import node_name
from kit.adapters.terraform.program import Terraform
from kit.blueprint.stack import SentryWanted
from kit.endpoints import Secret
from kit.pki import authority
from kit.sentry import network_policies, objects
from kit.sentry.chart import manifests, values, wiring
from kit.sentry.chart.values import Place
from kit.sentry.check.rule import Finding
from kit.sentry.demo import demo
from kit.sentry.installation import Installation
from kit.sentry.lines import profiles
from kit.sentry.preflight.verdict import Preflight
from kit.stores import kafka_records
from kit.stores.kafka_records import Tail
from kit.targets.local import site
from kit.targets.local.target import LocalTarget

HERE = Path(__file__).parent
NAMESPACE = objects.NAMESPACE
RELAY, WEB = "sentry-relay", "sentry-web"
KEY, NARROW_KEY = "a" * 32, "b" * 32  # DSN keys; the narrow project takes one error an hour
QUOTA = {"categories": ["error"], "scope": "organization", "scopeId": "1", "window": 3600, "reasonCode": "enough"}
PROJECTS = {
    KEY: {"id": 1, "quotas": [{**QUOTA, "id": "wide", "limit": 100000}]},
    NARROW_KEY: {"id": 2, "quotas": [{**QUOTA, "id": "narrow", "limit": 1, "scope": "project", "scopeId": "2"}]},
}


@dataclass(frozen=True)
class Mistake:
    """An entry of mistakes.yaml; see there."""

    name: str
    relay: str
    config: Mapping[str, str]
    env: Mapping[str, str | None]
    trust: Mapping[str, str]
    secret: Mapping[str, Mapping[str, str]]
    event: str = ""
    says: str = ""
    failure: str = ""
    check: tuple[str, ...] = ()
    preflight: str = ""


def mistakes(file: str) -> dict[str, Mistake]:
    import yaml

    known: dict[str, dict[str, Any]] = yaml.safe_load((HERE / file).read_text())
    blank: dict[str, Any] = {"config": {}, "env": {}, "trust": {}, "secret": {}}
    return {name: Mistake(name, **{**blank, **entry, "check": tuple(entry.get("check") or ())}) for name, entry in known.items()}


@dataclass(frozen=True)
class Variant:
    """Relay with one thing changed, under names of its own."""

    name: str
    installation: Installation  # with the mistake in it, under the chart's names: what the rules get
    documents: tuple[dict[str, Any], ...]  # the same under names of their own: what the preflight gets, and what runs
    applied: tuple[dict[str, Any], ...]  # Secrets and trust that only this one uses

    @property
    def deployment(self) -> dict[str, Any]:
        (found,) = [each for each in self.documents if each["kind"] == "Deployment"]
        return found

    @property
    def object(self) -> str:
        return str(self.deployment["metadata"]["name"])


@dataclass(frozen=True)
class Rig:
    local: LocalTarget
    profile: str
    chart: Path
    image: str  # the entry of the lock: "relay", "relay-seed"
    availability: str = "single"

    # -- what the chart renders

    @cached_property
    def installation(self) -> Installation:
        """As `kit up --sentry chart --chart …` makes it, but for Relay's image and the shell's."""
        wanted = SentryWanted(flavour="chart", profile=self.profile, chart=str(self.chart), size="errors-only")
        made = site.release(self.local.wanting(wanted)).installation()
        given = copy.deepcopy(dict(made.values if self.availability == "single" else self._available(made)))
        given.setdefault("images", {})["relay"] = _parts(self.reference(self.image))
        given["relay"]["configRender"] = {"image": _parts(self.reference("debian-trixie"))}
        made.__dict__["values"] = given  # before anything is rendered with them
        return made

    def _available(self, made: Installation) -> Mapping[str, Any]:
        """The module's values for a cloud of several zones, with the stores of this stack."""
        profile, place = made.site.profile(), Place(made.site.url(), made.site.admin())
        inputs = values.inputs(made.site.endpoints(), profile, "errors-only", place, chart_version=made.chart.version)
        terraform = Terraform(self.local.supply.tool("terraform"))
        module = self.local.workspace.assets / profiles.MODULE
        return values.parse(values.written(terraform, module, {**inputs, "availability": self.availability}))

    def reference(self, image: str) -> str:
        return self.local.supply.image(image).reference

    @cached_property
    def rendered(self) -> tuple[dict[str, Any], ...]:
        """Relay's own objects, before kit wires them."""
        found = self.installation.rendered
        return tuple(copy.deepcopy(dict(each)) for each in found if each["metadata"]["name"] == RELAY)

    @cached_property
    def credentials(self) -> dict[str, dict[str, Any]]:
        return {each["metadata"]["name"]: copy.deepcopy(dict(each)) for each in self.installation.credentials}

    def right(self) -> Variant:
        return self.variant(Mistake("", "ready", {}, {}, {}, {}))

    def variant(self, mistake: Mistake) -> Variant:
        """The rendered objects with the mistake in them, wired, and renamed so that all of them stand beside each other."""
        rendered = [copy.deepcopy(each) for each in self.rendered]
        for document in rendered:
            if document["kind"] == "ConfigMap":
                document["data"]["config.yml"] = self._changed(document["data"]["config.yml"], mistake)
        wires = self.installation.wiring
        wired = [copy.deepcopy(dict(each)) for each in network_policies.labelled(wiring.wire(rendered, wires))]
        for container in (each for document in wired for each in manifests.containers(document)):
            self._set(container, mistake)
        own = [copy.deepcopy(self.credentials[name]) for name in self._touched(mistake)]
        for document in own:
            self._spoil(document, mistake)
        secrets = {**self.credentials, **{each["metadata"]["name"]: each for each in own}}

        def reveal(key: wiring.Key) -> Secret:
            return Secret(base64.b64decode(secrets[key.secret]["data"][key.key]).decode())

        filled = [dict(each) for each in wiring.filled_files(rendered, wires, NAMESPACE, reveal)]
        installation = self._with(tuple(copy.deepcopy(wired)), rendered=tuple(rendered), credentials=tuple(secrets.values()))
        if mistake.name:
            names = {
                (each["kind"], each["metadata"]["name"]): f"{each['metadata']['name']}-{mistake.name}"
                for each in (*wired, *own, *filled)
            }
            wired, own, filled = ([_renamed(each, names) for each in group] for group in (wired, own, filled))
            for document in wired:
                _labelled(document, mistake.name)
        return Variant(mistake.name, installation, tuple(wired), (*own, *filled))

    def _changed(self, text: str, mistake: Mistake) -> str:
        for old, new in mistake.config.items():
            assert old in text, f"{mistake.name}: the chart's file has no {old!r}:\n{text}"
            text = text.replace(old, self._addressed(new))
        return text

    def _addressed(self, text: str) -> str:
        for store in ("kafka", "redis"):
            text = text.replace(f"{{{store}-address}}", self.address(store)) if f"{{{store}-address}}" in text else text
        return text

    def address(self, store: str) -> str:
        """A number that leads to the store and stands in no certificate."""
        return _inspected(f"{self.local.stack.name}-{store}")

    def _set(self, container: manifests.Container, mistake: Mistake) -> None:
        if container.role == "init" and mistake.env:
            return
        env: list[dict[str, Any]] = container.spec["env"]
        for name, value in mistake.env.items():
            assert any(each["name"] == name for each in env), f"{mistake.name}: Relay's container has no {name}"
            env[:] = [each for each in env if each["name"] != name or value is not None]
            for each in env:
                if each["name"] == name:
                    each["value"] = self._addressed(str(value))

    def _touched(self, mistake: Mistake) -> tuple[str, ...]:
        return (*mistake.secret, *((wiring.TRUST,) if mistake.trust else ()))

    def _spoil(self, document: dict[str, Any], mistake: Mistake) -> None:
        if document["metadata"]["name"] == wiring.TRUST:
            document["data"] |= dict.fromkeys(mistake.trust, self.foreign)
            return
        for key, value in mistake.secret[document["metadata"]["name"]].items():
            assert key in document["data"]
            document["data"][key] = base64.b64encode(value.encode()).decode()

    @cached_property
    def foreign(self) -> str:
        """An authority of the very same names, made by somebody else."""
        return authority.create(self.local.stack.name, datetime.now(UTC)).root.certificate_pem().decode()

    # -- what is said before anything runs

    def findings(self, variant: Variant) -> list[Finding]:
        """Of `kit values check`, those that stop an installation for what Relay's own objects say."""
        found = variant.installation.inspect().stopping
        return [finding for finding in found if finding.object.partition("/")[2].startswith(RELAY)]

    def preflight(self, variants: list[Variant]) -> Preflight:
        """All of them in one run, as components of one release."""
        documents = tuple(document for variant in variants for document in variant.documents)
        applied = (*self.installation.applied, *(document for variant in variants for document in variant.applied))
        return self._with(documents, applied=_in_namespace(applied)).preflight()

    def _with(self, wired: tuple[dict[str, Any], ...], **other: Any) -> Installation:
        """The installation with some of what it is made from replaced."""
        made = copy.copy(self.installation)
        made.__dict__.update(wired=lambda: wired, **other)
        return made

    # -- what runs

    def prepare(self) -> None:
        """Namespace, credentials, and the tests' own server in the place of Sentry's web."""
        made = self.installation
        images = [self.reference(name) for name in (self.image, "debian-trixie", "probe", "front")]
        node.load(self.local.docker, node_name(self.local.stack.name), [*images, made.site.probe_image()])
        made.prepare()
        self.apply_all([entrance()])
        key = self.local.secrets()["sentry_dsn_key"].reveal()  # of the DSN that kit itself sends to
        self.serve_web({**PROJECTS, key: PROJECTS[KEY]}, [node_name(self.local.stack.name)])
        self.apply_all(made.flavour.added())  # HTTPS in front, as for the chart

    def serve_web(self, projects: Mapping[str, Any], nodes: Iterable[str], only_on: str = "") -> None:
        """The tests' own server in the place of Sentry's web; each of the nodes leads to it when this is over.

        kube-proxy has a new Service's rules seconds later on a busy node. What a pod sends there before that leaves the node for
        the network of the computer, and whatever answers it there (a proxy, with 404) is whom Relay goes on asking: it keeps the
        connection, and the rules, which count for new ones only, do not change that (seen 2026-11-29).
        """
        self.apply_all(upstream(self.local.stack.name, self.reference("probe"), projects, only_on))
        service = self.local.kube.get("Service", WEB, NAMESPACE)
        assert service is not None
        ask = f"exec 3<>/dev/tcp/{service['spec']['clusterIP']}/9000; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        argv = ["timeout", "3", "bash", "-c", ask]
        for each in nodes:
            led = until(partial(self._says, each, argv, "is_healthy"), 120)
            assert led, f"{each} does not lead to {WEB}"

    def _says(self, node: str, argv: list[str], word: str) -> bool:
        return word in self.local.docker.exec(node, argv, check=False).output

    def apply(self, variant: Variant) -> None:
        """As it is, with its Deployment."""
        self.apply_all((*variant.applied, *variant.documents, _door(variant)))

    def apply_all(self, documents: Iterable[Mapping[str, Any]]) -> None:
        for document in _in_namespace(documents):
            self.local.kube.apply(document)

    def start(self, variant: Variant) -> None:
        """Its pod alone, once: what the process says and how it ends stays to be read."""
        template = variant.deployment["spec"]["template"]
        spec = {**copy.deepcopy(template["spec"]), "restartPolicy": "Never"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": variant.object, "namespace": NAMESPACE, "labels": template["metadata"]["labels"]},
        }
        brought = [each for each in (*variant.applied, *variant.documents) if each["kind"] in ("ConfigMap", "Secret")]
        self.apply_all((*brought, {**pod, "spec": spec}, _door(variant)))

    def again(self, variant: Variant) -> None:
        self.local.kube.delete("Pod", variant.object, NAMESPACE)
        until(lambda: not self.pod(variant.object), 60)
        self.start(variant)

    def dsn(self, relay: str, key: str = KEY) -> Secret:
        """Of a project, at the door of that Relay."""
        found = self.local.kube.get("Service", f"door-{relay}", NAMESPACE)
        assert found is not None
        return Secret(f"http://{key}@{self.node}:{found['spec']['ports'][0]['nodePort']}/{PROJECTS[key]['id']}")

    def send(self, relay: str, key: str = KEY) -> str:
        """The id of an event that the SDK sent and that Relay accepted. Raises `DemoNotDelivered`."""
        return demo.send(self.local.workspace.assets / demo.SCRIPT, self.dsn(relay, key), self.local.trust())

    def tail(self, topic: str) -> AbstractContextManager[Tail]:
        return kafka_records.tail(self.local.endpoints().kafka, self.local.trust(), topic)

    @cached_property
    def node(self) -> str:
        return _inspected(f"{self.local.stack.name}-control-plane")

    def pod(self, name: str) -> dict[str, Any]:
        return self.local.kube.get("Pod", name, NAMESPACE) or {}

    def log(self, name: str) -> str:
        """What its containers said, the init ones first."""
        spec = self.pod(name).get("spec") or {}
        every = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        return "\n".join(filter(None, (self.local.kube.logs(name, NAMESPACE, each["name"]) for each in every)))


def until(seen: Callable[[], Any], timeout_s: float, every_s: float = 0.3) -> Any:
    """The first true answer; the last one where there is none in time."""
    end = time.monotonic() + timeout_s
    while not (found := seen()) and time.monotonic() < end:
        time.sleep(every_s)
    return found


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def has_ended(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _in_namespace(documents: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple({**each, "metadata": {**each["metadata"], "namespace": NAMESPACE}} for each in documents)


def _parts(reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}


def _inspected(container: str) -> str:
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    ran = subprocess.run(["docker", "inspect", "--format", template, container], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def _renamed(node: Any, names: Mapping[tuple[str, str], str]) -> Any:
    """The objects of `names` under their other names, and everything in a pod that refers to them."""
    if isinstance(node, list):
        return [_renamed(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _renamed(value, names) for key, value in node.items()}
    if "kind" in node and "metadata" in node:
        made["metadata"]["name"] = names.get((node["kind"], node["metadata"]["name"]), node["metadata"]["name"])
    for field, kind, key in (
        ("configMap", "ConfigMap", "name"),
        ("configMapKeyRef", "ConfigMap", "name"),
        ("secret", "Secret", "secretName"),
        ("secretKeyRef", "Secret", "name"),
    ):
        if isinstance(node.get(field), dict) and (kind, node[field].get(key)) in names:
            made[field] = {**made[field], key: names[kind, node[field][key]]}
    return made


def _labelled(document: dict[str, Any], name: str) -> None:
    """Labels of its own, or the right Relay's Service would lead to it; and those that network policies go by."""
    labels = {"dev.kit.mistake": name}
    if document["kind"] == "Deployment":
        document["spec"]["selector"] = {"matchLabels": labels}
        pod = document["spec"]["template"]["metadata"]
        of_policies = (objects.NETWORK, objects.REACHES)
        pod["labels"] = labels | {key: each for key, each in pod["labels"].items() if key.startswith(of_policies)}
    if document["kind"] == "Service":
        document["spec"]["selector"] = labels


def _door(variant: Variant) -> dict[str, Any]:
    """A port of the node that leads to this Relay, ready or not."""
    labels = variant.deployment["spec"]["template"]["metadata"]["labels"]
    ports = [{"name": "http", "port": 3000, "targetPort": 3000}]
    spec = {"type": "NodePort", "selector": labels, "ports": ports, "publishNotReadyAddresses": True}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"door-{variant.object}"}, "spec": spec}


def entrance() -> dict[str, Any]:
    """Lets whoever is outside in to a Relay; kit's own policies do so for the front alone."""
    spec = {"podSelector": {"matchLabels": {objects.NETWORK: "yes"}}, "ingress": [{"ports": [{"protocol": "TCP", "port": 3000}]}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": network_policies.KIND,
        "metadata": {"name": "entrance"},
        "spec": {**spec, "policyTypes": ["Ingress"]},
    }


def upstream(stack: str, image: str, projects: Mapping[str, Any], node: str = "") -> Iterator[dict[str, Any]]:
    """Sentry's web server, the tests' own; `node` is where it must run, whatever that one keeps away."""
    labels = {"app": "upstream"}
    metadata = {"name": WEB, "namespace": NAMESPACE, "labels": {objects.STACK_LABEL: stack}}
    container = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/run/upstream/upstream.py"],
        "env": [{"name": "PROJECTS", "value": json.dumps(projects)}],
        "volumeMounts": [{"name": "program", "mountPath": "/run/upstream"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 9000}, "periodSeconds": 1},
    }
    pod: dict[str, Any] = {"containers": [container], "volumes": [{"name": "program", "configMap": {"name": WEB}}]}
    pod |= {"nodeName": node, "tolerations": [{"operator": "Exists"}]} if node else {}
    template = {"metadata": {"labels": labels}, "spec": pod}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"upstream.py": (HERE / "upstream.py").read_text()},
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": [{"port": 9000}]}}

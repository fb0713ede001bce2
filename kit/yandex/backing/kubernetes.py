"""Kubernetes on the stack's Kind cluster, with the cloud's host names in its DNS.

Its authority and its addresses are Kind's own. Kind knows no IAM, but its API server takes the emulator's token, so whoever
asks kit for a token is let in here as in the cloud.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kit import cancel, files
from kit.adapters.kubernetes.api import ClusterUnreachable, KubeApi
from kit.adapters.kubernetes.kubeconfig import read_kubeconfig
from kit.plan.cluster import ClusterWanted
from kit.plan.stack import Desired, Observed
from kit.sentry.stand_in.lite import NODE_PORT
from kit.state import markers
from kit.state.ports import LOOPBACK
from kit.stores import s3
from kit.targets.local import layout, observe, teardown
from kit.targets.local.cluster import StaysSilent
from kit.yandex.backing import dns_names
from kit.yandex.backing.balancing import Balancing
from kit.yandex.backing.managed import PartVerbs
from kit.yandex.backing.object_storage import OWNER
from kit.yandex.backing.stack import KUBERNETES
from kit.yandex.contract import BackingFailed, Cluster, Inventory, KubernetesAccess, Record

if TYPE_CHECKING:
    from kit.adapters.docker.observed import Container
    from kit.targets.local.target import LocalTarget
    from kit.yandex.backing.stack import BackingStack

API_PORT = 6443  # Kind's, in the node
DNS, DNS_NAMESPACE = "coredns", "kube-system"
DNS_TIMEOUT_S = 180.0
DNS_POLL_S = 0.25
MARK = "dev.kit/corefile"
NAMES = "names"


class Kubernetes:
    """`Managed` for Kubernetes."""

    store = KUBERNETES
    parts: PartVerbs = {}  # noqa: RUF012 - nothing is made inside

    def __init__(self, behind: BackingStack) -> None:
        self._stack = behind
        self._names_lock = threading.Lock()
        self._node_id = ""
        self._applied: dict[tuple[str, str], dns_names.Document] | None = None  # None: what the cluster has is not known
        self._answered: tuple[Record, ...] | None = None
        self.balancing = Balancing(lambda: self._api if self._stack.workspace.kubeconfig.exists() and self.node() else None)

    @property
    def _api(self) -> KubeApi:
        return KubeApi(self._stack.workspace.kubeconfig)

    def put(self, cluster: Cluster) -> KubernetesAccess:
        with self._stack.store_lock(KUBERNETES):
            self._stack.prepare()
            local = self._stack.local()
            self._let_the_token_in()
            try:
                self._put(local, is_patient=True)
            except StaysSilent:
                self._put(local, is_patient=False)
            self.settle_names()
            return self._access()

    def _put(self, local: LocalTarget, *, is_patient: bool) -> None:
        """A managed cluster stays as it was made, whatever a newer kit would make. Raises `StaysSilent`."""
        marks = markers.load(local.markers_file)

        def record() -> str:
            return observe.recorded(local)

        engine, name = self._stack.observe_again(), self._stack.name
        seen = observe.cluster(engine, name, marks, local.kube.complaint, record=record, is_patient=is_patient)
        wanted = ClusterWanted(seen.config if seen else local.cluster_fingerprint())
        self._stack.carry_out(local, Desired(cluster=wanted), Observed(cluster=seen))

    def _let_the_token_in(self) -> None:
        """Write the emulator's token where Kind's API server reads tokens: Kind knows no IAM."""
        line = f'{self._stack.token},kit,kit,"system:masters"\n'
        path = self._stack.workspace.state / layout.API_TOKENS
        if not path.exists() or path.read_text() != line:
            files.write(path, line, files.PRIVATE)

    def remove(self) -> None:
        with self._stack.store_lock(KUBERNETES):
            local = self._stack.local()
            if self._stack.observe_again().node(self._stack.name):
                teardown.remove_cluster(local)
            for mark in ("cluster", "cluster-images"):
                markers.forget(local.markers_file, mark)
            self._stack.ownership.release(KUBERNETES)
            self._stack.observe_again()

    def node(self) -> Container | None:
        """The node, while it is on the stack's network."""
        node = self._stack.node()
        return node if node is not None and self._stack.name in node.addresses else None

    def node_address(self, node_port: int) -> tuple[str, int] | None:
        """Sentry's port is published on this computer; any other one is reached where the engine's network is this computer's."""
        node = self.node()
        if node is None:
            return None
        if node_port == NODE_PORT:
            return LOOPBACK, self._stack.local().ports()[layout.SENTRY_KEY]
        return node.addresses[self._stack.name], node_port

    def forget(self) -> None: ...

    def observe(self) -> Inventory:
        return Inventory(exists=True)

    def _access(self) -> KubernetesAccess:
        access = read_kubeconfig(self._stack.workspace.kubeconfig)
        node = self._stack.node()
        assert node is not None  # it was made or found before
        internal = f"https://{node.addresses[self._stack.name]}:{API_PORT}"
        return KubernetesAccess(f"https://{access.server}", internal, access.authority)

    # -- names

    def settle_names_if_there(self) -> None:
        """Update the names, where there is a cluster that answers; else the call that makes it does."""
        if self._stack.workspace.kubeconfig.exists() and self.node():
            with suppress(ClusterUnreachable):
                self.settle_names(even_if_known=False)

    def settle_names(self, *, even_if_known: bool = True) -> None:
        """Make every name of every store, and every record, resolve inside the cluster."""
        with self._names_lock:
            node, services, records = self._stack.node(), self._services(), self._stack.ownership.records()
            node_id = node.id if node else ""
            mark = files.digest({"node": node_id, "services": json.dumps(list(services.values())), "records": repr(records)})
            if mark == self._stack.ownership.fingerprint(NAMES) and not even_if_known:
                return
            if node_id != self._node_id:
                self._node_id, self._applied, self._answered = node_id, None, None
            self._settle_services(services)
            if records != self._answered:
                self._settle_dns(records)
                self._answered = records
            self._stack.ownership.put_fingerprint(NAMES, mark)

    def _settle_services(self, wanted: dict[tuple[str, str], dns_names.Document]) -> None:
        """Apply the Services that differ from those last applied to this node, and delete the others."""
        if wanted == self._applied:
            return
        api, before = self._api, self._applied or {}
        for place, document in wanted.items():
            if before.get(place) != document:
                api.apply(document)
        present = set(before) or {
            (kind, each["metadata"]["name"])
            for kind in ("Service", "EndpointSlice")
            for each in api.list(kind, dns_names.NAMESPACE)
        }
        for kind, name in present - wanted.keys():
            api.delete(kind, name, dns_names.NAMESPACE)
        self._applied = wanted

    def _services(self) -> dict[tuple[str, str], dns_names.Document]:
        """The Services and slices that there should be, by kind and name, in the order in which they are applied."""
        owners = self._stack.ownership.owners()
        documents = [dns_names.namespace()]
        for store, owner in owners.items():
            if store not in (KUBERNETES, s3.NAME):
                documents += [dns_names.alias(name, store) for name in owner.names]
        if owners.get(s3.NAME) == OWNER and (address := self._stack.address(s3.NAME)):
            documents += [dns_names.storage(), dns_names.storage_slice(address, s3.PORTS[0].container)]
        return {(document["kind"], document["metadata"]["name"]): document for document in documents}

    def _settle_dns(self, records: tuple[Record, ...]) -> None:
        """Write the Corefile and replace CoreDNS' pods: they would read it twice a minute only."""
        api = self._api
        present = api.get("ConfigMap", DNS, DNS_NAMESPACE)
        if present is None:
            raise BackingFailed(
                subject="the cluster's DNS", why=f"there is no ConfigMap {DNS} in {DNS_NAMESPACE}", fix="kit yandex emulate"
            )
        wanted = dns_names.corefile(present["data"]["Corefile"], records)
        mark = hashlib.sha256(wanted.encode()).hexdigest()[:12]
        metadata = {"name": DNS, "namespace": DNS_NAMESPACE}
        if wanted != present["data"]["Corefile"]:
            api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": wanted}})
        template = {"metadata": {"annotations": {MARK: mark}}}
        api.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}})
        self._wait_for_dns(api)

    def _wait_for_dns(self, api: KubeApi) -> None:
        """Wait until pods of the present configuration answer, and no others."""
        deadline = time.monotonic() + DNS_TIMEOUT_S
        while (missing := _missing(api.get("Deployment", DNS, DNS_NAMESPACE))) is not None:
            if time.monotonic() > deadline:
                why = f"CoreDNS does not come up: {missing}"
                raise BackingFailed(subject="the cluster's DNS", why=why, fix="kubectl -n kube-system get pods")
            cancel.wait(DNS_POLL_S)


def _missing(deployment: dict[str, Any] | None) -> str | None:
    if deployment is None:
        return "no such deployment"
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "it was not looked at yet"
    ready = min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    if ready < wanted or status.get("replicas", 0) > wanted:
        return f"{ready} of {wanted} pods"
    return None

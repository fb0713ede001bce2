"""A managed Kubernetes cluster: the Kind cluster of the stack, and in it the names that the cloud would have.

Its authority and its addresses are Kind's own. Kind knows no IAM, but its API server takes the emulator's token, so whoever
asks kit for a token is let in here as in the cloud.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kit import files
from kit.engines.kube import ClusterUnreachable, KubeApi
from kit.engines.kubeconfig import read_kubeconfig
from kit.plan.steps import Step
from kit.state import markers
from kit.stores import s3
from kit.targets.local import layout, observe, teardown
from kit.targets.local.actions import actions
from kit.yandex.backing import names
from kit.yandex.backing.buckets import OWNER
from kit.yandex.backing.ground import KUBERNETES, quiet
from kit.yandex.contract import BackingFailed, KubernetesAccess

if TYPE_CHECKING:
    from kit.yandex.backing.ground import Ground

API_PORT = 6443  # Kind's, in the node
DNS, DNS_NAMESPACE = "coredns", "kube-system"
DNS_TIMEOUT_S = 180.0
DNS_POLL_S = 0.25
MARK = "dev.kit/corefile"


class Kubernetes:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._names_lock = threading.Lock()

    @property
    def _api(self) -> KubeApi:
        return KubeApi(self._ground.workspace.kubeconfig)

    def put(self) -> KubernetesAccess:
        with self._ground.store_lock(KUBERNETES):
            self._ground.prepare()
            local = self._ground.local()
            found = observe.cluster(self._ground.look_anew(), local)
            if found is not None and found.complaint:
                teardown.remove_cluster(local)
                found = None
            self._let_the_token_in()
            if found is None:
                actions(local)["create"](Step("create", "cluster", ""), quiet)
                self._ground.look_anew()
            self.settle_names()
            return self._access()

    def _let_the_token_in(self) -> None:
        """Kind knows no IAM: its API server is told the one token that this emulator's environment names."""
        line = f'{self._ground.token},kit,kit,"system:masters"\n'
        path = self._ground.workspace.state / layout.API_TOKENS
        if not path.exists() or path.read_text() != line:
            files.write(path, line, files.PRIVATE)

    def remove(self) -> None:
        with self._ground.store_lock(KUBERNETES):
            local = self._ground.local()
            if self._ground.look_anew().node(self._ground.name):
                teardown.remove_cluster(local)
            for mark in ("cluster", "cluster-images"):
                markers.forget(local.markers_file, mark)
            self._ground.memory.disown(KUBERNETES)
            self._ground.look_anew()

    def is_there(self) -> bool:
        node = self._ground.node()
        return node is not None and self._ground.name in node.addresses

    def _access(self) -> KubernetesAccess:
        access = read_kubeconfig(self._ground.workspace.kubeconfig)
        node = self._ground.node()
        assert node is not None  # it was made or found before
        internal = f"https://{node.addresses[self._ground.name]}:{API_PORT}"
        return KubernetesAccess(f"https://{access.server}", internal, access.authority)

    # -- names

    def settle_names_if_there(self) -> None:
        """Where there is no cluster, or none that answers, nobody asks for names; the call that makes it settles them."""
        if self._ground.workspace.kubeconfig.exists() and self.is_there():
            with suppress(ClusterUnreachable):
                self.settle_names()

    def settle_names(self) -> None:
        """Every name of every store, and every record, answered inside the cluster."""
        with self._names_lock:
            self._settle_services()
            self._settle_dns()

    def _settle_services(self) -> None:
        api, owners = self._api, self._ground.memory.owners()
        aliases = [
            names.alias(name, store)
            for store, owner in owners.items()
            if store not in (KUBERNETES, s3.NAME)
            for name in owner.names
        ]
        documents = {document["metadata"]["name"]: document for document in aliases}
        address = self._ground.address(s3.NAME) if owners.get(s3.NAME) == OWNER else None
        if address:
            documents[names.STORAGE] = names.storage()
        api.apply(names.namespace())
        for document in documents.values():
            api.apply(document)
        if address:
            api.apply(names.storage_slice(address, s3.PORTS[0].container))
        else:
            api.delete("EndpointSlice", f"{names.STORAGE}-kit", names.NAMESPACE)
        for present in api.list("Service", names.NAMESPACE):
            name = present["metadata"]["name"]
            if name not in documents:
                api.delete("Service", name, names.NAMESPACE)

    def _settle_dns(self) -> None:
        """CoreDNS looks at its file twice a minute; a new set of its pods has it at once."""
        api = self._api
        present = api.get("ConfigMap", DNS, DNS_NAMESPACE)
        if present is None:
            raise BackingFailed("the cluster's DNS", f"there is no ConfigMap {DNS} in {DNS_NAMESPACE}", "kit yandex emulate")
        wanted = names.corefile(present["data"]["Corefile"], self._ground.memory.records())
        mark = hashlib.sha256(wanted.encode()).hexdigest()[:12]
        metadata = {"name": DNS, "namespace": DNS_NAMESPACE}
        if wanted != present["data"]["Corefile"]:
            api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": wanted}})
        template = {"metadata": {"annotations": {MARK: mark}}}
        api.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}})
        self._wait_for_dns(api)

    def _wait_for_dns(self, api: KubeApi) -> None:
        """Until pods of the present configuration answer and no other ones do."""
        deadline = time.monotonic() + DNS_TIMEOUT_S
        while (missing := _missing(api.get("Deployment", DNS, DNS_NAMESPACE))) is not None:
            if time.monotonic() > deadline:
                why = f"CoreDNS does not come up: {missing}"
                raise BackingFailed("the cluster's DNS", why, "kubectl -n kube-system get pods")
            time.sleep(DNS_POLL_S)


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

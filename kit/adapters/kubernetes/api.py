"""Speaks with the cluster's API: HTTPS as the user of a kubeconfig, plain documents in and out.

The official client costs 250 ms to import, more than `kit status` may take altogether, and kit needs six verbs of an API that is
JSON over HTTPS. Writes go by server-side apply as field manager `kit`: fields that the document does not name are left alone,
those that another manager set otherwise are taken over, and a second apply of the same document changes nothing. Secrets travel
in the request's body, never through another program's arguments.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from kit.adapters.kubernetes.kubeconfig import Access, read_kubeconfig
from kit.errors import KitError, first_line

FIELD_MANAGER = "kit"
TIMEOUT_S = 10.0
COMPLAINT_TIMEOUT_S = 3.0

Document = Mapping[str, Any]

# kind → (path of its API group, plural, whether it lives in a namespace)
KINDS: Mapping[str, tuple[str, str, bool]] = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "Secret": ("/api/v1", "secrets", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Service": ("/api/v1", "services", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "Pod": ("/api/v1", "pods", True),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims", True),
    "Event": ("/api/v1", "events", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "ReplicaSet": ("/apis/apps/v1", "replicasets", True),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", True),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", True),
    "Job": ("/apis/batch/v1", "jobs", True),
    "CronJob": ("/apis/batch/v1", "cronjobs", True),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses", True),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies", True),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets", True),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers", True),
    "StorageClass": ("/apis/storage.k8s.io/v1", "storageclasses", False),
}


class ClusterUnreachable(KitError):
    """The cluster's API does not answer."""

    code = "KIT-CLUSTER-UNREACHABLE"
    exit_code = 50
    what = "the cluster at {server} does not answer"
    fix = "kit status, then kit up --local"


class ClusterRefused(KitError):
    """The cluster's API answered with an error."""

    code = "KIT-CLUSTER-REFUSED"
    exit_code = 51
    what = "the cluster refused to {doing}"
    fix = "kit logs sentry, or mend what it names"

    status: int  # HTTP's


@dataclass(frozen=True, slots=True)
class ServedTls:
    """What the API server showed, verified against the kubeconfig's own authority."""

    version: str
    issuer: str
    not_after: datetime


class KubeApi:
    """Opened lazily: the kubeconfig is read with the first call. One connection per call, so threads may share it."""

    def __init__(self, kubeconfig: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.kubeconfig = kubeconfig
        self.timeout_s = timeout_s
        self._access: Access | None = None
        self._written_ns: int | None = None
        self._tls: ServedTls | None = None

    @property
    def address(self) -> str:
        """Host and port of the API server."""
        return self._opened().server

    def tls(self) -> ServedTls:
        """Of the last connection; makes one if there was none."""
        if self._tls is None:
            self._request("GET", "/readyz")
        assert self._tls is not None  # a request that returned had a handshake
        return self._tls

    def complaint(self) -> str | None:
        """Why the cluster cannot be used, in words; None when it says that it is ready."""
        try:
            status, body = self._request("GET", "/readyz", timeout_s=COMPLAINT_TIMEOUT_S)
        except KitError as error:
            return error.why
        return None if status == 200 else f"its API is not ready: {first_line(body.decode(errors='replace'))}"

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None where there is none (nor its namespace)."""
        status, body = self._request("GET", path_of(kind, name, namespace))
        if status == 404:
            return None
        return self._document(f"read {kind} {name}", status, body)

    def list(self, kind: str, namespace: str | None = None, selector: str = "", fields: str = "") -> tuple[dict[str, Any], ...]:
        """Objects by label selector and field selector."""
        query = urlencode({key: text for key, text in (("labelSelector", selector), ("fieldSelector", fields)) if text})
        status, body = self._request("GET", f"{path_of(kind, None, namespace)}?{query}")
        return tuple(self._document(f"list {kind}s", status, body).get("items") or ())

    def apply(self, document: Document) -> dict[str, Any]:
        """Server-side apply; fields that another manager set against this document are taken over."""
        kind, name, namespace = identity(document)
        path = f"{path_of(kind, name, namespace)}?{urlencode({'fieldManager': FIELD_MANAGER, 'force': 'true'})}"
        # JSON is YAML, which is the only type an apply is accepted as.
        status, body = self._request("PATCH", path, document, content_type="application/apply-patch+yaml")
        return self._document(f"apply {kind} {name}", status, body)

    def apply_status(self, document: Document) -> dict[str, Any]:
        """Server-side apply of an object's status, which is written apart from the rest of it."""
        kind, name, namespace = identity(document)
        path = f"{path_of(kind, name, namespace)}/status?{urlencode({'fieldManager': FIELD_MANAGER, 'force': 'true'})}"
        status, body = self._request("PATCH", path, document, content_type="application/apply-patch+yaml")
        return self._document(f"apply the status of {kind} {name}", status, body)

    def create(self, document: Document) -> dict[str, Any]:
        """A new object; `metadata.generateName` gives it a name of its own, for what may exist more than once."""
        kind, name, namespace = identity(document)
        path = f"{path_of(kind, None, namespace)}?{urlencode({'fieldManager': FIELD_MANAGER})}"
        status, body = self._request("POST", path, document)
        return self._document(f"create {kind} {name}", status, body)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> bool:
        """Whether there was something to delete. What belongs to it follows in the background."""
        status, body = self._request("DELETE", path_of(kind, name, namespace), {"propagationPolicy": "Background"})
        if status == 404:
            return False
        self._document(f"delete {kind} {name}", status, body)
        return True

    def logs(self, pod: str, namespace: str, container: str, tail: int | None = None, *, previous: bool = False) -> str:
        """What a container said so far, or said the last time it ran; empty when it has not started."""
        query = {"container": container} | ({} if tail is None else {"tailLines": str(tail)})
        query |= {"previous": "true"} if previous else {}
        status, body = self._request("GET", f"{path_of('Pod', pod, namespace)}/log?{urlencode(query)}")
        if status in (400, 404):  # 400: "container is waiting to start"
            return ""
        if status != 200:
            self._document(f"read the log of {pod}", status, body)
        return body.decode(errors="replace")

    def follow(
        self, pod: str, namespace: str, container: str, tail: int | None = None, since_s: int | None = None
    ) -> Iterator[str]:
        """A container's log, line by line as it is written, until it ends; with `since_s`, from that Unix time on."""
        query = {"container": container, "follow": "true"} | ({} if tail is None else {"tailLines": str(tail)})
        query |= {} if since_s is None else {"sinceTime": f"{datetime.fromtimestamp(since_s, UTC):%Y-%m-%dT%H:%M:%SZ}"}
        path = f"{path_of('Pod', pod, namespace)}/log?{urlencode(query)}"
        with self._answered(self._opened(), "GET", path, None, "application/json", self.timeout_s) as (response, sock):
            if response.status in (400, 404):  # 400: "container is waiting to start"
                return
            if response.status != 200:
                self._document(f"follow the log of {pod}", response.status, response.read())
            sock.settimeout(None)  # it may be silent for hours
            for line in response:
                yield line.decode(errors="replace")

    def version(self) -> str:
        """The API server's version ("v1.34.4")."""
        status, body = self._request("GET", "/version")
        return str(self._document("tell its version", status, body)["gitVersion"])

    def _opened(self) -> Access:
        """Read once per kubeconfig: a cluster made anew has another port and other certificates in the same file."""
        written_ns = self.kubeconfig.stat().st_mtime_ns if self.kubeconfig.exists() else None
        if self._access is None or self._written_ns != written_ns:
            self._access, self._written_ns, self._tls = read_kubeconfig(self.kubeconfig), written_ns, None
        return self._access

    def _document(self, what: str, status: int, body: bytes) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(body)
        except ValueError:
            document = {"message": body.decode(errors="replace")[:300]}
        if status >= 300:
            raise ClusterRefused(doing=what, status=status, why=str(document.get("message", f"HTTP {status}")))
        return document

    def _request(
        self,
        method: str,
        path: str,
        document: Document | None = None,
        *,
        content_type: str = "application/json",
        timeout_s: float | None = None,
    ) -> tuple[int, bytes]:
        access = self._opened()
        body = None if document is None else json.dumps(document)
        timeout_s = timeout_s or self.timeout_s
        status, answer = self._exchange(access, method, path, body, content_type, timeout_s)
        if status == 401 and access.bearer is not None and access.bearer.forget():  # ended early: another one is asked for
            return self._exchange(access, method, path, body, content_type, timeout_s)
        return status, answer

    def _exchange(
        self, access: Access, method: str, path: str, body: str | None, content_type: str, timeout_s: float
    ) -> tuple[int, bytes]:
        with self._answered(access, method, path, body, content_type, timeout_s) as (response, _):
            return response.status, response.read()

    @contextmanager
    def _answered(
        self, access: Access, method: str, path: str, body: str | None, content_type: str, timeout_s: float
    ) -> Iterator[tuple[http.client.HTTPResponse, ssl.SSLSocket]]:
        """The answer with its body unread, and the connection's socket. Raises `ClusterUnreachable`, also for the block."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if access.bearer is not None:
            headers["Authorization"] = f"Bearer {access.bearer.token()}"
        proxy = access.proxy
        host, port = (proxy.host, proxy.port) if proxy else (access.host, access.port)
        connection = http.client.HTTPSConnection(host, port, context=access.context, timeout=timeout_s)
        if proxy:
            connection.set_tunnel(access.host, access.port, proxy.headers)
        try:
            connection.connect()
            sock: ssl.SSLSocket = connection.sock
            self._tls = _served(sock)
            connection.request(method, path, body, headers)
            yield connection.getresponse(), sock
        except (OSError, http.client.HTTPException) as error:
            way = f" (through {proxy.address}, which {proxy.source} names)" if proxy else ""
            raise ClusterUnreachable(server=access.server, why=f"{_words(error)}{way}") from error
        finally:
            connection.close()


def identity(document: Document) -> tuple[str, str, str | None]:
    """Kind, name and namespace of an object."""
    metadata = document["metadata"]
    return document["kind"], metadata.get("name") or metadata.get("generateName", ""), metadata.get("namespace")


def path_of(kind: str, name: str | None, namespace: str | None) -> str:
    group, plural, is_namespaced = KINDS[kind]
    scope = f"/namespaces/{namespace}" if is_namespaced and namespace else ""
    return f"{group}{scope}/{plural}" + (f"/{name}" if name else "")


def _words(error: OSError | http.client.HTTPException) -> str:
    """Python's own words name a source file of OpenSSL's or a number of the system's."""
    match error:
        case ConnectionRefusedError():
            return "nobody listens at its API's address"
        case TimeoutError():
            return "its API does not answer in time"
        case ConnectionError() | ssl.SSLEOFError() | ssl.SSLZeroReturnError() | http.client.RemoteDisconnected():
            return "its API hangs up"
    return str(error) or type(error).__name__


def _served(secured: ssl.SSLSocket) -> ServedTls:
    certificate = secured.getpeercert() or {}
    parts = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("issuer", ()))
    issuer = {key: value for part in parts for key, value in part}
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return ServedTls(secured.version() or "", issuer.get("commonName", ""), expires)

"""Documents that make the cloud's host names resolve inside the cluster: Services, and a part of CoreDNS' Corefile. Pure.

A fixed rule in the Corefile turns every cloud name into a Service of one namespace: so a cluster that comes or goes is a Service
more or less, answered at once, and CoreDNS itself is not touched. A store's Service is an alias of its container's name, which
the engine's DNS knows, also after a restart. Object storage needs another port than the container has, so its Service has an
address and a slice. Records of DNS zones stand in the Corefile as templates: those change seldom.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kit.yandex.contract import DATABASE_DOMAIN, STORAGE_HOST, Record

NAMESPACE = "kit-yandex"
STORAGE = "storage"
STORAGE_PORT = 443
LABELS = {"app.kubernetes.io/managed-by": "kit", "app.kubernetes.io/part-of": "yandex"}
BEGIN, END = "    # kit: names of the cloud", "    # kit: end"
SUPPORTED = frozenset({"A", "AAAA", "CNAME", "TXT", "MX", "SRV", "CAA"})  # NS and SOA are the zone's own business
ZONE = f"{NAMESPACE}.svc.cluster.local."
SPECIAL = re.compile(rf"^(c-[a-z0-9]+)\.(rw|ro)\.{re.escape(DATABASE_DOMAIN)}$")

Document = Mapping[str, Any]


def service_name(name: str) -> str:
    """The name of the Service for a host name: `c-<id>.rw.mdb…` → `c-<id>-rw`, `rc1a-….mdb…` → its first label."""
    special = SPECIAL.match(name)
    return f"{special[1]}-{special[2]}" if special else name.partition(".")[0]


def namespace() -> Document:
    """The namespace of all these Services."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": LABELS}}


def alias(name: str, container: str) -> Document:
    """A Service for a host name that is a container on the stack's network."""
    return _service(service_name(name), {"type": "ExternalName", "externalName": container})


def storage() -> Document:
    """The Service of object storage, on port 443."""
    ports = [{"name": "https", "port": STORAGE_PORT, "targetPort": 9000, "protocol": "TCP"}]
    return _service(STORAGE, {"type": "ClusterIP", "ports": ports})


def storage_slice(address: str, port: int) -> Document:
    """Where the Service of object storage leads: an address and a port."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{STORAGE}-kit",
            "namespace": NAMESPACE,
            "labels": {**LABELS, "kubernetes.io/service-name": STORAGE, "endpointslice.kubernetes.io/managed-by": "kit"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def _service(name: str, spec: Mapping[str, Any]) -> Document:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": dict(spec)}


def corefile(present: str, records: Iterable[Record]) -> str:
    """The Corefile with kit's part in it, in place of the one it had; everything else stays as it is."""
    lines = present.splitlines()
    if BEGIN in lines and END in lines:
        del lines[lines.index(BEGIN) : lines.index(END) + 1]
    at = 1 + next(number for number, line in enumerate(lines) if line.rstrip().endswith("{") and not line.startswith(" "))
    return "\n".join([*lines[:at], BEGIN, *_rules(), *_templates(records), END, *lines[at:]]) + "\n"


def _rules() -> list[str]:
    domain, storage_host = re.escape(DATABASE_DOMAIN), re.escape(STORAGE_HOST)
    rules = [
        (rf"^(c-[a-z0-9]+)\.(rw|ro)\.{domain}\.$", f"{{1}}-{{2}}.{ZONE}"),
        (rf"^([a-z0-9-]+)\.{domain}\.$", f"{{1}}.{ZONE}"),
        (rf"^([a-z0-9.-]+\.)?{storage_host}\.$", f"{STORAGE}.{ZONE}"),
    ]
    # `answer auto`: the answer bears the name that was asked for, or a client would not take it.
    return [f"    rewrite stop name regex {pattern} {target} answer auto" for pattern, target in rules]


def _templates(records: Iterable[Record]) -> list[str]:
    """A template for each set, and for each name one that says that it exists: for other types it has no data, not no name."""
    supported = [record for record in records if record.type in SUPPORTED]
    lines: list[str] = []
    for record in supported:
        head = f"{{{{ .Name }}}} {record.ttl_s} IN {record.type}"
        answers = [f'answer "{head} {_literal(each)}"' for each in record.data]
        # Whatever is asked of an alias is answered with the alias and what stands behind it.
        is_alias = record.type == "CNAME"
        lines += _template("ANY" if is_alias else record.type, record.name, [*answers, *(["upstream"] if is_alias else [])])
    for name in dict.fromkeys(record.name for record in supported):
        lines += _template("ANY", name, ["rcode NOERROR"])
    return lines


def _template(kind: str, name: str, body: Iterable[str]) -> list[str]:
    asterisk, _, rest = name.partition(".")
    zone, pattern = (rest, rf"^[^.]+\.{re.escape(rest)}$") if asterisk == "*" else (name, f"^{re.escape(name)}$")
    head = [f"    template IN {kind} {zone} {{", f'      match "{pattern}"']
    return [*head, *(f"      {line}" for line in body), "      fallthrough", "    }"]


def _literal(text: str) -> str:
    """For a quoted word of a Corefile that is a Go template too: no backslash may stand before a quote, and no brace anywhere."""
    escaped = {'"': '\\"', "\\": '{{printf \\"%c\\" 92}}', "{": '{{printf \\"%c\\" 123}}'}
    return "".join(escaped.get(character, character) for character in text)


def unusable(record: Record) -> str | None:
    """Why a record cannot be put into the Corefile; None if it can."""
    for text in (record.name, *record.data):
        if any(ord(character) < 32 for character in text):
            return f"{record.type} {record.name} holds a control character"
    if not re.fullmatch(r"(\*\.)?([A-Za-z0-9_-]+\.)+", record.name):
        return f"{record.name} is not an absolute name"
    return None

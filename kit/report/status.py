"""What runs, as a table for people and as the JSON that `kit status -o json` promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.report.table import columns
from kit.status import Component, State, Status

MARKS: Mapping[State, str] = {"absent": "-", "starting": "…", "ready": "✓", "degraded": "!", "failed": "✗"}


def document(status: Status) -> dict[str, Any]:
    return {
        "stack": status.stack,
        "target": status.target,
        "ready": status.is_ready,
        "components": [_component(component) for component in status.components],
    }


def _component(component: Component) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": component.name, "role": component.role, "state": component.state}
    if component.role == "application":
        fields |= {
            "url": component.url,
            "release": component.release,
            "replicas": component.replicas,
            "preflight": component.preflight,
        }
    else:
        fields |= {"address": component.address}
    tls = component.tls
    fields["tls"] = tls and {
        "version": tls.version,
        "verified": tls.verified,
        "issuer": tls.issuer,
        "not_after": f"{tls.not_after:%Y-%m-%dT%H:%M:%SZ}",
    }
    fields |= {"image": component.image, "latency_ms": component.latency_ms, "reason": component.reason}
    return fields


def table(status: Status) -> str:
    """Plain text with aligned columns; a reader's eye finds the mark first."""
    rows = [("", "component", "state", "address", "tls", "latency", "")]
    for component in status.components:
        tls = component.tls
        rows.append(
            (
                MARKS[component.state],
                component.name,
                component.state,
                component.url or component.address or "",
                f"{tls.version} until {tls.not_after:%Y-%m-%d}" if tls else "",
                f"{component.latency_ms:.0f} ms" if component.latency_ms is not None else "",
                component.reason or "",
            )
        )
    several = [f"{name} {said}" for each in status.components for name, said in sorted((each.replicas or {}).items())]
    pods = f"   pods: {', '.join(several)}\n" if several else ""
    return f"stack {status.stack} ({status.target})\n{columns(rows)}{pods}"

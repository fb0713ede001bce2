"""Terraform's refusals as errors: its first diagnostic is the reason, and all of them the detail.

Diagnostics come as JSON where the command has it (`plan`, `apply`, `validate`), else as text between box lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kit.adapters.process import Result, masked, pasteable, tail
from kit.errors import KitError

WHY_LENGTH = 400
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# Neither product numbers its errors. Terraform says "query" and "install", OpenTofu "resolve" and "install".
NO_PROVIDER = re.compile(r"^Failed to (query|resolve|install)\b.*\bprovider")


class TerraformFailed(KitError):
    """Terraform refused a configuration, or the cloud refused what terraform asked of it."""

    code = "KIT-TERRAFORM"
    exit_code = 61
    what = "terraform could not {doing}"


class ProviderUnavailable(TerraformFailed):
    """Terraform cannot get a provider: no registry answers, or it has no fitting version."""

    code = "KIT-TERRAFORM-PROVIDER"
    exit_code = 63
    fix = "name a mirror that answers in the file of TF_CLI_CONFIG_FILE; kit builds its own provider where it can"


class StateLocked(TerraformFailed):
    """Another terraform works on the same state, or one was killed at it."""

    code = "KIT-STATE-LOCKED"
    exit_code = 62
    fix = "wait for the other run; if there is none any more: terraform force-unlock {lock}"

    lock: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    summary: str
    detail: str
    place: str  # "main.tf:12", or ""
    address: str  # the resource, or ""


def refusal(verb: str, result: Result, secrets: Collection[str]) -> TerraformFailed:
    """The error that stands for a failed run; `verb` completes "terraform could not …"."""
    stdout, stderr = COLOUR.sub("", result.stdout), COLOUR.sub("", result.stderr)  # not every command knows -no-color
    found = diagnostics(stdout) or _from_text(stderr + stdout)
    by_hand = f"mend it, or see more by hand: {pasteable(result.argv, secrets)}"
    if not found:
        said = tail(stderr.strip() or stdout.strip())
        why = said.splitlines()[-1] if said else f"it ended with exit code {result.exit_code} and said nothing"
        return TerraformFailed(doing=verb, why=masked(why, secrets), fix=by_hand, detail=masked(said, secrets))
    first = found[0]
    detail = masked("\n".join(_shown(each) for each in found), secrets)
    doing = f"{verb}: {first.summary}" + (f" ({first.address})" if first.address else "")
    why = " ".join(first.detail.split())[:WHY_LENGTH] or first.summary
    doing, why = masked(doing, secrets), masked(why + (f" [{first.place}]" if first.place else ""), secrets)
    if locked := re.search(r"\bID:\s+(\S+)", first.detail):
        return StateLocked(doing=doing, why=why, detail=detail, lock=locked.group(1))
    if NO_PROVIDER.match(first.summary):
        return ProviderUnavailable(doing=doing, why=why, detail=detail)
    return TerraformFailed(doing=doing, why=why, fix=f"mend {first.place}" if first.place else by_hand, detail=detail)


def diagnostics(stdout: str) -> tuple[Diagnostic, ...]:
    """The errors in -json output: one document (`validate`) or one event a line (`plan`, `apply`)."""
    return tuple(_read(raw) for raw in _raw(stdout) if raw.get("severity") == "error")


def document_in(said: str) -> dict[str, Any] | None:
    """The one JSON document in what was said. OpenTofu puts warnings about the user's own configuration before it, in words."""
    start = re.search(r"^\{", said, re.MULTILINE)
    try:
        document = json.loads(said[start.start() :]) if start else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _raw(stdout: str) -> Iterator[Mapping[str, Any]]:
    whole = document_in(stdout)
    for said in filter(None, [whole] if whole else map(document_in, stdout.splitlines())):
        yield from said.get("diagnostics", ())
        if said.get("type") == "diagnostic":
            yield said["diagnostic"]


def _read(raw: Mapping[str, Any]) -> Diagnostic:
    at = raw.get("range") or {}
    place = f"{at['filename']}:{at['start']['line']}" if at else ""
    return Diagnostic(raw.get("summary", ""), raw.get("detail", ""), place, raw.get("address", ""))


def _from_text(said: str) -> tuple[Diagnostic, ...]:
    """`Error: summary`, an empty line, maybe `  on main.tf line 3, in …:`, then the detail."""
    plain = "\n".join(line.lstrip("│╷╵ ").rstrip() if line[:1] in "│╷╵" else line.strip() for line in said.splitlines())
    found = []
    for block in re.split(r"(?m)^(?=Error: )", plain)[1:]:
        summary, _, rest = block.removeprefix("Error: ").partition("\n")
        place = re.search(r"^on (\S+) line (\d+)", rest, re.MULTILINE)
        detail = "\n".join(line for line in rest.strip().splitlines() if not re.match(r"on \S+ line \d+|\d+: ", line))
        found.append(Diagnostic(summary.strip(), detail.strip(), f"{place.group(1)}:{place.group(2)}" if place else "", ""))
    return tuple(found)


def _shown(diagnostic: Diagnostic) -> str:
    where = " ".join(part for part in (diagnostic.place, diagnostic.address) if part)
    return (
        f"Error: {diagnostic.summary}"
        + (f"  [{where}]" if where else "")
        + (f"\n{diagnostic.detail}" if diagnostic.detail else "")
    )

"""The checks of `kit doctor`, as a list: each looks at one thing and says right, note or wrong, why, and what mends it.

A check that cannot look is `wrong` with the error's own words: a doctor who skips an examination silently is no doctor.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kit.errors import KitError

if TYPE_CHECKING:
    from kit.targets.local import LocalTarget

Verdict = Literal["right", "note", "wrong"]
MARKS = {"right": "✓", "note": "!", "wrong": "✗"}

GB = 1024**3
LEAST_PYTHON = (3, 11)
LEAST_MEMORY_GB = 4  # five idle stores, the cluster and the small Sentry take about 3
LEAST_DISK_GB = 3
LEAST_INOTIFY_INSTANCES = 128  # systemd, kubelet and containerd of one Kind node together take about 60


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    verdict: Verdict
    said: str
    fix: str = ""


Look = Callable[["LocalTarget"], "tuple[Verdict, str, str]"]


def examine(local: LocalTarget) -> tuple[Finding, ...]:
    """Every check, side by side; none depends on another."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return tuple(pool.map(lambda item: _finding(item[0], item[1], local), CHECKS.items()))


def _finding(name: str, look: Look, local: LocalTarget) -> Finding:
    try:
        return Finding(name, *look(local))
    except KitError as error:
        return Finding(name, "wrong", f"{error.what}: {error.why}", error.fix)
    except Exception as error:
        return Finding(name, "wrong", f"could not be examined: {type(error).__name__}: {error}", "kit doctor -v")


def _right(said: str) -> tuple[Verdict, str, str]:
    return "right", said, ""


def _python(local: LocalTarget) -> tuple[Verdict, str, str]:
    said = f"Python {platform.python_version()}"
    return _right(said) if sys.version_info[:2] >= LEAST_PYTHON else ("wrong", said, "install Python 3.11 or newer")


def _blueprint(local: LocalTarget) -> tuple[Verdict, str, str]:
    return _right(f"stack {local.stack.name}")  # it could not have come this far with a bad one


def _processors(local: LocalTarget) -> tuple[Verdict, str, str]:
    count = os.cpu_count() or 1
    return _right(f"{count} processors") if count >= 2 else ("note", "1 processor: expect minutes, not seconds", "")


def _memory(local: LocalTarget) -> tuple[Verdict, str, str]:
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    said = f"{available:.0f} GB of memory"
    return _right(said) if available >= LEAST_MEMORY_GB else ("wrong", said, f"give it {LEAST_MEMORY_GB} GB or more")


def _disk(place: Path) -> tuple[Verdict, str, str]:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GB
    said = f"{free:.0f} GB free at {place}"
    return _right(said) if free >= LEAST_DISK_GB else ("wrong", said, "kit images prune --build-cache; docker system df")


def _disk_of_cache(local: LocalTarget) -> tuple[Verdict, str, str]:
    return _disk(local.workspace.cache)


def _disk_of_engine(local: LocalTarget) -> tuple[Verdict, str, str]:
    return _disk(Path(str(local.docker.info()["DockerRootDir"])))


def _engine(local: LocalTarget) -> tuple[Verdict, str, str]:
    version = local.docker.version()
    return _right(f"Docker Engine {version.version}, API {version.api[0]}.{version.api[1]}")


def _privileged(local: LocalTarget) -> tuple[Verdict, str, str]:
    """Kind's node is a privileged container: without every capability, only the bounding runtime can start it."""
    from kit.host import engine

    lacking = sorted(engine.lacking_capabilities())
    if not lacking:
        return _right("this host holds every capability")
    if local.docker.info().get("DefaultRuntime") == engine.RUNTIME:
        return _right(f"this host lacks {', '.join(lacking)}; the engine's runtime takes them out of each request")
    fix = "stop that engine and let kit start one (kit setup), or use a host with these capabilities"
    return "wrong", f"this host lacks {', '.join(lacking)}, and the running engine is not kit's", fix


def _inotify(local: LocalTarget) -> tuple[Verdict, str, str]:
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    said = f"{limit} inotify instances per user"
    if limit >= LEAST_INOTIFY_INSTANCES:
        return _right(said)
    return "wrong", f"{said}; a Kind node needs more", f"sysctl fs.inotify.max_user_instances={4 * LEAST_INOTIFY_INSTANCES}"


def _builders(local: LocalTarget) -> tuple[Verdict, str, str]:
    missing = local.supply.plan(local.supply_names())
    if not missing:
        return _right("every tool and image is there")
    lacking = [program for program in ("go", "mvn", "mmdebstrap") if shutil.which(program) is None]
    said = f"{len(missing)} tools and images are still to be made or pulled"
    if lacking:
        return "note", f"{said}; {', '.join(lacking)} not found, so they must come from a registry", "kit images list"
    return "note", said, "kit images build"


def _foreign(local: LocalTarget) -> tuple[Verdict, str, str]:
    local.check_foreign()
    return _right("no name of ours is taken by others")


def _authority(local: LocalTarget) -> tuple[Verdict, str, str]:
    from kit.pki import folder

    authority = folder.load_authority(local.workspace.certs, datetime.now(UTC))
    return _right("readable, fits together, valid") if authority else ("note", "none yet", "kit up --local")


def _leafs(local: LocalTarget) -> tuple[Verdict, str, str]:
    complaints = local.leaf_complaints()
    if not complaints:
        return _right("every certificate serves")
    return "note", "; ".join(f"{holder}: {why}" for holder, why in complaints.items()), "kit up --local"


def _private_files(local: LocalTarget) -> tuple[Verdict, str, str]:
    """Keys and passwords are for their owner alone."""
    places = (local.workspace.certs, local.workspace.state)
    private = [path for place in places for pattern in ("**/*.key", "**/secrets/**/*") for path in place.glob(pattern)]
    private += [path for path in (local.secrets_file, local.given_file) if path.exists()]
    loose = [path for path in private if path.is_file() and path.stat().st_mode & 0o077]
    if loose:
        return "wrong", f"others may read {loose[0]}", f"chmod 600 {loose[0]}"
    return _right(f"{len(private)} keys and secrets, none readable by others")


def _secrets(local: LocalTarget) -> tuple[Verdict, str, str]:
    return _right("readable") if local.secrets() else ("note", "none yet", "kit up --local")


def _stack(local: LocalTarget) -> tuple[Verdict, str, str]:
    status = local.status()
    broken = [component for component in status.components if component.state not in ("ready", "absent")]
    if broken:
        return "wrong", "; ".join(f"{item.name} is {item.state}: {item.reason}" for item in broken), "kit up --local"
    absent = [component.name for component in status.components if component.state == "absent"]
    return ("note", f"not up: {', '.join(absent)}", "kit up --local") if absent else _right("everything is ready")


def _clients(local: LocalTarget) -> tuple[Verdict, str, str]:
    """These variables decide whom other programs trust; kit itself never reads them."""
    found = [name for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "PGSSLROOTCERT") if os.environ.get(name)]
    if not found:
        return _right("no variable of the shell changes whom clients trust")
    return _right(f"the shell sets {', '.join(found)}; `kit env` replaces them, kit's own checks ignore them")


CHECKS: dict[str, Look] = {
    "python": _python,
    "blueprint": _blueprint,
    "processors": _processors,
    "memory": _memory,
    "disk of the cache": _disk_of_cache,
    "engine": _engine,
    "disk of the engine": _disk_of_engine,
    "privileged containers": _privileged,
    "inotify": _inotify,
    "tools and images": _builders,
    "foreign names": _foreign,
    "authority": _authority,
    "certificates": _leafs,
    "secrets": _secrets,
    "private files": _private_files,
    "trust of the shell": _clients,
    "stack": _stack,
}


def document(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "verdict": finding.verdict, "said": finding.said, "fix": finding.fix}


def table(findings: tuple[Finding, ...]) -> str:
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{MARKS[finding.verdict]} {finding.check:<{width}}  {finding.said}")
        if finding.fix:
            lines.append(f"  {'':<{width}}  fix  {finding.fix}")
    return "\n".join(lines) + "\n"

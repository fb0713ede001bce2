"""The checks of `kit doctor`, as a list: each looks at one thing and says right, note or wrong, why, and the remedy.

A check that cannot look is `wrong` with the error's own words: a doctor who skips an examination silently is no doctor.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kit.adapters import proxies
from kit.adapters.docker.errors import EngineAbsent, EngineNotRunning, EngineUnreachable
from kit.errors import KitError
from kit.host import fitness, places, trust
from kit.host.limits import INOTIFY, INOTIFY_OF_A_NODE
from kit.report.table import Row, columns

if TYPE_CHECKING:
    from kit.targets.local.target import LocalTarget

Verdict = Literal["right", "note", "wrong"]
MARKS = {"right": "✓", "note": "!", "wrong": "✗"}

GB = 1024**3
LEAST_PYTHON = (3, 11)
LEAST_MEMORY_GB = 4  # five idle stores, the cluster and the stand-in take about 3
KEPT_BY_THE_KERNEL = 0.92  # a machine of 4 GB says that it has some 3.8
LEAST_DISK_GB = 3
LEAST_INOTIFY_INSTANCES = 2 * INOTIFY_OF_A_NODE  # for the node, and as much for everything else of this user
# What lets somebody in, below a stack's certificates and state.
PRIVATE = (
    *("**/*.key", "**/secrets/**/*", "**/secrets.json", "**/given.json"),
    *("**/kubeconfig", "api-tokens.csv", "**/terraform.tfstate*", "yandex/token", "yandex/journal.jsonl*"),
)
# kind.sigs.k8s.io/docs/user/known-issues, "too many open files", read 2026-11-28: a desktop with an editor uses up Ubuntu's 128.
ADVISED_INOTIFY_INSTANCES = 512
# Where the memory of an engine's own machine is set: the products' settings, and `colima start --help`; read 2026-11-28 in public
# set-up notes.
MEMORY_SETTINGS = {
    "Docker Desktop": "Docker Desktop: Settings, Resources",
    "OrbStack": "OrbStack: Settings, System",
    "colima": f"colima stop && colima start --memory {LEAST_MEMORY_GB}",
}
NO_ANSWER: tuple[Verdict, str, str] = (
    "note",
    "not looked at: it is the engine's machine that counts, and the engine does not answer",
    "",
)
# Said once, by the check `engine`.
NO_ENGINE = (EngineAbsent, EngineNotRunning, EngineUnreachable)


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    verdict: Verdict
    said: str
    fix: str = ""


Examination = Callable[["LocalTarget"], "tuple[Verdict, str, str]"]


def examine(local: LocalTarget) -> tuple[Finding, ...]:
    """Every check, side by side; none depends on another."""
    _machine(local)  # connect once, before eight threads would each try
    with ThreadPoolExecutor(max_workers=8) as pool:
        return tuple(pool.map(lambda item: _finding(item[0], item[1], local), CHECKS.items()))


def _finding(name: str, examine_one: Examination, local: LocalTarget) -> Finding:
    try:
        return Finding(name, *examine_one(local))
    except KitError as error:
        if isinstance(error, NO_ENGINE) and name != "engine":
            return Finding(name, "note", "not looked at: the engine does not answer")
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


def _home(local: LocalTarget) -> tuple[Verdict, str, str]:
    places.check_writable(local.workspace)
    return _right(f"{local.workspace.home} and {local.workspace.cache} can be written, and keep who may read a file")


def _machine(local: LocalTarget) -> fitness.Recognised | None:
    """What the engine says of the machine that it runs on; None where it does not answer, which `engine` says."""
    try:
        return fitness.machine_of(local.docker)
    except KitError:
        return None


def _processors(local: LocalTarget) -> tuple[Verdict, str, str]:
    machine = _machine(local)
    count = machine.processors if machine else os.cpu_count() or 1
    return _right(f"{count} processors") if count >= 2 else ("note", "1 processor: expect minutes, not seconds", "")


def _memory(local: LocalTarget) -> tuple[Verdict, str, str]:
    machine = _machine(local)
    if machine is None and not _is_linux():
        return NO_ANSWER
    size_bytes = machine.memory_bytes if machine else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    product = machine.product if machine else ""
    said = f"{size_bytes / GB:.1f} GB of memory" + (f" in the machine of {product}" if product in MEMORY_SETTINGS else "")
    if size_bytes >= LEAST_MEMORY_GB * GB * KEPT_BY_THE_KERNEL:
        return _right(said)
    return "wrong", said, MEMORY_SETTINGS.get(product, f"give it {LEAST_MEMORY_GB} GB or more")


def _disk(place: Path) -> tuple[Verdict, str, str]:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GB
    said = f"{free:.0f} GB free at {place}"
    return _right(said) if free >= LEAST_DISK_GB else ("wrong", said, "kit images prune --build-cache; docker system df")


def _disk_of_cache(local: LocalTarget) -> tuple[Verdict, str, str]:
    return _disk(local.workspace.cache)


def _disk_of_engine(local: LocalTarget) -> tuple[Verdict, str, str]:
    machine = _machine(local)
    if machine is None:
        return NO_ANSWER
    if machine.root_here is None:
        return "note", f"not looked at: {machine.root} of {machine.product} is not on this computer", "docker system df"
    return _disk(machine.root_here)


def _engine(local: LocalTarget) -> tuple[Verdict, str, str]:
    found = fitness.check(local.docker)
    version = local.docker.version()
    return _right(f"{found.product}, engine {version.version}, API {version.api[0]}.{version.api[1]}")


def _cgroups(local: LocalTarget) -> tuple[Verdict, str, str]:
    machine = _machine(local)
    if machine is None:
        return NO_ANSWER
    if not machine.has_cgroup_v1:
        return _right("cgroup v2")
    # kubernetes-sigs/kind 7963501b (2026-01-30): the node's base is trixie since 0.32, and its systemd needs v2.
    return "note", "cgroup v1: upstream's newest node images do not start here, so the cluster gets one that does", ""


def _labels(local: LocalTarget) -> tuple[Verdict, str, str]:
    """Whether the engine confines containers by SELinux; a folder without the label is then closed to them."""
    machine = _machine(local)
    if machine is None:
        return NO_ANSWER
    if not machine.has_selinux:
        return _right("no SELinux between containers and mounted folders")
    space = local.workspace
    folders = f"{space.home}/.kit {space.home}/certs {space.assets}/compose"
    # `z` gives the label at each start (WordPress/openverse#3276), chcon once (docker/for-linux#955); read 2026-11-28.
    said = "SELinux confines containers: they may read a mounted folder only with the label that `:z` would give it"
    return "note", said, f"if a store says `Permission denied`: chcon -Rt container_file_t {folders}"


def _logins(local: LocalTarget) -> tuple[Verdict, str, str]:
    from kit.adapters.docker.credentials import missing_helper

    missing = missing_helper()
    if missing is None:
        return _right("every credential helper that the docker CLI's configuration names is installed")
    return "note", f"{missing.said}: registries are asked without a login", missing.fix


def _privileged(local: LocalTarget) -> tuple[Verdict, str, str]:
    """Kind's node is a privileged container: without every capability, only the bounding runtime can start it."""
    from kit.host import engine

    machine = _machine(local)
    if elsewhere := _elsewhere(machine):
        return elsewhere
    lacking = sorted(engine.lacking_capabilities())
    if not lacking:
        return _right("this host holds every capability")
    if machine is None:
        return "note", f"this host lacks {', '.join(lacking)}; an engine that kit starts can do without", "kit setup"
    if machine.runtime == engine.RUNTIME:
        return _right(f"this host lacks {', '.join(lacking)}; the engine's runtime takes them out of each request")
    fix = "stop that engine and let kit start one (kit setup), or use a host with these capabilities"
    return "wrong", f"this host lacks {', '.join(lacking)}, and the running engine is not kit's", fix


def _inotify(local: LocalTarget) -> tuple[Verdict, str, str]:
    if elsewhere := _elsewhere(_machine(local)):
        return elsewhere
    limit = int(INOTIFY.read_text())
    said = f"{limit} inotify instances per user"
    fix = f"sudo sysctl fs.inotify.max_user_instances={ADVISED_INOTIFY_INSTANCES}"
    if limit >= ADVISED_INOTIFY_INSTANCES:
        return _right(said)
    if limit >= LEAST_INOTIFY_INSTANCES:
        return "note", f"{said}; Kind advises {ADVISED_INOTIFY_INSTANCES}", fix
    return "wrong", f"{said}; a Kind node needs more", fix


def _elsewhere(machine: fitness.Recognised | None) -> tuple[Verdict, str, str] | None:
    """Why this computer's kernel has nothing to say about the engine's containers; None where it is their kernel too."""
    if machine is None:
        return None if _is_linux() else NO_ANSWER
    if machine.shares_kernel:
        return None
    return "note", f"not looked at: {machine.product} has a machine and a kernel of its own", ""


def _is_linux() -> bool:
    return platform.system() == "Linux"


def _builders(local: LocalTarget) -> tuple[Verdict, str, str]:
    missing = local.supply.plan(local.supply_names())
    if not missing:
        return _right("every tool and image is there")
    counts = Counter(need.how for need in missing)
    said = " and ".join(f"{count} to be {how}" for how, count in sorted(counts.items(), reverse=True))
    return "note", f"tools and images: {said}", "kit images list says how each is had; kit images build makes them now"


def _foreign(local: LocalTarget) -> tuple[Verdict, str, str]:
    from kit.targets.local import foreign, observe

    foreign.check_foreign(local, observe.ask_engine(local))
    return _right("no name of ours is taken by others")


def _authority(local: LocalTarget) -> tuple[Verdict, str, str]:
    from kit.pki import folder

    complaint = folder.authority_complaint(local.workspace.certs, datetime.now(UTC))
    return ("note", complaint, "kit up --local") if complaint else _right("readable, fits together, valid")


def _certificates(local: LocalTarget) -> tuple[Verdict, str, str]:
    complaints = local.leaf_complaints()
    if not complaints:
        return _right("every certificate serves")
    return "note", "; ".join(f"{holder}: {why}" for holder, why in complaints.items()), "kit up --local"


def _private_files(local: LocalTarget) -> tuple[Verdict, str, str]:
    """Keys, passwords and whatever else lets somebody in are for their owner alone; the cloud stack's and the emulator's, too."""
    places = (local.workspace.certs, local.workspace.state)
    private = {path for place in places for pattern in PRIVATE for path in place.glob(pattern) if path.is_file()}
    loose = sorted(path for path in private if path.stat().st_mode & 0o077)
    if loose:
        return "wrong", f"others may read {loose[0]}", f"chmod 600 {loose[0]}"
    return _right(f"{len(private)} keys and secrets, none readable by others")


def _secrets(local: LocalTarget) -> tuple[Verdict, str, str]:
    return _right("readable") if local.secrets() else ("note", "none yet", "kit up --local")


def _stack(local: LocalTarget) -> tuple[Verdict, str, str]:
    from kit.targets.local import status as stack_status

    status = stack_status.of(local)
    broken = [component for component in status.components if component.state not in ("ready", "absent")]
    if broken:
        return "wrong", "; ".join(f"{item.name} is {item.state}: {item.reason}" for item in broken), "kit up --local"
    absent = [component.name for component in status.components if component.state == "absent"]
    return ("note", f"not up: {', '.join(absent)}", "kit up --local") if absent else _right("everything is ready")


def _clients(local: LocalTarget) -> tuple[Verdict, str, str]:
    """These variables decide whom other programs trust, and one of them whom kit trusts outside the stack."""
    found = [name for name in (*trust.CLIENT_VARIABLES, "AWS_CA_BUNDLE", "PGSSLROOTCERT") if os.environ.get(name)]
    for name in found:
        named = os.environ[name]
        if name == "PGSSLROOTCERT" and named == "system":  # libpq's word for the system's own
            continue
        if not trust.holds_certificates(Path(named)):  # as after `kit env` of a stack that is purged
            what = "holds no certificate" if Path(named).exists() else "is not there"
            return "wrong", f"{name} names {named}, which {what}: many programs then trust nobody", f"unset {name}"
    if not found:
        return _right("no variable of the shell changes whom clients trust")
    own = "; kit reads SSL_CERT_FILE for downloads and the cloud" if "SSL_CERT_FILE" in found else ""
    return _right(f"the shell sets {', '.join(found)}{own}; its checks of the stores read none of them")


def _proxies(local: LocalTarget) -> tuple[Verdict, str, str]:
    """A proxy on this computer's loopback serves its own programs; in a container that address is the container's own."""
    here = proxies.on_this_computer()
    if here:
        said = (
            f"{', '.join(here)}: a proxy on this computer's loopback, which no container reaches, so the node is not told of it"
        )
        return "note", said, "what pods fetch by themselves needs a proxy with an address in the network"
    found = [name for name in proxies.VARIABLES if os.environ.get(name)]
    return _right(f"{', '.join(found)}: reached from containers too" if found else "none")


CHECKS: dict[str, Examination] = {
    "python": _python,
    "blueprint": _blueprint,
    "home and cache": _home,
    "processors": _processors,
    "memory": _memory,
    "disk of the cache": _disk_of_cache,
    "engine": _engine,
    "logins to registries": _logins,
    "disk of the engine": _disk_of_engine,
    "control groups": _cgroups,
    "SELinux": _labels,
    "privileged containers": _privileged,
    "inotify": _inotify,
    "tools and images": _builders,
    "foreign names": _foreign,
    "authority": _authority,
    "certificates": _certificates,
    "secrets": _secrets,
    "private files": _private_files,
    "trust of the shell": _clients,
    "proxies of the shell": _proxies,
    "stack": _stack,
}


def document(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "verdict": finding.verdict, "said": finding.said, "fix": finding.fix}


def table(findings: tuple[Finding, ...]) -> str:
    rows: list[Row] = []
    for finding in findings:
        rows.append((MARKS[finding.verdict], finding.check, finding.said))
        if finding.fix:
            rows.append(("", "", f"fix  {finding.fix}"))
    return columns(rows)

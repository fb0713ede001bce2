"""The layout of the local stack: the names of its parts, the variables of compose.yaml, each container's fingerprint.

Pure but for reading the shipped configuration files. A fingerprint covers everything a container is made from, so a changed line
in a store's folder, another image, another port or a new password each give a new one, and nothing else does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit import files
from kit.blueprint.stack import SENTRY_PORT, STORES, SentryWanted, Stack
from kit.endpoints import Endpoints, Secret
from kit.sentry.lines import profiles
from kit.sentry.stand_in.lite import HOSTS
from kit.state import secrets
from kit.state.ports import LOOPBACK
from kit.stores import catalog
from kit.stores.contract import Credentials, Port
from kit.workspace import Workspace

if TYPE_CHECKING:
    from kit.sentry.lines.profiles import Profile

STACK_LABEL = "dev.kit.stack"
STORE_LABEL = "dev.kit.store"
CONFIG_LABEL = "dev.kit.config"
HOME_LABEL = "dev.kit.home"  # the folder whose kit runs the stack
CHART_IMAGES = "chart-images"  # the marker for the chart's own images in the node; its first word is the node's id
SENTRY_HOLDER = "sentry"
VROOM_HOLDER = "vroom"  # a client's leaf: vroom speaks TLS to Kafka only if it has one
SENTRY_KEY = "sentry.https"
# A store's image bears the store's name, unless a profile says how new a line of it the release's clients can use.
OLDER_LINES = {("kafka", "3.9"): "kafka-3"}
LINED = frozenset(
    store for store, _ in OLDER_LINES
)  # of the others there is one line, which lies within the profile's bounds or is refused
# The line of an image, where the one that is built here is of another age than upstream's: 18.16 and 25.8, 2026-02 and 2025-09.
# Everywhere else a line is called like its image.
LINES = {
    ("clickhouse", "built"): "clickhouse-18",
    ("clickhouse", "pulled"): "clickhouse-25",
    ("s3", "built"): "s3-2026",
    ("s3", "pulled"): "s3-2025",
}
# What the mark of a volume means that was made before marks told the ways apart: nobody could do without the built ones then.
LINES_BEFORE = {"clickhouse": "clickhouse-18", "s3": "s3-2026"}
# Whose volumes a line takes over, where it is not everyone's.
OPENS = {
    "kafka-3": ("kafka-3",),  # the older line does not read a format of the newer one
    # Seven years apart, and upstream promises one (clickhouse.com/docs/operations/update, seen 2026-11). On a volume of 25.8's,
    # 18.16 ends at the first database that has a UUID; the engine of 25.8.2 reads one of 18.16's, but leaves its databases
    # Ordinary, where no tables can be exchanged (both tried 2026-11-28). Little is lost: Snuba does not write into 18.16.
    "clickhouse-18": ("clickhouse-18",),
    "clickhouse-25": ("clickhouse-25",),
    "s3-2025": ("s3-2025",),  # not tried; upstream advises against going back (minio/object-browser#3377, 2024-06)
}
# Lines that leave a volume in the format that they find, so that the way back is open to the older one: Kafka's metadata stays at
# its level until somebody raises it. Of every other line it is supposed that it writes a format of its own into what it opens.
KEEPING_FORMAT = frozenset({"kafka", "kafka-3"})
VOLUME_TOOL_IMAGE = "postgres"  # any image with chown; this one is needed anyway


PATCHES = "kubeadm-patches"  # in the stack's state, which the engine can mount wherever kit itself lies
API_TOKENS = "api-tokens.csv"  # in the stack's state; there where the cluster stands in for one that knows tokens
TOKENS_FOLDER = "/etc/kubernetes/kit"  # in the node, and in its API server


def store_image(store: str, profile: Profile) -> str:
    """The supply's name of a store's image."""
    newest = profile.newest.get(store)
    return OLDER_LINES[store, newest] if newest and store in LINED else store


def line(image: str, way: str) -> str:
    """The line of a store that an image is, by its name in the supply and the way it came: "pulled" or "built"."""
    return LINES.get((image, way), image)


def cluster_images(wanted: SentryWanted) -> tuple[str, ...]:
    """What the supply puts into the node, by its names. The chart's own images come from their registry, or by `load`."""
    return ("bugsink" if wanted.flavour == "lite" else "front", "probe", profiles.probe_image(wanted.profile))


def volume_name(stack: Stack, store: str) -> str:
    return f"{stack.name}-{store}"


def labels(stack: Stack, workspace: Workspace) -> Mapping[str, str]:
    """What everything of the stack bears."""
    return {STACK_LABEL: stack.name, HOME_LABEL: str(workspace.home)}


def usual_ports() -> Mapping[str, int]:
    """Port key ("kafka.sasl") → the number preferred on 127.0.0.1."""
    found = {f"{name}.{port.name}": port.number for name in STORES for port in catalog.module(name).PORTS}
    return {**found, SENTRY_KEY: SENTRY_PORT}


def holders(stack: Stack) -> Mapping[str, tuple[str, ...]]:
    """Who gets a leaf, and for which names."""
    of_stores = {name: (*catalog.module(name).names(), *stack.names.get(name, ())) for name in STORES}
    clients = {VROOM_HOLDER: (VROOM_HOLDER,)} if stack.sentry.local_size == "full" else {}
    return {**of_stores, SENTRY_HOLDER: HOSTS, **clients}


def makers() -> Mapping[str, Callable[[], str]]:
    return {field.name: secrets.password for field in dataclasses.fields(Credentials)}


def credentials(found: Mapping[str, Secret]) -> Credentials:
    return Credentials(**{field.name: found[field.name] for field in dataclasses.fields(Credentials)})


def endpoints_from_host(ports: Mapping[str, int], logins: Credentials) -> Endpoints:
    return _endpoints(logins, lambda name: LOOPBACK, lambda name, port: ports[f"{name}.{port.name}"])


def endpoints_from_cluster(logins: Credentials) -> Endpoints:
    """As pods see them: the store's own name, its usual port. The engine's DNS answers for containers on the shared network."""
    return _endpoints(logins, lambda name: name, lambda name, port: port.number)


def _endpoints(logins: Credentials, host: Callable[[str], str], number: Callable[[str, Port], int]) -> Endpoints:
    found: dict[str, Any] = {}
    for name in STORES:
        module = catalog.module(name)
        found[name] = module.endpoint(host(name), {port.name: number(name, port) for port in module.PORTS}, logins)
    return Endpoints(**found)


def mounted_secrets(store: str, logins: Credentials) -> Mapping[str, str]:
    found: Mapping[str, str] = catalog.module(store).mounted_secrets(logins)
    return found


def variables(
    stack: Stack, workspace: Workspace, ports: Mapping[str, int], images: Mapping[str, str], configs: Mapping[str, str]
) -> dict[str, str]:
    """Everything that compose.yaml asks for. No secret is among them."""
    owner = files.store_owner()
    found = {
        "KIT_STACK": stack.name,
        "KIT_HOME": str(workspace.home),
        "KIT_STATE": str(workspace.state),
        "KIT_CERTS": str(workspace.certs),
        "KIT_UID": str(owner.uid),
        "KIT_GID": str(owner.gid),
        "KIT_NAME_KAFKA": stack.names.get("kafka", ("kafka",))[0],
        "KIT_NAME_S3": stack.names.get("s3", ("",))[0],
    }
    for name in STORES:
        found[f"KIT_IMAGE_{name.upper()}"] = images.get(name, "")
        found[f"KIT_CONFIG_{name.upper()}"] = configs.get(name, "")
        if name in stack.memory_mb:
            found[f"KIT_MEMORY_{name.upper()}"] = f"{stack.memory_mb[name]}m"
    for key, port in ports.items():
        found[f"KIT_PORT_{key.replace('.', '_').upper()}"] = str(port)
    return found


def cluster_config(template: str, sentry_port: int, patches: Path, api_tokens: Path | None = None) -> str:
    """Kind's configuration: the shipped file with the port and the folder that differ from stack to stack.

    With `api_tokens`, a file of Kubernetes' static tokens, the API server also lets in whoever has one of these.
    """
    import yaml

    document = yaml.safe_load(template)
    (node,) = document["nodes"]
    (mapping,), (mount,) = node["extraPortMappings"], node["extraMounts"]
    mapping["hostPort"], mount["hostPath"] = sentry_port, str(patches)
    if api_tokens is not None:
        node["extraMounts"].append(
            {"hostPath": str(api_tokens), "containerPath": f"{TOKENS_FOLDER}/{API_TOKENS}", "readOnly": True}
        )
        folder = {"name": "api-tokens", "hostPath": TOKENS_FOLDER, "mountPath": TOKENS_FOLDER, "readOnly": True}
        option = {"token-auth-file": f"{TOKENS_FOLDER}/{API_TOKENS}"}
        patch = {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": option, "extraVolumes": [folder]}}
        node["kubeadmConfigPatches"] = [yaml.safe_dump(patch)]
    written: str = yaml.safe_dump(document, sort_keys=False)
    return written


def container_fingerprint(
    store: str, stack: Stack, workspace: Workspace, ports: Mapping[str, int], logins: Credentials | None
) -> str:
    owner = files.store_owner()
    return files.digest(
        {
            "service": _service_text(workspace.assets / "compose" / "compose.yaml", store),
            "folder": files.folder_digest(workspace.assets / "compose" / store / "config"),
            "places": f"{workspace.state} {workspace.certs} {owner.uid}:{owner.gid}",
            "ports": json.dumps({key: port for key, port in ports.items() if key.startswith(f"{store}.")}, sort_keys=True),
            "memory": str(stack.memory_mb.get(store)),
            "names": " ".join(stack.names.get(store, ())),
            **({} if logins is None else {f"secret {name}": text for name, text in mounted_secrets(store, logins).items()}),
        }
    )


def setup_fingerprint(store: str, sentry: SentryWanted) -> str:
    """Of what the set-up makes: its version, and in S3 how long events are kept."""
    made = {"version": str(catalog.module(store).SETUP)}
    return files.digest(made | ({"retention": str(sentry.retention_days)} if store == "s3" else {}))


@cache
def _services(path: Path) -> Mapping[str, str]:
    import yaml

    document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {name: json.dumps(service, sort_keys=True) for name, service in document["services"].items()}


def _service_text(path: Path, store: str) -> str:
    return _services(path)[store]

"""Reads a kubeconfig into what a TLS connection needs: the API server's address, whom to trust, and the user's credentials.

A user is known by a client certificate (Kind), by a token, or by a program that prints one (every cloud). All three forms are
those that kubectl and Helm read, so the same file serves them. A cluster whose certificate is not to be verified is refused.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kit import files
from kit.adapters import proxies
from kit.adapters.kubernetes.credential import API_VERSION, Bearer, ExecToken, FixedToken
from kit.adapters.process import Runner, run
from kit.errors import KitError


class KubeconfigUnusable(KitError):
    """The stack's kubeconfig is missing, damaged, or of a form that kit does not use."""

    code = "KIT-KUBECONFIG"
    exit_code = 52
    what = "{path} cannot be used"
    fix = "let kit write it again: kit up"


class ClusterProxyUnusable(KitError):
    """The way to the cluster's API leads through a kind of proxy that kit does not speak with."""

    code = "KIT-CLUSTER-PROXY"
    exit_code = 52
    what = "the cluster at {server} is behind {address}, which {source} names"
    why = "kit itself goes through proxies of the kind http:// only, though kubectl and Helm know more"
    fix = "name a proxy with http://, or the cluster in NO_PROXY where it is reached without one"


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig says about its current cluster."""

    host: str
    port: int
    context: ssl.SSLContext
    authority: str  # PEM: what the API server's certificate is verified by
    bearer: Bearer | None = None  # None where a client certificate says who one is
    proxy: proxies.Proxy | None = None

    @property
    def server(self) -> str:
        return f"{self.host}:{self.port}"


def read_kubeconfig(path: Path, runner: Runner = run) -> Access:
    """The current context's cluster and user. No program is run before a token is asked for."""
    import yaml

    try:
        document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        named = {key: {entry["name"]: entry[key[:-1]] for entry in document[key]} for key in ("contexts", "clusters", "users")}
        context = named["contexts"][document["current-context"]]
        cluster, user = named["clusters"][context["cluster"]], named["users"][context["user"]]
        server = urlsplit(cluster["server"])
        if server.scheme != "https" or server.hostname is None:
            raise ValueError(f"{cluster['server']!r} is no https address")
        if cluster.get("insecure-skip-tls-verify"):
            raise ValueError("it says that the cluster's certificate need not be verified")
        authority = _content(cluster, "certificate-authority", path)
        trust = ssl.create_default_context(cadata=authority)
        if "client-certificate-data" in user or "client-certificate" in user:
            _load_pair(trust, _content(user, "client-certificate", path), _content(user, "client-key", path))
        port = server.port or 443
        return Access(
            server.hostname, port, trust, authority, _bearer(user, path, runner), _proxy(cluster, server.hostname, port)
        )
    except FileNotFoundError as error:
        raise KubeconfigUnusable(
            path=path, why=f"there is no {'such file' if error.filename in (None, str(path)) else error.filename}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise KubeconfigUnusable(path=path, why=f"it cannot be understood ({type(error).__name__}: {error})") from error


def write_exec_kubeconfig(
    path: Path, name: str, server: str, authority: str, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> None:
    """A kubeconfig (0600) for `server` whose user is known by what `command` prints: an ExecCredential.

    `environment` is written into the file and added to the caller's: addresses and names of files, never a secret.
    """
    import yaml

    credential: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "command": command[0],
        "args": list(command[1:]),
        "env": [{"name": key, "value": value} for key, value in sorted((environment or {}).items())],
        "interactiveMode": "Never",
        "provideClusterInfo": False,
        "installHint": "kit prints the token: install kit, or write this file anew with `kit up --cloud`",
    }
    encoded = base64.b64encode(authority.encode()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": encoded}}],
        "users": [{"name": name, "user": {"exec": credential}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    files.write(path, yaml.safe_dump(document, sort_keys=False), files.PRIVATE)


def _bearer(user: Mapping[str, Any], path: Path, runner: Runner) -> Bearer | None:
    if "exec" in user:
        described = user["exec"]
        if described["apiVersion"] != API_VERSION:
            raise ValueError(f"its credential is of {described['apiVersion']}, not of {API_VERSION}")
        environment = {entry["name"]: entry["value"] for entry in described.get("env") or ()}
        return ExecToken((described["command"], *(described.get("args") or ())), environment, runner)
    if "tokenFile" in user:
        return FixedToken((path.parent / user["tokenFile"]).read_text().strip())
    if "token" in user:
        return FixedToken(user["token"])
    if "client-certificate-data" in user or "client-certificate" in user:
        return None
    raise ValueError("its user has neither a certificate nor a token nor a program that prints one")


def _proxy(cluster: Mapping[str, Any], host: str, port: int) -> proxies.Proxy | None:
    """As kubectl and Helm go: by the file's own `proxy-url`, which spares nobody, else by the shell's."""
    written = cluster.get("proxy-url")
    found = proxies.named("proxy-url", str(written)) if written else proxies.of_shell(host, port)
    if found is not None and not found.is_spoken:
        raise ClusterProxyUnusable(server=f"{host}:{port}", address=found.address, source=found.source)
    return found


def _content(described: Mapping[str, Any], key: str, path: Path) -> str:
    """What stands in the file itself, or in another one, named from this one's folder."""
    if f"{key}-data" in described:
        return base64.b64decode(described[f"{key}-data"]).decode()
    return (path.parent / str(described[key])).read_text()


def _load_pair(trust: ssl.SSLContext, certificate: str, key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # the ssl module takes a key only from a file
        pair = Path(folder, "pair.pem")
        pair.touch(0o600)
        pair.write_text(certificate + "\n" + key)
        trust.load_cert_chain(pair)

"""A kubeconfig as Kind writes it, read into what a TLS connection needs: where the API server is, whom to trust, who one is."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kit.errors import KitError


class KubeconfigUnusable(KitError):
    """The stack's kubeconfig is missing or damaged."""

    code = "KIT-KUBECONFIG"
    exit_code = 52

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(what=f"{path} cannot be used", why=why, fix="make the cluster again: kit up --local")


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig says about its current cluster."""

    host: str
    port: int
    context: ssl.SSLContext
    authority: str  # PEM: what the API server's certificate is verified by

    @property
    def server(self) -> str:
        return f"{self.host}:{self.port}"


def read_kubeconfig(path: Path) -> Access:
    """The current context's cluster and user; only the form that Kind writes (embedded certificates) is understood."""
    import yaml

    try:
        document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        named = {key: {entry["name"]: entry[key[:-1]] for entry in document[key]} for key in ("contexts", "clusters", "users")}
        context = named["contexts"][document["current-context"]]
        cluster, user = named["clusters"][context["cluster"]], named["users"][context["user"]]
        server = urlsplit(cluster["server"])
        if server.hostname is None:
            raise ValueError(f"{cluster['server']!r} is no address")
        authority = _decoded(cluster["certificate-authority-data"])
        trust = ssl.create_default_context(cadata=authority)
        with tempfile.TemporaryDirectory() as folder:  # the ssl module takes a key only from a file
            pair = Path(folder, "pair.pem")
            pair.touch(0o600)
            pair.write_text(_decoded(user["client-certificate-data"]) + "\n" + _decoded(user["client-key-data"]))
            trust.load_cert_chain(pair)
        return Access(server.hostname, server.port or 443, trust, authority)
    except FileNotFoundError as error:
        raise KubeconfigUnusable(path, "there is no such file") from error
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise KubeconfigUnusable(path, f"it is not a kubeconfig as Kind writes it ({type(error).__name__}: {error})") from error


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()

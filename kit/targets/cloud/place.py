"""The files of a cloud stack: apart from the local stack's, and a rehearsal's apart from the real one's.

Terraform works in a copy of the shipped configuration, for it writes its lock file and its state there, and the shipped files
may be read-only. The state holds what the provider could not be kept from writing into it, so the whole folder is the user's
alone.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from kit import files
from kit.state import given, lock
from kit.workspace import Workspace

SHIPPED = ("*.tf", "*.yaml", "topics/*.json", "modules/**/*.tf", "modules/**/*.tpl", "modules/**/*.yaml")
STATE = "terraform.tfstate"
BACKEND = "backend_override.tf.json"


@dataclass(frozen=True, slots=True)
class Place:
    workspace: Workspace
    rehearses: bool

    @property
    def where(self) -> str:
        return "the rehearsal" if self.rehearses else "the cloud"

    @property
    def root(self) -> Path:
        return self.workspace.state / ("rehearsal" if self.rehearses else "cloud")

    @property
    def configuration(self) -> Path:
        return self.root / "configuration"

    @property
    def data(self) -> Path:
        """Terraform's own folder (TF_DATA_DIR)."""
        return self.root / "data"

    @property
    def plan(self) -> Path:
        return self.root / "plan.bin"

    @property
    def mirror(self) -> Path:
        return self.root / "mirror"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def given(self) -> Path:
        """Secrets that the user gave."""
        return self.root / given.FILE

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def markers(self) -> Path:
        return self.root / "markers.json"

    @property
    def ca_file(self) -> Path:
        """The authority of the managed stores."""
        return self.root / "ca.crt"

    @property
    def certs(self) -> Path:
        """Of an authority of the stack's own, for clients that must have a certificate which nobody asks for."""
        return self.root / "certs"

    @property
    def state(self) -> Path:
        """Where it lies while no other backend was chosen."""
        return self.configuration / STATE

    @property
    def has_backend(self) -> bool:
        """Whether the state was moved elsewhere. Terraform empties the one here only once the other is whole."""
        is_here = self.state.exists() and self.state.stat().st_size > 0
        return (self.configuration / BACKEND).exists() and not is_here

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def prepare(self) -> None:
        """The folders, and a copy of the shipped configuration as it is now; what terraform or the user put beside it stays.

        Whoever does not hold the stack's lock only reads: they find what the last one wrote.
        """
        if not lock.is_ours(self.workspace.lock_file):
            return
        files.private_folder(self.root)
        files.private_folder(self.configuration)
        source = self.workspace.assets / "terraform"
        wanted = {path.relative_to(source): path for pattern in SHIPPED for path in source.glob(pattern) if path.is_file()}
        for relative, path in wanted.items():
            target = self.configuration / relative
            content = path.read_bytes()
            if not target.exists() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                files.write(target, content)
        for target in self.configuration.glob("*.tf"):
            if target.relative_to(self.configuration) not in wanted and not target.name.endswith("override.tf"):
                target.unlink()  # of an older kit
        if not self.has_backend:  # what a move left that was killed; the backend that it remembers, `init` would not let go
            (self.configuration / BACKEND).unlink(missing_ok=True)
            (self.data / STATE).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Set mode 0600 on the state and its copies, which terraform creates with the umask; errored.tfstate is one of them."""
        for path in self.configuration.glob("*.tfstate*"):
            path.chmod(files.PRIVATE)

    def forget(self) -> None:
        """Everything of it, once nothing stands any more."""
        shutil.rmtree(self.root, ignore_errors=True)

    def empty(self) -> None:
        """Everything but where the state lies: others look there too, and so must the next `kit up`."""
        wanted = (self.configuration / BACKEND, self.data / STATE) if self.has_backend else ()
        kept = {path: path.read_bytes() for path in wanted if path.exists()}
        self.forget()
        for path, content in kept.items():
            files.private_folder(self.root)
            files.write(files.private_folder(path.parent) / path.name, content, files.PRIVATE)


def backend(bucket: str, key: str, endpoint: str, region: str) -> str:
    """A backend in Object Storage. What opens it comes from the environment; nothing secret stands here."""
    settings = {
        "bucket": bucket,
        "key": key,
        "region": region,
        "endpoints": {"s3": endpoint},
        "use_lockfile": True,
        "use_path_style": True,
        "skip_region_validation": True,
        "skip_credentials_validation": True,
        "skip_requesting_account_id": True,
        "skip_s3_checksum": True,
        "skip_metadata_api_check": True,
    }
    return json.dumps({"terraform": {"backend": {"s3": settings}}}, indent=2) + "\n"

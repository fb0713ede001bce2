"""The emulator as a user runs it, and terraform as a user runs it against the emulator."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.yandex.engine.journal import Journal
from tests.support import terraform as supplied
from tests.support.program import ROOT, Program, Ran

CONFIGURATIONS = ROOT / "tests" / "terraform" / "configurations"
READY_S = 60
# The cloud and the folder that it begins with, what it has done, and the quotas that were asked for: nothing takes these away.
ALWAYS = {
    *("resourcemanager.v1.Cloud", "resourcemanager.v1.Folder", "operation.Operation"),
    *("quotamanager.v1.QuotaRequest", "quotamanager.v1.QuotaLimit"),
}


@dataclass
class Running:
    """`kit yandex emulate --control-plane-only` of a stack of its own."""

    program: Program
    mirror: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        self.process = self.program.start("yandex", "emulate", "--control-plane-only", "-o", "json", *self.options)
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], READY_S)[0], "the emulator is not ready"
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        self.ready = json.loads(line)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode

    def environment(self) -> dict[str, str]:
        """Exactly what `kit yandex env` says, on top of this process's."""
        said = self.program.must("yandex", "env", "--provider", "registry", "-o", "json").json
        found = {**os.environ, **supplied.provider_environment(self.mirror)}
        for name, value in said.items():
            found.pop(name, None)
            if value is not None:
                found[name] = value
        return found

    def left(self) -> list[tuple[str, str]]:
        """What the emulator's journal holds at this moment, beside what is always there: kind and key."""
        place = self.program.home / ".kit" / self.program.stack / "yandex" / "journal.jsonl"
        copied = self.program.home / "copied.jsonl"  # to open a journal is to write it anew
        copied.write_bytes(place.read_bytes())
        journal = Journal(copied)
        journal.close()
        return [(kind, record.key) for kind in journal.kinds() if kind not in ALWAYS for record in journal.all(kind)]


@contextlib.contextmanager
def running(home: Path, mirror: Path, *options: str) -> Iterator[Running]:
    emulator = Running(Program(home, f"emulator-{os.getpid()}"), mirror, options)
    emulator.start()
    try:
        yield emulator
    finally:
        if emulator.process is not None and emulator.process.poll() is None:
            emulator.stop()


@dataclass
class Terraform:
    """One folder with a configuration and its state."""

    folder: Path
    environment: Mapping[str, str]
    program: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.program), *words],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, timeout_s: float = 600) -> Ran:
        process = self.start(*words)
        stdout, stderr = process.communicate(timeout=timeout_s)
        return Ran(process.returncode, stdout, stderr)

    def must(self, *words: str) -> Ran:
        ran = self(*words)
        assert ran.exit_code == 0, f"terraform {' '.join(words)} → {ran.exit_code}\n{ran.stdout[-4000:]}\n{ran.stderr[-6000:]}"
        return ran

    def apply(self, *variables: str) -> None:
        self.must("apply", "-auto-approve", "-no-color", "-input=false", *variables)

    def destroy(self, *variables: str) -> None:
        self.must("destroy", "-auto-approve", "-no-color", "-input=false", *variables)

    def changes(self, *variables: str) -> dict[str, tuple[str, ...]]:
        """Address → what the plan does with it, of everything that changes."""
        document = self.plan(*variables)
        rows = document.get("resource_changes", [])
        return {
            row["address"]: tuple(row["change"]["actions"])
            for row in rows
            if row["change"]["actions"] not in (["no-op"], ["read"])
        }

    def plan(self, *variables: str) -> Any:
        self.must("plan", "-no-color", "-input=false", "-out=plan.bin", *variables)
        return json.loads(self.must("show", "-json", "plan.bin").stdout)

    def is_settled(self, *variables: str) -> bool:
        ran = self("plan", "-detailed-exitcode", "-no-color", "-input=false", *variables)
        assert ran.exit_code in (0, 2), ran.stderr
        return ran.exit_code == 0

    def state(self) -> dict[str, Any]:
        """Address → attributes."""
        document = json.loads(self.must("show", "-json").stdout)
        resources = document.get("values", {}).get("root_module", {}).get("resources", [])
        return {row["address"]: row["values"] for row in resources if row["mode"] == "managed"}


def configured(folder: Path, source: Path, emulator: Running, program: Path, more: Mapping[str, str] | None = None) -> Terraform:
    """The configuration copied into `folder` and initialised."""
    import shutil

    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    terraform = Terraform(folder, {**emulator.environment(), **(more or {})}, program)
    terraform.must("init", "-no-color", "-input=false")
    return terraform

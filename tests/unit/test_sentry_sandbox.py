"""Settings that never end, eat memory, print or end the process are named; where there is no sandbox for any, that is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.bounded import Bounded, Bounds
from kit.adapters.docker.client import Docker
from kit.errors import KitError
from kit.sentry.check import bootstrap, sandbox
from kit.sentry.check.executed import SettingsUnrun, execute_all
from kit.sentry.check.pods import Files
from kit.sentry.check.sandbox import BOUNDS, InContainer, InNamespaces, NoSandbox, PlainChild, Sources
from tests.support.settings import sentry_with

GOOD = "from sentry.conf.server import *\n"
SPOILING = "import os\nfor number in range(3, 20):\n    try: os.write(number, b'{}\\n')\n    except OSError: pass"


@dataclass(frozen=True)
class Short:
    """The plain child with less time and less output than settings are given otherwise."""

    def run(self, sources: Sources, request: Any, bounds: Bounds = BOUNDS) -> Bounded:
        return PlainChild().run(sources, request, Bounds(2.0, 100_000, bounds.memory_bytes))


def executed(*sources: str) -> tuple[Any, ...]:
    """Each of these settings in a Deployment of its own, the first one good."""
    containers, config_maps = [], {}
    for number, source in enumerate((GOOD, *sources)):
        container, files = sentry_with(source, f"sentry-{number}")
        containers.append(container)
        config_maps.update(files.config_maps)
    return execute_all(containers, Files(config_maps, {}, {}), [Short()])


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("while True: pass", "had not ended after"),
        ("import signal\nsignal.pause()", "had not ended after"),
        ("eaten = bytearray(300 * 1024**2)", "needed more than 256 MiB of memory"),
        ("eaten = []\nwhile True: eaten.append(bytearray(1024**2))", "needed more than 256 MiB of memory"),
        ("while True: print('x' * 1000)", "printed more than"),
        ("import os\nwhile True: os.write(1, b'x' * 1000)", "printed more than"),
        ("import os\nos._exit(0)", "ended the process that runs them"),
        ("import os\nos.abort()", "ended the process that runs them"),
        ("import faulthandler\nfaulthandler._sigsegv()", "ended the process that runs them"),
        (
            "import os\nfor descriptor in range(3, 20):\n    try: os.write(descriptor, b'{}\\n')\n    except OSError: pass",
            "no answer",
        ),
    ],
)
def test_settings_that_give_no_answer_are_named_with_what_they_did(source: str, why: str) -> None:
    with pytest.raises(SettingsUnrun) as refused:
        executed(GOOD + source, "late = 1")
    assert refused.value.code == "KIT-SETTINGS"
    assert refused.value.what == "the rendered settings of Deployment/sentry-1 could not be executed"
    assert why in refused.value.why
    assert "config.sentryConfPy" in refused.value.fix


def test_settings_that_fork_are_told_with_their_line_and_the_rest_goes_on() -> None:
    good, forking, late = executed(GOOD + "import os\nos.fork()", GOOD + "late = 1")
    assert forking.error == "PermissionError: the settings tried os.fork, which a check does not allow (line 3)"
    assert (good.error, late.error) == (None, None)


def test_what_settings_say_does_not_reach_the_terminal_as_it_is() -> None:
    _, found = executed("raise RuntimeError('\\x1b[2Jcleared')")
    assert found.error == "RuntimeError: \N{REPLACEMENT CHARACTER}[2Jcleared (line 1)"


@pytest.mark.parametrize(
    "answer",
    [b"[]", b'{"id": 1}', b'{"id": "x", "result": {}}', b'{"ended": "elsewhere"}', b'{"id": "x"', b"\xff", b"null"],
)
def test_an_answer_of_another_form_is_none(answer: bytes) -> None:
    class Forged:
        def run(self, sources: Sources, request: Any, bounds: Bounds = BOUNDS) -> Bounded:
            return Bounded(answer + b"\n", b"", "")

    container, files = sentry_with(GOOD)
    with pytest.raises(SettingsUnrun, match="could not be executed") as refused:
        execute_all([container], files, [Forged()])
    assert refused.value.why == "what came back is no answer"


def test_a_release_without_settings_needs_no_sandbox() -> None:
    assert execute_all([], Files({}, {}, {}), ()) == ()


def test_where_there_is_no_sandbox_each_reason_and_the_option_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    def image() -> str:
        raise KitError(what="image probe-current is not here", why="no engine answers", fix="")

    container, files = sentry_with(GOOD)
    with pytest.raises(NoSandbox) as refused:
        execute_all([container], files, sandbox.sandboxes(Docker(), image, trusted=False))
    assert refused.value.code == "KIT-SETTINGS-SANDBOX"
    assert refused.value.why == (
        "no container (image probe-current is not here: no engine answers); no bubblewrap (bwrap is not on PATH)"
    )
    assert "--trust-chart" in refused.value.fix
    (found,) = execute_all([container], files, sandbox.sandboxes(Docker(), image, trusted=True))
    assert found.error is None


def test_that_there_is_no_sandbox_is_said_before_anything_is_made_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    def image() -> str:
        raise KitError(what="image probe-current is not here", why="no engine answers", fix="")

    with pytest.raises(NoSandbox) as refused:
        sandbox.require(sandbox.sandboxes(Docker(), image, trusted=False))
    assert "bwrap is not on PATH" in refused.value.why
    sandbox.require(sandbox.sandboxes(Docker(), image, trusted=True))
    sandbox.require(sandbox.sandboxes(Docker(), lambda: "kit.local/probe-current:1", trusted=False))


def test_a_sandbox_that_does_not_come_up_gives_way_to_the_next(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    request = {"one": {"kind": "sentry", "source": GOOD, "env": {}}}
    with pytest.raises(NoSandbox, match="reach nothing") as refused:
        sandbox.run([InNamespaces(str(broken))], request)
    assert refused.value.why == "no bubblewrap (setting up uid map: Permission denied)"
    assert b'"error": null' in sandbox.run([InNamespaces(str(broken)), PlainChild()], request).stdout


def test_an_engine_that_is_not_there_is_a_reason_and_no_failure(tmp_path: Path) -> None:
    nobody = InContainer(Docker(f"unix://{tmp_path}/none.sock"), lambda: "kit.local/probe:1")
    with pytest.raises(sandbox.Unavailable, match=r"^no container \("):
        nobody.run(sandbox.sources(), {})


def test_the_child_has_nothing_but_a_path_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YC_TOKEN", "t0ken")
    program = "def main(wanted):\n    print(sorted(open('/proc/self/environ').read().split(chr(0))))"
    if not sys.platform.startswith("linux"):
        program = "import os\ndef main(wanted):\n    print(sorted(f'{k}={v}' for k, v in os.environ.items()))"
    said = PlainChild().run({**sandbox.sources(), bootstrap.PROGRAM: program}, {}).stdout.decode()
    assert said == f"{['', f'PATH={os.defpath}']}\n"


def test_namespaces_hold_the_interpreter_and_nothing_of_this_computer() -> None:
    argv = sandbox._isolation(is_root=False)
    bound = [argv[place + 2] for place, word in enumerate(argv) if word == "--ro-bind"]
    own = (sys.base_prefix, "/lib", "/usr/lib", sandbox.PACKAGES)
    assert bound
    assert all(path.startswith(own) or path == sandbox._interpreter()[0] for path in bound)
    assert not {"--bind", "--dev", "--dev-bind", "--proc", "--tmpfs", "--share-net"} & set(argv)
    assert {"--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-user"} <= set(argv)
    assert argv[argv.index("--remount-ro") + 1] == "/"


def test_root_gives_its_user_up_inside() -> None:
    argv = sandbox._isolation(is_root=True)
    assert argv[argv.index("--cap-drop") + 1] == "ALL"
    assert [argv[place + 1] for place, word in enumerate(argv) if word == "--cap-add"] == ["CAP_SETUID", "CAP_SETGID"]


@pytest.mark.parametrize("name", sorted(sandbox.sources()))
def test_the_executor_needs_the_standard_library_alone(name: str) -> None:
    import ast

    tree: Callable[[str], ast.Module] = ast.parse
    for node in ast.walk(tree(sandbox.sources()[name])):
        modules = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", ())]
        for module in modules if isinstance(node, ast.Import | ast.ImportFrom) else ():
            root = str(module).partition(".")[0]
            assert root in sys.stdlib_module_names or root == "yaml" or str(module).startswith("kit.sentry.check.executor")

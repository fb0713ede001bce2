"""A command that is told to end: real processes that get real signals, in the middle of what commands do."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.state import lock

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0  # of a machine that is busy; whoever passes waits for none of it

# How the command line runs a command, with the test's body in its place. `step` runs one as a plan would; `touch` and `appears`
# are how test and body speak to each other.
COMMAND = '''
import sys, threading, time
from pathlib import Path
from kit import cancel
from kit.adapters import child, process
from kit.plan.execute import execute
from kit.plan.steps import Step
from kit.state import lock

folder = Path(sys.argv[1])
HEAD = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])

def ready(name):
    (folder / f"{name}.id").write_text(str(os.getpid()))
    (folder / name).touch()

"""
child.END_GRACE_S = 0.2

def touch(name):
    (folder / name).touch()

def appears(name):
    while not (folder / name).exists():
        time.sleep(0.01)

def python(code, *arguments):
    return [sys.executable, "-c", HEAD + code, str(folder)]

def steps(*actions):
    plan = tuple(Step(f"do{number}", "x", "") for number, _ in enumerate(actions))
    named = {step.kind: lambda step, note, action=action: action() for step, action in zip(plan, actions)}
    execute(plan, named, lambda event: None)

def locked():
    return lock.held(folder / "lock", "test", "up", wait_s=0)

def counted():
    numbers = iter(range(1, 10))
    return cancel.current.calling(lambda: touch(f"told {next(numbers)} times"))

def body():
%s

code = 0
with cancel.current.listening():
    try:
        body()
    except KeyboardInterrupt:
        code = cancel.current.exit_code
sys.exit(code)
'''

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


@pytest.fixture
def start(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> Start:
    def start(body: str) -> subprocess.Popen[bytes]:
        program = COMMAND % textwrap.indent(textwrap.dedent(body), "    ")
        started.append(subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT))
        return started[-1]

    return start


@pytest.fixture
def appears(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> Callable[[str], None]:
    def appears(name: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not (tmp_path / name).exists():
            assert time.monotonic() < until, f"{name} did not appear"
            assert not any(each.poll() == 1 for each in started), "the command failed"
            time.sleep(0.01)

    return appears


Appears = Callable[[str], None]


def is_free(file: Path) -> bool:
    with file.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def is_alive(number: int) -> bool:
    """Zombies are not: whoever ended is nobody's problem."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_step_that_polls_ends_at_once(start: Start, appears: Appears, number: int, code: int) -> None:
    command = start("steps(lambda: (touch('ready'), cancel.wait(3600)))")
    appears("ready")
    command.send_signal(number)
    assert command.wait(PATIENCE_S) == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_program_of_a_step_ends_with_the_command_and_the_next_is_not_started(
    tmp_path: Path, start: Start, appears: Appears, number: int
) -> None:
    command = start("""
        def two_programs():
            try:
                process.run(python("ready('first'); time.sleep(3600)"), timeout_s=3600)
            finally:
                process.run(python("(folder / 'second').touch()"))
        steps(two_programs)
    """)
    appears("first")
    command.send_signal(number)
    assert command.wait(PATIENCE_S) == 128 + number
    assert not is_alive(int((tmp_path / "first.id").read_text()))
    assert not (tmp_path / "second").exists()


def test_a_program_that_does_not_end_when_told_is_killed_with_what_it_started(
    tmp_path: Path, start: Start, appears: Appears
) -> None:
    command = start("""
        child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(3600)"
        stubborn = f'''
        import subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        started = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
        started.stdout.readline()
        (folder / "numbers").write_text(f"{{os.getpid()}} {{started.pid}}")
        (folder / "ready").touch()
        time.sleep(3600)
        '''
        import textwrap
        steps(lambda: process.run(python(chr(10) + textwrap.dedent(stubborn)), timeout_s=3600))
    """)
    appears("ready")
    command.send_signal(signal.SIGTERM)
    assert command.wait(PATIENCE_S) == 143
    assert not any(is_alive(int(each)) for each in (tmp_path / "numbers").read_text().split())


def test_nothing_of_a_plan_begins_any_more(tmp_path: Path, start: Start, appears: Appears) -> None:
    command = start("""
        plan = (Step("first", "x", ""), Step("second", "x", "", ("first x",)))
        first = lambda step, note: (touch("ready"), appears("go on"))
        execute(plan, {"first x": first, "second x": lambda step, note: touch("second")}, lambda event: touch(event.state))
    """)
    appears("ready")
    command.send_signal(signal.SIGINT)
    (tmp_path / "go on").touch()
    assert command.wait(PATIENCE_S) == 130
    assert not (tmp_path / "second").exists()
    assert (tmp_path / "skipped").exists()


def test_a_second_signal_does_not_free_the_lock_under_running_steps(tmp_path: Path, start: Start, appears: Appears) -> None:
    command = start("""
        with locked(), counted():
            steps(lambda: (touch("ready"), appears("go on"), touch("written")))
    """)
    appears("ready")
    for times, number in enumerate((signal.SIGINT, signal.SIGINT, signal.SIGTERM), 1):
        command.send_signal(number)
        appears(f"told {times} times")
        assert not is_free(tmp_path / "lock")
    (tmp_path / "go on").touch()
    assert command.wait(PATIENCE_S) == 130
    assert (tmp_path / "written").exists()
    assert is_free(tmp_path / "lock")


def test_a_block_that_is_held_back_ends_before_the_signal_is_raised(tmp_path: Path, start: Start, appears: Appears) -> None:
    """A signal in the middle of a thread's `join` would have Python forget the thread."""
    command = start("""
        from concurrent.futures import ThreadPoolExecutor
        with locked(), counted(), cancel.current.held_back(), ThreadPoolExecutor() as pool:
            pool.submit(lambda: (touch("ready"), appears("go on"), touch("written")))
    """)
    appears("ready")
    command.send_signal(signal.SIGINT)
    appears("told 1 times")
    assert not is_free(tmp_path / "lock")
    (tmp_path / "go on").touch()
    assert command.wait(PATIENCE_S) == 130
    assert (tmp_path / "written").exists()


def test_the_programs_of_a_killed_command_hold_its_lock_until_they_have_ended(
    tmp_path: Path, start: Start, appears: Appears
) -> None:
    command = start("""
        with locked():
            run_on = "(folder / 'ready').touch()\\nwhile not (folder / 'go on').exists(): time.sleep(0.01)"
            steps(lambda: process.run(python(run_on), timeout_s=3600))
    """)
    appears("ready")
    command.kill()
    command.wait()
    with pytest.raises(lock.Locked) as refused, lock.held(tmp_path / "lock", "test", "down", wait_s=0):
        pass
    assert f"left running by `kit up` (process {command.pid})" in refused.value.why
    assert refused.value.why.startswith("python")
    (tmp_path / "go on").touch()
    with lock.held(tmp_path / "lock", "test", "down", wait_s=PATIENCE_S):
        pass


def test_what_outlives_a_command_on_purpose_does_not_hold_its_lock(tmp_path: Path, start: Start, appears: Appears) -> None:
    command = start("""
        run_on = "ready({!r}); time.sleep(3600)"
        with locked():
            process.spawn(python(run_on.format("spawned")), log=folder / "log")
            with process.beside(python(run_on.format("beside")), log=folder / "log"):
                appears("spawned"), appears("beside")
                touch("ready")
                appears("never")
    """)
    appears("ready")
    command.kill()
    command.wait()
    numbers = [int((tmp_path / name).read_text()) for name in ("spawned.id", "beside.id")]
    try:
        assert is_free(tmp_path / "lock")
        assert is_alive(numbers[0])
    finally:
        for number in filter(is_alive, numbers):
            os.kill(number, signal.SIGKILL)


def test_a_command_that_ends_well_frees_the_lock_also_under_what_it_started(
    tmp_path: Path, start: Start, appears: Appears
) -> None:
    """A program may leave something behind that goes on (a compiler's server does): that must not hold the lock."""
    command = start("""
        daemon = '''
        if os.fork() == 0:
            os.setsid()
            ready("daemon")
            for descriptor in range(3):
                os.close(descriptor)
            time.sleep(3600)
        '''
        import textwrap
        with locked():
            process.run(python(chr(10) + textwrap.dedent(daemon)), log=folder / "log")
    """)
    assert command.wait(PATIENCE_S) == 0
    appears("daemon")
    number = int((tmp_path / "daemon.id").read_text())
    try:
        assert is_alive(number)
        assert is_free(tmp_path / "lock")
    finally:
        os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize("thread", ["main", "step"])
def test_terraform_is_asked_once_and_what_it_made_is_written_down(
    tmp_path: Path, start: Start, appears: Appears, thread: str
) -> None:
    """It ends in its own time, however long that is, and afterwards its state can still be read by another program."""
    command = start(f"""
        reluctant = '''
        asked = []
        signal.signal(signal.SIGINT, lambda *_: asked.append(1))
        (folder / "ready").touch()
        while not asked: time.sleep(0.01)
        time.sleep(0.5)
        print(f"asked {{len(asked)}} times", flush=True)
        '''
        import textwrap

        def apply():
            heard = []
            try:
                process.stream(python(chr(10) + textwrap.dedent(reluctant)), on_line=heard.append)
            finally:
                (folder / "heard").write_text(" ".join(heard))
                with cancel.current.finishing():
                    process.run(python("(folder / 'shown').touch()"))

        apply() if {thread == "main"} else steps(apply)
    """)
    appears("ready")
    command.send_signal(signal.SIGTERM)
    assert command.wait(PATIENCE_S) == 143
    assert (tmp_path / "heard").read_text() == "asked 1 times"
    assert (tmp_path / "shown").exists()


def test_what_was_started_to_ignore_a_closed_terminal_ignores_it(tmp_path: Path, appears: Appears) -> None:
    """As under `nohup`."""
    program = COMMAND % "    touch('ready'), appears('go on')"
    command = subprocess.Popen(["nohup", sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL)
    appears("ready")
    command.send_signal(signal.SIGHUP)
    (tmp_path / "go on").touch()
    assert command.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_kit_that_waits_for_another_ends_with_the_signal_s_code(tmp_path: Path, number: int, code: int) -> None:
    state = tmp_path / "home" / "cancelled"
    environment = {**os.environ, "KIT_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "kit", "--stack", "cancelled", "down"]
    from kit.host import places

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIT_HOME", str(tmp_path / "home"))
        held = places.find("cancelled").lock_file
    assert str(held).startswith(str(state.parent))
    with lock.held(held, "cancelled", "up", wait_s=0):
        kit = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
        assert kit.stderr is not None
        assert "waiting for `kit up`" in kit.stderr.readline()
        kit.send_signal(number)
        assert kit.wait(PATIENCE_S) == code
        assert kit.stderr.read().strip().startswith("Interrupted.")

"""The command line's frame: options before or after the command, help that loads nothing, failures shown once."""

from __future__ import annotations

import ast
import fcntl
import inspect
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from kit import cancel
from kit.cli import hints
from kit.cli.context import Session
from kit.cli.frame import Command
from kit.cli.global_options import OPTIONS, read
from kit.errors import KitError
from kit.pki import folder
from kit.plan.steps import Step
from kit.report import failure
from kit.state import lock
from kit.supply.durations import Expected
from kit.supply.outlook import Outlook
from kit.targets.local.target import LocalTarget
from tests.support.commands import tree
from tests.support.in_process import Kit
from tests.support.program import Program

HEAVY = (
    "docker",
    "kubernetes",
    "cryptography",
    "confluent_kafka",
    "psycopg",
    "redis",
    "boto3",
    "minio",
    "rich",
    "yaml",
    "sentry_sdk",
)


COMMANDS_TREE = list(tree())


@pytest.mark.parametrize(
    ("given", "rest"),
    [
        (["status", "-o", "json"], ("status",)),
        (["up", "--plan", "--stack", "two", "-v"], ("up", "--plan")),
        (["--stack=two", "status"], ("status",)),
        (["logs", "-fv", "kafka", "--tail", "20"], ("logs", "-f", "kafka", "--tail", "20")),
        (["status", "--", "-o", "json"], ("status", "--", "-o", "json")),
        (["status", "-h", "--cloud"], ("status", "-h")),
    ],
)
def test_global_options_may_stand_before_or_after_the_command(given: list[str], rest: tuple[str, ...]) -> None:
    line = read(given)
    assert (line.words, line.problem) == (rest, None)


SPELLINGS = [["-o", "json"], ["-ojson"], ["--output", "json"], ["--output=json"], ["-vojson"]]
FAILURES = [
    (["secrets", "show", "mail"], "KIT-SECRET-UNKNOWN"),
    (["status", "--bogus"], "KIT-USAGE"),
    (["statu"], "KIT-USAGE"),
    (["logs", "nobody"], "KIT-USAGE"),
    (["certs"], "KIT-USAGE"),
    (["up", "--local", "--cloud"], "KIT-USAGE"),
    (["up", "--prices", "/"], "KIT-USAGE"),
    (["certs", "show"], "KIT-NO-AUTHORITY"),
]


@pytest.mark.parametrize(("words", "code"), FAILURES)
@pytest.mark.parametrize("spelling", [*SPELLINGS, None])
def test_an_error_is_json_however_json_was_asked_for(
    words: list[str], code: str, spelling: list[str] | None, here: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spelling is None:
        monkeypatch.setenv("KIT_OUTPUT", "json")
    said = [here(*words)] if spelling is None else [here(*words, *spelling), here(*spelling, *words)]
    for ran in said:
        error = ran.json["error"]
        assert (error["code"], error["exit_code"]) == (code, ran.exit_code)
        assert f"✗ {error['what']}" in ran.stderr


def test_an_error_is_json_where_another_global_option_cannot_be_read(here: Kit) -> None:
    assert here("-o", "json", "status", "--stack").json["error"]["code"] == "KIT-USAGE"


def test_without_json_an_error_leaves_stdout_alone(here: Kit) -> None:
    ran = here("secrets", "show", "mail", "-o", "table")
    assert (ran.exit_code, ran.stdout) == (10, "")


@pytest.mark.parametrize(
    ("words", "what", "guess"),
    [
        (["statu"], "kit has no command statu", "status"),
        (["image", "list"], "kit has no command image", "images"),
        (["images", "biuld"], "kit images has no command biuld", "build"),
        (["up", "--pla"], "kit up has no option --pla", "--plan"),
        (["up", "--stak", "two"], "kit up has no option --stak", "--stack"),
        (["--rehears", "up"], "kit has no option --rehears", "--rehearse"),
    ],
)
def test_what_is_mistyped_gets_a_suggestion(words: list[str], what: str, guess: str, here: Kit) -> None:
    error = here(*words, "-o", "json").json["error"]
    assert error["what"] == what
    assert guess in error["fix"].partition("?")[0].split()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["purge", "--yes", "--stack", ""], "--stack is empty"),
        (["--config=", "down"], "--config is empty"),
        (["up", "--local", "--cloud"], "two different stacks"),
        (["--cloud", "values", "show", "--local"], "two different stacks"),
        (["up", "--rehearse"], "--rehearse goes with --cloud"),
        (["down", "--local", "--rehearse"], "--rehearse goes with --cloud"),
        (["cloud", "unlock", "4a2b", "--local"], "kit cloud works on the one in the cloud"),
        (["up", "--prices", "/dev/null"], "--prices goes with --cloud"),
    ],
)
def test_options_that_contradict_each_other_are_refused(words: list[str], said: str, here: Kit) -> None:
    error = here(*words, "-o", "json").json["error"]
    assert (error["code"], error["exit_code"]) == ("KIT-USAGE", 10)
    assert said in error["what"]
    assert error["fix"].startswith("kit ")
    assert list(here.home.iterdir()) == []


def test_a_command_that_refuses_its_own_options_says_how_it_is_called(here: Kit) -> None:
    error = here("up", "--prices", "/dev/null", "-o", "json").json["error"]
    assert (error["why"], error["fix"]) == ("it is called as: kit up [OPTIONS]", "kit up --help")
    error = here("images", "build", "--base", "ref", "-o", "json").json["error"]
    assert (error["why"], error["fix"]) == ("it is called as: kit images build [OPTIONS] [NAMES]...", "kit images build --help")


@pytest.mark.parametrize("words", [["status", "--config"], ["-o", "yaml", "status"], ["--local", "--cloud", "up"], ["statsu"]])
def test_whoever_misuses_a_global_option_reads_how_kit_is_called(words: list[str], here: Kit) -> None:
    assert "it is called as: kit [OPTIONS] COMMAND [ARGS]...\n" in here(*words).stderr


def test_an_error_of_usage_is_one_line(here: Kit) -> None:
    what = here("logs", "-o", "json").json["error"]["what"]
    assert what.startswith("Missing argument 'COMPONENT'. Choose from: kafka, postgres")


@pytest.mark.parametrize("words", ["env", "verify", "demo", "logs kafka", "topics", "preflight", "certs show", "certs rotate"])
def test_a_remedy_is_for_the_stack_that_was_asked_about(words: str, here: Kit) -> None:
    fix = here("--stack", "two", *words.split(), "-o", "json").json["error"]["fix"]
    assert fix == "kit up --local --stack two"


@pytest.mark.parametrize(
    ("advice", "completed"),
    [
        ("kit up --local", "kit up --local{}"),
        ("kit logs redis; kit up --cloud --plan shows it", "kit logs redis{}; kit up --cloud --plan{} shows it"),
        ("back: kit up\nor: kit purge", "back: kit up{}\nor: kit purge{}"),
        ("kit values check; kit images list", "kit values check{}; kit images list"),
        ("kit purge --stack other", "kit purge --stack other"),
        ("kit up --local --sentry chart --profile seed, then Helm", "kit up --local --sentry chart --profile seed{}, then Helm"),
        ("let kit write it again: kit up", "let kit write it again: kit up{}"),
        ("kit up-to-date, kit topics-like", "kit up-to-date, kit topics-like"),
        ('eval "$(kit env --cloud)", then kubectl', 'eval "$(kit env --cloud{})", then kubectl'),
    ],
)
def test_advised_commands_name_the_stack_of_this_call(advice: str, completed: str) -> None:
    session = Session("my own.yaml", "two", "table", verbose=False)
    completed = completed.replace("{}", " --config 'my own.yaml' --stack two")
    assert hints.complete(advice, session) == completed
    assert hints.complete(completed, session) == completed  # what is complete stays
    assert hints.complete(advice, Session(None, None, "table", verbose=False)) == advice


def test_a_description_without_a_name_is_named_once() -> None:
    session = Session("own.yaml", None, "table", verbose=False)
    completed = hints.complete("kit capacity --size demo; kit up", session)
    assert completed == "kit capacity --config own.yaml --size demo; kit up --config own.yaml"
    assert hints.complete(completed, session) == completed, "a command and its group both complete"


@pytest.mark.parametrize(
    ("advice", "completed"),
    [
        ("kit up --cloud, then kit down --cloud again", "kit up --cloud --rehearse, then kit down --cloud --rehearse again"),
        ("see kit up --cloud --plan", "see kit up --cloud --rehearse --plan"),
        ("kit cloud unlock abc", "kit cloud unlock --cloud --rehearse abc"),
        ("kit up --cloud --rehearse", "kit up --cloud --rehearse"),
        ("the chart: kit up --local --sentry chart", "the chart: kit up --local --sentry chart"),
    ],
)
def test_advice_in_a_rehearsal_is_about_the_rehearsal(advice: str, completed: str) -> None:
    session = Session(None, None, "table", verbose=False, cloud=True, rehearse=True)
    assert hints.complete(advice, session) == completed
    assert hints.complete(completed, session) == completed


def test_every_command_of_a_stack_is_completed_where_it_is_advised() -> None:
    """And no other: what is the same for all stacks names none."""
    session = Session(None, "two", "table", verbose=False)
    commands = {path for path, command in COMMANDS_TREE if path and not isinstance(command, click.Group)}
    completed = {path for path in commands if hints.complete(f"kit {' '.join(path)}", session).endswith("--stack two")}
    assert {path for path in commands - completed if path[0] != "images"} == {("setup",), ("completion",), ("kube-token",)}


def test_the_stack_on_this_computer_is_every_command_s_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["up", "--plan"], ["up", "--local"], ["--local", "status"], ["status", "--local"], ["down"]):
        session = read(words).session
        assert (session.cloud, session.rehearse, session.local.stack.target) == (False, False, "local")
    assert (read(["up", "--cloud", "--rehearse"]).session.cloud, read(["--cloud", "up"]).session.rehearse) == (True, False)


@pytest.mark.parametrize("path", [path for path, command in COMMANDS_TREE if not isinstance(command, click.Group)])
def test_variables_are_printed_only_where_there_are_some(path: tuple[str, ...], here: Kit) -> None:
    command = dict(COMMANDS_TREE)[path]
    assert isinstance(command, Command)
    assert command.prints_variables == (path[-1] == "env")
    if not command.prints_variables:
        context = click.Context(command, info_name=path[-1], obj=read(["-o", "env"]).session)
        with pytest.raises(click.UsageError, match="kit env, kit yandex env"):
            command.invoke(context)


@pytest.mark.parametrize("path", [path for path, _ in COMMANDS_TREE])
def test_each_help_is_whole_and_shows_the_global_options(path: tuple[str, ...], here: Kit) -> None:
    ran = here(*path, "--help")
    assert ran.exit_code == 0
    assert not re.search(r"\.\.\.$", ran.stdout.partition("\n\n")[2], re.MULTILINE), "a text was cut"
    head, _, tail = ran.stdout.partition("Global options")
    for option in OPTIONS:
        assert option.opts[-1] in tail
    assert path or all(f"\n{title}:\n" in head for title in ("Daily", "Sentry", "Cloud", "This computer"))


def test_who_takes_the_lock_can_be_told_how_long_to_wait_for_it() -> None:
    waiting = {path for path, command in COMMANDS_TREE if any("--wait-lock" in each.opts for each in command.params)}
    assert waiting == {path for path, command in COMMANDS_TREE if command.callback and takes_lock(command.callback)}
    assert ("topics",) in waiting
    assert ("cloud", "unlock") in waiting


def takes_lock(callback: Callable[..., object]) -> bool:
    """Whether the command's function, or one of its module that it calls, holds a stack's lock."""
    functions = {
        node.name: node
        for node in ast.parse(Path(inspect.getsourcefile(inspect.unwrap(callback)) or "").read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    seen, waiting = set[str](), [inspect.unwrap(callback).__name__]
    while waiting:
        name = waiting.pop()
        if name in functions and name not in seen:
            seen.add(name)
            calls = [node.func for node in ast.walk(functions[name]) if isinstance(node, ast.Call)]
            if any(isinstance(call, ast.Attribute) and ast.unparse(call) in ("session.lock", "lock.held") for call in calls):
                return True
            waiting += [call.id for call in calls if isinstance(call, ast.Name)]
    return False


@pytest.mark.parametrize(
    "words",
    [
        *("up", "up --cloud --yes", "down", "down --cloud", "purge --yes", "topics --mend", "preflight", "verify --cloud"),
        *("demo --local", "cloud unlock 4a2b", "secrets set mail", "secrets forget mail", "certs rotate"),
        "cloud restore postgres c9qa:b",
        "cloud init-state --bucket states --key k --endpoint https://s3.example.org --region r",
    ],
)
def test_the_lock_is_waited_for_as_long_as_was_said(here: Kit, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/there-is-none.sock")  # a lock that were not kept would bring up a stack
    monkeypatch.setattr("kit.targets.local.teardown.belongings", lambda local: ("volumes",))
    file = here.home / ".kit" / "mine.lock"
    file.parent.mkdir()
    with file.open("a+") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)  # as another process does: within one, the lock may be taken twice
        ran = here(*words.split(), "--stack", "mine", "--wait-lock", "0", "-o", "json")
    assert ran.json["error"]["code"] == "KIT-LOCKED"


def test_the_description_may_lie_elsewhere(here: Kit, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.yaml"
    file.write_text("name: described\n")
    assert "stack described has" in here("certs", "show", "--config", str(file), "-o", "json").json["error"]["what"]
    assert "stack said has" in here("--config", str(file), "certs", "show", "--stack", "said", "-o", "json").json["error"]["what"]
    missing = here("certs", "show", "--config", str(tmp_path / "missing.yaml"), "-o", "json")
    assert (missing.exit_code, missing.json["error"]["code"]) == (10, "KIT-BLUEPRINT")


def test_what_is_read_still_but_not_for_ever_is_said(here: Kit) -> None:
    (here.home / "kit.yaml").write_text("sentry: {flavour: chart}\n")
    ran = here("secrets", "list", "-o", "json")
    assert (ran.exit_code, ran.json) == (0, {})
    assert ran.stderr == "! kit.yaml:1: `sentry.flavour` is called `sentry.kind` now\n"


def test_a_traceback_is_shown_to_who_asks_for_it(here: Kit) -> None:
    assert "Traceback" not in here("certs", "show").stderr
    for words in (("certs", "show", "-v"), ("--verbose", "certs", "show")):
        assert "Traceback" in here(*words).stderr


def test_a_chart_is_trusted_for_one_call(here: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted: list[bool] = []

    def plan(local: LocalTarget) -> tuple[()]:
        trusted.append(local.stack.trusts_chart)
        return ()

    monkeypatch.setattr("kit.targets.local.plan.plan", plan)
    here("up", "--plan", "--trust-chart")
    here("up", "--plan")
    assert trusted == [True, False]


def test_a_plan_with_something_to_get_says_how_and_how_long(here: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    got = Outlook("tool/kind", "built", "build kind", "kind is not on PATH", Expected(5.0, is_from_here=True))
    steps = [Step("supply", "images", "missing: tool/kind"), Step("create", "cluster", "no cluster yet")]
    monkeypatch.setattr("kit.supply.outlook.of", lambda supply, names: (got,))
    monkeypatch.setattr("kit.targets.local.plan.plan", lambda local: tuple(steps))
    assert "kind is not on PATH" in here("up", "--plan").stdout
    first, second = here("up", "--plan", "-o", "json").json
    assert [(entry["name"], entry["seconds"]) for entry in first["entries"]] == [("tool/kind", 5.0)]
    assert "entries" not in second
    del steps[0]
    assert "to be got first" not in here("up", "--plan").stdout


def test_new_certificates_take_the_place_of_the_former_ones(here: Kit) -> None:
    absent = here("certs", "rotate", "-o", "json")
    assert (absent.exit_code, absent.json["error"]["code"]) == (4, "KIT-NO-AUTHORITY")
    with lock.held(here.home / ".kit" / "kit.lock", "kit", "up", wait_s=0):
        folder.ensure(here.home / "certs" / "kit", "kit", {"kafka": ("kafka",), "redis": ("redis",)})
    before = {row["holder"]: row["fingerprint"] for row in here("certs", "show", "-o", "json").json}
    unknown = here("certs", "rotate", "reddis", "-o", "json")
    assert (unknown.exit_code, unknown.json["error"]["code"]) == (10, "KIT-USAGE")
    rotated = here("certs", "rotate", "redis", "-o", "json")
    assert rotated.json["redis"].startswith("v2, valid until 20")
    after = {row["holder"]: row["fingerprint"] for row in here("certs", "show", "-o", "json").json}
    assert {holder for holder in before if before[holder] != after[holder]} == {"redis"}
    every = here("certs", "rotate").stdout.splitlines()
    assert [line.split()[0] for line in every] == ["kafka", "postgres", "redis", "clickhouse", "s3", "sentry"]


def test_certificates_are_a_table(here: Kit) -> None:
    folder.ensure(here.home / "certs" / "kit", "kit", {"kafka": ("kafka", "localhost"), "redis": ("redis",)})
    head, *rows = here("certs", "show").stdout.splitlines()
    assert head.split("  ")[0] == "holder"
    assert [row.split()[0] for row in rows] == ["root", "intermediate", "kafka", "redis"]
    places = {head.index(title) for title in ("days left", "sha256", "issued by", "file", "names")}
    assert all(row[place - 1] == " " != row[place] for row in rows for place in places), "columns"
    assert rows[2].endswith("kafka, localhost")
    documents = here("certs", "show", "-o", "json").json
    assert [document["fingerprint"][:16] in row for document, row in zip(documents, rows, strict=True)] == [True] * 4


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
from kit.cli.app import main
try:
    main(['--help'])
except SystemExit:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_that_shell(tmp_path: Path, shell: str) -> None:
    script = Program(tmp_path, "kit").must("completion", shell).stdout
    assert "_KIT_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("kit st", {"status"}),
        ("kit --sta", {"--stack"}),
        ("kit status --re", {"--rehearse"}),
        ("kit --stack two logs k", {"kafka", "kubernetes"}),
        ("kit certs sh", {"show"}),
    ],
)
def test_completion_knows_commands_options_and_arguments(tmp_path: Path, words: str, completed: set[str]) -> None:
    asked = {"_KIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    said = Program(tmp_path, "kit", asked)().stdout
    assert {line.partition(",")[2] for line in said.splitlines()} == completed


def test_a_failure_shows_what_why_fix_and_code_once() -> None:
    text = failure.text(KitError(what="it broke", why="so it is", fix="kit up --local"), color=False, verbose=False)
    assert text.splitlines()[0].startswith("✗ it broke")
    assert text.splitlines()[0].endswith("KIT-UNEXPECTED")
    assert text.splitlines()[1:] == ["  why  so it is", "  fix  kit up --local"]


@pytest.mark.parametrize(("number", "code"), [(0, 23), (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_code_in_a_failure_s_data_is_the_one_that_the_command_ends_with(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(KitError):
        exit_code = 23

    told = cancel.Cancel()
    told.signal = number
    monkeypatch.setattr(cancel, "current", told)
    failure.show(Stopped(what="a", why="b", fix="c"), as_json=True, verbose=False)
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == code


def test_a_traceback_is_shown_only_when_asked_for() -> None:
    try:
        raise RuntimeError("deep inside")
    except RuntimeError as error:
        wrapped = failure.unexpected(error)
    assert "Traceback" not in failure.text(wrapped, color=False, verbose=False)
    assert "Traceback" in failure.text(wrapped, color=False, verbose=True)

"""What a command does not understand is refused before anything is done: by every command, for options, arguments and names."""

from __future__ import annotations

import click
import pytest

from tests.support.commands import tree
from tests.support.in_process import Kit

EVERY = {path: command for path, command in tree() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_no_command_takes_an_option_or_an_argument_that_it_does_not_know(path: tuple[str, ...], here: Kit) -> None:
    arguments = [each for each in EVERY[path].params if isinstance(each, click.Argument)]
    right = [str(getattr(each.type, "choices", ["x"])[0]) for each in arguments if each.nargs == 1]
    wrong = [["--no-such-option"]] if any(each.nargs == -1 for each in arguments) else [["--no-such-option"], [*right, "more"]]
    for words in wrong:
        ran = here(*path, *words, "-o", "json")
        assert (ran.exit_code, ran.json["error"]["code"]) == (10, "KIT-USAGE")
    assert list(here.home.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        *("completion", "completion tcsh", "logs", "logs kafka --tail 0", "logs kafka --tail many", "secrets show"),
        *("secrets set", "secrets forget", "up --only kafka", "up --profile old", "up --size huge", "up --wait-lock soon"),
        *("certs rotate nobody", "values check --profile old", "cloud init-state", "cloud unlock", "images load nowhere.tar"),
        *("yandex emulate --port 70000", "yandex emulate --async never", "yandex env --provider mine", "images save"),
        *("images save FILE --platform amiga", "images build --base ref", "images build --custom kafka"),
        *("images list --for lock", "images pull --size full", "values show --endpoints FILE", "up --prices nowhere.yaml"),
        *("cloud join --bucket UPPER", "cloud join --bucket ab", "cloud init-state --bucket states --key /abs"),
        *(
            "cloud join --bucket states --endpoint storage.yandexcloud.net",
            "cloud init-state --bucket states --endpoint https://",
        ),
        "frobnicate",
    ],
)
def test_bad_input_is_an_error_of_usage_and_leaves_nothing_behind(words: str, here: Kit) -> None:
    ran = here(*words.split(), "-o", "json")
    assert (ran.exit_code, ran.json["error"]["code"]) == (10, "KIT-USAGE")
    assert ran.json["error"]["fix"].endswith("--help")
    assert list(here.home.iterdir()) == []


def test_an_output_that_there_is_none_of_is_refused(here: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here("status", "-o", "yaml").exit_code == 10
    monkeypatch.setenv("KIT_OUTPUT", "yaml")
    assert "KIT-USAGE" in here("status").stderr


@pytest.mark.parametrize("words", ["build nothing", "pull nothing", "verify nothing", "save FILE nothing"])
def test_a_name_that_the_lock_does_not_have_is_refused(words: str, here: Kit) -> None:
    error = here("images", *words.split(), "-o", "json").json["error"]
    assert error["code"] == "KIT-SUPPLY-UNKNOWN"
    assert "nothing" in error["what"]
    assert list(here.home.iterdir()) == []


@pytest.mark.parametrize("words", ["up --local --plan", "status", "status --cloud"])
def test_a_misspelt_variable_of_the_cloud_is_refused_whichever_target_is_meant(words: str, here: Kit) -> None:
    (here.home / "kit.yaml").write_text("cloud: {domian: sentry.example.com}\n")
    error = here(*words.split(), "-o", "json").json["error"]
    assert (error["code"], error["fix"]) == ("KIT-CLOUD-VARIABLE", "did you mean domain?")


def test_the_preflight_has_no_log_and_says_where_its_outcome_is(here: Kit) -> None:
    error = here("logs", "preflight", "-o", "json").json["error"]
    assert error["code"] == "KIT-NO-LOG"
    assert "kit preflight" in error["fix"]

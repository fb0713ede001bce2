"""Every error that a user can meet has a code of its own, templates that render, their fields, and a place in docs/errors.md."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from kit.errors import FORMATTER, TEXTS, Field, KitError, declared_fields, fields_of
from kit.report import failure
from tests.support.errors import every_error

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("make_errors", ROOT / "docs" / "make_errors.py")
assert SPEC is not None
assert SPEC.loader is not None
page = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(page)


class Taken(KitError):
    """A class as the ones in kit/ are, for the tests of the base."""

    code = "TEST-TAKEN"
    exit_code = 23
    what = "port {port} is in use"
    why = "{owners} listen on it since {since:%H:%M}"
    fix = "stop {owners: and }"

    port: int


def test_codes_are_unique_and_speak_one_form() -> None:
    codes = [error.code for error in every_error()]
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"KIT-[A-Z0-9]+(-[A-Z0-9]+)*", code) for code in codes)


def test_every_error_says_in_a_sentence_what_it_is() -> None:
    assert [error.__name__ for error in every_error() if not (error.__doc__ or "").strip().endswith(".")] == []


def test_the_reference_is_made_from_the_classes() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == page.document(), "python docs/make_errors.py writes it"


def test_the_reference_shows_what_why_and_fix() -> None:
    said = page.document()
    assert "- ✗ port {port} is in use\n- why: {owner} listens on it\n- fix: stop it, or remove `{key}` from `ports`" in said
    assert all(said.count(f"`{error.code}`: ") == 1 for error in every_error())


def test_the_fields_are_put_into_the_templates_and_kept() -> None:
    error = Taken(port=9091, owners=["nginx", "{kafka}"], since=datetime(2026, 1, 1, 8, 30, tzinfo=UTC), detail="{all} of it")
    assert (error.what, error.why) == ("port 9091 is in use", "nginx, {kafka} listen on it since 08:30")
    assert (error.fix, error.detail, str(error)) == ("stop nginx and {kafka}", "{all} of it", "port 9091 is in use")
    assert error.fields["owners"] == ["nginx", "{kafka}"]
    assert error.port == 9091


def test_a_field_may_be_shortened_to_its_first_line() -> None:
    class Said(KitError):
        what = "no"
        why = "{said!l}"
        fix = "none"
        detail = "{said}"

    error = Said(said="\n  first\nsecond")
    assert (error.why, error.detail) == ("first", "\n  first\nsecond")
    assert Said(said="").why == "it said nothing"


def test_a_text_that_is_given_replaces_the_template_and_is_none() -> None:
    error = Taken(port=1, owners=["x"], why="{braces} stay", fix="")
    assert (error.what, error.why, error.fix) == ("port 1 is in use", "{braces} stay", "")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"port": 1, "owners": "x"}, "Taken needs since"),
        ({"owners": "x", "what": "no", "why": "no", "fix": "no"}, "Taken needs port"),
        ({"port": 1, "owners": "x", "since": datetime.now(UTC), "prt": 1}, "Taken has no field prt"),
    ],
)
def test_a_wrong_field_is_a_programmer_s_error_at_once(fields: dict[str, Field], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        Taken(**fields)  # type: ignore[arg-type]


def test_a_text_that_nobody_gives_is_a_programmer_s_error_at_once() -> None:
    with pytest.raises(TypeError, match="KitError must be given fix, why"):
        KitError(what="no")


def sample(name: str, spec: str) -> Field:
    """A value that the template's format takes."""
    if spec.endswith("f"):
        return 12.5
    return datetime.now(UTC) if "%" in spec else ["one", "two"] if spec else Path(f"<{name}>") if "." in name else f"<{name}>"


def test_json_has_the_fields_beside_the_texts(capsys: pytest.CaptureFixture[str]) -> None:
    failure.show(Taken(port=9091, owners=["a", "b"], since=datetime(2026, 1, 1, tzinfo=UTC)), as_json=True, verbose=False)
    shown = json.loads(capsys.readouterr().out)["error"]
    assert shown["what"] == "port 9091 is in use"
    assert shown["fields"] == {"port": 9091, "owners": ["a", "b"], "since": "2026-01-01 00:00:00+00:00"}


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_template_renders(error: type[KitError]) -> None:
    for text in TEXTS:
        parts = [(name, spec or "") for _, name, spec, _ in FORMATTER.parse(getattr(error, text)) if name is not None]
        assert all(re.match(r"[a-z]", name) for name, _ in parts), "a field has a name"
        said = FORMATTER.vformat(getattr(error, text), (), {name.partition(".")[0]: sample(name, spec) for name, spec in parts})
        assert said.count("{") == getattr(error, text).count("{{")


def calls() -> Iterator[tuple[str, type[KitError], set[str]]]:
    """Every place where kit makes an error, with the keywords it gives. mypy sees a class's own `__init__`."""
    errors = {error.__name__: error for error in every_error() if error.__init__ is KitError.__init__}
    for file in sorted((ROOT / "kit").rglob("[!_]*.py")):
        known = vars(import_module(".".join(file.relative_to(ROOT).with_suffix("").parts)))
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and all(keyword.arg for keyword in node.keywords):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if called in errors and known.get(called, errors[called]) is errors[called]:
                    assert not node.args, f"{file}:{node.lineno}"
                    yield f"{file.name}:{node.lineno}", errors[called], {str(keyword.arg) for keyword in node.keywords}


def test_every_raise_gives_the_fields_that_its_class_names() -> None:
    wrong = []
    for place, error, given in calls():
        absent = {text for text in ("what", "why", "fix") if not getattr(error, text)} - given
        needed = {name for name in declared_fields(error) if not hasattr(error, name)}
        missing = (fields_of(error, set(TEXTS) - given) | needed) - given
        unknown = given - fields_of(error) - declared_fields(error) - set(TEXTS)
        wrong += [f"{place} {error.__name__}: {name}" for name in sorted(absent | missing | unknown)]
    assert wrong == []


def test_no_field_is_named_as_a_secret() -> None:
    secret = re.compile(r"password|passwd|token|credential|private")
    found = [f"{error.__name__}.{name}" for error in every_error() for name in fields_of(error) | declared_fields(error)]
    assert [name for name in found if secret.search(name.partition(".")[2])] == []

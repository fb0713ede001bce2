"""The engine's streams: an end also where the other side is silent, no failure overlooked, and how far it is in a few words."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kit import cancel
from kit.adapters.docker.stream import Silence, abandonable, problem_in, written
from kit.adapters.docker.transfer import Build, Pull, Throttle
from kit.cancel import Cancel, Cancelled

NEVER = 3600.0


def layer(status: str, name: str = "a", **detail: int) -> dict[str, Any]:
    return {"status": status, "progressDetail": detail, "id": name}


def folded(*pieces: dict[str, Any]) -> Pull:
    pull = Pull({})
    for piece in pieces:
        pull = pull.heard(piece)
    return pull


def test_pieces_and_errors_come_through() -> None:
    def pieces() -> Iterator[dict[str, Any]]:
        yield {"status": "one"}
        raise KeyError("two")

    heard = abandonable(pieces)
    assert next(heard) == {"status": "one"}
    with pytest.raises(KeyError):
        next(heard)


@pytest.mark.parametrize("is_before_the_first_word", [True, False])
def test_a_silent_stream_ends(is_before_the_first_word: bool) -> None:
    over = threading.Event()

    def pieces() -> Iterator[dict[str, Any]]:
        if not is_before_the_first_word:
            yield {"status": "one"}
        over.wait()

    with pytest.raises(Silence, match=r"no word from the registry for 0\.05 s"):
        list(abandonable(pieces, silent_s=0.05, poll_s=0.01))
    over.set()


def test_a_stream_that_repeats_itself_is_silent() -> None:
    over = threading.Event()

    def pieces() -> Iterator[dict[str, Any]]:
        while not over.wait(0.001):
            yield layer("Downloading", "a", current=5, total=9)
            yield layer("Downloading", "b", current=7, total=9)

    with pytest.raises(Silence):
        list(abandonable(pieces, silent_s=0.05, poll_s=0.01))
    over.set()


def test_a_stream_ends_with_a_cancelled_command_whether_it_speaks_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel, "current", Cancel())
    cancel.current.set()
    over = threading.Event()

    def speaking() -> Iterator[dict[str, Any]]:
        while not over.wait(0.001):
            yield {"status": "on and on"}

    def silent() -> Iterator[dict[str, Any]]:
        over.wait()
        yield {}

    for pieces in (speaking, silent):
        with pytest.raises(Cancelled):
            list(abandonable(pieces, silent_s=NEVER, poll_s=0.01))
    over.set()


@pytest.mark.parametrize(
    ("piece", "problem"),
    [
        ({"errorDetail": {"message": "new"}, "error": "old"}, "new"),
        ({"errorDetail": {"message": "new"}}, "new"),
        ({"error": "old"}, "old"),
        ({"errorDetail": {}}, None),
        ({"status": "Waiting"}, None),
    ],
)
def test_an_error_is_found_in_either_field(piece: dict[str, Any], problem: str | None) -> None:
    assert problem_in(piece) == problem


def test_the_log_has_what_happened_and_not_every_byte() -> None:
    log = io.StringIO()
    pieces = [
        {"status": "Pulling from x", "id": "17"},
        layer("Downloading", current=1, total=2),
        layer("Pull complete"),
        {"stream": "Step 1/1 : FROM scratch\n"},
        {"errorDetail": {"message": "broken"}},
    ]
    assert list(written(pieces, log)) == pieces
    assert log.getvalue() == "17 Pulling from x\na Pull complete\nStep 1/1 : FROM scratch\nbroken\n"


# Recorded from Engine 20.10.24, with other numbers.
def test_a_pull_is_told_in_bytes_over_all_layers() -> None:
    begun = folded({"status": "Pulling from library/x", "id": "17"}, layer("Pulling fs layer"), layer("Pulling fs layer", "b"))
    assert begun.text(1) == ""
    one = begun.heard(layer("Downloading", current=4_000_000, total=20_000_000))
    assert one.text(0.2) == "4.0 of 20+ MB"
    assert one.text(2) == "4.0 of 20+ MB, 2.0 MB/s"
    two = one.heard(layer("Downloading", "b", current=30_000_000, total=100_000_000))
    assert two.text(10) == "34 of 120 MB, 3.4 MB/s"
    assert two.heard(layer("Download complete", "b")).text(10) == "104 of 120 MB, 10.4 MB/s"


def test_layers_that_are_here_do_not_count() -> None:
    pull = folded(
        layer("Pulling fs layer"), layer("Already exists"), layer("Downloading", "b", current=1_000_000, total=2_000_000)
    )
    assert pull.text(1) == "1.0 of 2.0 MB, 1.0 MB/s"


def test_after_the_bytes_comes_the_unpacking() -> None:
    both = folded(
        layer("Downloading", current=5, total=5),
        layer("Verifying Checksum"),
        layer("Download complete", "b"),
        layer("Extracting", current=3, total=5),
    )
    assert both.text(9) == "unpacking, 0 of 2 layers"
    assert both.heard(layer("Pull complete")).text(9) == "unpacking, 1 of 2 layers"


def test_the_words_of_newer_engines_are_understood() -> None:
    pull = folded(
        layer("Waiting"), layer("Pulling layer fs", current=2_000_000, total=4_000_000), layer("Extracting", "b", current=3)
    )
    assert pull.text(2) == "2.0 of 4.0 MB, 1.0 MB/s"


def test_a_download_that_is_tried_again_says_so() -> None:
    pull = folded(
        layer("Downloading", current=5, total=9), layer("Retrying in 4 seconds"), layer("Downloading", "b", current=5, total=9)
    )
    assert pull.text(3) == "the connection broke off, trying again (1 of 2 layers)"


def test_a_build_is_told_by_its_step_and_its_last_line() -> None:
    build = Build()
    for text, told in (
        ("Step 4/9 : RUN apt-get update", "Step 4/9 : RUN apt-get update"),
        ("\n", "Step 4/9 : RUN apt-get update"),
        (" ---> Running in 1234\n", "Step 4/9 : RUN apt-get update · ---> Running in 1234"),
        ("Get:1 a\nGet:2 b\n", "Step 4/9 : RUN apt-get update · Get:2 b"),
        ("10%\r20%\r", "Step 4/9 : RUN apt-get update · 20%"),
        ("Step 5/9 : COPY " + "x" * 200, "Step 5/9 : COPY " + "x" * 43 + "…"),
    ):
        build = build.heard({"stream": text})
        assert build.text == told
    assert build.heard({"status": "no stream"}) == build


def test_notes_come_once_a_second_and_not_twice() -> None:
    now, said = [0.0], list[str]()
    throttle = Throttle(said.append, every_s=1, clock=lambda: now[0])
    for at, text in ((0, ""), (0, "a"), (0.5, "b"), (1.0, "a"), (1.1, "c"), (1.2, "d"), (2.2, "e")):
        now[0] = at
        throttle.say(text)
    assert said == ["a", "c", "e"]
    assert throttle.elapsed_s == 2.2

"""Draws docs/up.svg from a real run: python docs/make_picture.py. The stack it makes for that is purged afterwards."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.program import Program

PICTURE = Path(__file__).with_name("up.svg")
COLUMNS = 118
STYLES = {"✓": "green", "✗": "red"}


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        program = Program(Path(home), f"picture-{os.getpid()}")
        try:
            up = program.must("up", "--local")
        finally:
            program.must("purge", "--yes")
    # The live view ends with these lines; what was running in between cannot be seen in a still picture.
    done = [line for line in up.stderr.splitlines() if line.startswith("✓")]
    text = "\n".join(["$ kit up --local", *done, up.stdout.rstrip()])
    PICTURE.write_text(drawn(text.replace(program.stack, "kit")))


def drawn(text: str) -> str:
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in text.splitlines():
        console.print(Text(line[:COLUMNS], style=STYLES.get(line[:1], "")), soft_wrap=False)
    svg = console.export_svg(title="kit up --local", theme=MONOKAI)
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font from elsewhere: the reader's own will do


main()

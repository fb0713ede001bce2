"""`kit` with its arguments in this process: for what needs no process of its own, which costs a third of a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cli.app import main
from tests.support.program import Ran


class Kit:
    """One call is one run of the program, in a home of its own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._capsys = capsys
        monkeypatch.setenv("KIT_HOME", str(home))
        monkeypatch.chdir(home)
        for variable in ("KIT_STACK", "KIT_OUTPUT"):
            monkeypatch.delenv(variable, raising=False)

    def __call__(self, *words: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = self._capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

"""Writes docs/errors.md from the error classes: python docs/make_errors.py"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.errors import FORMATTER, KitError
from tests.support.errors import every_error

DOCUMENT = Path(__file__).with_name("errors.md")
BANDS = {
    0: "kit itself, and the absence of a stack",
    1: "what the user asked for",
    2: "this computer",
    3: "the engine and other programs",
    4: "the stores",
    5: "the cluster and Sentry",
    6: "the cloud, and what does not exist yet",
    13: "interruption",
}

INTRODUCTION = """\
# Errors

Every failure that kit foresees has a code, an exit code, and is shown once:

```
✗ what happened                                              THE-CODE
  why  the fact behind it
  fix  the command or the change that mends it
```

With `-o json` the same stands on stdout under `error`, and what was put in under `error.fields`. `-v` adds where in kit it was
raised.
Other exit codes: 0 done; 3 from a command that looks (status, verify, doctor, preflight, values check, values diff, topics,
images verify), where something is wrong or differs, which its JSON names; 4 no such stack; 130, 143 and 129 ended by SIGINT
(Ctrl-C), SIGTERM and SIGHUP (a closed terminal); 141 nobody reads the output.
Below, what stands in braces is put in, and … is said where the failure is met: what a program answered, or what was found.
This page is made by `python docs/make_errors.py`; a test compares it with the code.

Where a part of Sentry does not come up (`KIT-ROLLOUT`), cause and remedy are those of a known failure, if its last lines
fit one: [failures.yaml](../kit/sentry/rollout/failures.yaml). What a component's client says in the preflight
(`KIT-PREFLIGHT-RELEASE`) has its own: [causes.yaml](../kit/sentry/preflight/causes.yaml).

An authority of your own must suit strict clients (Python 3.13 is one): basicConstraints and keyUsage, both critical, a
subject key identifier, and in what it issues an authority key identifier. Without them they say `CA cert does not include
key usage extension`, `Basic Constraints of CA cert not marked critical` or `Missing Authority Key Identifier`, and trusting
it once more does not help.
"""


def document() -> str:
    parts = [INTRODUCTION]
    errors = sorted(every_error(), key=lambda error: (error.exit_code, error.code))
    for band, title in BANDS.items():
        in_band = [error for error in errors if error.exit_code // 10 == band]
        if in_band:
            parts.append(f"\n## {title[0].upper()}{title[1:]}\n")
        for exit_code, same in groupby(in_band, key=lambda error: error.exit_code):
            parts.append(f"\n### {exit_code}\n")
            parts += [_entry(error) for error in same]
    return "".join(parts)


def _entry(error: type[KitError]) -> str:
    what, why, fix = (_shown(template) for template in (error.what, error.why, error.fix))
    meaning = (error.__doc__ or "").strip().splitlines()[0]
    return f"\n`{error.code}`: {meaning}\n\n- ✗ {what}\n- why: {why}\n- fix: {fix}\n"


def _shown(template: str) -> str:
    """A template as Markdown, with the names of its fields alone."""
    parts = (literal + (f"{{{name.partition('.')[0]}}}" if name else "") for literal, name, _, _ in FORMATTER.parse(template))
    return "".join(parts).replace("<", "\\<").replace("*", "\\*") or "…"


if __name__ == "__main__":
    DOCUMENT.write_text(document())

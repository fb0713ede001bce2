"""Merges the user's own values over the module's: for both targets, after Terraform and before anything is rendered.

Here and not in the module, because both targets come by here, whatever made the values; because kit knows in which line of
kit.yaml each word stands; and because in the cloud's configuration they would be in the state and its outputs, and `kit up` would
plan an apply for a changed replica count. What comes out goes to the rules, the preflight and Helm like any other values. Pure.

The merge is Helm's own for two files of values: maps are merged, null takes a key away (Helm itself does, also from the chart's
defaults), all else replaces. Two things differ. Settings in a language of their own are added after the module's, which would be
lost otherwise with every connection in them. And where one side has a map and the other has not, Helm drops one of them with a
warning that nobody reads: that is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from kit.blueprint.stack import OwnValues
from kit.errors import KitError

# Files that the chart writes and ends with this text: Python that is executed, and Relay's YAML.
APPENDED = (("config", "sentryConfPy"), ("config", "snubaSettingsPy"), ("config", "relay"))
# It looks like text, and the chart takes a map: of a text `toYaml` makes a single word (_helper-sentry.tpl of 26.18.0, 2025-07).
MAPS = (("config", "configYml"),)
BELOW = "# ---- from here on the user's own: sentry.values of kit.yaml ----"
MARK = "  # "


class OwnValuesUnfit(KitError):
    """A value in kit.yaml has another type than the chart has at that key."""

    code = "KIT-VALUES-OWN"
    exit_code = 10
    what = "{where} makes {key} {is_there}"
    why = "it is {should_be} in the chart, whose templates would fail at it or pass it by"
    fix = "write {should_be} below {key}; kit values show prints what stands there"


class OwnValuesUnrendered(KitError):
    """The chart renders by itself, and does not with the values in kit.yaml."""

    code = "KIT-VALUES-UNRENDERED"
    exit_code = 14
    what = "the chart cannot be rendered with the values of kit.yaml"
    fix = "mend the key of sentry.values that the words name; without them it renders"


def merged(given: Mapping[str, Any], own: OwnValues) -> dict[str, Any]:
    """Raises `OwnValuesUnfit`."""
    return _merged(copy.deepcopy(dict(given)), own.document, own, ())


def _merged(given: dict[str, Any], over: Mapping[str, Any], own: OwnValues, path: tuple[str, ...]) -> dict[str, Any]:
    for key, value in over.items():
        here = (*path, key)
        known = given.get(key, {} if here in MAPS else None)
        if value is None or known is None:
            given[key] = value
        elif isinstance(known, Mapping) != isinstance(value, Mapping) or isinstance(known, list) != isinstance(value, list):
            raise _unfit(own, here, value, _shape(known))
        elif isinstance(value, Mapping):
            given[key] = _merged(dict(known), value, own, here)
        else:
            given[key] = _after(str(known), str(value)) if here in APPENDED else value
    return given


def check_shape(own: OwnValues, known: Mapping[str, Any]) -> None:
    """Against the maps of the chart (`kit.sentry.check.keys.known_keys`): Helm lets them be overwritten, with a warning that
    nobody reads. An empty one says nothing of what may stand there. Raises `OwnValuesUnfit`.
    """
    _check_shape(own.document, known, own, ())


def _unfit(own: OwnValues, path: tuple[str, ...], value: Any, should_be: str) -> OwnValuesUnfit:
    where, key = own.place(path) or "sentry.values", ".".join(path)
    return OwnValuesUnfit(where=where, key=key, is_there=_shape(value), should_be=should_be)


def _check_shape(given: Mapping[str, Any], known: Mapping[str, Any], own: OwnValues, path: tuple[str, ...]) -> None:
    for key, value in given.items():
        default, here = known.get(key), (*path, key)
        if value is None or not isinstance(default, Mapping) or not default:
            continue
        if not isinstance(value, Mapping):
            raise _unfit(own, here, value, "a map")
        _check_shape(value, default, own, here)


def _shape(value: Any) -> str:
    return "a map" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else "a single word"


def _after(text: str, added: str) -> str:
    """Without the line of kit.yaml: pods would be replaced when something above it grows."""
    return f"{text.rstrip()}\n\n{BELOW}\n{added.rstrip()}\n" if added.strip() else text


def shown(text: str, own: OwnValues) -> str:
    """Merged values as YAML (one key a line, as `values.text` writes them) with a mark at each that is the user's."""
    import yaml

    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for path, value in _leaves(own.document):
        found = _found(root, path)
        if found is None:
            continue
        key, node = found
        # The mark stands at the end of what it marks: of a block of text at its first line, where YAML takes a comment.
        line = key.start_mark.line if node.id != "scalar" or node.style == "|" else node.end_mark.line
        lines[line] += MARK + own.place(path) + (", taken away" if value is None else "")
    return "\n".join(lines) + "\n"


def _leaves(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in node.items():
        is_map = isinstance(value, Mapping) and value
        found += _leaves(value, (*path, key)) if is_map else [((*path, key), value)]
    return found


def _found(node: Any, path: tuple[str, ...]) -> Any:
    """The key's node and the value's."""
    for number, name in enumerate(path):
        pair = next((each for each in node.value if each[0].value == name), None) if node.id == "mapping" else None
        if pair is None:
            return None
        if number == len(path) - 1:
            return pair
        node = pair[1]
    return None

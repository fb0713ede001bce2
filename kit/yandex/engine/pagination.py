"""Filters and pages of lists."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

from kit.yandex import refusal

DEFAULT_SIZE, MAXIMUM_SIZE = 100, 1000
CLAUSE = re.compile(r"""\s*([a-z_.]+)\s*(=|!=)\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))\s*""")


def page(items: Sequence[Any], request: Any, answer: Any, field: str | None = None) -> Any:
    """Fill the answer's list with the page that is asked for; a token is good for the same list only."""
    name = field or _list_field(answer)
    items = filtered(items, request)
    size = min(getattr(request, "page_size", 0) or DEFAULT_SIZE, MAXIMUM_SIZE)
    start = _offset(getattr(request, "page_token", ""))
    getattr(answer, name).extend(items[start : start + size])
    if start + size < len(items) and "next_page_token" in answer.DESCRIPTOR.fields_by_name:
        answer.next_page_token = base64.urlsafe_b64encode(f"after {start + size}".encode()).decode().rstrip("=")
    return answer


def filtered(items: Sequence[Any], request: Any) -> Sequence[Any]:
    """The items that match `name = "x"`, several joined by AND; other filters of the API are refused, not ignored."""
    text = getattr(request, "filter", "")
    if not text:
        return items
    wanted = []
    for clause in re.split(r"\s+AND\s+", text, flags=re.IGNORECASE):
        found = CLAUSE.fullmatch(clause)
        if not found:
            raise refusal.invalid("filter", f'this emulator reads only `field = "value"` joined by AND, not {clause!r}')
        wanted.append((found[1].rpartition(".")[2], found[2] == "=", found[3] or found[4] or found[5] or ""))
    for name, _, _ in wanted:
        if items and name not in items[0].DESCRIPTOR.fields_by_name:
            raise refusal.invalid("filter", f"there is no field {name}")
    return [item for item in items if all((str(getattr(item, name)) == value) is same for name, same, value in wanted)]


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        found = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(found.removeprefix("after "))
    except (ValueError, UnicodeDecodeError):
        raise refusal.invalid("page_token", "it is not a token of this list") from None


def _list_field(answer: Any) -> str:
    return str(next(field.name for field in answer.DESCRIPTOR.fields if field.is_repeated and field.message_type is not None))

"""Makes ids and names in the cloud's own form: twenty characters, of which the first three name the service."""

from __future__ import annotations

import re
import secrets
import string

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
LENGTH = 20
FORM = re.compile(r"[a-z0-9]{3}[0-9a-v]{17}")
CLOUD = "b1gemu" + "0" * 14  # the emulator's own, the same in every stack: `kit yandex env` names them before it runs
FOLDER = "b1gemu" + "0" * 13 + "1"


MARK = "emu"  # after the prefix, in every id: a state that holds other ids belongs to the real cloud


def new(prefix: str) -> str:
    """A new id with this prefix."""
    return prefix + MARK + _random(LENGTH - len(prefix) - len(MARK), ALPHABET)


def is_foreign(key: str) -> bool:
    """Whether it has the form of the cloud's ids, and is none of this emulator's."""
    return bool(FORM.fullmatch(key)) and key[3:6] != MARK


def host(zone_id: str) -> str:
    """A new host name: `rc1a-<16 characters>.mdb.yandexcloud.net` in ru-central1-a."""
    zone = "rc1" + zone_id.rpartition("-")[2][:1] if zone_id else "rc1a"
    return f"{zone}-{_random(16, ALPHABET)}.mdb.yandexcloud.net"


def access_key() -> tuple[str, str]:
    """The id and secret of a new static key, 25 and 40 characters."""
    return "YCA" + _random(22, string.ascii_letters + string.digits), "YC" + _random(
        38, string.ascii_letters + string.digits + "-_"
    )


def password(length: int = 20) -> str:
    """A new password, as `generate_password` makes it."""
    return _random(length, string.ascii_letters + string.digits)


def _random(length: int, alphabet: str) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))

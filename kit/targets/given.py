"""Reads the secrets that the user gave a stack's Sentry, for both targets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kit.blueprint.stack import Mail
from kit.endpoints import Secret
from kit.errors import KitError
from kit.sentry.credentials import GivenSecrets
from kit.state import given


class MailPasswordMissing(KitError):
    """kit.yaml names a user of the mail server, and nobody said its password."""

    code = "KIT-MAIL-PASSWORD"
    exit_code = 17
    what = "the password of {user} at the mail server is missing"
    why = "kit.yaml says `mail: {{user: …}}`; a password stands in no file that is shared"
    fix = f"kit secrets set mail{{option}} asks for it, or {given.MAIL_VARIABLE}=… kit up; without a login remove mail.user"


def secrets(path: Path, mail: Mail | None, option: str = "") -> GivenSecrets:
    """What lies in `path`, the mail server's password only if one is wanted. Raises `MailPasswordMissing`, `SecretsCorrupt`."""
    return chosen(given.load(path), mail, option)


def chosen(kept: Mapping[str, Secret], mail: Mail | None, option: str = "") -> GivenSecrets:
    """The mail server's password only if one is wanted. Raises `MailPasswordMissing`."""
    own = {name: secret for name, secret in kept.items() if name != given.MAIL}
    if mail is None or not mail.user:
        return GivenSecrets(None, own)
    if given.MAIL not in kept:
        raise MailPasswordMissing(user=mail.user, option=option)
    return GivenSecrets(kept[given.MAIL], own)

"""The authority that stands in for a public one: it signs what Certificate Manager issues, and is no other's.

Apart from the authority of the stores, as in the cloud: who trusts the one need not trust the other. It lies below the emulator's
folder, so that certificates issued before a restart still verify after it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kit.pki import authority, content, folder
from kit.pki.authority import Authority
from kit.pki.content import Content
from kit.targets.cloud.rehearsal import PUBLIC_AUTHORITY

NAME = "emulated public"


class PublicAuthority:
    """`place` is the emulator's folder; None keeps it in memory."""

    def __init__(self, place: Path | None) -> None:
        now = datetime.now(UTC)
        certs = place / PUBLIC_AUTHORITY if place else None
        known = folder.load_authority(certs, now) if certs else None
        if known is None:
            known = folder.make_authority(certs, NAME, now) if certs else authority.create(NAME, now)
        self.authority: Authority = known

    def issue(self, names: tuple[str, ...], now: datetime) -> Content:
        return content.issued(self.authority, names, now)

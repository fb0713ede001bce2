"""Keeps in the cluster what everyone who works on a shared stack must know of its release alike.

What a step came to (the markers), and what each computer would make differently: the bundle of public authorities, and a client
certificate of an authority of one's own. Without it every second person's `kit up` would roll everything out anew. Of a stack
whose state lies on one computer nothing is written here and nothing read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kit import files
from kit.endpoints import Secret
from kit.errors import KitError
from kit.pki import authority
from kit.sentry.chart.wiring import TRUST
from kit.sentry.credentials import Certificate, TrustTexts
from kit.sentry.installation import MIGRATED
from kit.sentry.installed import installed
from kit.sentry.objects import NAMESPACE, config_map
from kit.sentry.stand_in import lite
from kit.state import choice, markers
from kit.supply.version import newest
from kit.targets.cloud import shared, state

if TYPE_CHECKING:
    from kit.blueprint.stack import SentryWanted
    from kit.targets.cloud.target import CloudTarget

SHARED = "kit-shared"  # a ConfigMap
OF_THIS_COMPUTER = (state.MARK, shared.LIFE)  # markers that are nobody else's


def remember(cloud: CloudTarget) -> None:
    """Write what this computer knows; without complaint where there is no namespace yet, or the cluster does not answer."""
    if not _is_asked(cloud):
        return
    wanted = cloud.stack.sentry
    if wanted.chart and "://" not in wanted.chart:  # a file of this computer
        wanted = replace(wanted, chart=None)
    known = {subject: mark for subject, mark in markers.load(cloud.place.markers).items() if subject not in OF_THIS_COMPUTER}
    data = {"markers": json.dumps(known, sort_keys=True), "choice": json.dumps(choice.described(wanted), sort_keys=True)}
    with suppress(KitError):
        cloud.clients.kube.apply(config_map(cloud.stack.name, SHARED, data))


def recall(cloud: CloudTarget) -> SentryWanted | None:
    """Take over what the others' roll-outs came to, and tell which Sentry they chose; None where nobody has written it.

    Of the versions that the data has been through the newest counts, wherever it is written.
    """
    if not _is_asked(cloud):
        return None
    data = (cloud.clients.kube.get("ConfigMap", SHARED, NAMESPACE) or {}).get("data") or {}
    there, release = json.loads(data.get("markers", "{}")), installed(cloud.clients.kube)
    before = markers.load(cloud.place.markers)
    installed_now = release.version if release and release.chart != lite.CHART.name else ""
    migrated = newest((before.get(MIGRATED, ""), there.get(MIGRATED, ""), installed_now))
    after = {**before, **there, **({MIGRATED: migrated} if migrated else {})}
    if after != before:
        files.write_json(cloud.place.markers, after)
    return choice.parsed(data.get("choice", ""))


def differences(theirs: SentryWanted | None, ours: SentryWanted) -> Iterator[str]:
    """Which Sentry was chosen last and this computer means otherwise, in words: `kit up` would change it. Pure."""
    for kind, there, here in (
        ("kind of Sentry", theirs and theirs.flavour, ours.flavour),
        ("profile", theirs and theirs.profile, ours.profile),
        ("size of Sentry", theirs and theirs.size, ours.size),
    ):
        if theirs is not None and there != here:
            said = f"the {kind} is {here or 'not named'} here, and the team's last `kit up` chose {there or 'none'}"
            yield f"{said}: kit cloud join takes that over, and kit.yaml says it for everybody"


def trust_texts(cloud: CloudTarget, made: TrustTexts) -> TrustTexts:
    """The one that is in the cluster, as long as it is of the same authority of the stores."""
    data = _data(cloud, "ConfigMap", TRUST)
    there = TrustTexts(data.get("ca.crt", ""), data.get("bundle.crt", ""))
    return there if there.authority == made.authority and there.bundle.endswith(made.authority) else made


def certificate(cloud: CloudTarget, name: str, names: Sequence[str]) -> Certificate | None:
    """The one that is in the cluster, as long as it serves; None: one is to be made."""
    data = _data(cloud, "Secret", name)
    chain, key = (base64.b64decode(data.get(each, "")).decode() for each in ("tls.crt", "tls.key"))
    is_good = bool(key) and authority.serves(chain.encode(), names, datetime.now(UTC))
    return Certificate(chain, Secret(key)) if is_good else None


def _data(cloud: CloudTarget, kind: str, name: str) -> Mapping[str, str]:
    if not _is_asked(cloud):
        return {}
    with suppress(KitError):
        return (cloud.clients.kube.get(kind, name, NAMESPACE) or {}).get("data") or {}
    return {}


def _is_asked(cloud: CloudTarget) -> bool:
    return cloud.place.has_backend and cloud.place.kubeconfig.exists()

"""Values of a Sentry that need not be there yet: on the stack's own stores, or on stores that a file describes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.blueprint.stack import SentryWanted
from kit.endpoints import Endpoints, from_terraform
from kit.errors import KitError
from kit.sentry.chart import values
from kit.sentry.chart.values import Place
from kit.sentry.lines import profiles
from kit.sentry.preview import ADMIN_EMAIL, NOBODY, Preview, stand_in_site
from kit.sentry.release import SentryRelease
from kit.state import given
from kit.state.ports import LOOPBACK
from kit.stores.contract import Credentials
from kit.targets.local import layout, site
from kit.targets.local.target import LocalTarget

UP = "kit up"


class EndpointsUnreadable(KitError):
    """A file of endpoints is not what `terraform output -json endpoints` prints."""

    code = "KIT-ENDPOINTS"
    exit_code = 10
    what = "{path} holds no endpoints"
    fix = "terraform output -json endpoints > FILE"


def of_stack(local: LocalTarget, wanted: SentryWanted) -> Preview:
    """For the stack's own stores, as pods see them; there need not be a stack yet."""
    fields = {field.name: NOBODY for field in dataclasses.fields(Credentials)}
    endpoints = layout.endpoints_from_cluster(Credentials(**fields))
    known = {**layout.usual_ports(), **local.stack.ports, **local.ports()}
    made = _inputs(local, wanted, endpoints, f"https://{LOOPBACK}:{known[layout.SENTRY_KEY]}")
    preview = _preview(local, wanted, made, endpoints)
    stack = local.wanting(wanted)
    return dataclasses.replace(preview, release=site.release(stack)) if stack.is_made() else preview


def of_file(local: LocalTarget, wanted: SentryWanted, path: Path, url: str) -> Preview:
    """For stores that `terraform output -json endpoints` described. Raises `EndpointsUnreadable`."""
    try:
        document = json.loads(path.read_text())
        endpoints = from_terraform(document, lambda name: NOBODY)
    except OSError as error:
        raise EndpointsUnreadable(path=path, why=error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise EndpointsUnreadable(path=path, why=f"{type(error).__name__}: {error}") from error
    made = _inputs(local, wanted, endpoints, url)
    # The document is the module's own input, and says more than the endpoints keep (Redis' database, ClickHouse's cluster).
    return _preview(local, wanted, {**made, "endpoints": document}, endpoints)


def _inputs(local: LocalTarget, wanted: SentryWanted, endpoints: Endpoints, url: str) -> dict[str, Any]:
    place = Place(url, ADMIN_EMAIL, wanted.retention_days, mail=local.stack.mail)
    return values.inputs(endpoints, profiles.load(wanted.profile), wanted.local_size, place)


def _preview(local: LocalTarget, wanted: SentryWanted, variables: Mapping[str, Any], endpoints: Endpoints) -> Preview:
    """Of the chart, whichever flavour is wanted: the stand-in has no values of its own to look at before there is a stack."""
    stack = dataclasses.replace(local.stack, sentry=dataclasses.replace(wanted, flavour="chart"))
    made = stand_in_site(local.machine, stack, variables, endpoints, site.site(local), tuple(given.load(local.given_file)))
    release = SentryRelease(made)

    def version() -> str:
        """Of a chart that was named; else the profile's own, which need not be here."""
        return release.flavour.chart().version if wanted.chart else ""

    return Preview(release, lambda: made.values(version).text(), UP)

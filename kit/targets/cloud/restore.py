"""Makes a lost store anew out of its backup, and lets Terraform take over the user and the database that come with it.

The backup brings user and database along, so they cannot be made and are imported; only then does a whole apply find nothing in
its way. Nothing is deleted here: a cluster that still stands keeps its data, and Terraform is made to forget it only on demand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.errors import KitError
from kit.sentry.installation import MIGRATED
from kit.state import markers
from kit.targets.cloud import apply, changes, in_cluster

if TYPE_CHECKING:
    from kit.plan.events import Listener
    from kit.targets.cloud.target import CloudTarget

# Store → the service's name for `yc`, its cluster, and what comes with a backup of it. Provider 0.213 cannot restore Valkey.
STORES = {
    "postgres": (
        *("managed-postgresql", "yandex_mdb_postgresql_cluster_v2.sentry"),
        ("yandex_mdb_postgresql_user.sentry", "yandex_mdb_postgresql_database.sentry"),
    ),
    "clickhouse": (
        *("managed-clickhouse", "yandex_mdb_clickhouse_cluster_v2.sentry"),
        ("yandex_mdb_clickhouse_user.sentry", "yandex_mdb_clickhouse_database.sentry"),
    ),
}
NAME = "sentry"  # of the user and of the database, in both


class StoreStands(KitError):
    """A store is to be restored that still stands."""

    code = "KIT-CLOUD-STORE-STANDS"
    exit_code = 60
    what = "{store} still stands, as cluster {cluster}"
    why = "a restore makes a new cluster, and two of one name cannot be in a folder"
    fix = (
        "yc {service} cluster update {cluster} --new-name {store}-old, and the same command with --forget: "
        "terraform forgets it, and it keeps its data until you delete it"
    )


def restore(cloud: CloudTarget, store: str, backup: str, listen: Listener, *, forgets: bool = False) -> str:
    """Make the store out of the backup; returns the new cluster's id. Run again, it goes on where it stopped."""
    cloud.require_applied()
    _, address, parts = STORES[store]
    configuration, variables = cloud.clients.configuration, cloud.variables()
    if forgets:
        configuration.forget([each for each in (address, *parts) if each in _resources(cloud)])
    if (_resources(cloud).get(address, {}).get("restore") or {}).get("backup_id") != backup:
        _make(cloud, store, address, backup, listen)
    made = str(_resources(cloud)[address]["id"])
    for part in parts:
        held = _resources(cloud).get(part)
        if held is not None and held["cluster_id"] == made:
            continue  # taken over before this run
        if held is not None:
            configuration.forget([part])
        configuration.adopt(part, f"{made}:{NAME}", variables)
    cloud.forget_outputs()
    return made


def _make(cloud: CloudTarget, store: str, address: str, backup: str, listen: Listener) -> None:
    """The new cluster alone; raises `StoreStands` where the plan makes none."""
    configuration, service = cloud.clients.configuration, STORES[store][0]
    variables = {**cloud.variables(), "restore": {store: backup}}
    configuration.plan(cloud.place.plan, variables, targets=[address])
    steps = changes.steps(configuration.show_plan(cloud.place.plan))
    if not any(step.subject == address and step.verb == "create" for step in steps):
        cloud.place.plan.unlink(missing_ok=True)
        raise StoreStands(store=store, cluster=_resources(cloud)[address]["id"], service=service)
    markers.forget(cloud.place.markers, MIGRATED)  # the data are those of an earlier day
    in_cluster.remember(cloud)  # for everybody: the next plan takes over what stands there
    apply.apply(cloud, steps, listen)


def _resources(cloud: CloudTarget) -> dict[str, dict[str, Any]]:
    """Address → attributes, of the state as it is now."""
    root = cloud.clients.configuration.show_state().get("values", {}).get("root_module", {})
    return {each["address"]: each["values"] for each in root.get("resources", [])}

# ClickHouse: one host, or replicas with ClickHouse Keeper where the profile's Snuba can use them (`maximum_clickhouse_hosts`).
# ZooKeeper is nowhere: for one host it is three paid machines without a task, for several the service itself calls it a legacy.

locals {
  # Data hosts are spread over the zones, and so are Keeper's.
  clickhouse_hosts = { for index in range(local.size.clickhouse.hosts) : "clickhouse-${index + 1}" => local.zones[index % length(local.zones)] }
  keeper_hosts     = local.size.clickhouse.keeper == "separate" ? { for index in range(3) : "keeper-${index + 1}" => local.zones[index % length(local.zones)] } : {}

  # 25.8.16.10001 and 25.8 are compared by their first two numbers: the service picks the patch.
  release_order = {
    for name, version in { offered = var.clickhouse_version, oldest = local.profile.minimum_clickhouse, newest = local.profile.maximum_clickhouse } : name =>
    tonumber(split(".", version)[0]) * 100 + tonumber(split(".", version)[1])
  }
}

resource "yandex_mdb_clickhouse_cluster_v2" "sentry" {
  name                = var.name_prefix
  description         = "Sentry's events, as Snuba searches them"
  environment         = "PRODUCTION"
  version             = var.clickhouse_version
  network_id          = yandex_vpc_network.sentry.id
  security_group_ids  = [yandex_vpc_security_group.stores["clickhouse"].id]
  deletion_protection = local.deletion_protection
  labels              = local.labels

  clickhouse = {
    resources = {
      resource_preset_id = local.size.clickhouse.preset
      disk_type_id       = "network-ssd"
      disk_size          = local.size.clickhouse.disk_size
    }
    disk_size_autoscaling = local.disk_growth.clickhouse
  }

  # The API keeps Keeper's machines under ZooKeeper's old name.
  zookeeper = length(local.keeper_hosts) == 0 ? null : {
    resources = {
      resource_preset_id = local.size.clickhouse.keeper_preset
      disk_type_id       = "network-ssd"
      disk_size          = local.size.clickhouse.keeper_disk_size
    }
    disk_size_autoscaling = local.disk_growth.clickhouse_keeper
  }

  embedded_keeper = local.size.clickhouse.keeper == "embedded"

  shards = { shard1 = {} }

  hosts = merge(
    {
      for name, zone in local.clickhouse_hosts : name => {
        type             = "CLICKHOUSE"
        zone             = zone
        subnet_id        = yandex_vpc_subnet.stores[zone].id
        shard_name       = "shard1"
        assign_public_ip = false
      }
    },
    {
      for name, zone in local.keeper_hosts : name => {
        type             = "KEEPER"
        zone             = zone
        subnet_id        = yandex_vpc_subnet.stores[zone].id
        shard_name       = null
        assign_public_ip = false
      }
    },
  )

  # Users and databases are resources below, with passwords that this file never sees; there is no `admin` who could make others.
  sql_user_management     = false
  sql_database_management = false

  cloud_storage = { enabled = false }

  backup_window_start       = { hours = var.backup.hours, minutes = var.backup.minutes }
  backup_retain_period_days = var.backup.retain_days

  maintenance_window {
    type = "WEEKLY"
    day  = var.maintenance.day
    hour = var.maintenance.hour
  }

  restore = var.restore.clickhouse == null ? null : { backup_id = var.restore.clickhouse }

  lifecycle {
    # The provider would replace the cluster, with all that is in it, whenever `restore` changes. And it would take a disk back that the
    # service has grown, as 0.213 does for no other store: the size counts when the cluster is made, later the bound it grows up to.
    ignore_changes = [restore, clickhouse.resources.disk_size, zookeeper.resources.disk_size]

    precondition {
      condition     = local.release_order.offered >= local.release_order.oldest && local.release_order.offered <= local.release_order.newest
      error_message = "Sentry of the profile ${var.profile} works with ClickHouse from ${local.profile.minimum_clickhouse} to ${local.profile.maximum_clickhouse}, and clickhouse_version is ${var.clickhouse_version}: an older one lacks what Snuba needs, a newer one refuses its migrations (error 36)."
    }

    precondition {
      condition     = local.size.clickhouse.hosts <= try(local.profile.maximum_clickhouse_hosts, local.size.clickhouse.hosts)
      error_message = "Sentry of the profile ${var.profile} works with ${try(local.profile.maximum_clickhouse_hosts, 0)} ClickHouse host, and resources.clickhouse.hosts is ${local.size.clickhouse.hosts}: from 26.9 on Snuba opens the hosts of a cluster at port 8123, where the service has no TLS. Take resources.clickhouse.hosts out; a larger preset makes the one host faster."
    }

    precondition {
      condition     = local.size.clickhouse.hosts == 1 || local.size.clickhouse.keeper != "none"
      error_message = "Several ClickHouse hosts replicate through Keeper: set resources.clickhouse.keeper to separate, or to embedded with three hosts."
    }

    precondition {
      condition     = local.size.clickhouse.keeper != "embedded" || local.size.clickhouse.hosts >= 3
      error_message = "Embedded Keeper needs at least three ClickHouse hosts."
    }
  }
}

resource "yandex_mdb_clickhouse_database" "sentry" {
  cluster_id = yandex_mdb_clickhouse_cluster_v2.sentry.id
  name       = "sentry"
}

# The service makes the password and keeps it in Lockbox; it is in no plan, state or log.
resource "yandex_mdb_clickhouse_user" "sentry" {
  cluster_id        = yandex_mdb_clickhouse_cluster_v2.sentry.id
  name              = "sentry"
  generate_password = true

  permission {
    database_name = yandex_mdb_clickhouse_database.sentry.name
  }

  # It counts when a user is made. One that came with a backup is imported without it, and the provider cannot set it afterwards
  # ("inconsistent result after apply").
  lifecycle { ignore_changes = [generate_password] }
}

# PostgreSQL: Sentry's own tables, behind the service's pooler.

locals {
  postgres_hosts = { for index in range(local.size.postgres.hosts) : "postgres-${index + 1}" => local.zones[index % length(local.zones)] }
}

resource "yandex_mdb_postgresql_cluster_v2" "sentry" {
  name                = var.name_prefix
  description         = "Sentry's own tables"
  environment         = "PRODUCTION"
  network_id          = yandex_vpc_network.sentry.id
  security_group_ids  = [yandex_vpc_security_group.stores["postgres"].id]
  deletion_protection = local.deletion_protection
  labels              = local.labels

  config {
    version = var.postgres_version

    resources {
      resource_preset_id = local.size.postgres.preset
      disk_type_id       = "network-ssd"
      disk_size          = local.size.postgres.disk_size
    }

    disk_size_autoscaling = local.disk_growth.postgres

    postgresql_config = {
      max_connections = tostring(local.size.postgres.max_connections)
    }

    # Django keeps settings and server-side cursors on its connection: it must own one for the whole session.
    pooler_config = {
      pooling_mode = "SESSION"
      pool_discard = true
    }

    backup_window_start       = { hours = var.backup.hours, minutes = var.backup.minutes }
    backup_retain_period_days = var.backup.retain_days
  }

  maintenance_window = {
    type = "WEEKLY"
    day  = var.maintenance.day
    hour = var.maintenance.hour
  }

  hosts = {
    for name, zone in local.postgres_hosts : name => {
      zone             = zone
      subnet_id        = yandex_vpc_subnet.stores[zone].id
      assign_public_ip = false
    }
  }

  restore = var.restore.postgres == null ? null : { backup_id = var.restore.postgres }

  # The provider would replace the cluster, with all that is in it, whenever this argument changes.
  lifecycle { ignore_changes = [restore] }
}

locals {
  # A quarter of the connections stays for the service's own work and for whoever must look what is wrong.
  sentry_connections = floor(local.size.postgres.max_connections * 3 / 4)
}

# The service makes the password and keeps it in Lockbox; it is in no plan, state or log.
resource "yandex_mdb_postgresql_user" "sentry" {
  cluster_id          = yandex_mdb_postgresql_cluster_v2.sentry.id
  name                = "sentry"
  generate_password   = true
  conn_limit          = local.sentry_connections
  deletion_protection = tostring(local.deletion_protection)

  lifecycle {
    precondition {
      condition     = local.availability == "single" || local.sentry_connections >= local.profile.availability.postgres_connections
      error_message = "Sentry's pods hold up to ${local.profile.availability.postgres_connections} connections in size ${var.size}, and three quarters of max_connections are ${local.sentry_connections}: raise resources.postgres.max_connections."
    }
  }
}

resource "yandex_mdb_postgresql_database" "sentry" {
  cluster_id          = yandex_mdb_postgresql_cluster_v2.sentry.id
  name                = "sentry"
  owner               = yandex_mdb_postgresql_user.sentry.name
  lc_collate          = "C"
  lc_type             = "en_US.UTF-8"
  deletion_protection = tostring(local.deletion_protection)

  # Sentry's migrations ask for it, and a user of a managed cluster may not create extensions.
  extension {
    name = "citext"
  }
}

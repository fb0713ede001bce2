# Valkey, which the API still calls Redis: caches, buffers, rate limits and, with the profile "seed", the queue of all background
# work.

locals {
  redis_hosts = { for index in range(local.size.redis.hosts) : "valkey-${index + 1}" => local.zones[index % length(local.zones)] }

  redis_config = {
    version = var.redis_version
    # A full server refuses writes, and Sentry backs off. Every eviction policy deletes something here instead: ALLKEYS_LRU takes
    # queue and buffer keys (lost events), and VOLATILE_LRU takes buffers too, which carry an expiry.
    maxmemory_policy          = "NOEVICTION"
    backup_window_start       = { hours = var.backup.hours, minutes = var.backup.minutes }
    backup_retain_period_days = var.backup.retain_days
  }
}

resource "yandex_mdb_redis_cluster_v2" "sentry" {
  name        = var.name_prefix
  description = "Sentry's caches, buffers and queues"
  environment = "PRODUCTION"
  network_id  = yandex_vpc_network.sentry.id
  sharded     = false
  tls_enabled = true
  # By default the server announces addresses, and the certificate holds names: a client that verifies would refuse every one of
  # them.
  announce_hostnames  = true
  persistence_mode    = "ON"
  security_group_ids  = [yandex_vpc_security_group.stores["redis"].id]
  deletion_protection = local.deletion_protection
  labels              = local.labels

  config = merge(local.redis_config, { password = var.redis_password })

  resources = {
    resource_preset_id = local.size.redis.preset
    disk_type_id       = "network-ssd"
    disk_size          = local.size.redis.disk_size
  }

  disk_size_autoscaling = local.disk_growth.redis

  hosts = {
    for name, zone in local.redis_hosts : name => {
      zone             = zone
      subnet_id        = yandex_vpc_subnet.stores[zone].id
      assign_public_ip = false
    }
  }

  maintenance_window = {
    type = "WEEKLY"
    day  = var.maintenance.day
    hour = var.maintenance.hour
  }
}

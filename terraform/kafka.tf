# Kafka: three brokers in KRaft mode (4.x has no ZooKeeper), the topics that this Sentry's schemas prescribe, and one user for Sentry.

resource "yandex_mdb_kafka_cluster" "sentry" {
  name                = var.name_prefix
  description         = "Sentry's queues"
  environment         = "PRODUCTION"
  network_id          = yandex_vpc_network.sentry.id
  subnet_ids          = [for zone in local.zones : yandex_vpc_subnet.stores[zone].id]
  security_group_ids  = [yandex_vpc_security_group.stores["kafka"].id]
  deletion_protection = local.deletion_protection
  labels              = local.labels

  config {
    version          = var.kafka_version
    zones            = local.zones
    brokers_count    = local.brokers / length(local.zones) # in each zone
    assign_public_ip = false
    schema_registry  = false

    dynamic "disk_size_autoscaling" {
      for_each = local.disk_growth.kafka == null ? [] : [local.disk_growth.kafka]
      content {
        disk_size_limit           = disk_size_autoscaling.value.disk_size_limit
        planned_usage_threshold   = disk_size_autoscaling.value.planned_usage_threshold
        emergency_usage_threshold = disk_size_autoscaling.value.emergency_usage_threshold
      }
    }

    kafka {
      resources {
        resource_preset_id = local.size.kafka.preset
        disk_type_id       = "network-ssd"
        disk_size          = local.size.kafka.disk_size
      }

      kafka_config {
        # A topic that is made by accident has one replica and the broker's limits; Sentry would run on it and lose data.
        auto_create_topics_enable  = false
        default_replication_factor = local.replication_factor
        num_partitions             = local.size.kafka.partitions
        # The largest topic's messages (52 428 800 bytes) must pass the broker and its followers, or the topic's own limit counts
        # for nothing.
        message_max_bytes       = local.largest_message_bytes
        replica_fetch_max_bytes = local.largest_message_bytes
        sasl_enabled_mechanisms = ["SASL_MECHANISM_SCRAM_SHA_512"]
      }
    }
  }

  maintenance_window {
    type = "WEEKLY"
    day  = var.maintenance.day
    hour = var.maintenance.hour
  }

  lifecycle {
    precondition {
      condition = (
        local.availability == "single" ||
        min([for name, topic in local.topics : local.topic_partitions[name] if !topic.enforced]...) >= local.profile.availability.partitions
      )
      error_message = "Size ${var.size} runs up to ${local.profile.availability.partitions} consumers of a topic, and some topic has fewer partitions: raise resources.kafka.partitions or topic_partitions."
    }

    precondition {
      condition     = length(setsubtract(keys(var.topic_partitions), [for name, topic in local.topics : name if !topic.enforced])) == 0
      error_message = "topic_partitions may name topics of the profile whose number of partitions is free, not: ${join(", ", setsubtract(keys(var.topic_partitions), [for name, topic in local.topics : name if !topic.enforced]))}."
    }
  }
}

# A warning and no refusal: such a plan is worth reading, and comparing. `kit` refuses it.
check "sentry_can_log_in" {
  assert {
    condition     = tonumber(split(".", tostring(try(local.profile.maximum_kafka, "9.9")))[0]) >= tonumber(split(".", var.kafka_version)[0])
    error_message = "Sentry of the profile ${var.profile} logs in to Kafka up to ${try(local.profile.maximum_kafka, "")} only, and Managed Kafka makes no new cluster older than 4.0."
  }
}

locals {
  # In the combined mode of Kafka 4 a cluster has "exactly three hosts": Managed Kafka, concepts/kraft, read 2026-11-28. Every topic is
  # on all of them, and one may be away.
  brokers             = 3
  replication_factor  = 3
  min_insync_replicas = 2
  kafka_brokers       = sort([for host in yandex_mdb_kafka_cluster.sentry.host : "${host.name}:9091" if host.role == "KAFKA"])
}

# The schemas' settings, all that the service has an argument for; `topic_settings_left_out` among the outputs names the rest.
resource "yandex_mdb_kafka_topic" "sentry" {
  for_each = local.topics

  cluster_id         = yandex_mdb_kafka_cluster.sentry.id
  name               = each.key
  partitions         = local.topic_partitions[each.key]
  replication_factor = local.replication_factor

  topic_config {
    cleanup_policy         = lookup(local.topic_configs[each.key], "cleanup_policy", null)
    compression_type       = lookup(local.topic_configs[each.key], "compression_type", null)
    delete_retention_ms    = lookup(local.topic_configs[each.key], "delete_retention_ms", null)
    file_delete_delay_ms   = lookup(local.topic_configs[each.key], "file_delete_delay_ms", null)
    flush_messages         = lookup(local.topic_configs[each.key], "flush_messages", null)
    flush_ms               = lookup(local.topic_configs[each.key], "flush_ms", null)
    max_message_bytes      = lookup(local.topic_configs[each.key], "max_message_bytes", null)
    message_timestamp_type = lookup(local.topic_configs[each.key], "message_timestamp_type", null)
    min_compaction_lag_ms  = lookup(local.topic_configs[each.key], "min_compaction_lag_ms", null)
    min_insync_replicas    = local.min_insync_replicas
    retention_bytes        = lookup(local.topic_configs[each.key], "retention_bytes", null)
    retention_ms           = lookup(local.topic_configs[each.key], "retention_ms", null)
    segment_bytes          = lookup(local.topic_configs[each.key], "segment_bytes", null)
  }
}

# Where the preflight writes and reads a record of the largest size that a topic promises; nothing else does.
resource "yandex_mdb_kafka_topic" "smoke" {
  cluster_id         = yandex_mdb_kafka_cluster.sentry.id
  name               = "kit-smoke"
  partitions         = 1
  replication_factor = local.replication_factor

  topic_config {
    max_message_bytes   = local.largest_message_bytes
    min_insync_replicas = local.min_insync_replicas
    retention_bytes     = 67108864
    retention_ms        = 3600000
    segment_bytes       = 67108864
  }
}

# Two permissions instead of two for each topic: the cluster holds Sentry's topics and nobody else's. These two roles read
# and write topics and see their configuration; they reach no schema registry (there is none), and neither changes nor deletes a
# topic: that is this file's business.
resource "yandex_mdb_kafka_user" "sentry" {
  cluster_id = yandex_mdb_kafka_cluster.sentry.id
  name       = "sentry"
  password   = var.kafka_password

  permission {
    topic_name = "*"
    role       = "ACCESS_ROLE_TOPIC_CONSUMER"
  }

  permission {
    topic_name = "*"
    role       = "ACCESS_ROLE_TOPIC_PRODUCER"
  }
}

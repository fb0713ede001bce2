# What follows from the variables: sizes as data, names, topics. The resources below read from here and decide nothing themselves.

locals {
  folder_id = data.yandex_client_config.current.folder_id

  # What each size is made of, and what each region's addresses are; the files say what it means.
  sizes   = yamldecode(file("${path.module}/sizes.yaml"))
  regions = yamldecode(file("${path.module}/regions.yaml"))

  size = {
    for service, of_the_size in local.sizes[var.size] : service => (
      can(keys(of_the_size))
      ? merge(of_the_size, { for key, value in try(var.resources[service], {}) : key => value if value != null })
      : of_the_size
    )
  }

  region              = local.regions[var.region]
  offered_zones       = coalesce(var.zones, local.region.zones)
  zones               = slice(local.offered_zones, 0, min(local.sizes[var.size].zones, length(local.offered_zones)))
  sentry_size         = coalesce(var.sentry_size, local.sizes[var.size].sentry)
  deletion_protection = coalesce(var.deletion_protection, local.sizes[var.size].protect)

  # GB of network-ssd that one host may have at most (Ice Lake): yandex-cloud/docs, en/_includes/mdb/{mkf,mch,mpg,mrd}-limits.md, read
  # 2026-11-28. What may grow to more is refused; what is so large already does not grow.
  largest_disks = { kafka = 4096, clickhouse = 8192, clickhouse_keeper = 8192, postgres = 8192, redis = 4096 }

  # A full disk stops Kafka and makes PostgreSQL read-only. The provider's argument is the same for all of them.
  disk_growth = {
    for store, size_gb in {
      kafka             = local.size.kafka.disk_size
      clickhouse        = local.size.clickhouse.disk_size
      clickhouse_keeper = local.size.clickhouse.keeper_disk_size
      postgres          = local.size.postgres.disk_size
      redis             = local.size.redis.disk_size
      } : store => var.disk_growth == null || size_gb >= local.largest_disks[store] ? null : {
      disk_size_limit           = min(floor(size_gb * var.disk_growth.limit), local.largest_disks[store])
      planned_usage_threshold   = var.disk_growth.planned
      emergency_usage_threshold = var.disk_growth.emergency
    }
  }

  labels = merge({ managed-by = "terraform", application = "sentry", installation = var.name_prefix, size = var.size }, var.labels)

  # Buckets share one name space with the whole cloud. The folder's id makes the names this folder's own, the same on every run,
  # without a provider for random numbers.
  bucket_suffix = substr(sha256("${local.folder_id}/${var.name_prefix}"), 0, 8)

  # Where the provider's defaults are right they are left alone, so that YC_ENDPOINT and YC_STORAGE_ENDPOINT_URL stay in force.
  is_default_region = var.region == "ru-central1"
  api_endpoint      = var.api_endpoint != null ? var.api_endpoint : local.is_default_region ? null : local.region.api
  storage_endpoint  = var.storage_endpoint != null ? var.storage_endpoint : local.is_default_region ? null : local.region.storage
}

# ── topics ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

locals {
  profile = yamldecode(file("${path.module}/modules/sentry-values/profiles/${var.profile}.yaml"))
  # Newer releases of the schemas count before older ones, the profile before both, the variable before all; as in kit/sentry/lines/topics.py.
  topics = merge(concat(
    [for version in local.profile.schemas : jsondecode(file("${path.module}/topics/${version}.json")).topics],
    [{ for name, settings in merge(local.profile.topics, var.topics) : name => { partitions = 1, enforced = false, config = settings } }],
  )...)

  # Kafka's name of a setting → the argument of yandex_mdb_kafka_topic.topic_config.
  topic_arguments = {
    "cleanup.policy"         = "cleanup_policy"
    "compression.type"       = "compression_type"
    "delete.retention.ms"    = "delete_retention_ms"
    "file.delete.delay.ms"   = "file_delete_delay_ms"
    "flush.messages"         = "flush_messages"
    "flush.ms"               = "flush_ms"
    "max.message.bytes"      = "max_message_bytes"
    "message.timestamp.type" = "message_timestamp_type"
    "min.compaction.lag.ms"  = "min_compaction_lag_ms"
    "retention.bytes"        = "retention_bytes"
    "retention.ms"           = "retention_ms"
    "segment.bytes"          = "segment_bytes"
  }

  # The API's words for Kafka's values. Everything else is passed on as it is.
  topic_values = {
    "cleanup.policy" = {
      "delete"         = "CLEANUP_POLICY_DELETE"
      "compact"        = "CLEANUP_POLICY_COMPACT"
      "compact,delete" = "CLEANUP_POLICY_COMPACT_AND_DELETE"
      "delete,compact" = "CLEANUP_POLICY_COMPACT_AND_DELETE"
    }
    "compression.type" = {
      "gzip"         = "COMPRESSION_TYPE_GZIP"
      "lz4"          = "COMPRESSION_TYPE_LZ4"
      "producer"     = "COMPRESSION_TYPE_PRODUCER"
      "snappy"       = "COMPRESSION_TYPE_SNAPPY"
      "uncompressed" = "COMPRESSION_TYPE_UNCOMPRESSED"
      "zstd"         = "COMPRESSION_TYPE_ZSTD"
    }
    "message.timestamp.type" = {
      "CreateTime"    = "MESSAGE_TIMESTAMP_TYPE_CREATE_TIME"
      "LogAppendTime" = "MESSAGE_TIMESTAMP_TYPE_LOG_APPEND_TIME"
    }
  }

  topic_configs = {
    for name, topic in local.topics : name => {
      for key, value in topic.config : local.topic_arguments[key] =>
      contains(keys(local.topic_values), key) ? local.topic_values[key][value] : tostring(value)
      if contains(keys(local.topic_arguments), key)
    }
  }

  # What the service has no argument for: it keeps its own default there. An output, so that nobody has to find it out.
  topic_settings_left_out = {
    for name, topic in local.topics : name => { for key, value in topic.config : key => value if !contains(keys(local.topic_arguments), key) }
    if anytrue([for key in keys(topic.config) : !contains(keys(local.topic_arguments), key)])
  }

  # The order of preference: what the schemas prescribe, what the user asks for, what the size gives this topic, or any.
  asked_partitions = merge({ for name, count in try(local.sizes[var.size].topic_partitions, {}) : name => count if contains(keys(local.topics), name) }, var.topic_partitions)
  topic_partitions = {
    for name, topic in local.topics : name => topic.enforced ? topic.partitions : max(topic.partitions, lookup(local.asked_partitions, name, local.size.kafka.partitions))
  }

  # The brokers must let the largest topic's messages pass.
  largest_message_bytes = max([for topic in local.topics : tonumber(lookup(topic.config, "max.message.bytes", "1048588"))]...)
}

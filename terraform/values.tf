# The chart's values, from the same module and template as for the stores on a laptop. No secret goes in and none comes out.

module "sentry_values" {
  source = "./modules/sentry-values"

  endpoints      = local.endpoints
  profile        = var.profile
  size           = local.sentry_size
  availability   = local.availability
  replicas       = merge(try(local.sizes[var.size].replicas, {}), var.replicas)
  autoscaling    = var.pod_autoscaling
  chart_version  = var.chart_version
  url            = "https://${var.domain}"
  admin_email    = coalesce(var.admin_email, "admin@${var.domain}")
  retention_days = var.retention_days
  mail           = var.mail
  ingress = var.ingress == null ? null : {
    class_name  = var.ingress.class_name
    hostname    = var.domain
    tls_secret  = var.ingress.tls_secret
    annotations = var.ingress.annotations
  }
  gateway = var.gateway == null ? null : {
    name      = var.gateway.name
    namespace = var.gateway.namespace
    listener  = var.gateway.listener
    hostname  = var.domain
  }
}

locals {
  availability = local.size.availability

  # Names that follow the master or an available host: after a failover they can be wrong for up to ten minutes, and clients must
  # try again. Kafka has none: clients get all brokers.
  endpoints = {
    kafka = {
      brokers   = local.kafka_brokers
      username  = yandex_mdb_kafka_user.sentry.name
      mechanism = "SCRAM-SHA-512"
    }
    postgres = {
      host     = "c-${yandex_mdb_postgresql_cluster_v2.sentry.id}.rw.${local.region.databases}"
      port     = 6432
      database = yandex_mdb_postgresql_database.sentry.name
      username = yandex_mdb_postgresql_user.sentry.name
    }
    redis = {
      host = "c-${yandex_mdb_redis_cluster_v2.sentry.id}.rw.${local.region.databases}"
      port = 6380
      db   = 0
    }
    clickhouse = {
      # Some available data host, never a Keeper: the list of hosts holds both.
      host         = "c-${yandex_mdb_clickhouse_cluster_v2.sentry.id}.rw.${local.region.databases}"
      https_port   = 8443
      native_port  = 9440
      database     = yandex_mdb_clickhouse_database.sentry.name
      username     = yandex_mdb_clickhouse_user.sentry.name
      single_node  = local.size.clickhouse.hosts == 1
      cluster_name = local.size.clickhouse.hosts == 1 ? "" : yandex_mdb_clickhouse_cluster_v2.sentry.id
    }
    s3 = {
      endpoint         = "https://${local.region.storage}"
      region           = var.region
      addressing_style = "path"
      filestore        = { bucket = yandex_storage_bucket.filestore.bucket }
      nodestore        = { bucket = yandex_storage_bucket.nodestore.bucket }
    }
  }
}

# A dashboard, what alerts are made of, and the logs of the Kubernetes master: all of it by one variable, `monitoring`. The numbers and their
# reasons are data: alerts.yaml.

locals {
  watches   = var.monitoring != null
  watched   = yamldecode(file("${path.module}/alerts.yaml"))
  all_nodes = length(local.zones) * local.size.nodes.max * local.size.nodes.cores

  # Service → the labels by which its metrics are this installation's own. A certificate's metrics name no installation: all of the folder.
  metric_labels = {
    managed-kafka       = "resource_id=\"${yandex_mdb_kafka_cluster.sentry.id}\", host=\"*\""
    managed-clickhouse  = "resource_id=\"${yandex_mdb_clickhouse_cluster_v2.sentry.id}\", host=\"*\""
    managed-postgresql  = "resource_id=\"${yandex_mdb_postgresql_cluster_v2.sentry.id}\", host=\"*\""
    managed-redis       = "resource_id=\"${yandex_mdb_redis_cluster_v2.sentry.id}\", host=\"*\""
    managed-kubernetes  = "cluster_id=\"${yandex_kubernetes_cluster.sentry.id}\", node=\"*\""
    certificate-manager = "certificate=\"*\""
  }

  alerts = {
    for name, alert in local.watched.alerts : name => {
      title     = alert.title
      why       = alert.why
      query     = replace(alert.query, "<labels>", "{folderId=\"${local.folder_id}\", service=\"${alert.service}\", ${local.metric_labels[alert.service]}}")
      condition = can(alert.above) ? "greater than or equal" : "less than or equal"
      warn      = try(tonumber(try(alert.above, alert.below).warn), local.all_nodes)
      alarm     = try(tonumber(try(alert.above, alert.below).alarm), local.all_nodes)
      window    = alert.window
    }
    if name != "nodes-at-maximum" || local.nodes_grow
  }
  charts = keys(local.alerts) # sorted
}

resource "yandex_monitoring_dashboard" "sentry" {
  count = local.watches ? 1 : 0

  name        = var.name_prefix
  title       = "Sentry: ${var.name_prefix}"
  description = "What the alerts look at, one chart for each"
  labels      = local.labels

  dynamic "widgets" {
    for_each = local.charts
    content {
      position {
        x = widgets.key % 2 * 18 # 36 columns
        y = floor(widgets.key / 2) * 8
        w = 18
        h = 8
      }

      chart {
        chart_id       = widgets.value
        title          = local.alerts[widgets.value].title
        description    = "${local.alerts[widgets.value].why} Warn at ${local.alerts[widgets.value].warn}, alarm at ${local.alerts[widgets.value].alarm}."
        display_legend = true

        queries {
          target {
            query     = local.alerts[widgets.value].query
            text_mode = true
          }
        }
      }
    }
  }
}

resource "yandex_logging_group" "kubernetes" {
  count = local.watches ? 1 : 0

  name             = "${var.name_prefix}-kubernetes"
  description      = "The master's own logs, its autoscaler's and the cluster's events"
  retention_period = "${var.monitoring.log_days * 24}h0m0s"
  labels           = local.labels
}

# Assumed, for the documentation of the cluster's account does not name it: it writes these logs.
resource "yandex_resourcemanager_folder_iam_member" "logs" {
  count = local.watches ? 1 : 0

  folder_id   = local.folder_id
  role        = "logging.writer"
  member      = "serviceAccount:${yandex_iam_service_account.cluster.id}"
  sleep_after = var.iam_pause_s
}

output "alerts" {
  description = "What each alert is made of, for the console's form (docs/cloud.md, alerts), and the notification channels it is to use; null without `monitoring`."
  value       = local.watches ? { for name, alert in local.alerts : name => merge(alert, { channels = var.monitoring.channels }) } : null
}

output "values" {
  description = "The chart's values as YAML: `helm upgrade --install sentry … --values -`. Holds no secret; the same input gives the same bytes."
  value       = local.values

  precondition {
    condition     = can(length(yamldecode(local.values).externalKafka.cluster))
    error_message = "The rendered values are not the YAML they should be: a mistake in the template or in the profile's file."
  }
}

output "profile" {
  description = "What the values are made for."
  value = {
    name        = local.profile.name
    chart       = local.profile.chart.name
    repository  = local.profile.chart.repository
    version     = local.chart_version
    range       = local.profile.chart.range
    app_version = local.profile.app_version
    schemas     = local.profile.schemas
    retention   = var.retention_days
    size        = var.size
    secrets     = var.secrets

    availability = var.availability
    # Of task brokers and workers, which are several pools, those of the largest.
    replicas = {
      for key, component in local.available_values : key =>
      max(component.replicas, flatten([for each in values(component) : try([for pool in each : pool.replicas], [])])...) if local.running[key]
    }
  }
}

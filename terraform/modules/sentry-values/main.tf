# The profile's data and the endpoints meet in one template. What differs between two lines of the chart is data of the
# profile; this file only works out the few things that a template cannot say readably.

locals {
  # Paths in a profile are written for the default mount.
  profile = yamldecode(replace(file("${path.module}/profiles/${var.profile}.yaml"), "/etc/kit/trust", var.trust))
  rules   = local.profile.rules

  chart_version = var.chart_version == "" ? local.profile.chart.version : var.chart_version
  chart_order   = tonumber(join("", [for number in split(".", local.chart_version) : format("%05d", tonumber(number))]))

  # The components that this version of the chart has, each with its place in the values.
  components = {
    for name, component in local.profile.components : name => merge(component, { key = try(component.key, name) })
    if tonumber(join("", [for number in split(".", try(component.since, "0.0.0")) : format("%05d", tonumber(number))])) <= local.chart_order
  }
  running = { for name, component in local.components : name => contains(component.sizes, var.size) }
  component_values = {
    for name, component in local.components : component.key => merge(
      { for key, on in { enabled = local.running[name] } : key => on if component.switch },
      { for key, requests in { resources = component.requests } : key => { requests = requests } if local.running[name] },
      { for key, value in try(component.values, {}) : key => value if local.running[name] },
    )
  }
  sentry_components = { for key, value in local.component_values : trimprefix(key, "sentry.") => value if startswith(key, "sentry.") }
  sentry_values = merge(local.sentry_components, {
    # The chart's 100 seconds end a cleanup in the middle wherever there is something to clean.
    cleanup = merge(local.sentry_components.cleanup, { days = var.retention_days, activeDeadlineSeconds = 3600 })
  })
  snuba_components = { for key, value in local.component_values : trimprefix(key, "snuba.") => value if startswith(key, "snuba.") }
  is_full          = var.size == "full"

  kafka_hosts = [for broker in var.endpoints.kafka.brokers : { host = split(":", broker)[0], port = tonumber(split(":", broker)[1]) }]
  clickhouse = merge(
    {
      host              = var.endpoints.clickhouse.host
      tcpPort           = var.endpoints.clickhouse.native_port
      httpPort          = var.endpoints.clickhouse.https_port
      username          = var.endpoints.clickhouse.username
      database          = var.endpoints.clickhouse.database
      singleNode        = var.endpoints.clickhouse.single_node
      existingSecret    = var.secrets.clickhouse
      existingSecretKey = "clickhouse-password"
    },
    { for name in ["clusterName"] : name => var.endpoints.clickhouse.cluster_name if var.endpoints.clickhouse.cluster_name != "" },
    { for name, value in { secure = true, verify = true, ca_certs = "${var.trust}/ca.crt" } : name => value if local.rules.clickhouse_tls_keys },
  )
  filestore = {
    bucketName         = var.endpoints.s3.filestore.bucket
    endpointUrl        = var.endpoints.s3.endpoint
    region_name        = var.endpoints.s3.region
    addressing_style   = var.endpoints.s3.addressing_style
    signature_version  = "s3v4"
    default_acl        = "private" # Sentry's own default is public-read
    existingSecret     = var.secrets.filestore
    accessKeyIdRef     = "access-key"
    secretAccessKeyRef = "secret-key"
  }
  # The Go CDK's form of a bucket, as vroom's release of it (0.29) reads it. No prefix: on newer lines Sentry itself writes the
  # profiles that vroom reads, and it knows none.
  profiles_url = join("", [
    "s3://${var.endpoints.s3.filestore.bucket}?region=${var.endpoints.s3.region}&endpoint=${urlencode(var.endpoints.s3.endpoint)}",
    var.endpoints.s3.addressing_style == "path" ? "&s3ForcePathStyle=true" : "",
  ])

  values = templatefile("${path.module}/values_sentry.yaml.tpl", {
    profile       = local.profile
    rules         = local.rules
    size          = var.size
    is_full       = local.is_full
    chart_version = local.chart_version
    endpoints     = var.endpoints
    secrets       = var.secrets
    trust         = var.trust
    kit_nodestore = local.rules.nodestore == "kit" || var.nodestore_module == "kit"
    release       = var.release
    url           = var.url
    is_https      = startswith(var.url, "https://")
    admin_email   = var.admin_email
    retention     = var.retention_days
    as_hook       = var.as_hook
    images        = var.images
    ingress       = var.ingress
    mail          = var.mail
    kafka_hosts   = local.kafka_hosts
    clickhouse    = local.clickhouse
    filestore     = local.filestore
    profiles_url  = local.profiles_url
    sentry        = local.sentry_values
    snuba         = local.snuba_components
    relay         = local.component_values.relay
    vroom         = local.component_values.vroom
    symbolicator  = merge({ enabled = local.running.symbolicator }, local.component_values.symbolicator)
  })
}

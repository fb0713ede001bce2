# The profile's data and the endpoints meet in one template. What differs between two lines of the chart is data of the
# profile; this file only works out the few things that a template cannot say readably.

locals {
  # Paths in a profile are written for the default mount.
  profile = yamldecode(replace(file("${path.module}/profiles/${var.profile}.yaml"), "/etc/kit/trust", var.trust))
  rules   = local.profile.rules

  chart_version = var.chart_version == "" ? local.profile.chart.version : var.chart_version
  chart_order   = tonumber(join("", [for number in split(".", local.chart_version) : format("%05d", tonumber(number))]))

  # One entry for each component: its group's words, unless it says otherwise. Its name is its place in the values.
  all_components = merge(flatten([
    for group in local.profile.components : [
      for size in ["errors-only", "full"] : {
        for key, own in try(group[size], {}) : key => {
          requests = try(own.requests, group.requests)
          switch   = try(own.switch, group.switch)
          since    = try(own.since, "0.0.0")
          values   = try(own.values, {})
          sizes    = size == "full" ? tolist(["full"]) : tolist(["errors-only", "full"])
        }
      }
    ]
  ])...)
  # Those that this version of the chart has.
  components = {
    for key, component in local.all_components : key => component
    if tonumber(join("", [for number in split(".", component.since) : format("%05d", tonumber(number))])) <= local.chart_order
  }
  # Of any profile: a name that is in none of them is a mistake.
  known_components = toset(flatten([
    for profile in fileset("${path.module}/profiles", "*.yaml") : [
      for group in try(yamldecode(file("${path.module}/profiles/${profile}")).components, []) :
      concat(keys(try(group["errors-only"], {})), keys(try(group.full, {})))
    ]
  ]))
  running = { for key, component in local.components : key => contains(component.sizes, var.size) }

  # What the profile says of an installation that does without a node or a zone. Pods of one component (`role`, whose value the
  # scheduler takes from the pod itself) go to different zones and nodes where they can; what has a disk of one zone must.
  # As many of them as the load needs, where that is more (`replicas`). A size names components that another profile has.
  scaled = { for key, own in local.profile.availability.components : key => own if var.availability == "ha" }
  asked  = { for key, count in var.replicas : key => count if contains(keys(local.components), key) }
  available = {
    for key in setunion(keys(local.scaled), keys(local.asked)) : key => merge(
      try(local.scaled[key], {}),
      { replicas = max(try(local.scaled[key].replicas, 1), contains(["sentry.taskBroker", "sentry.taskWorker"], key) ? 1 : try(local.asked[key], 1)) },
      # Task brokers and workers are lists, a pool each; the load's is `ingest`, and its workers must know how many brokers there are.
      { for list in ["values"] : list => {
        for name, pools in local.scaled[key].values : name => [
          for pool in pools : merge(pool, {
            for field, component in { replicas = key, brokerReplicas = "sentry.taskBroker" } : field =>
            max(pool[field], try(local.asked[component], 1)) if pool.name == "ingest" && can(pool[field])
          })
        ]
      } if contains(["sentry.taskBroker", "sentry.taskWorker"], key) && can(local.scaled[key].values) },
    )
  }
  spread = {
    for kind, unless in { anywhere = "ScheduleAnyway", disk = "DoNotSchedule" } : kind => [
      for topology in ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] : {
        maxSkew           = 1
        topologyKey       = topology
        whenUnsatisfiable = topology == "kubernetes.io/hostname" ? "ScheduleAnyway" : unless
        labelSelector     = { matchLabels = { release = var.release } }
        matchLabelKeys    = ["role"]
      }
    ]
  }
  available_values = {
    for key, own in local.available : key => merge(
      { replicas = own.replicas, topologySpreadConstraints = local.spread[try(own.spread, "anywhere")] },
      {
        for name, most in { autoscaling = try(own.autoscale, 0) } : name =>
        { enabled = true, minReplicas = own.replicas, maxReplicas = max(most, own.replicas), targetCPUUtilizationPercentage = local.profile.availability.autoscale_cpu }
        if most > 0 && var.autoscaling == "cpu"
      },
      try(own.values, {}),
    )
  }
  # A component that does not run and has no switch gets no key: an empty one would say nothing.
  component_values = {
    for key, component in local.components : key => merge(
      { for name, on in { enabled = local.running[key] } : name => on if component.switch },
      {
        for name, requests in { resources = try(local.available[key].requests, component.requests) } : name => { requests = requests }
        if local.running[key]
      },
      { for name, value in component.values : name => value if local.running[key] },
      { for name, value in try(local.available_values[key], {}) : name => value if local.running[key] },
    ) if component.switch || local.running[key]
  }
  sentry_components = { for key, value in local.component_values : trimprefix(key, "sentry.") => value if startswith(key, "sentry.") }
  sentry_values = merge(local.sentry_components, {
    # The chart's 100 seconds end a cleanup in the middle wherever there is something to clean.
    cleanup = merge(local.sentry_components.cleanup, { days = var.retention_days, activeDeadlineSeconds = 3600 })
  })
  snuba_components = { for key, value in local.component_values : trimprefix(key, "snuba.") => value if startswith(key, "snuba.") }
  is_full          = var.size == "full"
  # snuba-init would make topics; they are made before.
  hooks = {
    for name, requests in local.profile.hooks : name => merge(
      { resources = { requests = requests } },
      { for key, value in { kafka = { enabled = false } } : key => value if name == "snubaInit" },
    )
  }

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
    gateway       = var.gateway
    mail          = var.mail
    kafka_hosts   = local.kafka_hosts
    clickhouse    = local.clickhouse
    filestore     = local.filestore
    profiles_url  = local.profiles_url
    sentry        = local.sentry_values
    snuba         = local.snuba_components
    relay         = local.component_values.relay
    vroom         = try(local.component_values.vroom, {})
    symbolicator  = merge({ enabled = local.running.symbolicator }, try(local.component_values.symbolicator, {}))
    hooks         = local.hooks
    tolerations   = [for each in local.profile.availability.tolerations : each if var.availability == "ha"]
  })
}

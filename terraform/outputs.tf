# The contract with whatever comes after `apply`. No output holds a secret: `secrets` says where each one is.

output "endpoints" {
  description = "Where the stores are: the input of modules/sentry-values, the same object that the local target makes."
  value       = local.endpoints
}

output "values" {
  description = "The chart's values as YAML. `terraform output -raw values > values.yaml`; then `helm … --values values.yaml --values own.yaml`, where own.yaml leaves config.sentryConfPy and config.snubaSettingsPy alone: Helm would replace them."
  value       = module.sentry_values.values
}

output "profile" {
  description = "The chart, its version, and the Kubernetes Secrets that must exist before Helm runs."
  value       = module.sentry_values.profile
}

output "secrets" {
  description = "Where each password is. `lockbox`: yc lockbox payload get --id SECRET --key KEY. `variable`: in what you gave as TF_VAR_…"
  value = {
    kafka_password = { kind = "variable", variable = "kafka_password", in_state = true }
    redis_password = { kind = "variable", variable = "redis_password", version = var.redis_password_version, in_state = local.redis_password_in_state }
    postgres_password = {
      kind          = "lockbox"
      connection_id = data.yandex_connectionmanager_connection.postgres.connection_id
      secret_id     = data.yandex_connectionmanager_connection.postgres.lockbox_secret.id
      key           = data.yandex_connectionmanager_connection.postgres.params.postgresql.auth.user_password.password.lockbox_secret_key
      in_state      = false
    }
    clickhouse_password = {
      kind          = "lockbox"
      connection_id = data.yandex_connectionmanager_connection.clickhouse.connection_id
      secret_id     = data.yandex_connectionmanager_connection.clickhouse.lockbox_secret.id
      key           = data.yandex_connectionmanager_connection.clickhouse.params.clickhouse.auth.user_password.password.lockbox_secret_key
      in_state      = false
    }
    filestore_access_key = { kind = "lockbox", secret_id = yandex_lockbox_secret.buckets["filestore"].id, key = "access-key", in_state = false }
    filestore_secret_key = { kind = "lockbox", secret_id = yandex_lockbox_secret.buckets["filestore"].id, key = "secret-key", in_state = false }
    nodestore_access_key = { kind = "lockbox", secret_id = yandex_lockbox_secret.buckets["nodestore"].id, key = "access-key", in_state = false }
    nodestore_secret_key = { kind = "lockbox", secret_id = yandex_lockbox_secret.buckets["nodestore"].id, key = "secret-key", in_state = false }
  }
  # The keys are in Lockbox once these exist.
  depends_on = [yandex_iam_service_account_static_access_key.buckets]
}

output "kubernetes" {
  description = "The cluster: its id, the API's address (public where kubernetes_api says so, else that within the network), and the authority that signed its certificate."
  value = {
    cluster_id             = yandex_kubernetes_cluster.sentry.id
    endpoint               = var.kubernetes_api.public ? yandex_kubernetes_cluster.sentry.master[0].external_v4_endpoint : yandex_kubernetes_cluster.sentry.master[0].internal_v4_endpoint
    internal_endpoint      = yandex_kubernetes_cluster.sentry.master[0].internal_v4_endpoint
    cluster_ca_certificate = yandex_kubernetes_cluster.sentry.master[0].cluster_ca_certificate
    version                = yandex_kubernetes_cluster.sentry.master[0].version
  }
}

output "ingress" {
  description = "The address reserved for Sentry's load balancer, and the name that leads to it."
  value = {
    address      = yandex_vpc_address.ingress.external_ipv4_address[0].address
    domain       = var.domain
    name_servers = var.public_dns_zone_id == null ? local.region.name_servers : []
    allowed_from = var.ingress_cidrs
  }
}

output "door" {
  description = "Who ends HTTPS in front of Sentry, at which address; of a front also the certificate, to be fetched from Certificate Manager. The node ports are those that the security groups let in: a controller of yours takes them, too."
  value = {
    kind           = var.door
    domain         = var.domain
    address        = yandex_vpc_address.ingress.external_ipv4_address[0].address
    certificate_id = one(yandex_cm_certificate.door[*].id)
    challenge      = local.challenge
    node_ports     = merge(local.door_node_ports, { health = local.door_health_port })
  }
}

output "trust" {
  description = "Which authority signed what: the stores' certificates come from the cloud's own authority, Object Storage's from a public one."
  value = {
    stores         = { authority_url = local.region.authority, stores = ["kafka", "postgres", "redis", "clickhouse"] }
    object_storage = { authority_url = null, stores = ["s3"] }
  }
}

output "limits" {
  description = "What the stores have room for: connections of Sentry's user, partitions of each topic. `kit values check` holds the release against it."
  value = {
    postgres_connections = yandex_mdb_postgresql_user.sentry.conn_limit
    topic_partitions     = local.topic_partitions
  }
}

output "topic_settings_left_out" {
  description = "Settings of the schemas that Managed Kafka has no argument for; the service keeps its own default there."
  value       = local.topic_settings_left_out
}

# ── what it costs, in resources: prices change and are not invented here ────────────────────────────────────────────────────────

locals {
  # hosts × (vCPU, GB of memory, GB of disk), a preset's numbers from its name.
  hosts = {
    kafka             = { count = local.brokers, preset = local.size.kafka.preset, disk_gb = local.size.kafka.disk_size }
    clickhouse        = { count = local.size.clickhouse.hosts, preset = local.size.clickhouse.preset, disk_gb = local.size.clickhouse.disk_size }
    clickhouse_keeper = { count = length(local.keeper_hosts), preset = local.size.clickhouse.keeper_preset, disk_gb = local.size.clickhouse.keeper_disk_size }
    postgres          = { count = local.size.postgres.hosts, preset = local.size.postgres.preset, disk_gb = local.size.postgres.disk_size }
    redis             = { count = local.size.redis.hosts, preset = local.size.redis.preset, disk_gb = local.size.redis.disk_size }
  }
  # In all zones; between min and max the service decides.
  nodes = { for bound in ["min", "initial", "max"] : bound => length(local.zones) * local.size.nodes[bound] }
  host_sums = merge(
    {
      for name, host in local.hosts : name => {
        hosts     = host.count
        preset    = host.preset
        vcpu      = host.count * tonumber(regex("-c([0-9]+)-", host.preset)[0])
        memory_gb = host.count * tonumber(regex("-m([0-9]+)$", host.preset)[0])
        disk_gb   = host.count * host.disk_gb
      }
    },
    {
      kubernetes_nodes = {
        hosts     = local.nodes.initial
        preset    = local.size.nodes.platform
        vcpu      = local.nodes.initial * local.size.nodes.cores
        memory_gb = local.nodes.initial * local.size.nodes.memory
        disk_gb   = local.nodes.initial * local.size.nodes.disk_size
      }
    },
  )
}

output "cost_inputs" {
  description = "What is paid for by the hour: vCPU, memory and disk (network-ssd) of every service, and the sums; nodes as they begin, with the bounds between which they grow. Object Storage is paid by what lies in it."
  value = {
    services = local.host_sums
    total = {
      hosts     = sum([for each in local.host_sums : each.hosts])
      vcpu      = sum([for each in local.host_sums : each.vcpu])
      memory_gb = sum([for each in local.host_sums : each.memory_gb])
      disk_gb   = sum([for each in local.host_sums : each.disk_gb])
    }
    nodes             = local.nodes
    kubernetes_master = length(local.zones) == 1 ? "zonal" : "regional"
    public_addresses  = 1 + (var.kubernetes_api.public ? 1 : 0)
    nat_gateways      = 1
    kms_keys          = 3
    dns_zones         = var.public_dns_zone_id == null ? 2 : 1
    buckets           = 2
  }
}

output "described" {
  description = "What this was applied with, for others who work on it: kit cloud join holds their kit.yaml against it."
  value = {
    name_prefix    = var.name_prefix
    domain         = var.domain
    size           = var.size
    sentry_size    = module.sentry_values.profile.size
    profile        = module.sentry_values.profile.name
    retention_days = var.retention_days
  }
}

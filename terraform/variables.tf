# What may differ from one installation to the next. Nothing here has the name of anybody's domain, folder or bucket; what has no
# default is asked for.

# ── where ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "folder_id" {
  description = "The folder everything is made in. Null: the environment's YC_FOLDER_ID."
  type        = string
  default     = null

  validation {
    condition     = var.folder_id == null || can(regex("^[a-z0-9]{20}$", var.folder_id))
    error_message = "folder_id is an id of 20 lower-case letters and digits (yc resource-manager folder list), not a folder's name."
  }
}

variable "cloud_id" {
  description = "The cloud the folder lies in. Null: the environment's YC_CLOUD_ID."
  type        = string
  default     = null

  validation {
    condition     = var.cloud_id == null || can(regex("^[a-z0-9]{20}$", var.cloud_id))
    error_message = "cloud_id is an id of 20 lower-case letters and digits (yc resource-manager cloud list), not a cloud's name."
  }
}

variable "region" {
  description = "The region, a name in regions.yaml: addresses of API, storage and database hosts follow it, and S3 clients sign for it."
  type        = string
  default     = "ru-central1"
  nullable    = false

  validation {
    condition     = contains(keys(yamldecode(file("${path.module}/regions.yaml"))), var.region)
    error_message = "region is a name in regions.yaml (${join(", ", keys(yamldecode(file("${path.module}/regions.yaml"))))}): of another one neither the addresses nor the authority are known here."
  }
}

variable "zones" {
  description = "Availability zones, in order of preference. Size \"demo\" uses the first one, the others the first three. Null: those of the region (regions.yaml)."
  type        = list(string)
  default     = null

  validation {
    condition     = var.zones == null || try(length(var.zones) >= 1 && length(var.zones) == length(distinct(var.zones)), false)
    error_message = "zones needs at least one zone, and no zone twice."
  }

  validation {
    condition     = var.zones == null || try(alltrue([for zone in var.zones : startswith(zone, "${var.region}-") && can(regex("-[a-z]$", zone))]), false)
    error_message = "A zone is one of the region, such as ru-central1-a of ru-central1; region is ${var.region}."
  }
}

variable "api_endpoint" {
  description = "Host and port of the cloud's API. Null: the region's; in ru-central1 YC_ENDPOINT comes before it."
  type        = string
  default     = null

  validation {
    condition     = var.api_endpoint == null || can(regex("^[a-z0-9.-]+:[0-9]+$", var.api_endpoint))
    error_message = "api_endpoint is host and port without a scheme, such as api.cloud.yandex.net:443."
  }
}

variable "storage_endpoint" {
  description = "Where the provider reaches Object Storage. Null: the region's; in ru-central1 YC_STORAGE_ENDPOINT_URL comes before it."
  type        = string
  default     = null

  validation {
    condition     = var.storage_endpoint == null || can(regex("^(https?://)?[a-z0-9.-]+(:[0-9]+)?$", var.storage_endpoint))
    error_message = "storage_endpoint is a host, with its scheme and port where they are not the usual ones."
  }
}

# ── what ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "name_prefix" {
  description = "What every name begins with. Two installations in one folder need two prefixes."
  type        = string
  default     = "sentry"

  validation {
    # 24: a bucket's name (at most 63) adds a role and eight characters, a service account's name (at most 63) a role.
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: 3 to 24 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen."
  }
}

variable "size" {
  description = "A name in sizes.yaml. \"demo\": one zone, one host of each database, nothing protected. \"ha\": three zones, replicas, deletion protection."
  type        = string
  default     = "demo"

  validation {
    condition     = contains(keys(yamldecode(file("${path.module}/sizes.yaml"))), var.size)
    error_message = "size is a name in sizes.yaml: ${join(", ", keys(yamldecode(file("${path.module}/sizes.yaml"))))}."
  }
}

variable "profile" {
  description = "Which line of the Sentry chart the stores serve: the name of a file in modules/sentry-values/profiles. Decides the topics."
  type        = string
  default     = "current"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.profile)) && fileexists("${path.module}/modules/sentry-values/profiles/${var.profile}.yaml")
    error_message = "profile is the name of a file in modules/sentry-values/profiles, without .yaml."
  }
}

variable "sentry_size" {
  description = "Which of Sentry's components run: \"errors-only\" or \"full\". Null: what the size says (sizes.yaml): errors-only in demo, full in ha."
  type        = string
  default     = null

  validation {
    condition     = var.sentry_size == null || contains(["errors-only", "full"], coalesce(var.sentry_size, "full"))
    error_message = "sentry_size is errors-only or full."
  }
}

variable "domain" {
  description = "The name under which Sentry is reached, for example sentry.example.com. Without a final dot."
  type        = string

  validation {
    condition     = length(var.domain) <= 253 && can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain))
    error_message = "domain is a full name in lower case with at least one dot and without a final one, for example sentry.example.com."
  }
}

variable "retention_days" {
  description = "How long Sentry keeps events (its SENTRY_EVENT_RETENTION_DAYS). The nodestore's objects expire with them, and not before."
  type        = number
  default     = 90

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days is a whole number from 1 to 3650."
  }
}

variable "resources" {
  description = "Departures from the size's own hosts: `kafka = { preset = \"s3-c4-m16\", disk_size = 400 }`. Presets name their vCPU and memory; disks are in GB."
  type = object({
    kafka = optional(object({
      preset     = optional(string)
      disk_size  = optional(number)
      partitions = optional(number)
    }), {})
    clickhouse = optional(object({
      preset        = optional(string)
      disk_size     = optional(number)
      hosts         = optional(number)
      keeper        = optional(string)
      keeper_preset = optional(string)
    }), {})
    postgres = optional(object({
      preset          = optional(string)
      disk_size       = optional(number)
      hosts           = optional(number)
      max_connections = optional(number)
    }), {})
    redis = optional(object({
      preset    = optional(string)
      disk_size = optional(number)
      hosts     = optional(number)
    }), {})
    nodes = optional(object({
      min       = optional(number)
      initial   = optional(number)
      max       = optional(number)
      cores     = optional(number)
      memory    = optional(number)
      disk_size = optional(number)
      platform  = optional(string)
      # Not of the size: what a demo saves by, and what a large installation may want.
      disk_type     = optional(string, "network-ssd")
      core_fraction = optional(number, 100)
      preemptible   = optional(bool, false)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for preset in compact([var.resources.kafka.preset, var.resources.clickhouse.preset, var.resources.clickhouse.keeper_preset, var.resources.postgres.preset, var.resources.redis.preset]) :
      can(regex("^[a-z]+[0-9]+[a-z]*-c[0-9]+-m[0-9]+$", preset))
    ])
    error_message = "A preset looks like s3-c2-m8 (2 vCPU, 8 GB). Older names (s2.micro) do not tell what they cost, and are not accepted."
  }

  validation {
    condition = alltrue([
      for size in [var.resources.kafka.disk_size, var.resources.clickhouse.disk_size, var.resources.postgres.disk_size, var.resources.redis.disk_size] :
      size == null || try(size >= 10 && floor(size) == size, false)
    ])
    error_message = "A disk_size is a whole number of GB, at least 10."
  }

  validation {
    condition     = var.resources.nodes.disk_size == null || try(var.resources.nodes.disk_size >= 64, false)
    error_message = "A node's disk has at least 64 GB."
  }

  # Compute Cloud, concepts/disk, read 2026-11-28.
  validation {
    condition     = contains(["network-hdd", "network-ssd", "network-ssd-nonreplicated", "network-ssd-io-m3"], coalesce(var.resources.nodes.disk_type, "network-ssd"))
    error_message = "nodes.disk_type is network-ssd, network-hdd, network-ssd-nonreplicated or network-ssd-io-m3."
  }

  # Compute Cloud, concepts/performance-levels (standard-v3), read 2026-11-28.
  validation {
    condition     = contains([20, 50, 100], coalesce(var.resources.nodes.core_fraction, 100))
    error_message = "nodes.core_fraction is 20, 50 or 100 percent of a core."
  }

  validation {
    condition     = var.resources.clickhouse.keeper == null || contains(["none", "embedded", "separate"], coalesce(var.resources.clickhouse.keeper, "none"))
    error_message = "clickhouse.keeper is none, embedded (Keeper runs on the data hosts, at least three of them) or separate (three small hosts of its own)."
  }

  validation {
    condition = alltrue([
      for count in [var.resources.kafka.partitions, var.resources.clickhouse.hosts, var.resources.postgres.hosts, var.resources.redis.hosts, var.resources.nodes.min, var.resources.nodes.initial, var.resources.nodes.max, var.resources.nodes.cores, var.resources.nodes.memory] :
      count == null || try(count >= 1 && floor(count) == count, false)
    ])
    error_message = "Numbers of hosts, partitions, cores and GB of memory are whole and at least 1."
  }
}

variable "node_labels" {
  description = "Kubernetes labels of the nodes, which pods can choose them by."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.node_labels :
      can(regex("^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$", key)) && can(regex("^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$", value))
    ])
    error_message = "A node label's key and value are at most 63 letters, digits, dots, hyphens and underscores, with a letter or digit at both ends; a key may have a domain and / in front."
  }
}

variable "disk_growth" {
  description = "How the disks of the four stores grow by themselves: up to `limit` times their size, at `planned` percent used in the maintenance window, at `emergency` percent at once. Null: they do not, and a full disk stops the store."
  type        = object({ limit = optional(number, 2), planned = optional(number, 80), emergency = optional(number, 90) })
  default     = {}

  validation {
    condition     = var.disk_growth == null || try(var.disk_growth.limit > 1 && var.disk_growth.limit <= 100, false)
    error_message = "disk_growth.limit is how many times its size a disk may grow to: more than 1, at most 100."
  }

  validation {
    condition     = var.disk_growth == null || try(var.disk_growth.planned >= 10 && var.disk_growth.planned < var.disk_growth.emergency && var.disk_growth.emergency <= 100, false)
    error_message = "disk_growth: planned is a percentage from 10, below emergency, and that at most 100."
  }
}

variable "storage_class" {
  description = "The class in which objects are kept, by bucket: STANDARD, COLD or ICE. COLD and ICE cost less to keep and more to read; Sentry reads what somebody looks at."
  type        = object({ filestore = optional(string, "STANDARD"), nodestore = optional(string, "STANDARD") })
  default     = {}
  nullable    = false

  # Object Storage, concepts/storage-class, read 2026-11-28.
  validation {
    condition     = alltrue([for class in values(var.storage_class) : contains(["STANDARD", "COLD", "ICE"], class)])
    error_message = "storage_class is STANDARD, COLD or ICE."
  }
}

variable "topics" {
  description = "Further Kafka topics, by name, each with its settings by Kafka's names: for values of your own that name topics which no Sentry's schemas know."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.topics) : can(regex("^[a-zA-Z0-9._-]{1,249}$", name)) && !contains([".", ".."], name) && !startswith(name, "__")])
    error_message = "A topic's name is 1 to 249 letters, digits, dots, hyphens and underscores, and does not begin with two underscores."
  }
}

variable "topic_partitions" {
  description = "Topics that need more partitions than the size gives them: { events = 12 }. Topics whose number the schemas prescribe are refused."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for count in values(var.topic_partitions) : count >= 1 && count <= 1000 && floor(count) == count])
    error_message = "A number of partitions is whole, from 1 to 1000. It can be raised later, never lowered."
  }
}

variable "labels" {
  description = "Labels for everything that can carry them, beside the ones this configuration sets itself."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = length(var.labels) <= 60 && alltrue([
      for key, value in var.labels : can(regex("^[a-z][-_./\\\\@0-9a-z]{0,62}$", key)) && can(regex("^[-_./\\\\@0-9a-z]{0,63}$", value))
    ])
    error_message = "A label's key is 1 to 63 characters of a-z 0-9 - _ . / \\ @ beginning with a letter, its value at most 63 of the same; at most 60 labels."
  }
}

variable "deletion_protection" {
  description = "Whether the cloud refuses to delete the stores. Null: what the size says (sizes.yaml): not in demo."
  type        = bool
  default     = null
}

variable "bucket_force_destroy" {
  description = "Whether `destroy` may delete buckets that still hold objects. They cannot be brought back."
  type        = bool
  default     = false
  nullable    = false
}

# ── versions: each default can still be created; see the update policy of each service ──────────────────────────────────────────

variable "kafka_version" {
  description = "Kafka 4.x: 3.x can no longer be created."
  type        = string
  default     = "4.0"

  validation {
    condition     = can(regex("^4\\.[0-9]+$", var.kafka_version))
    error_message = "kafka_version is 4.x: clusters with 3.x can no longer be created."
  }
}

variable "clickhouse_version" {
  description = "ClickHouse, at least what the profile's Sentry asks for."
  type        = string
  default     = "25.8"

  validation {
    condition     = can(regex("^[0-9]{2}\\.[0-9]{1,2}$", var.clickhouse_version)) && try(tonumber(split(".", var.clickhouse_version)[0]) >= 25, false)
    error_message = "clickhouse_version is a string like \"25.8\", at least 25.x (older ones can no longer be created)."
  }
}

variable "postgres_version" {
  description = "PostgreSQL's major version."
  type        = string
  default     = "17"

  validation {
    condition     = contains(["15", "16", "17", "18"], var.postgres_version)
    error_message = "postgres_version is 15, 16, 17 or 18."
  }
}

variable "redis_version" {
  description = "Valkey's version; the API spells it with the suffix -valkey."
  type        = string
  default     = "8.1-valkey"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+-valkey$", var.redis_version))
    error_message = "redis_version looks like 8.1-valkey."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes of master and nodes, to begin with: upgrades are the service's, and a later change of this does nothing. Null: what the release channel offers today."
  type        = string
  default     = null

  validation {
    condition     = var.kubernetes_version == null || can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version looks like 1.33 (yc managed-kubernetes list-versions)."
  }
}

# ── network ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "network_cidr" {
  description = "The addresses of the subnets: a /16 to /20, cut into one subnet for nodes and one for stores in each zone."
  type        = string
  default     = "10.130.0.0/16"

  validation {
    condition     = !strcontains(var.network_cidr, ":") && try(cidrsubnet(var.network_cidr, 0, 0) == var.network_cidr, false) && try(tonumber(split("/", var.network_cidr)[1]) >= 16 && tonumber(split("/", var.network_cidr)[1]) <= 20, false)
    error_message = "network_cidr is an IPv4 range of /16 to /20 that begins at its first address, for example 10.130.0.0/16."
  }
}

variable "pod_cidr" {
  description = "The addresses of pods."
  type        = string
  default     = "10.112.0.0/16"

  validation {
    condition     = !strcontains(var.pod_cidr, ":") && try(cidrsubnet(var.pod_cidr, 0, 0) == var.pod_cidr, false) && try(tonumber(split("/", var.pod_cidr)[1]) >= 10 && tonumber(split("/", var.pod_cidr)[1]) <= 20, false)
    error_message = "pod_cidr is an IPv4 range of /10 to /20 that begins at its first address, for example 10.112.0.0/16."
  }
}

variable "service_cidr" {
  description = "The addresses of Kubernetes services."
  type        = string
  default     = "10.96.0.0/16"

  validation {
    condition     = !strcontains(var.service_cidr, ":") && try(cidrsubnet(var.service_cidr, 0, 0) == var.service_cidr, false) && try(tonumber(split("/", var.service_cidr)[1]) >= 10 && tonumber(split("/", var.service_cidr)[1]) <= 24, false)
    error_message = "service_cidr is an IPv4 range of /10 to /24 that begins at its first address, for example 10.96.0.0/16."
  }
}

variable "kubernetes_api" {
  description = "The Kubernetes API. public: whether it has a public address. cidrs: who may call it, there or within the network (a bastion, a VPN); nodes and pods always may."
  type        = object({ public = optional(bool, false), cidrs = optional(list(string), []) })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.kubernetes_api.cidrs : !strcontains(cidr, ":") && try(cidrsubnet(cidr, 0, 0) == cidr, false)])
    error_message = "kubernetes_api.cidrs are IPv4 ranges that begin at their first address: 10.0.0.0/8, not 10.0.0.7/8; one address is 203.0.113.7/32. IPv6 has no place in the rules they go to."
  }

  validation {
    condition     = alltrue([for cidr in var.kubernetes_api.cidrs : try(tonumber(split("/", cidr)[1]) >= 8, false)])
    error_message = "kubernetes_api.cidrs: the whole Internet is not a restriction. Name the ranges you work from (at least a /8)."
  }

  validation {
    condition     = !var.kubernetes_api.public || length(var.kubernetes_api.cidrs) > 0
    error_message = "kubernetes_api.public without cidrs is an address that nobody may call: name the ranges you work from."
  }
}

# Not in use any more: Terraform passes over a variable that it does not know, and the API would be shut without a word.
variable "kubernetes_api_cidrs" {
  description = "The older form of kubernetes_api. Refused, with the new one."
  type        = list(string)
  default     = []

  validation {
    condition     = try(length(var.kubernetes_api_cidrs) == 0, true)
    error_message = "kubernetes_api_cidrs is now kubernetes_api = { public = true, cidrs = ${jsonencode(var.kubernetes_api_cidrs)} }; with public = false the same ranges call the API within the network."
  }
}

variable "ingress_cidrs" {
  description = "From where Sentry itself may be reached through the load balancer. Empty: from nowhere outside the network. A public Sentry: [\"0.0.0.0/0\"]."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.ingress_cidrs : !strcontains(cidr, ":") && try(cidrsubnet(cidr, 0, 0) == cidr, false)])
    error_message = "ingress_cidrs are IPv4 ranges that begin at their first address, for example [\"0.0.0.0/0\"] or [\"203.0.113.0/24\"]. IPv6 has no place in the rules they go to."
  }
}

variable "egress_ports" {
  description = "TCP ports that nodes may call on the Internet: registries, Object Storage and webhooks by HTTPS. The mail server's is added by `mail`."
  type        = list(number)
  default     = [443]
  nullable    = false

  validation {
    condition     = contains(var.egress_ports, 443) && alltrue([for port in var.egress_ports : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "egress_ports are TCP ports (1 to 65535) and include 443, without which neither images nor Object Storage can be reached."
  }
}

variable "public_dns_zone_id" {
  description = "An existing public zone that holds the domain. Null: a zone for the domain is made (its name servers must then be delegated to)."
  type        = string
  default     = null

  validation {
    condition     = var.public_dns_zone_id == null || can(regex("^dns[a-z0-9]{17}$", var.public_dns_zone_id))
    error_message = "public_dns_zone_id is an id of 20 characters beginning with dns (yc dns zone list)."
  }
}

# ── windows, in UTC ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "maintenance" {
  description = "When the cloud may restart things: day (MON … SUN) and hour (1 to 24, UTC)."
  type        = object({ day = string, hour = number })
  default     = { day = "SUN", hour = 3 }
  nullable    = false

  validation {
    condition     = contains(["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], var.maintenance.day)
    error_message = "maintenance.day is MON, TUE, WED, THU, FRI, SAT or SUN."
  }

  validation {
    condition     = var.maintenance.hour >= 1 && var.maintenance.hour <= 24 && floor(var.maintenance.hour) == var.maintenance.hour
    error_message = "maintenance.hour is 1 to 24 (UTC)."
  }
}

variable "backup" {
  description = "When the daily backup begins (UTC) and for how many days it is kept. Kafka has no backups: it is a queue."
  type        = object({ hours = number, minutes = number, retain_days = number })
  default     = { hours = 1, minutes = 30, retain_days = 7 }
  nullable    = false

  validation {
    condition     = var.backup.hours >= 0 && var.backup.hours <= 23 && var.backup.minutes >= 0 && var.backup.minutes <= 59
    error_message = "backup.hours is 0 to 23 and backup.minutes 0 to 59."
  }

  validation {
    condition     = var.backup.retain_days >= 7 && var.backup.retain_days <= 60
    error_message = "backup.retain_days is 7 to 60: what all three services accept."
  }
}

variable "monitoring" {
  description = "A dashboard, the alerts' queries as the output `alerts` (provider 0.213 cannot make an alert), and the Kubernetes master's logs, kept for `log_days`. `channels`: names of notification channels of the folder, which the output repeats. null: none of it."
  type        = object({ channels = list(string), log_days = optional(number, 7) })
  default     = null

  validation {
    condition     = var.monitoring == null || try(length(var.monitoring.channels) > 0, false)
    error_message = "monitoring: name at least one notification channel; alerts that reach nobody are none. null switches monitoring off."
  }

  validation {
    condition     = try(var.monitoring.log_days >= 1 && var.monitoring.log_days <= 1095, true)
    error_message = "monitoring.log_days is 1 to 1095: what Cloud Logging keeps."
  }
}

variable "restore" {
  description = "Backups out of which a store is made, where it is made anew: an id as `yc managed-postgresql backup list` shows it. A cluster that stands is left alone, so the variable may stay or go afterwards. How the rest follows: docs/cloud.md, restore. Valkey has no such argument in provider 0.213."
  type        = object({ postgres = optional(string), clickhouse = optional(string) })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.restore) : can(regex("^[a-z0-9]+:.+$", id)) if id != null])
    error_message = "restore: the id of a backup is <cluster>:<backup>, as `backup list` shows it."
  }
}

# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
# Two only, and only because provider 0.213 can neither generate them nor take them write-only: see docs/terraform.md. Give them
# as TF_VAR_… or in a file outside version control, never as -var on a command line, where every process of the computer can read
# it.

variable "kafka_password" {
  description = "Password of Kafka's user. 16 to 128 letters, digits, _ and -."
  type        = string
  sensitive   = true

  validation {
    # URLs and properties files carry it unescaped: a quote, $, @ or / would end it or be expanded.
    condition     = can(regex("^[A-Za-z0-9_-]{16,128}$", var.kafka_password))
    error_message = "kafka_password: 16 to 128 characters of A-Z a-z 0-9 _ - (others break the URLs and files that carry it)."
  }
}

variable "redis_password" {
  description = "Password of Valkey's default user. 16 to 128 letters, digits, _ and -."
  type        = string
  sensitive   = true

  validation {
    # Sentry's chart writes it into rediss://:PASSWORD@host without escaping.
    condition     = can(regex("^[A-Za-z0-9_-]{16,128}$", var.redis_password))
    error_message = "redis_password: 16 to 128 characters of A-Z a-z 0-9 _ - (others break the URLs that carry it)."
  }
}

variable "redis_password_version" {
  description = "Raise it to send a changed redis_password where overrides/ keep the password out of the state. Otherwise a change is noticed by itself."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.redis_password_version >= 1 && floor(var.redis_password_version) == var.redis_password_version
    error_message = "redis_password_version is a whole number, at least 1."
  }
}

# ── Sentry ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "replicas" {
  description = "Components of Sentry that need more pods than the size gives them, by their names in the profile: { \"sentry.ingestConsumerEvents\" = 12 }; `kit capacity` writes it."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for count in values(var.replicas) : count >= 1 && count <= 1000 && floor(count) == count])
    error_message = "A number of pods is whole, from 1 to 1000."
  }
}

variable "pod_autoscaling" {
  description = "cpu: in sizes with availability ha, more pods of what the chart has an autoscaler for, by CPU; the cluster needs a metrics server. none: the numbers of the profile."
  type        = string
  default     = "none"
  nullable    = false

  validation {
    condition     = contains(["none", "cpu"], var.pod_autoscaling)
    error_message = "pod_autoscaling is none or cpu."
  }
}

variable "chart_version" {
  description = "The version of the Sentry chart that the values are for, within the profile's range. Empty: the profile's own."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.chart_version == "" || can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version is three numbers, such as 33.8.0."
  }
}

variable "admin_email" {
  description = "Sentry's first user, an administrator. Null: admin@ the domain."
  type        = string
  default     = null

  validation {
    condition     = var.admin_email == null || can(regex("^[^@\\s\"$`\\\\]+@[^@\\s\"$`\\\\]+$", var.admin_email))
    error_message = "admin_email is an e-mail address."
  }
}

variable "door" {
  description = "Who ends HTTPS in front of Sentry. front: two nginx behind a network load balancer, with a certificate of Certificate Manager; no controller is needed. gateway, ingress: a controller that is yours, as `gateway` and `ingress` say. none: whatever you put there."
  type        = string
  default     = "front"
  nullable    = false

  validation {
    condition     = contains(["front", "gateway", "ingress", "none"], var.door)
    error_message = "door is front, gateway, ingress or none."
  }
  validation {
    condition     = (var.door == "ingress") == (var.ingress != null)
    error_message = "door = \"ingress\" needs `ingress`, the class of your controller and the Secret with the certificate; and no other door takes it."
  }
  validation {
    condition     = (var.door == "gateway") == (var.gateway != null)
    error_message = "door = \"gateway\" needs `gateway`, the name of your Gateway; and no other door takes it."
  }
}

variable "ingress" {
  description = "With door = \"ingress\": the class of the controller and the Kubernetes Secret with the certificate, for the chart's Ingress."
  type        = object({ class_name = string, tls_secret = string, annotations = optional(map(string), {}) })
  default     = null
}

variable "gateway" {
  description = "With door = \"gateway\": the Gateway, with a certificate of its own, to which the chart's HTTPRoute is attached. `listener`: one of its listeners by name; null: all that fit."
  type        = object({ name = string, namespace = string, listener = optional(string) })
  default     = null
}

variable "mail" {
  description = "The server through which Sentry's mails leave: host, port, user, from, tls (starttls or tls). The password is no variable: it stands in the Kubernetes Secret kit-mail. Null: no mail leaves."
  type = object({
    host = string
    port = optional(number, 587)
    user = optional(string, "")
    from = string
    tls  = optional(string, "starttls")
  })
  default = null # checked by modules/sentry-values
}

variable "iam_pause_s" {
  description = "How long to wait after a role is granted until IAM knows it everywhere. 0 against an emulator."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.iam_pause_s >= 0 && var.iam_pause_s <= 300
    error_message = "iam_pause_s is 0 to 300 seconds."
  }
}

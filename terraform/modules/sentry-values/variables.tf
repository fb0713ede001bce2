variable "endpoints" {
  description = "Where the five stores are, as pods see them. No secret is among it: those are in Kubernetes Secrets, named in `secrets`."
  nullable    = false
  type = object({
    kafka = object({
      brokers   = list(string) # "host:port"
      username  = string
      mechanism = optional(string, "SCRAM-SHA-512")
    })
    postgres = object({
      host     = string
      port     = number
      database = string
      username = string
    })
    redis = object({
      host = string
      port = number
      db   = optional(number, 0)
    })
    clickhouse = object({
      host         = string
      https_port   = number
      native_port  = number
      database     = string
      username     = string
      cluster_name = optional(string, "")
      single_node  = optional(bool, true)
    })
    s3 = object({
      endpoint         = string # "https://host[:port]"
      region           = string
      addressing_style = optional(string, "path")
      filestore        = object({ bucket = string })
      nodestore        = object({ bucket = string })
    })
  })

  validation {
    condition     = length(var.endpoints.kafka.brokers) > 0 && alltrue([for broker in var.endpoints.kafka.brokers : can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}$", broker))])
    error_message = "endpoints.kafka.brokers must be a list of \"host:port\", without a scheme, with at least one entry."
  }
  validation {
    condition     = length(distinct(var.endpoints.kafka.brokers)) == length(var.endpoints.kafka.brokers)
    error_message = "endpoints.kafka.brokers names a broker twice."
  }
  validation {
    condition     = contains(["SCRAM-SHA-256", "SCRAM-SHA-512"], var.endpoints.kafka.mechanism)
    error_message = "endpoints.kafka.mechanism must be SCRAM-SHA-512 or SCRAM-SHA-256."
  }
  validation {
    condition     = alltrue([for host in [var.endpoints.postgres.host, var.endpoints.redis.host, var.endpoints.clickhouse.host] : can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", host))])
    error_message = "endpoints.postgres.host, redis.host and clickhouse.host must be bare host names: no scheme, no port, no path."
  }
  validation {
    condition     = alltrue([for port in [var.endpoints.postgres.port, var.endpoints.redis.port, var.endpoints.clickhouse.https_port, var.endpoints.clickhouse.native_port] : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "Each port of endpoints must be a whole number from 1 to 65535."
  }
  validation {
    condition     = !contains([8123, 9000], var.endpoints.clickhouse.https_port) && !contains([8123, 9000], var.endpoints.clickhouse.native_port)
    error_message = "endpoints.clickhouse has a plaintext port (8123, 9000); TLS is on 8443 (https_port) and 9440 (native_port)."
  }
  validation {
    condition     = var.endpoints.redis.db >= 0 && floor(var.endpoints.redis.db) == var.endpoints.redis.db
    error_message = "endpoints.redis.db must be a whole number, 0 or more."
  }
  validation {
    condition     = var.endpoints.clickhouse.single_node || var.endpoints.clickhouse.cluster_name != ""
    error_message = "endpoints.clickhouse.cluster_name must be given when single_node is false: Snuba's migrations run ON CLUSTER."
  }
  validation {
    condition     = can(regex("^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$", var.endpoints.s3.endpoint))
    error_message = "endpoints.s3.endpoint must be https://host or https://host:port, without a path."
  }
  validation {
    condition     = contains(["path", "virtual", "auto"], var.endpoints.s3.addressing_style)
    error_message = "endpoints.s3.addressing_style must be path, virtual or auto."
  }
  validation {
    condition     = alltrue([for bucket in [var.endpoints.s3.filestore.bucket, var.endpoints.s3.nodestore.bucket] : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", bucket))])
    error_message = "The buckets of endpoints.s3 must be bucket names of 3 to 63 lower-case letters, digits, dots and hyphens."
  }
  validation {
    condition     = var.endpoints.s3.filestore.bucket != var.endpoints.s3.nodestore.bucket
    error_message = "The filestore and the nodestore must not share a bucket: objects of the one expire by age, those of the other never."
  }
  validation {
    condition     = alltrue([for name in [var.endpoints.kafka.username, var.endpoints.postgres.username, var.endpoints.postgres.database, var.endpoints.clickhouse.username, var.endpoints.clickhouse.database, var.endpoints.s3.region] : name != ""])
    error_message = "User names, databases and the region of endpoints must not be empty."
  }
}

variable "profile" {
  description = "The line of chart and Sentry: the name of a file in profiles/."
  type        = string
  default     = "current"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+$", var.profile)) && fileexists("${path.module}/profiles/${var.profile}.yaml")
    error_message = "Unknown profile; profiles/ has: ${join(", ", [for name in fileset("${path.module}/profiles", "*.yaml") : trimsuffix(name, ".yaml")])}."
  }
}

variable "size" {
  description = "errors-only: what errors need. full: transactions, replays, profiles, monitors and the rest as well."
  type        = string
  default     = "errors-only"
  nullable    = false

  validation {
    condition     = contains(["errors-only", "full"], var.size)
    error_message = "size must be errors-only or full."
  }
}

variable "availability" {
  description = "single: one pod of each component. ha: as many as the profile says for doing without a node or a zone, spread over zones."
  type        = string
  default     = "single"
  nullable    = false

  validation {
    condition     = contains(["single", "ha"], var.availability)
    error_message = "availability must be single or ha."
  }
}

variable "replicas" {
  description = "Components that need more pods than `availability` gives them, by their names in the profile: { \"sentry.ingestConsumerEvents\" = 12 }. Those of another profile are left out."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for count in values(var.replicas) : count >= 1 && count <= 1000 && floor(count) == count])
    error_message = "A number of pods is whole, from 1 to 1000."
  }

  validation {
    condition     = length(setsubtract(keys(var.replicas), local.known_components)) == 0
    error_message = "replicas names what is a component in no profile: ${join(", ", setsubtract(keys(var.replicas), local.known_components))}. They are called as in profiles/*.yaml, for example sentry.ingestConsumerEvents."
  }
}

variable "autoscaling" {
  description = "cpu: with availability ha, the chart's HorizontalPodAutoscalers by CPU where it has one; the cluster must have a metrics server. none: fixed numbers of pods."
  type        = string
  default     = "none"
  nullable    = false

  validation {
    condition     = contains(["none", "cpu"], var.autoscaling)
    error_message = "autoscaling must be none or cpu."
  }
}

variable "chart_version" {
  description = "The chart that the values are for, within the profile's range; empty: the profile's own. Keys that it does not know yet are left out."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.chart_version == "" || can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version must be three numbers, such as 26.15.1."
  }
}

variable "url" {
  description = "Sentry's public URL, as browsers and SDKs use it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$", var.url))
    error_message = "url must be https://host or https://host:port, without a path."
  }
}

variable "admin_email" {
  description = "The first user, an administrator, and the address of system messages."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@\\s\"$`\\\\]+@[^@\\s\"$`\\\\]+$", var.admin_email))
    error_message = "admin_email must be an e-mail address."
  }
}

variable "retention_days" {
  description = "How long Sentry keeps events. The nodestore bucket's lifecycle rule must follow it; the filestore never expires by age."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number of days, 1 or more."
  }
}

variable "secrets" {
  description = "Names of the Kubernetes Secrets, which must exist in Sentry's namespace before Helm runs. Their keys are fixed: see README.md."
  nullable    = false
  default     = {}
  type = object({
    kafka        = optional(string, "kit-kafka")
    postgres     = optional(string, "kit-postgres")
    redis        = optional(string, "kit-redis")
    clickhouse   = optional(string, "kit-clickhouse")
    filestore    = optional(string, "kit-filestore")
    nodestore    = optional(string, "kit-nodestore")
    sentry       = optional(string, "kit-sentry")
    vroom_client = optional(string, "kit-vroom-client")
    mail         = optional(string, "kit-mail")
  })

  validation {
    condition     = alltrue([for name in values(var.secrets) : can(regex("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name))])
    error_message = "secrets holds names of Kubernetes Secrets: lower-case letters, digits, dots and hyphens."
  }
}

variable "nodestore_module" {
  description = "What speaks to the nodestore's bucket. kit: kit_nodestore, mounted or in the image. chart: sentry_nodestore_s3, where the chart knows it and images.sentry holds it."
  type        = string
  default     = "kit"
  nullable    = false

  validation {
    condition     = contains(["kit", "chart"], var.nodestore_module)
    error_message = "nodestore_module must be kit or chart."
  }
  validation {
    condition     = var.nodestore_module == "kit" || contains(keys(var.images), "sentry")
    error_message = "nodestore_module = chart needs images.sentry: upstream's image does not hold sentry_nodestore_s3, and Sentry would not start."
  }
}

variable "trust" {
  description = "Where every container finds ca.crt (the stores' authority alone) and bundle.crt (public roots and the authority)."
  type        = string
  default     = "/etc/kit/trust"
  nullable    = false

  validation {
    condition     = can(regex("^/[A-Za-z0-9/_.-]*[A-Za-z0-9_.-]$", var.trust))
    error_message = "trust must be an absolute path without a slash at its end."
  }
}

variable "release" {
  description = "The Helm release's name; the chart derives the names of its Services from it."
  type        = string
  default     = "sentry"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$", var.release))
    error_message = "release must be a Helm release name of at most 52 characters."
  }
}

variable "as_hook" {
  description = "Whether Deployments are Helm hooks, as the chart has it by default. See README.md before turning it on."
  type        = bool
  default     = false
  nullable    = false
}

variable "images" {
  description = "Other images than the profile's, by component (sentry, snuba, relay, vroom, symbolicator, taskbroker)."
  type        = map(object({ repository = string, tag = string }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for image in values(var.images) : !contains(["", "latest", "nightly"], image.tag)])
    error_message = "images: a tag that moves (latest, nightly) makes two installations of the same values differ; name a version."
  }
}

variable "ingress" {
  description = "The chart's Ingress in front of web and relay; null: none, something else leads to the Services."
  default     = null
  type = object({
    class_name  = string
    hostname    = string
    tls_secret  = string
    annotations = optional(map(string), {})
  })
}

variable "gateway" {
  description = "A Gateway to which the chart's HTTPRoute in front of web and relay is attached; null: none. Only where the profile's chart knows routes."
  default     = null
  type = object({
    name      = string
    namespace = string
    listener  = optional(string)
    hostname  = string
  })

  validation {
    condition     = var.gateway == null || try(yamldecode(file("${path.module}/profiles/${var.profile}.yaml")).rules.gateway_route, false)
    error_message = "gateway: the chart of this profile makes no HTTPRoute; use ingress, or attach one of your own."
  }
}

variable "mail" {
  description = "The server through which mails leave, over TLS: starttls (587) or tls from the first byte on (465). With a user its password stands in the Secret of `secrets.mail`. Null: no mail leaves."
  default     = null
  type = object({
    host = string
    port = optional(number, 587)
    user = optional(string, "")
    from = string
    tls  = optional(string, "starttls")
  })

  validation {
    condition     = var.mail == null || can(regex("^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", var.mail.host))
    error_message = "mail.host must be a bare host name: no scheme, no port."
  }
  validation {
    condition     = var.mail == null || try(var.mail.port >= 1 && var.mail.port <= 65535 && floor(var.mail.port) == var.mail.port, false)
    error_message = "mail.port must be a whole number from 1 to 65535."
  }
  validation {
    condition     = var.mail == null || can(regex("^[^@\\s\"$`\\\\]+@[^@\\s\"$`\\\\]+$", var.mail.from))
    error_message = "mail.from must be an e-mail address."
  }
  validation {
    condition     = var.mail == null || try(contains(["starttls", "tls"], var.mail.tls), false)
    error_message = "mail.tls must be starttls or tls: without TLS the login and every alert cross the network in clear."
  }
}

# Sentry for work: three zones, replicas of everything, deletion protection, all of Sentry's components.
#   terraform apply -var-file=examples/ha.tfvars

domain         = "sentry.example.com" # yours
name_prefix    = "sentry-prod"
size           = "ha"
retention_days = 90

# The office and the build machines call the Kubernetes API; browsers and programs everywhere send events.
kubernetes_api = { public = true, cidrs = ["203.0.113.0/24"] }
ingress_cidrs  = ["0.0.0.0/0"]

# Mails leave by submission, which opens its port. The password stands in the Kubernetes Secret kit-mail.
mail = { host = "smtp.example.com", user = "sentry", from = "sentry@example.com" }

maintenance = { day = "SUN", hour = 3 }
backup      = { hours = 1, minutes = 30, retain_days = 14 }

labels = { cost-centre = "observability" }

# Where the load is known, say so: more disk for Kafka, more partitions for the topics that carry events.
resources = {
  kafka = { disk_size = 400 }
}
topic_partitions = {
  events        = 6
  ingest-events = 6
}

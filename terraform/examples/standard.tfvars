# Sentry for 300 errors and 60 transactions a second on average, three times as much at the peak, kept for 30 days: three zones, deletion
# protection. `kit capacity --size standard --events …` compares it with a load of yours; docs/capacity.md says what it is made of.
#   terraform apply -var-file=examples/standard.tfvars

domain         = "sentry.example.com" # yours
name_prefix    = "sentry-standard"
size           = "standard"
retention_days = 30 # what its disks are made for

kubernetes_api = { public = true, cidrs = ["203.0.113.0/24"] }
ingress_cidrs  = ["0.0.0.0/0"]

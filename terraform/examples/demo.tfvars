# The smallest Sentry in Yandex Cloud: one host of each database in one zone, nothing protected. For a look, not for
# work.
#   terraform apply -var-file=examples/demo.tfvars

domain = "sentry.example.com" # yours
size   = "demo"

# From where you call the Kubernetes API (your address: curl -4 https://ifconfig.me). Without it the API has no public address.
kubernetes_api = { public = true, cidrs = ["203.0.113.7/32"] }

# From where Sentry may be reached through the load balancer.
ingress_cidrs = ["203.0.113.7/32"]

# `destroy` takes the buckets with everything in them.
bucket_force_destroy = true

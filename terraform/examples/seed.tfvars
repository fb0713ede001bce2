# The article's line: chart 26.15.1 with Sentry 25.2.0, against today's stores. Its topics are those of sentry-kafka-schemas 1.0.4.
#   terraform apply -var-file=examples/seed.tfvars

domain  = "sentry.example.com" # yours
size    = "demo"
profile = "seed"

kubernetes_api_cidrs = ["203.0.113.7/32"]

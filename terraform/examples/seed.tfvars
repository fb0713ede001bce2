# The article's line: chart 26.15.1 with Sentry 25.2.0, against today's stores. Its topics are those of sentry-kafka-schemas
# 1.0.4.
#   terraform plan -var-file=examples/seed.tfvars
#
# To look at and to compare, not to run: clients of Sentry 25.2 with librdkafka before 2.6.1 cannot log in to Kafka 4 by SCRAM
# (librdkafka#4895), and Managed Kafka makes no new cluster with 3.x any more. On a laptop `kit` runs this line against Kafka 3.9.

domain  = "sentry.example.com" # yours
size    = "demo"
profile = "seed"

kubernetes_api = { public = true, cidrs = ["203.0.113.7/32"] }

# Every validation of the module, each by a value that it refuses; and what fits, once. No provider is needed.

variables {
  url         = "https://sentry.example.com"
  admin_email = "admin@example.com"

  endpoints = {
    kafka      = { brokers = ["kafka:9091"], username = "sentry" }
    postgres   = { host = "postgres", port = 5432, database = "sentry", username = "sentry" }
    redis      = { host = "redis", port = 6380 }
    clickhouse = { host = "clickhouse", https_port = 8443, native_port = 9440, database = "sentry", username = "sentry" }
    s3         = { endpoint = "https://s3:9000", region = "us-east-1", filestore = { bucket = "files" }, nodestore = { bucket = "events" } }
  }
}

run "what_fits" {
  command = plan

  assert {
    condition     = yamldecode(output.values).externalKafka.cluster[0].host == "kafka"
    error_message = "The values name the broker of endpoints.kafka."
  }
}

run "a_broker_without_its_port" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { kafka = merge(var.endpoints.kafka, { brokers = ["kafka"] }) })
  }

  expect_failures = [var.endpoints]
}

run "a_broker_twice" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { kafka = merge(var.endpoints.kafka, { brokers = ["kafka:9091", "kafka:9091"] }) })
  }

  expect_failures = [var.endpoints]
}

run "a_log_in_in_clear" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { kafka = merge(var.endpoints.kafka, { mechanism = "PLAIN" }) })
  }

  expect_failures = [var.endpoints]
}

run "a_url_as_a_host" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { postgres = merge(var.endpoints.postgres, { host = "https://postgres" }) })
  }

  expect_failures = [var.endpoints]
}

run "a_port_that_is_none" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { redis = merge(var.endpoints.redis, { port = 70000 }) })
  }

  expect_failures = [var.endpoints]
}

run "a_port_in_clear" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { clickhouse = merge(var.endpoints.clickhouse, { https_port = 8123 }) })
  }

  expect_failures = [var.endpoints]
}

run "a_database_below_nought" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { redis = merge(var.endpoints.redis, { db = -1 }) })
  }

  expect_failures = [var.endpoints]
}

run "several_hosts_without_their_cluster_s_name" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { clickhouse = merge(var.endpoints.clickhouse, { single_node = false }) })
  }

  expect_failures = [var.endpoints]
}

run "storage_in_clear" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { s3 = merge(var.endpoints.s3, { endpoint = "http://s3:9000" }) })
  }

  expect_failures = [var.endpoints]
}

run "an_addressing_that_is_none" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { s3 = merge(var.endpoints.s3, { addressing_style = "dns" }) })
  }

  expect_failures = [var.endpoints]
}

run "a_bucket_in_capitals" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { s3 = merge(var.endpoints.s3, { filestore = { bucket = "Files_" } }) })
  }

  expect_failures = [var.endpoints]
}

run "one_bucket_for_both" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { s3 = merge(var.endpoints.s3, { filestore = { bucket = "events" } }) })
  }

  expect_failures = [var.endpoints]
}

run "a_user_without_a_name" {
  command = plan

  variables {
    endpoints = merge(var.endpoints, { postgres = merge(var.endpoints.postgres, { username = "" }) })
  }

  expect_failures = [var.endpoints]
}

run "a_profile_that_is_none" {
  command = plan

  variables {
    profile = "newest"
  }

  expect_failures = [var.profile]
}

run "a_size_that_is_none" {
  command = plan

  variables {
    size = "medium"
  }

  expect_failures = [var.size]
}

run "an_availability_that_is_none" {
  command = plan

  variables {
    availability = "always"
  }

  expect_failures = [var.availability]
}

run "no_pods_of_a_component" {
  command = plan

  variables {
    replicas = { relay = 0 }
  }

  expect_failures = [var.replicas]
}

run "pods_of_a_component_that_is_in_no_profile" {
  command = plan

  variables {
    replicas = { nobody = 3 }
  }

  expect_failures = [var.replicas]
}

run "an_autoscaling_that_is_none" {
  command = plan

  variables {
    autoscaling = "magic"
  }

  expect_failures = [var.autoscaling]
}

run "a_chart_without_its_patch_number" {
  command = plan

  variables {
    chart_version = "26"
  }

  expect_failures = [var.chart_version]
}

run "a_url_with_a_path" {
  command = plan

  variables {
    url = "https://sentry.example.com/"
  }

  expect_failures = [var.url]
}

run "no_address_of_the_administrator" {
  command = plan

  variables {
    admin_email = "admin"
  }

  expect_failures = [var.admin_email]
}

run "no_retention" {
  command = plan

  variables {
    retention_days = 0
  }

  expect_failures = [var.retention_days]
}

run "a_secret_s_name_with_a_blank" {
  command = plan

  variables {
    secrets = { kafka = "Kit Kafka" }
  }

  expect_failures = [var.secrets]
}

run "a_nodestore_that_is_none" {
  command = plan

  variables {
    nodestore_module = "django"
  }

  expect_failures = [var.nodestore_module]
}

run "the_chart_s_nodestore_without_an_image" {
  command = plan

  variables {
    nodestore_module = "chart"
  }

  expect_failures = [var.nodestore_module]
}

run "a_trust_that_is_no_path" {
  command = plan

  variables {
    trust = "etc/kit"
  }

  expect_failures = [var.trust]
}

run "a_release_in_capitals" {
  command = plan

  variables {
    release = "Sentry"
  }

  expect_failures = [var.release]
}

run "an_image_that_moves" {
  command = plan

  variables {
    images = { sentry = { repository = "a", tag = "latest" } }
  }

  expect_failures = [var.images]
}

run "a_url_as_the_mail_server" {
  command = plan

  variables {
    mail = { host = "smtp://mail", from = "sentry@example.com" }
  }

  expect_failures = [var.mail]
}

run "a_mail_port_that_is_none" {
  command = plan

  variables {
    mail = { host = "smtp.example.com", from = "sentry@example.com", port = 0 }
  }

  expect_failures = [var.mail]
}

run "a_sender_without_an_address" {
  command = plan

  variables {
    mail = { host = "smtp.example.com", from = "Sentry" }
  }

  expect_failures = [var.mail]
}

run "mail_in_clear" {
  command = plan

  variables {
    mail = { host = "smtp.example.com", from = "sentry@example.com", tls = "none" }
  }

  expect_failures = [var.mail]
}

run "a_route_of_a_chart_that_makes_none" {
  command = plan

  variables {
    profile = "seed"
    gateway = { name = "public", namespace = "gateways", hostname = "sentry.example.com" }
  }

  expect_failures = [var.gateway]
}

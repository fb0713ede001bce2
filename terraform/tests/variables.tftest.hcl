# Every validation of variables.tf, each by a value that it refuses. `terraform test` runs them in seconds: no account, no network.

mock_provider "yandex" {}

variables {
  domain         = "sentry.example.com"
  kafka_password = "kafka-password-of-the-tests"
  redis_password = "redis-password-of-the-tests"
}

run "a_folder_s_name_for_its_id" {
  command = plan

  variables {
    folder_id = "default"
  }

  expect_failures = [var.folder_id]
}

run "a_cloud_s_name_for_its_id" {
  command = plan

  variables {
    cloud_id = "my-cloud"
  }

  expect_failures = [var.cloud_id]
}

run "a_region_whose_addresses_are_not_known" {
  command = plan

  variables {
    region = "mars1"
  }

  expect_failures = [var.region]
}

run "no_zone" {
  command = plan

  variables {
    zones = []
  }

  expect_failures = [var.zones]
}

run "a_zone_of_another_region" {
  command = plan

  variables {
    zones = ["kz1-a"]
  }

  expect_failures = [var.zones]
}

run "a_url_as_the_api_s_address" {
  command = plan

  variables {
    api_endpoint = "https://api.example.com"
  }

  expect_failures = [var.api_endpoint]
}

run "a_path_in_the_storage_s_address" {
  command = plan

  variables {
    storage_endpoint = "https://s3.example.com/x"
  }

  expect_failures = [var.storage_endpoint]
}

run "a_prefix_with_capitals" {
  command = plan

  variables {
    name_prefix = "Sentry"
  }

  expect_failures = [var.name_prefix]
}

run "a_size_that_is_none" {
  command = plan

  variables {
    size = "medium"
  }

  expect_failures = [var.size]
}

run "a_profile_that_is_none" {
  command = plan

  variables {
    profile = "next"
  }

  expect_failures = [var.profile]
}

run "a_size_of_sentry_that_is_none" {
  command = plan

  variables {
    sentry_size = "tiny"
  }

  expect_failures = [var.sentry_size]
}

run "a_domain_without_a_dot" {
  command = plan

  variables {
    domain = "localhost"
  }

  expect_failures = [var.domain]
}

run "no_retention" {
  command = plan

  variables {
    retention_days = 0
  }

  expect_failures = [var.retention_days]
}

run "a_preset_that_does_not_tell_its_size" {
  command = plan

  variables {
    resources = { kafka = { preset = "s2.micro" } }
  }

  expect_failures = [var.resources]
}

run "a_disk_too_small" {
  command = plan

  variables {
    resources = { postgres = { disk_size = 1 } }
  }

  expect_failures = [var.resources]
}

run "a_node_s_disk_too_small" {
  command = plan

  variables {
    resources = { nodes = { disk_size = 10 } }
  }

  expect_failures = [var.resources]
}

run "a_node_s_disk_that_is_none" {
  command = plan

  variables {
    resources = { nodes = { disk_type = "floppy" } }
  }

  expect_failures = [var.resources]
}

run "a_third_of_a_core" {
  command = plan

  variables {
    resources = { nodes = { core_fraction = 33 } }
  }

  expect_failures = [var.resources]
}

run "zookeeper" {
  command = plan

  variables {
    resources = { clickhouse = { keeper = "zookeeper" } }
  }

  expect_failures = [var.resources]
}

run "no_hosts" {
  command = plan

  variables {
    resources = { redis = { hosts = 0 } }
  }

  expect_failures = [var.resources]
}

run "a_node_label_with_a_blank" {
  command = plan

  variables {
    node_labels = { team = "a b" }
  }

  expect_failures = [var.node_labels]
}

run "disks_that_grow_to_their_own_size" {
  command = plan

  variables {
    disk_growth = { limit = 1 }
  }

  expect_failures = [var.disk_growth]
}

run "an_emergency_before_its_time" {
  command = plan

  variables {
    disk_growth = { emergency = 80 }
  }

  expect_failures = [var.disk_growth]
}

run "a_storage_class_that_is_none" {
  command = plan

  variables {
    storage_class = { nodestore = "GLACIER" }
  }

  expect_failures = [var.storage_class]
}

run "a_topic_of_kafka_s_own" {
  command = plan

  variables {
    topics = { __consumer_offsets = {} }
  }

  expect_failures = [var.topics]
}

run "no_partitions" {
  command = plan

  variables {
    topic_partitions = { events = 0 }
  }

  expect_failures = [var.topic_partitions]
}

run "no_pods_of_a_component" {
  command = plan

  variables {
    replicas = { relay = 0 }
  }

  expect_failures = [var.replicas]
}

run "a_label_in_capitals" {
  command = plan

  variables {
    labels = { Team = "x" }
  }

  expect_failures = [var.labels]
}

run "kafka_3" {
  command = plan

  variables {
    kafka_version = "3.9"
  }

  expect_failures = [var.kafka_version]
}

run "clickhouse_24" {
  command = plan

  variables {
    clickhouse_version = "24.8"
  }

  expect_failures = [var.clickhouse_version]
}

run "postgresql_14" {
  command = plan

  variables {
    postgres_version = "14"
  }

  expect_failures = [var.postgres_version]
}

run "redis_without_its_suffix" {
  command = plan

  variables {
    redis_version = "7.2"
  }

  expect_failures = [var.redis_version]
}

run "kubernetes_with_a_patch" {
  command = plan

  variables {
    kubernetes_version = "1.33.1"
  }

  expect_failures = [var.kubernetes_version]
}

run "a_network_with_bits_of_a_host" {
  command = plan

  variables {
    network_cidr = "10.130.0.1/16"
  }

  expect_failures = [var.network_cidr]
}

run "pods_in_ipv6" {
  command = plan

  variables {
    pod_cidr = "fd00::/16"
  }

  expect_failures = [var.pod_cidr]
}

run "services_without_a_range" {
  command = plan

  variables {
    service_cidr = "many"
  }

  expect_failures = [var.service_cidr]
}

run "a_range_of_the_api_in_ipv6" {
  command = plan

  variables {
    kubernetes_api = { cidrs = ["2001:db8::7/32"] }
  }

  expect_failures = [var.kubernetes_api]
}

run "the_api_for_the_whole_internet" {
  command = plan

  variables {
    kubernetes_api = { cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.kubernetes_api]
}

run "a_public_api_for_nobody" {
  command = plan

  variables {
    kubernetes_api = { public = true }
  }

  expect_failures = [var.kubernetes_api]
}

run "the_api_s_ranges_as_they_were_said_before" {
  command = plan

  variables {
    kubernetes_api_cidrs = ["203.0.113.7/32"]
  }

  expect_failures = [var.kubernetes_api_cidrs]
}

run "a_mask_with_a_needless_nought" {
  command = plan

  variables {
    ingress_cidrs = ["0.0.0.0/00"]
  }

  expect_failures = [var.ingress_cidrs]
}

run "no_way_out" {
  command = plan

  variables {
    egress_ports = [587]
  }

  expect_failures = [var.egress_ports]
}

run "a_zone_s_name_for_its_id" {
  command = plan

  variables {
    public_dns_zone_id = "example.com"
  }

  expect_failures = [var.public_dns_zone_id]
}

run "a_day_in_full" {
  command = plan

  variables {
    maintenance = { day = "Sunday", hour = 3 }
  }

  expect_failures = [var.maintenance]
}

run "hour_0_of_maintenance" {
  command = plan

  variables {
    maintenance = { day = "SUN", hour = 0 }
  }

  expect_failures = [var.maintenance]
}

run "hour_24_of_a_backup" {
  command = plan

  variables {
    backup = { hours = 24, minutes = 0, retain_days = 7 }
  }

  expect_failures = [var.backup]
}

run "backups_kept_for_a_day" {
  command = plan

  variables {
    backup = { hours = 1, minutes = 0, retain_days = 1 }
  }

  expect_failures = [var.backup]
}

run "a_backup_that_is_none" {
  command = plan

  variables {
    restore = { postgres = "yesterday" }
  }

  expect_failures = [var.restore]
}

run "a_kafka_password_with_a_quote" {
  command = plan

  variables {
    kafka_password = "sixteen-and-a-\"-more"
  }

  expect_failures = [var.kafka_password]
}

run "a_short_valkey_password" {
  command = plan

  variables {
    redis_password = "short"
  }

  expect_failures = [var.redis_password]
}

run "no_version_of_the_password" {
  command = plan

  variables {
    redis_password_version = 0
  }

  expect_failures = [var.redis_password_version]
}

run "a_chart_without_its_patch_number" {
  command = plan

  variables {
    chart_version = "33.8"
  }

  expect_failures = [var.chart_version]
}

run "no_address_of_the_administrator" {
  command = plan

  variables {
    admin_email = "admin"
  }

  expect_failures = [var.admin_email]
}

run "a_pod_autoscaling_that_is_none" {
  command = plan

  variables {
    pod_autoscaling = "magic"
  }

  expect_failures = [var.pod_autoscaling]
}

run "alerts_that_reach_nobody" {
  command = plan

  variables {
    monitoring = { channels = [] }
  }

  expect_failures = [var.monitoring]
}

run "logs_kept_for_no_day" {
  command = plan

  variables {
    monitoring = { channels = ["ops"], log_days = 0 }
  }

  expect_failures = [var.monitoring]
}

run "a_pause_without_end" {
  command = plan

  variables {
    iam_pause_s = 3600
  }

  expect_failures = [var.iam_pause_s]
}

run "a_door_that_is_none" {
  command = plan

  variables {
    door = "window"
  }

  expect_failures = [var.door]
}

run "an_ingress_without_its_class" {
  command = plan

  variables {
    door = "ingress"
  }

  expect_failures = [var.door]
}

run "a_gateway_without_its_name" {
  command = plan

  variables {
    door = "gateway"
  }

  expect_failures = [var.door]
}

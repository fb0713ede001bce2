# Every precondition and check, each by variables that are right one by one and do not fit together; and what fits, once.

mock_provider "yandex" {}

variables {
  domain         = "sentry.example.com"
  kafka_password = "kafka-password-of-the-tests"
  redis_password = "redis-password-of-the-tests"
}

run "the_smallest" {
  command = plan

  assert {
    condition     = output.cost_inputs.total.hosts == 8 && output.cost_inputs.kubernetes_master == "zonal"
    error_message = "Size demo is three brokers, a host of each database and two nodes in one zone."
  }
}

run "in_another_region" {
  command = plan

  variables {
    region = "kz1"
  }

  assert {
    condition     = output.ingress.name_servers == tolist(["ns1.yandexcloud.kz.", "ns2.yandexcloud.kz."])
    error_message = "A domain is delegated to the region's own name servers."
  }
}

run "ranges_that_overlap" {
  command = plan

  variables {
    pod_cidr = "10.130.0.0/16"
  }

  expect_failures = [yandex_vpc_network.sentry]
}

run "ha_in_one_zone" {
  command = plan

  variables {
    size  = "ha"
    zones = ["ru-central1-a"]
  }

  expect_failures = [yandex_vpc_network.sentry]
}

run "partitions_of_a_topic_that_is_none" {
  command = plan

  variables {
    topic_partitions = { evnets = 3 }
  }

  expect_failures = [yandex_mdb_kafka_cluster.sentry]
}

run "a_kafka_that_sentry_cannot_log_in_to" {
  command = plan

  variables {
    profile = "seed"
  }

  expect_failures = [check.sentry_can_log_in]
}

run "clickhouse_newer_than_sentry_s_migrations" {
  command = plan

  variables {
    clickhouse_version = "26.7"
  }

  expect_failures = [yandex_mdb_clickhouse_cluster_v2.sentry]
}

run "more_clickhouse_hosts_than_snuba_can_reach" {
  command = plan

  variables {
    resources = { clickhouse = { hosts = 2, keeper = "separate" } }
  }

  expect_failures = [yandex_mdb_clickhouse_cluster_v2.sentry]
}

run "replicas_without_keeper" {
  command = plan

  variables {
    profile   = "seed"
    resources = { clickhouse = { hosts = 2 } }
  }

  expect_failures = [yandex_mdb_clickhouse_cluster_v2.sentry, check.sentry_can_log_in]
}

run "embedded_keeper_on_two_hosts" {
  command = plan

  variables {
    profile   = "seed"
    resources = { clickhouse = { hosts = 2, keeper = "embedded" } }
  }

  expect_failures = [yandex_mdb_clickhouse_cluster_v2.sentry, check.sentry_can_log_in]
}

run "fewer_partitions_than_consumers" {
  command = plan

  variables {
    size      = "ha"
    resources = { kafka = { partitions = 2 } }
  }

  expect_failures = [yandex_mdb_kafka_cluster.sentry]
}

run "fewer_connections_than_the_pods_hold" {
  command = plan

  variables {
    size      = "ha"
    resources = { postgres = { max_connections = 200 } }
  }

  expect_failures = [yandex_mdb_postgresql_user.sentry]
}

run "disks_in_steps_that_there_are_not" {
  command = plan

  variables {
    resources = { nodes = { disk_type = "network-ssd-io-m3" } }
  }

  expect_failures = [yandex_kubernetes_node_group.sentry]
}

run "more_nodes_to_begin_with_than_there_may_be" {
  command = plan

  variables {
    resources = { nodes = { initial = 5 } }
  }

  expect_failures = [yandex_kubernetes_node_group.sentry]
}

# One of each resource type that the emulator models, written as the provider wants it today. `revision` changes one thing of each.

terraform {
  required_providers {
    yandex = { source = "yandex-cloud/yandex" }
  }
}

provider "yandex" {}

variable "revision" {
  type    = number
  default = 1
}

variable "password" {
  type    = string
  default = "a-Password_of-the-test-1"
}

locals {
  note   = "revision ${var.revision}"
  labels = { revision = tostring(var.revision) }
}

data "yandex_client_config" "here" {}

resource "yandex_kms_symmetric_key" "this" {
  name        = "key"
  description = local.note
}

resource "yandex_iam_service_account" "cluster" {
  name        = "cluster"
  description = local.note
}

resource "yandex_iam_service_account" "storage" {
  name = "storage"
}

resource "yandex_lockbox_secret" "keys" {
  name        = "keys"
  description = local.note
  labels      = local.labels
}

resource "yandex_lockbox_secret" "own" {
  name = "own"
}

resource "yandex_lockbox_secret_version" "own" {
  secret_id = yandex_lockbox_secret.own.id
  entries {
    key        = "word"
    text_value = "with 'quotes' and $signs ${var.revision}"
  }
}

resource "yandex_iam_service_account_static_access_key" "storage" {
  service_account_id = yandex_iam_service_account.storage.id
  output_to_lockbox {
    secret_id            = yandex_lockbox_secret.keys.id
    entry_for_access_key = "access-key"
    entry_for_secret_key = "secret-key"
  }
}

resource "yandex_resourcemanager_folder_iam_member" "agent" {
  folder_id = data.yandex_client_config.here.folder_id
  role      = var.revision == 1 ? "viewer" : "editor"
  member    = "serviceAccount:${yandex_iam_service_account.cluster.id}"
}

# What the cloud looks for when it makes the cluster.
resource "yandex_resourcemanager_folder_iam_member" "needed" {
  for_each  = toset(["k8s.clusters.agent", "vpc.publicAdmin"])
  folder_id = data.yandex_client_config.here.folder_id
  role      = each.key
  member    = "serviceAccount:${yandex_iam_service_account.cluster.id}"
}

resource "yandex_vpc_network" "this" {
  name        = "network"
  description = local.note
}

resource "yandex_vpc_gateway" "nat" {
  name        = "nat"
  description = local.note
  shared_egress_gateway {}
}

resource "yandex_vpc_route_table" "this" {
  name        = "routes"
  description = local.note
  network_id  = yandex_vpc_network.this.id
  static_route {
    destination_prefix = "0.0.0.0/0"
    gateway_id         = yandex_vpc_gateway.nat.id
  }
}

resource "yandex_vpc_subnet" "this" {
  for_each       = { a = "10.10.0.0/24", b = "10.11.0.0/24", d = "10.12.0.0/24" }
  name           = "subnet-${each.key}"
  description    = local.note
  zone           = "ru-central1-${each.key}"
  network_id     = yandex_vpc_network.this.id
  route_table_id = yandex_vpc_route_table.this.id
  v4_cidr_blocks = [each.value]
}

resource "yandex_vpc_address" "this" {
  name        = "address"
  description = local.note
  external_ipv4_address {
    zone_id = "ru-central1-a"
  }
}

resource "yandex_vpc_security_group" "this" {
  name       = "group"
  network_id = yandex_vpc_network.this.id
  labels     = local.labels
  ingress {
    protocol          = "TCP"
    description       = "API"
    port              = 443
    predefined_target = "self_security_group"
  }
  ingress {
    protocol       = "TCP"
    description    = "changing"
    port           = 8000 + var.revision
    v4_cidr_blocks = ["10.10.0.0/16"]
  }
  egress {
    protocol       = "ANY"
    description    = "out"
    from_port      = 0
    to_port        = 65535
    v4_cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "yandex_dns_zone" "this" {
  name             = "zone"
  zone             = "sentry.example.com."
  public           = false
  private_networks = [yandex_vpc_network.this.id]
  description      = local.note
}

resource "yandex_dns_recordset" "relative" {
  zone_id = yandex_dns_zone.this.id
  name    = "relative"
  type    = "A"
  ttl     = 200 + var.revision
  data    = [yandex_vpc_address.this.external_ipv4_address[0].address]
}

resource "yandex_dns_recordset" "absolute" {
  zone_id = yandex_dns_zone.this.id
  name    = "absolute.sentry.example.com."
  type    = "TXT"
  ttl     = 300
  data    = ["revision-${var.revision}"]
}

resource "yandex_kubernetes_cluster" "this" {
  name        = "cluster"
  description = local.note
  network_id  = yandex_vpc_network.this.id
  master {
    version = "1.33"
    master_location { # unlike `zonal`, the provider reads it back, so it can be imported
      zone      = yandex_vpc_subnet.this["a"].zone
      subnet_id = yandex_vpc_subnet.this["a"].id
    }
    public_ip          = true
    security_group_ids = [yandex_vpc_security_group.this.id]
  }
  service_account_id      = yandex_iam_service_account.cluster.id
  node_service_account_id = yandex_iam_service_account.cluster.id
  release_channel         = "REGULAR"
  depends_on              = [yandex_resourcemanager_folder_iam_member.needed]
}

resource "yandex_kubernetes_node_group" "this" {
  name        = "nodes"
  cluster_id  = yandex_kubernetes_cluster.this.id
  version     = "1.33"
  description = local.note
  instance_template {
    platform_id = "standard-v3"
    resources {
      cores  = 4
      memory = 8
    }
    boot_disk {
      type = "network-ssd"
      size = 64
    }
    network_interface {
      subnet_ids         = [yandex_vpc_subnet.this["a"].id]
      security_group_ids = [yandex_vpc_security_group.this.id]
      nat                = false
    }
  }
  scale_policy {
    fixed_scale {
      size = 1 + var.revision
    }
  }
  allocation_policy {
    location {
      zone = "ru-central1-a"
    }
  }
}

resource "yandex_mdb_kafka_cluster" "this" {
  name               = "kafka"
  description        = local.note
  environment        = "PRODUCTION"
  network_id         = yandex_vpc_network.this.id
  subnet_ids         = [for subnet in yandex_vpc_subnet.this : subnet.id]
  security_group_ids = [yandex_vpc_security_group.this.id]
  config {
    version          = "4.0"
    brokers_count    = 1
    zones            = ["ru-central1-a", "ru-central1-b", "ru-central1-d"]
    assign_public_ip = false
    kafka {
      resources {
        resource_preset_id = "s3-c2-m8"
        disk_type_id       = "network-ssd"
        disk_size          = 32
      }
      kafka_config {
        auto_create_topics_enable = false
        message_max_bytes         = 50000000 + var.revision
      }
    }
  }
}

resource "yandex_mdb_kafka_topic" "this" {
  cluster_id         = yandex_mdb_kafka_cluster.this.id
  name               = "events"
  partitions         = var.revision
  replication_factor = 3
  topic_config {
    cleanup_policy         = "CLEANUP_POLICY_COMPACT_AND_DELETE"
    min_insync_replicas    = 2
    max_message_bytes      = 15000000
    retention_ms           = 86400000 * var.revision
    message_timestamp_type = "MESSAGE_TIMESTAMP_TYPE_LOG_APPEND_TIME"
  }
}

resource "yandex_mdb_kafka_user" "this" {
  cluster_id = yandex_mdb_kafka_cluster.this.id
  name       = "sentry"
  password   = "${var.password}-${var.revision}"
  permission {
    topic_name = "*"
    role       = "ACCESS_ROLE_CONSUMER"
  }
}

resource "yandex_mdb_postgresql_cluster_v2" "this" {
  name               = "postgres"
  description        = local.note
  environment        = "PRODUCTION"
  network_id         = yandex_vpc_network.this.id
  security_group_ids = [yandex_vpc_security_group.this.id]
  hosts = {
    first  = { zone = "ru-central1-a", subnet_id = yandex_vpc_subnet.this["a"].id }
    second = { zone = "ru-central1-b", subnet_id = yandex_vpc_subnet.this["b"].id }
  }
  config {
    version = "17"
    resources {
      resource_preset_id = "s3-c2-m8"
      disk_type_id       = "network-ssd"
      disk_size          = 32
    }
    postgresql_config = {
      max_connections = 200 + var.revision
    }
  }
}

resource "yandex_mdb_postgresql_user" "this" {
  cluster_id        = yandex_mdb_postgresql_cluster_v2.this.id
  name              = "sentry"
  generate_password = true
  conn_limit        = 60 + var.revision
}

resource "yandex_mdb_postgresql_database" "this" {
  cluster_id = yandex_mdb_postgresql_cluster_v2.this.id
  name       = "sentry"
  owner      = yandex_mdb_postgresql_user.this.name
  extension {
    name = "citext"
  }
  dynamic "extension" {
    for_each = var.revision > 1 ? ["hstore"] : []
    content {
      name = extension.value
    }
  }
}

resource "yandex_mdb_redis_cluster_v2" "this" {
  name               = "valkey"
  description        = local.note
  environment        = "PRODUCTION"
  network_id         = yandex_vpc_network.this.id
  security_group_ids = [yandex_vpc_security_group.this.id]
  tls_enabled        = true
  announce_hostnames = true
  config = {
    version          = "8.1-valkey"
    password         = var.password
    maxmemory_policy = "VOLATILE_LRU"
    timeout          = 300 + var.revision
  }
  resources = {
    resource_preset_id = "hm3-c2-m8"
    disk_type_id       = "network-ssd"
    disk_size          = 16
  }
  hosts = {
    first = { zone = "ru-central1-a", subnet_id = yandex_vpc_subnet.this["a"].id }
  }
}

resource "yandex_mdb_redis_user" "this" {
  cluster_id = yandex_mdb_redis_cluster_v2.this.id
  name       = "reader"
  passwords  = [var.password]
  permissions = {
    commands   = "+get"
    categories = "-@all"
    patterns   = "~revision-${var.revision}*"
  }
}

resource "yandex_mdb_clickhouse_cluster_v2" "this" {
  name               = "clickhouse"
  description        = local.note
  environment        = "PRODUCTION"
  network_id         = yandex_vpc_network.this.id
  security_group_ids = [yandex_vpc_security_group.this.id]
  version            = "25.8"
  clickhouse = {
    resources = {
      resource_preset_id = "s3-c2-m8"
      disk_type_id       = "network-ssd"
      disk_size          = 32
    }
    config = {
      max_connections = 500 + var.revision
    }
  }
  hosts = {
    first = {
      type       = "CLICKHOUSE"
      zone       = "ru-central1-a"
      subnet_id  = yandex_vpc_subnet.this["a"].id
      shard_name = "shard1"
    }
  }
  shards = {
    shard1 = {}
  }
  maintenance_window {
    type = "ANYTIME"
  }
}

resource "yandex_mdb_clickhouse_database" "this" {
  cluster_id = yandex_mdb_clickhouse_cluster_v2.this.id
  name       = "sentry"
}

resource "yandex_mdb_clickhouse_user" "this" {
  cluster_id        = yandex_mdb_clickhouse_cluster_v2.this.id
  name              = "sentry"
  generate_password = true
  permission {
    database_name = yandex_mdb_clickhouse_database.this.name
  }
  settings {
    max_memory_usage_for_user = 1000000000 * var.revision
  }
}

resource "yandex_storage_bucket" "this" {
  bucket    = "kit-contract-test"
  folder_id = data.yandex_client_config.here.folder_id
  versioning {
    enabled = true
  }
  lifecycle_rule {
    id                                     = "uploads"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 6 + var.revision
  }
  anonymous_access_flags {
    read        = false
    list        = false
    config_read = false
  }
  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        kms_master_key_id = yandex_kms_symmetric_key.this.id
        sse_algorithm     = "aws:kms"
      }
    }
  }
  tags = local.labels
}

resource "yandex_storage_bucket_iam_binding" "this" {
  bucket  = yandex_storage_bucket.this.bucket
  role    = var.revision == 1 ? "storage.viewer" : "storage.editor"
  members = ["serviceAccount:${yandex_iam_service_account.storage.id}"]
}

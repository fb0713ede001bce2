# The same things as others still write them: clusters of the first generation, users, databases and topics inside them, buckets by static key.

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
  note = "revision ${var.revision}"
}

data "yandex_client_config" "here" {}

resource "yandex_iam_service_account" "storage" {
  name        = "storage"
  description = local.note
}

resource "yandex_resourcemanager_folder_iam_member" "storage" {
  folder_id = data.yandex_client_config.here.folder_id
  role      = "storage.admin"
  member    = "serviceAccount:${yandex_iam_service_account.storage.id}"
}

# What the cloud looks for when it makes the cluster.
resource "yandex_resourcemanager_folder_iam_member" "needed" {
  folder_id = data.yandex_client_config.here.folder_id
  role      = "k8s.clusters.agent"
  member    = "serviceAccount:${yandex_iam_service_account.storage.id}"
}

resource "yandex_iam_service_account_static_access_key" "storage" {
  service_account_id = yandex_iam_service_account.storage.id
  description        = "for the bucket"
}

resource "yandex_iam_service_account_key" "storage" {
  service_account_id = yandex_iam_service_account.storage.id
}

resource "yandex_storage_bucket" "this" {
  access_key = yandex_iam_service_account_static_access_key.storage.access_key
  secret_key = yandex_iam_service_account_static_access_key.storage.secret_key
  bucket     = "kit-contract-deprecated"
  depends_on = [yandex_resourcemanager_folder_iam_member.storage]
  lifecycle_rule {
    id      = "expire"
    enabled = true
    expiration {
      days = 29 + var.revision
    }
  }
}

resource "yandex_lockbox_secret" "this" {
  name        = "secret"
  description = local.note
}

resource "yandex_lockbox_secret_version_hashed" "this" {
  secret_id    = yandex_lockbox_secret.this.id
  key_1        = "word"
  text_value_1 = "word-${var.revision}"
}

resource "yandex_vpc_network" "this" {
  name        = "network"
  description = local.note
}

resource "yandex_vpc_subnet" "this" {
  name           = "subnet"
  zone           = "ru-central1-a"
  network_id     = yandex_vpc_network.this.id
  v4_cidr_blocks = var.revision == 1 ? ["10.20.0.0/24"] : ["10.20.0.0/24", "10.20.1.0/24"]
}

resource "yandex_vpc_subnet" "others" {
  for_each       = { b = "10.21.0.0/24", d = "10.22.0.0/24" }
  name           = "subnet-${each.key}"
  zone           = "ru-central1-${each.key}"
  network_id     = yandex_vpc_network.this.id
  v4_cidr_blocks = [each.value]
}

resource "yandex_vpc_default_security_group" "this" {
  network_id = yandex_vpc_network.this.id
  ingress {
    protocol          = "ANY"
    description       = local.note
    from_port         = 0
    to_port           = 65535
    predefined_target = "self_security_group"
  }
}

resource "yandex_vpc_security_group" "rules" {
  name       = "rules"
  network_id = yandex_vpc_network.this.id
}

resource "yandex_vpc_security_group_rule" "this" {
  security_group_binding = yandex_vpc_security_group.rules.id
  direction              = "ingress"
  description            = local.note
  v4_cidr_blocks         = ["10.20.0.0/16"]
  port                   = 5432
  protocol               = "TCP"
}

resource "yandex_kubernetes_cluster" "this" {
  name        = "cluster"
  description = local.note
  network_id  = yandex_vpc_network.this.id
  master {
    version = "1.33"
    regional {
      region = "ru-central1"
      location {
        zone      = "ru-central1-a"
        subnet_id = yandex_vpc_subnet.this.id
      }
      location {
        zone      = "ru-central1-b"
        subnet_id = yandex_vpc_subnet.others["b"].id
      }
      location {
        zone      = "ru-central1-d"
        subnet_id = yandex_vpc_subnet.others["d"].id
      }
    }
  }
  service_account_id      = yandex_iam_service_account.storage.id
  node_service_account_id = yandex_iam_service_account.storage.id
  depends_on              = [yandex_resourcemanager_folder_iam_member.needed]
}

resource "yandex_mdb_kafka_cluster" "this" {
  name        = "kafka"
  description = local.note
  network_id  = yandex_vpc_network.this.id
  subnet_ids  = [yandex_vpc_subnet.this.id]
  config {
    version       = "4.0"
    zones         = ["ru-central1-a"]
    brokers_count = 3
    kafka {
      resources {
        resource_preset_id = "s3-c2-m8"
        disk_type_id       = "network-ssd"
        disk_size          = 32
      }
      kafka_config {
        log_retention_hours = 24 + var.revision
      }
    }
  }
  topic {
    name               = "inline"
    partitions         = var.revision
    replication_factor = 1
  }
  user {
    name     = "inline"
    password = var.password
    permission {
      topic_name = "inline"
      role       = "ACCESS_ROLE_PRODUCER"
    }
  }
}

resource "yandex_mdb_clickhouse_cluster" "this" {
  name        = "clickhouse"
  description = local.note
  environment = "PRODUCTION"
  network_id  = yandex_vpc_network.this.id
  version     = "25.8"
  clickhouse {
    resources {
      resource_preset_id = "s3-c2-m8"
      disk_type_id       = "network-ssd"
      disk_size          = 32
    }
    config {
      max_connections = 400 + var.revision
    }
  }
  zookeeper {
    resources {
      resource_preset_id = "s3-c2-m8"
      disk_type_id       = "network-ssd"
      disk_size          = 16
    }
  }
  database {
    name = "inline"
  }
  user {
    name     = "inline"
    password = var.password
    permission {
      database_name = "inline"
    }
  }
  host {
    type      = "CLICKHOUSE"
    zone      = "ru-central1-a"
    subnet_id = yandex_vpc_subnet.this.id
  }
  dynamic "host" {
    for_each = { a = yandex_vpc_subnet.this.id, b = yandex_vpc_subnet.others["b"].id, d = yandex_vpc_subnet.others["d"].id }
    content {
      type      = "ZOOKEEPER"
      zone      = "ru-central1-${host.key}"
      subnet_id = host.value
    }
  }
}

resource "yandex_mdb_postgresql_cluster" "this" {
  name        = "postgres"
  description = local.note
  environment = "PRODUCTION"
  network_id  = yandex_vpc_network.this.id
  config {
    version = "16"
    resources {
      resource_preset_id = "s2.micro"
      disk_type_id       = "network-ssd"
      disk_size          = 32
    }
    postgresql_config = {
      max_connections = 300 + var.revision
    }
  }
  host {
    zone      = "ru-central1-a"
    subnet_id = yandex_vpc_subnet.this.id
  }
}

resource "yandex_mdb_postgresql_user" "this" {
  cluster_id = yandex_mdb_postgresql_cluster.this.id
  name       = "sentry"
  password   = "${var.password}-${var.revision}"
}

resource "yandex_mdb_postgresql_database" "this" {
  cluster_id = yandex_mdb_postgresql_cluster.this.id
  name       = "sentry"
  owner      = yandex_mdb_postgresql_user.this.name
}

resource "yandex_mdb_redis_cluster" "this" {
  name        = "redis"
  description = local.note
  environment = "PRODUCTION"
  network_id  = yandex_vpc_network.this.id
  tls_enabled = true
  config {
    version          = "8.1-valkey"
    password         = var.password
    maxmemory_policy = "VOLATILE_LRU"
    timeout          = 100 + var.revision
  }
  resources {
    resource_preset_id = "hm3-c2-m8"
    disk_type_id       = "network-ssd"
    disk_size          = 16
  }
  host {
    zone      = "ru-central1-a"
    subnet_id = yandex_vpc_subnet.this.id
  }
}

# Kubernetes: one master, or one in each of three zones; private nodes; an API that answers to named ranges or to none, by a public address or within the network.

resource "yandex_iam_service_account" "cluster" {
  name        = "${var.name_prefix}-k8s-cluster"
  description = "The cluster's own hands: nodes, disks, load balancers"
  folder_id   = local.folder_id
}

resource "yandex_iam_service_account" "nodes" {
  name        = "${var.name_prefix}-k8s-nodes"
  description = "What nodes are in IAM: they may pull images from this folder's registry, and nothing else"
  folder_id   = local.folder_id
}

locals {
  # What the service asks for and no more, no `editor`: nodes and disks; load balancers, whose addresses are public; and a public
  # address for the API only where it has one.
  cluster_roles = concat(["k8s.clusters.agent", "load-balancer.admin"], var.kubernetes_api.public ? ["vpc.publicAdmin"] : [])
  node_roles    = ["container-registry.images.puller"]
}

# IAM takes some seconds to know of a role; without the pause the cluster is refused.
resource "yandex_resourcemanager_folder_iam_member" "cluster" {
  for_each = toset(local.cluster_roles)

  folder_id   = local.folder_id
  role        = each.key
  member      = "serviceAccount:${yandex_iam_service_account.cluster.id}"
  sleep_after = var.iam_pause_s
}

resource "yandex_resourcemanager_folder_iam_member" "nodes" {
  for_each = toset(local.node_roles)

  folder_id   = local.folder_id
  role        = each.key
  member      = "serviceAccount:${yandex_iam_service_account.nodes.id}"
  sleep_after = var.iam_pause_s
}

# Kubernetes Secrets hold Sentry's passwords: they are encrypted in etcd.
resource "yandex_kms_symmetric_key" "kubernetes" {
  name                = "${var.name_prefix}-kubernetes"
  description         = "Encrypts the cluster's Secrets in etcd"
  default_algorithm   = "AES_256"
  rotation_period     = "8760h"
  deletion_protection = local.deletion_protection
  labels              = local.labels
}

resource "yandex_kms_symmetric_key_iam_member" "kubernetes" {
  symmetric_key_id = yandex_kms_symmetric_key.kubernetes.id
  role             = "kms.keys.encrypterDecrypter"
  member           = "serviceAccount:${yandex_iam_service_account.cluster.id}"
  sleep_after      = var.iam_pause_s
}

resource "yandex_kubernetes_cluster" "sentry" {
  name                     = var.name_prefix
  description              = "Runs Sentry"
  network_id               = yandex_vpc_network.sentry.id
  cluster_ipv4_range       = var.pod_cidr
  service_ipv4_range       = var.service_cidr
  service_account_id       = yandex_iam_service_account.cluster.id
  node_service_account_id  = yandex_iam_service_account.nodes.id
  release_channel          = "REGULAR"
  network_policy_provider  = "CALICO"
  node_ipv4_cidr_mask_size = 24
  labels                   = local.labels

  master {
    version            = var.kubernetes_version
    public_ip          = var.kubernetes_api.public
    security_group_ids = [yandex_vpc_security_group.kubernetes.id, yandex_vpc_security_group.kubernetes_api.id]

    dynamic "zonal" {
      for_each = length(local.zones) == 1 ? local.zones : []
      content {
        zone      = zonal.value
        subnet_id = yandex_vpc_subnet.nodes[zonal.value].id
      }
    }

    dynamic "regional" {
      for_each = length(local.zones) > 1 ? [var.region] : []
      content {
        region = regional.value

        dynamic "location" {
          for_each = local.zones
          content {
            zone      = location.value
            subnet_id = yandex_vpc_subnet.nodes[location.value].id
          }
        }
      }
    }

    dynamic "master_logging" {
      for_each = yandex_logging_group.kubernetes
      content {
        enabled                    = true
        log_group_id               = master_logging.value.id
        kube_apiserver_enabled     = true
        cluster_autoscaler_enabled = true
        events_enabled             = true
        audit_enabled              = true
      }
    }

    maintenance_policy {
      auto_upgrade = true

      maintenance_window {
        day        = local.maintenance_day
        start_time = local.maintenance_start
        duration   = "3h"
      }
    }
  }

  kms_provider {
    key_id = yandex_kms_symmetric_key.kubernetes.id
  }

  timeouts {
    create = "60m"
    update = "60m"
    delete = "60m"
  }

  lifecycle {
    # auto_upgrade raises it: `kubernetes_version` is the version to begin with, and no plan takes the service's own upgrade back.
    ignore_changes = [master[0].version]
  }

  # Otherwise `destroy` takes the rights away while the cluster still needs them to tidy up.
  depends_on = [
    yandex_resourcemanager_folder_iam_member.cluster,
    yandex_resourcemanager_folder_iam_member.nodes,
    yandex_resourcemanager_folder_iam_member.logs,
    yandex_kms_symmetric_key_iam_member.kubernetes,
  ]
}

locals {
  maintenance_day = {
    MON = "monday", TUE = "tuesday", WED = "wednesday", THU = "thursday", FRI = "friday", SAT = "saturday", SUN = "sunday"
  }[var.maintenance.day]
  nodes_grow        = local.size.nodes.max > local.size.nodes.min
  maintenance_start = format("%02d:00", var.maintenance.hour % 24)
}

# One group in each zone: a group that grows by itself lies in one zone, and a pod with a disk needs a node in the disk's own zone.
resource "yandex_kubernetes_node_group" "sentry" {
  # A group cannot change from a fixed number to one that grows, or back (Managed Kubernetes, node-group-create, read 2026-11-28): under the
  # other key there is another group, made beside the first.
  for_each = { for zone in local.zones : local.nodes_grow ? "${zone}-growing" : zone => zone }

  cluster_id  = yandex_kubernetes_cluster.sentry.id
  name        = "${var.name_prefix}-${each.key}"
  description = "Sentry's nodes in ${each.value}: no public addresses"
  version     = var.kubernetes_version
  labels      = local.labels
  node_labels = var.node_labels

  instance_template {
    platform_id = local.size.nodes.platform

    resources {
      cores         = local.size.nodes.cores
      memory        = local.size.nodes.memory
      core_fraction = local.size.nodes.core_fraction
    }

    boot_disk {
      type = local.size.nodes.disk_type
      size = local.size.nodes.disk_size
    }

    network_interface {
      nat                = false
      subnet_ids         = [yandex_vpc_subnet.nodes[each.value].id]
      security_group_ids = [yandex_vpc_security_group.kubernetes.id, yandex_vpc_security_group.ingress.id]
    }

    container_runtime {
      type = "containerd"
    }

    scheduling_policy {
      preemptible = local.size.nodes.preemptible
    }
  }

  scale_policy {
    dynamic "fixed_scale" {
      for_each = local.nodes_grow ? [] : [local.size.nodes]
      content {
        size = fixed_scale.value.min
      }
    }

    dynamic "auto_scale" {
      for_each = local.nodes_grow ? [local.size.nodes] : []
      content {
        min     = auto_scale.value.min
        initial = auto_scale.value.initial
        max     = auto_scale.value.max
      }
    }
  }

  allocation_policy {
    location {
      zone = each.value
    }
  }

  deploy_policy {
    max_expansion   = 1
    max_unavailable = 0
  }

  maintenance_policy {
    auto_upgrade = true
    auto_repair  = true

    maintenance_window {
      day        = local.maintenance_day
      start_time = local.maintenance_start
      duration   = "3h"
    }
  }

  # A node must be drained first, and the service takes as long as its pods' disruption budgets.
  timeouts {
    create = "60m"
    update = "120m"
    delete = "60m"
  }

  lifecycle {
    # As of the master.
    ignore_changes = [version]

    # Compute Cloud, concepts/disk, read 2026-11-28.
    precondition {
      condition     = contains(["network-hdd", "network-ssd"], local.size.nodes.disk_type) || local.size.nodes.disk_size % 93 == 0
      error_message = "Disks of ${local.size.nodes.disk_type} come in steps of 93 GB: nodes.disk_size ${local.size.nodes.disk_size} is none of them."
    }

    precondition {
      condition     = local.size.nodes.min <= local.size.nodes.initial && local.size.nodes.initial <= local.size.nodes.max
      error_message = "Nodes in each zone: min (${local.size.nodes.min}) is at most initial (${local.size.nodes.initial}), and that at most max (${local.size.nodes.max})."
    }
  }
}

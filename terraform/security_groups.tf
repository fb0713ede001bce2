# Who may talk to whom. Each store has a group of its own that lets in its TLS ports and nothing else, from nodes and pods alone;
# the plain-text ports (9092, 8123, 9000, 6379) and Sentinel's (26379, which answers without authentication) stay shut.

locals {
  store_ports = {
    kafka      = { 9091 = "Kafka, SASL over TLS" }
    clickhouse = { 8443 = "ClickHouse, HTTPS", 9440 = "ClickHouse, native protocol over TLS" }
    postgres   = { 6432 = "PostgreSQL over TLS, through the pooler" }
    redis      = { 6380 = "Valkey over TLS" }
  }

  # The node ports at which Sentry is reached through the load balancer, whatever answers there. They are fixed, so that two ports are
  # open and not the 2 768 that Kubernetes chooses from.
  door_node_ports = { https = 30443, http = 30080 }

  # The load balancer asks kube-proxy which nodes are well; where a Service keeps the callers' addresses (externalTrafficPolicy Local) it
  # asks that Service's own healthCheckNodePort which nodes have a pod. The sources are 198.18.235.0/24 and 198.18.248.0/24, named
  # loadbalancer_healthchecks: Managed Kubernetes, operations/connect/security-groups; the ports: Kubernetes, services, "Load balancer
  # health checks"; read 2026-11-28.
  health_check_ports = {
    "Health checks of kube-proxy"                        = 10256
    "Health checks of the Service (healthCheckNodePort)" = local.door_health_port
  }
  door_health_port = 30256

  # A pod's packets carry the pod's or the node's address, depending on how the cluster masquerades: both are ours.
  store_rules = {
    for store, ports in local.store_ports : store => [for port, what in ports : { port = tonumber(port), what = what }]
  }
}

resource "yandex_vpc_security_group" "stores" {
  for_each = local.store_rules

  name        = "${var.name_prefix}-${each.key}"
  description = "In: the TLS ports, from nodes and pods. Out: nothing but its own hosts"
  network_id  = yandex_vpc_network.sentry.id
  labels      = local.labels

  dynamic "ingress" {
    for_each = each.value
    content {
      protocol          = "TCP"
      description       = "${ingress.value.what}, from nodes"
      port              = ingress.value.port
      security_group_id = yandex_vpc_security_group.kubernetes.id
    }
  }

  dynamic "ingress" {
    for_each = each.value
    content {
      protocol       = "TCP"
      description    = "${ingress.value.what}, from pods"
      port           = ingress.value.port
      v4_cidr_blocks = [var.pod_cidr]
    }
  }

  ingress {
    protocol          = "ANY"
    description       = "Replication among this store's own hosts"
    from_port         = 0
    to_port           = 65535
    predefined_target = "self_security_group"
  }

  egress {
    protocol          = "ANY"
    description       = "Replication among this store's own hosts"
    from_port         = 0
    to_port           = 65535
    predefined_target = "self_security_group"
  }
}

resource "yandex_vpc_security_group" "kubernetes" {
  name        = "${var.name_prefix}-kubernetes"
  description = "Master and nodes: what a cluster needs among itself, the stores' TLS ports, and a few ports of the Internet"
  network_id  = yandex_vpc_network.sentry.id
  labels      = local.labels

  ingress {
    protocol          = "ANY"
    description       = "Master and nodes among themselves"
    from_port         = 0
    to_port           = 65535
    predefined_target = "self_security_group"
  }

  ingress {
    protocol       = "ANY"
    description    = "Pods and services"
    from_port      = 0
    to_port        = 65535
    v4_cidr_blocks = [var.pod_cidr, var.service_cidr]
  }

  egress {
    protocol          = "ANY"
    description       = "Master and nodes among themselves"
    from_port         = 0
    to_port           = 65535
    predefined_target = "self_security_group"
  }

  egress {
    protocol       = "ANY"
    description    = "Pods and services"
    from_port      = 0
    to_port        = 65535
    v4_cidr_blocks = [var.pod_cidr, var.service_cidr]
  }

  dynamic "egress" {
    for_each = merge(values(local.store_ports)...)
    content {
      protocol       = "TCP"
      description    = egress.value
      port           = tonumber(egress.key)
      v4_cidr_blocks = values(local.store_cidrs)
    }
  }

  dynamic "egress" {
    for_each = toset([for port in concat(var.egress_ports, var.mail == null ? [] : [var.mail.port]) : tostring(port)])
    content {
      protocol       = "TCP"
      description    = "The Internet on port ${egress.value}"
      port           = tonumber(egress.value)
      v4_cidr_blocks = ["0.0.0.0/0"]
    }
  }

  dynamic "egress" {
    for_each = toset(["TCP", "UDP"])
    content {
      protocol       = egress.value
      description    = "The network's own name servers"
      port           = 53
      v4_cidr_blocks = [var.network_cidr]
    }
  }

  egress {
    protocol       = "TCP"
    description    = "The metadata service, from which a node gets its identity"
    port           = 80
    v4_cidr_blocks = ["169.254.169.254/32"]
  }

  egress {
    protocol       = "UDP"
    description    = "Time"
    port           = 123
    v4_cidr_blocks = ["0.0.0.0/0"]
  }
}

# On the master only.
resource "yandex_vpc_security_group" "kubernetes_api" {
  name        = "${var.name_prefix}-kubernetes-api"
  description = "Who may call the Kubernetes API from outside the cluster"
  network_id  = yandex_vpc_network.sentry.id
  labels      = local.labels

  # By the public address, or by the internal one from a bastion, a VPN or another network: the same rule.
  dynamic "ingress" {
    for_each = length(var.kubernetes_api.cidrs) == 0 ? toset([]) : toset(["443", "6443"])
    content {
      protocol       = "TCP"
      description    = "The Kubernetes API"
      port           = tonumber(ingress.value)
      v4_cidr_blocks = var.kubernetes_api.cidrs
    }
  }

  # A regional master stands behind a load balancer of the service. Which port that one looks at is not documented, all are asked for:
  # Managed Kubernetes, operations/connect/security-groups, read 2026-11-28.
  ingress {
    protocol          = "TCP"
    description       = "Health checks of the master's own load balancer"
    from_port         = 0
    to_port           = 65535
    predefined_target = "loadbalancer_healthchecks"
  }
}

# On the nodes only. The load balancer keeps the caller's address, so the callers' ranges stand here.
resource "yandex_vpc_security_group" "ingress" {
  name        = "${var.name_prefix}-ingress"
  description = "Who may call Sentry through the load balancer"
  network_id  = yandex_vpc_network.sentry.id
  labels      = local.labels

  dynamic "ingress" {
    for_each = length(var.ingress_cidrs) == 0 ? {} : local.door_node_ports
    content {
      protocol       = "TCP"
      description    = "Sentry by ${upper(ingress.key)}, through the load balancer"
      port           = ingress.value
      v4_cidr_blocks = var.ingress_cidrs
    }
  }

  dynamic "ingress" {
    for_each = local.health_check_ports
    content {
      protocol          = "TCP"
      description       = ingress.key
      port              = ingress.value
      predefined_target = "loadbalancer_healthchecks"
    }
  }
}

# The network: in each zone one subnet for nodes, which reach the Internet through a NAT gateway, and one for stores, which have
# no way out and no way in but their security groups.

locals {
  # A /16 gives subnets of /20: 4 094 addresses, enough for any node group, and room for eight zones.
  node_cidrs  = { for index, zone in local.zones : zone => cidrsubnet(var.network_cidr, 4, index) }
  store_cidrs = { for index, zone in local.zones : zone => cidrsubnet(var.network_cidr, 4, index + 8) }

  # Two ranges overlap exactly when they are equal under the shorter of their masks.
  ranges      = { network_cidr = var.network_cidr, pod_cidr = var.pod_cidr, service_cidr = var.service_cidr }
  range_pairs = [["network_cidr", "pod_cidr"], ["network_cidr", "service_cidr"], ["pod_cidr", "service_cidr"]]
  overlaps = [
    for pair in local.range_pairs : join(" and ", pair)
    if length(distinct([
      for name in pair : cidrhost("${split("/", local.ranges[name])[0]}/${min([for each in pair : tonumber(split("/", local.ranges[each])[1])]...)}", 0)
    ])) == 1
  ]
}

resource "yandex_vpc_network" "sentry" {
  name        = var.name_prefix
  description = "Sentry: nodes and stores"
  labels      = local.labels

  lifecycle {
    precondition {
      condition     = length(local.overlaps) == 0
      error_message = "These address ranges overlap: ${join(", ", local.overlaps)}. Pods could then not tell a store from a pod."
    }

    precondition {
      condition     = length(local.zones) == local.sizes[var.size].zones
      error_message = "Size ${var.size} needs ${local.sizes[var.size].zones} zones, and `zones` names ${length(local.offered_zones)}."
    }
  }
}

resource "yandex_vpc_gateway" "nat" {
  name        = "${var.name_prefix}-nat"
  description = "The nodes' way to the Internet: they have no public addresses"
  labels      = local.labels

  shared_egress_gateway {}
}

resource "yandex_vpc_route_table" "nodes" {
  name        = "${var.name_prefix}-nodes"
  description = "Everything that is not in the network goes through the NAT gateway"
  network_id  = yandex_vpc_network.sentry.id
  labels      = local.labels

  static_route {
    destination_prefix = "0.0.0.0/0"
    gateway_id         = yandex_vpc_gateway.nat.id
  }
}

resource "yandex_vpc_subnet" "nodes" {
  for_each = local.node_cidrs

  name           = "${var.name_prefix}-nodes-${each.key}"
  description    = "Kubernetes: master and nodes"
  zone           = each.key
  network_id     = yandex_vpc_network.sentry.id
  v4_cidr_blocks = [each.value]
  route_table_id = yandex_vpc_route_table.nodes.id
  labels         = local.labels
}

resource "yandex_vpc_subnet" "stores" {
  for_each = local.store_cidrs

  name           = "${var.name_prefix}-stores-${each.key}"
  description    = "Managed databases and Kafka: no route to the Internet"
  zone           = each.key
  network_id     = yandex_vpc_network.sentry.id
  v4_cidr_blocks = [each.value]
  labels         = local.labels
}

# The address of the load balancer and the names that lead to it. Two zones, for two audiences: a public zone seen from everywhere
# is never attached to the network, and a private one answers inside the network even while the public delegation is not in place.

resource "yandex_vpc_address" "ingress" {
  name                = "${var.name_prefix}-ingress"
  description         = "Sentry's load balancer: give it to the Service as loadBalancerIP"
  deletion_protection = local.deletion_protection
  labels              = local.labels

  external_ipv4_address {
    zone_id = local.zones[0]
  }
}

resource "yandex_dns_zone" "public" {
  count = var.public_dns_zone_id == null ? 1 : 0

  name                = "${var.name_prefix}-public"
  description         = "Sentry's name as the Internet sees it"
  zone                = "${var.domain}."
  public              = true
  deletion_protection = local.deletion_protection
  labels              = local.labels
}

resource "yandex_dns_zone" "private" {
  name                = "${var.name_prefix}-private"
  description         = "Sentry's name as nodes and pods see it"
  zone                = "${var.domain}."
  public              = false
  private_networks    = [yandex_vpc_network.sentry.id]
  deletion_protection = local.deletion_protection
  labels              = local.labels
}

resource "yandex_dns_recordset" "sentry" {
  for_each = {
    public  = coalesce(var.public_dns_zone_id, one(yandex_dns_zone.public[*].id))
    private = yandex_dns_zone.private.id
  }

  zone_id = each.value
  name    = "${var.domain}."
  type    = "A"
  ttl     = 300
  data    = [yandex_vpc_address.ingress.external_ipv4_address[0].address]
}

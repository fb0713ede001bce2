# The certificate of Sentry's name. Certificate Manager issues it once the record below answers, and renews it by the same record. Its
# private key is never asked for here, for what Terraform reads is in its state: whoever installs Sentry fetches it from the service.

resource "yandex_cm_certificate" "door" {
  count = var.door == "front" ? 1 : 0

  name                = "${var.name_prefix}-door"
  description         = "HTTPS in front of Sentry"
  domains             = [var.domain]
  deletion_protection = local.deletion_protection
  labels              = local.labels

  managed {
    challenge_type = "DNS_CNAME"
  }

  # A certificate that is wanted anew is there before the one in use goes.
  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # By this form of the record every renewal is answered for: yandex-cloud/docs, certificate-manager/concepts/challenges.md#auto-cname.
  challenge = var.door != "front" ? null : {
    name  = "_acme-challenge.${var.domain}."
    value = "${yandex_cm_certificate.door[0].id}.${local.region.challenges}."
  }
}

resource "yandex_dns_recordset" "challenge" {
  count = var.door == "front" ? 1 : 0

  zone_id = coalesce(var.public_dns_zone_id, one(yandex_dns_zone.public[*].id))
  name    = local.challenge.name
  type    = "CNAME"
  ttl     = 300
  data    = [local.challenge.value]
}

# Where secrets lie. Six of eight never pass through Terraform: the two databases' passwords are made by the service (Connection
# Manager keeps them in Lockbox), the two buckets' keys, of two halves each, go straight into the Lockbox secrets below. The other two
# are variables: docs/terraform.md says why, and overrides/ how one of them leaves the state with a newer provider.

resource "yandex_lockbox_secret" "buckets" {
  for_each = toset(["filestore", "nodestore"])

  name                = "${var.name_prefix}-${each.key}"
  description         = "The static access key of the bucket ${each.key}: access-key, secret-key"
  deletion_protection = local.deletion_protection
  labels              = local.labels
}

locals {
  # An override that sends the password write-only says so here.
  redis_password_in_state = true
}

# A connection names the Lockbox secret that holds its password, and the key in it.
data "yandex_connectionmanager_connection" "postgres" {
  connection_id = one(yandex_mdb_postgresql_user.sentry.user_connection_manager[*].connection_id)
}

data "yandex_connectionmanager_connection" "clickhouse" {
  connection_id = yandex_mdb_clickhouse_user.sentry.connection_manager.connection_id
}

# One account per bucket, each with a role on its own bucket and its own encryption key and nowhere else: the filestore's key
# cannot read an event, the nodestore's cannot read a source map, and neither can administer anything in the folder. The buckets
# themselves are managed with the provider's own IAM token.

locals {
  buckets = {
    filestore = yandex_storage_bucket.filestore.bucket
    nodestore = yandex_storage_bucket.nodestore.bucket
  }
}

resource "yandex_kms_symmetric_key" "buckets" {
  for_each = toset(["filestore", "nodestore"])

  name                = "${var.name_prefix}-${each.key}"
  description         = "Encrypts the objects of the bucket ${each.key}"
  default_algorithm   = "AES_256"
  rotation_period     = "8760h"
  deletion_protection = local.deletion_protection
  labels              = local.labels
}

resource "yandex_iam_service_account" "buckets" {
  for_each = toset(["filestore", "nodestore"])

  name        = "${var.name_prefix}-${each.key}"
  description = "Sentry's access to its bucket ${each.key}"
  folder_id   = local.folder_id
}

# storage.editor on one bucket: read, write and delete objects. storage.uploader would do for writing, but cannot delete, and
# Sentry deletes.
resource "yandex_storage_bucket_iam_binding" "editors" {
  for_each = local.buckets

  bucket  = each.value
  role    = "storage.editor"
  members = ["serviceAccount:${yandex_iam_service_account.buckets[each.key].id}"]
}

# An encrypted bucket is only readable for who may use its key.
resource "yandex_kms_symmetric_key_iam_member" "buckets" {
  for_each = yandex_iam_service_account.buckets

  symmetric_key_id = yandex_kms_symmetric_key.buckets[each.key].id
  role             = "kms.keys.encrypterDecrypter"
  member           = "serviceAccount:${each.value.id}"
}

# Both halves of the key go to Lockbox and not into the state.
resource "yandex_iam_service_account_static_access_key" "buckets" {
  for_each = yandex_iam_service_account.buckets

  service_account_id = each.value.id
  description        = "Sentry's key for its bucket ${each.key}"

  output_to_lockbox {
    secret_id            = yandex_lockbox_secret.buckets[each.key].id
    entry_for_access_key = "access-key"
    entry_for_secret_key = "secret-key"
  }
}

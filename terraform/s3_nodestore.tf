# The nodestore: the bodies of events. They live exactly as long as Sentry keeps the events: an object that expires before its
# event is an issue whose events answer 404.

resource "yandex_storage_bucket" "nodestore" {
  bucket        = "${var.name_prefix}-nodestore-${local.bucket_suffix}"
  folder_id     = local.folder_id
  force_destroy = var.bucket_force_destroy
  tags          = local.labels

  default_storage_class = var.storage_class.nodestore

  anonymous_access_flags {
    read        = false
    list        = false
    config_read = false
  }

  # An event's body is written once and never again: a version would only be what Sentry itself, or the rule below, has deleted.
  versioning {
    enabled = false
  }

  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        kms_master_key_id = yandex_kms_symmetric_key.buckets["nodestore"].id
        sse_algorithm     = "aws:kms"
      }
    }
  }

  # Rules without a filter hold for every object. (A filter with an empty prefix says the same and never plans clean.)
  lifecycle_rule {
    id                                     = "abort-incomplete-uploads"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 7
  }

  lifecycle_rule {
    id      = "expire-with-the-events"
    enabled = true

    expiration {
      days = var.retention_days
    }
  }
}

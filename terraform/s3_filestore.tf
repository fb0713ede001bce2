# The filestore: debug files, source maps, attachments, avatars. Nothing in it is temporary, so nothing in it expires: Sentry
# deletes what it no longer needs, and a lifecycle rule that deletes by age would take source maps away from releases that still
# run.

resource "yandex_storage_bucket" "filestore" {
  bucket        = "${var.name_prefix}-filestore-${local.bucket_suffix}"
  folder_id     = local.folder_id
  force_destroy = var.bucket_force_destroy
  tags          = local.labels

  default_storage_class = var.storage_class.filestore

  anonymous_access_flags {
    read        = false
    list        = false
    config_read = false
  }

  versioning {
    enabled = true
  }

  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        kms_master_key_id = yandex_kms_symmetric_key.buckets["filestore"].id
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

  # What was deleted or overwritten can be brought back for a month; then it goes, or versioning would keep everything for ever.
  lifecycle_rule {
    id      = "forget-old-versions"
    enabled = true

    noncurrent_version_expiration {
      days = 30
    }
  }

  # What a deleted object leaves behind once its versions are gone. Without a rule these marks stay, and every listing reads them.
  lifecycle_rule {
    id      = "forget-delete-markers"
    enabled = true

    expiration {
      expired_object_delete_marker = true
    }
  }
}

# Which programs read this folder. One provider and nothing else: what needs Helm or the Kubernetes API runs after apply, for a
# provider that is configured from a resource of the same root cannot plan while that resource is being replaced.

terraform {
  # 1.11 brought write-only arguments, which overrides/ needs, and locking without a second service for state in Object Storage.
  required_version = ">= 1.11"

  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
      # The one that was run. Minor versions of this provider remove arguments, so that a newer one is a change to be tried.
      version = "~> 0.213.0"
    }
  }
}

# Credentials come from the environment alone (YC_TOKEN or YC_SERVICE_ACCOUNT_KEY_FILE), and so do the endpoints in the region whose
# they are by default: the same files run against the cloud and against the emulator. A null here leaves the variables of the
# environment in force (YC_FOLDER_ID, YC_CLOUD_ID, YC_ENDPOINT, YC_STORAGE_ENDPOINT_URL).
provider "yandex" {
  folder_id        = var.folder_id
  cloud_id         = var.cloud_id
  endpoint         = local.api_endpoint
  storage_endpoint = local.storage_endpoint
}

data "yandex_client_config" "current" {}

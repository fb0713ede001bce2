# Which programs read this folder. One provider and nothing else: what needs Helm or the Kubernetes API runs after apply, for a
# provider that is configured from a resource of the same root cannot plan while that resource is being replaced.

terraform {
  # 1.11 brought write-only arguments, which overrides/ needs, and locking without a second service for state in Object Storage.
  required_version = ">= 1.11"

  required_providers {
    yandex = {
      source = "yandex-cloud/yandex"
      # 0.213: everything below, no deprecated argument. Below 1.0: the provider removes arguments in minor versions, a major one
      # will remove more.
      version = ">= 0.213, < 1.0"
    }
  }
}

# Endpoint and credentials come from the environment alone (YC_TOKEN or YC_SERVICE_ACCOUNT_KEY_FILE, YC_ENDPOINT, …), so that the
# same files run against the cloud and against the emulator. A null here leaves YC_FOLDER_ID and YC_CLOUD_ID in force.
provider "yandex" {
  folder_id = var.folder_id
  cloud_id  = var.cloud_id
}

data "yandex_client_config" "current" {}

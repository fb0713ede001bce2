# No provider and no resource: `apply` computes outputs and touches nothing. Runs with terraform and OpenTofu alike.
terraform {
  required_version = ">= 1.9"
}

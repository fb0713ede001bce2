//go:build tools

// Package tools pins the Yandex Cloud provider for Terraform: the newest release whose modules every public Go proxy serves.
package tools

import _ "github.com/yandex-cloud/terraform-provider-yandex"

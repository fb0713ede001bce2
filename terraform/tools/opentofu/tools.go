//go:build tools

// Package tools pins OpenTofu, for computers without terraform. A module of our own, because `go install` can neither follow its one
// `replace` nor set the version that it prints.
package tools

import _ "github.com/opentofu/opentofu/cmd/tofu"

//go:build tools

// Package tools pins Helm. A module of our own, because `go install` cannot set the version that Helm prints and that charts read.
package tools

import _ "helm.sh/helm/v3/cmd/helm"

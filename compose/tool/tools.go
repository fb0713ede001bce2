//go:build tools

// Package tools pins Docker Compose. Its own go.mod has `replace` lines, so `go install …@version` is refused:
// this module requires it instead, and go.sum is the pin.
package tools

import _ "github.com/docker/compose/v2/cmd"

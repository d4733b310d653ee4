// Package scripts holds example CGI programs: short, commented, meant to be copied. Each is run by a test.
//
// Those whose names begin with "error-" are broken on purpose, to show what gatewayd makes of it.
package scripts

import "embed"

// FS has the programs by name. An embedded file has no mode, so whoever writes one out decides who may execute it.
//
//go:embed *.sh *.pl *.py
var FS embed.FS

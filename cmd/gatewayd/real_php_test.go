package main

import (
	"fmt"
	"testing"
)

// phpWay is a way to run PHP.
type phpWay struct {
	name  string
	serve func(t *testing.T, dir, root string) *served // dir/root is served as /*
}

func phpWays() []phpWay {
	connect := func(network string) func(*testing.T, string, string) *served {
		return func(t *testing.T, dir, root string) *served {
			f := startFPM(t, network, "")
			return serveReal(t, dir, fmt.Sprintf(`
admin: off
routes:
  "/*": { php: { root: ./%s, connect: %q } }
`, root, f.address))
		}
	}
	return []phpWay{
		{"own", func(t *testing.T, dir, root string) *served {
			return serveReal(t, dir, fmt.Sprintf(`
admin: off
user: www-data
routes:
  "/*": { php: ./%s }
`, root))
		}},
		{"fpm, unix", connect("unix")},
		{"fpm, tcp", connect("tcp")},
	}
}

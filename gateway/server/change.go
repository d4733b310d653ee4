package server

import (
	"fmt"
	"reflect"
	"strings"

	"gatewayd/gateway/config"
)

// describe says in one line what is different between two generations.
func describe(previous, next *Generation) string {
	parts := []string{}
	if previous != nil {
		added, removed, changed := diffRoutes(routesByKey(previous.Config), routesByKey(next.Config))
		for _, c := range []struct {
			format string
			n      int
		}{{"+%d", added}, {"-%d", removed}, {"%d changed", changed}} {
			if c.n > 0 {
				parts = append(parts, fmt.Sprintf(c.format, c.n))
			}
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("generation %d", next.Number)
	}
	return fmt.Sprintf("generation %d: routes %s", next.Number, strings.Join(parts, ", "))
}

func routesByKey(c *config.Config) map[string]config.Route {
	routes := map[string]config.Route{}
	for _, s := range c.Sites {
		for _, r := range s.Routes {
			r.Pos = config.Pos{} // a route that only moved in the file has not changed
			routes[s.Key+" "+r.Pattern] = r
		}
	}
	return routes
}

func diffRoutes(before, after map[string]config.Route) (added, removed, changed int) {
	for key, route := range after {
		old, ok := before[key]
		switch {
		case !ok:
			added++
		case !reflect.DeepEqual(old, route):
			changed++
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			removed++
		}
	}
	return added, removed, changed
}

package static

import (
	"gatewayd/gateway/config"
	"gatewayd/gateway/docroot"
)

// FromConfig returns the Handler of a route. The caller closes it.
func FromConfig(c *config.Static) *Handler {
	return New(Options{
		Root:          docroot.New(c.Root, docroot.Options{Hidden: c.Hidden, Symlinks: c.Symlinks == "any"}),
		Index:         c.Index,
		Browse:        c.Browse,
		Precompressed: c.Precompressed,
		CacheControl:  c.CacheControl,
	})
}

package script

import "gatewayd/gateway/cgispec"

// A Resolver finds what a request runs. prefix is the route's prefix (SCRIPT_NAME begins with it), rest the path below
// it: "" or starting with "/", canonical as gateway.Request.Path is. Errors are *gateway.Error with status 403 or 404 (500 or
// 503 where the file system itself fails).
// Safe for concurrent use.
type Resolver interface {
	Resolve(prefix, rest string) (Target, error)
}

// Target is what Resolve found: exactly one of a script to run, a file to serve and a slash to add.
type Target struct {
	Kind   Kind
	Script cgispec.Script // Run: what to run. Filename is absolute
	Static string         // Serve: the file's path below the root, slash-separated, relative
}

// Kind says what a Target is.
type Kind int

// The kinds of Target.
const (
	Run      Kind = iota + 1 // run Target.Script
	Serve                    // an existing file below root that is no script: serve Target.Static as it is
	AddSlash                 // a directory asked for without its slash: redirect (301)
)

var _, _, _ Resolver = (*Program)(nil), (*Dir)(nil), (*Root)(nil)

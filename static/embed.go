// Package static holds the welcome page of the demo: what a gatewayd without a config serves.
//
// index.html is an html/template; style.css, live.js and the files below files/ are served as they are.
package static

import "embed"

// FS has the page and its files, by path below this folder.
//
//go:embed index.html style.css live.js favicon.svg files
var FS embed.FS

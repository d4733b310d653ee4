// Package config is the file format: strict decoding into plain structs, defaults, inheritance, every problem at once
// with its place, its key path and a suggestion. It imports nothing of gatewayd and knows no code that the config
// configures.
//
// The way of a file: parse.go makes YAML nodes of the text, and plain sentences of syntax errors. decode.go walks the
// nodes along the tables, which are the tags of the raw structs in raw.go; each kind of value reads itself (values.go,
// maps.go, command.go, address.go, connect.go, prefixes.go, accounts.go, limits.go, auth.go, errorpages.go, routes.go),
// and the raw structs check what concerns several keys (handlers.go, tree.go, fastcgi.go, php.go, routes.go). levels.go
// merges the three levels, build.go makes the Config. The JSON Schema and the reference are made from the same tables, so
// a key is added in one place: raw.go. preset.go goes the other way: it writes what php stands for.
package config

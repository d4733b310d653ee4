package config

import (
	"reflect"
	"slices"
	"strings"
)

// marks is embedded in raw structs that want something: a problem that was reported of a key in them may be why it
// is missing, and one mistake should be one problem.
type marks struct{ excused bool }

func (m *marks) excuse() { m.excused = true }

// tableOf is the table of the raw struct that into points to.
func (l *loader) tableOf(into any) *table { return l.table(reflect.TypeOf(into).Elem()) }

// isPresent says whether the file has the key f in the struct that into points to.
func isPresent(into any, f *field) bool {
	v := reflect.ValueOf(into).Elem().FieldByIndex(f.index)
	if v.Kind() == reflect.Pointer {
		return !v.IsNil()
	}
	lf, ok := v.Addr().Interface().(leaf)
	return ok && lf.isGiven()
}

func leafOf(into any, f *field) leaf {
	return reflect.ValueOf(into).Elem().FieldByIndex(f.index).Addr().Interface().(leaf)
}

// notYet reports a key of the contract that does not work in this version.
func (l *loader) notYet(v reflect.Value, f *field, p place) {
	v.Addr().Interface().(leaf).mark(p)
	if f.key == "connect" {
		l.errorAtKey(p, "%s", f.notYet)
		return
	}
	l.errorAtKey(p, "%s is not in this version yet; %s", f.key, f.notYet)
}

// ignored says whether a key is one that means nothing to anybody: x-* at the top level.
func (l *loader) ignored(tab *table, key string) bool {
	return tab.typ == reflect.TypeFor[rawConfig]() && strings.HasPrefix(key, "x-")
}

// unknownKey reports a key that tab does not have, with the word or the place that was probably meant.
func (l *loader) unknownKey(tab *table, v reflect.Value, key string, p place) {
	meant := nearest(key, tab.keys())
	elsewhere := l.elsewhere(key)
	isRoute := tab.typ == reflect.TypeFor[rawRoute]()
	excuse := func() {
		if m, ok := v.Addr().Interface().(interface{ excuse() }); ok {
			m.excuse()
		}
	}
	switch {
	case isRoute && slices.Contains(laterHandlers(), key):
		excuse()
		l.errorAtKey(p, "%s is not a handler of this version; there are static, cgi, redirect and respond", key)
	case synonym(key) != "" && tab.byKey[synonym(key)] != nil:
		excuse()
		l.errorAtKey(p, "%s is not known here; did you mean %s?", quote(key), quote(synonym(key)))
	case len(elsewhere) > 0:
		excuse()
		l.errorAtKey(p, "%s does not belong here; it goes %s", key, oneOf(elsewhere))
	case strings.HasPrefix(key, "x-"):
		l.errorAtKey(p, "%s is not known here; keys that begin with x- go at the top level", quote(key))
	case strings.HasPrefix(key, "/") && tab.byKey["routes"] != nil:
		excuse()
		l.errorAtKey(p, "%s is not known here; patterns go under routes", quote(key))
	case meant != "":
		if f := tab.byKey[meant]; f.handler || f.key == "routes" || f.key == "sites" || len(tab.fields) < 12 {
			excuse()
		}
		l.errorAtKey(p, "%s is not known here; did you mean %s?", quote(key), quote(meant))
	case len(tab.keys()) <= 12:
		l.errorAtKey(p, "%s is not known here; there are %s", quote(key), strings.Join(tab.keys(), ", "))
	default:
		l.errorAtKey(p, "%s is not known here", quote(key))
	}
}

// laterHandlers are handlers that other versions have.
func laterHandlers() []string { return []string{"proxy", "scgi", "uwsgi", "wsgi", "asgi", "node"} }

// synonym is our word for what other programs call it.
func synonym(key string) string {
	switch key {
	case "environment", "env_vars", "setenv":
		return "env"
	case "env_file", "passenv":
		return "pass_env"
	case "port", "bind", "address", "addr", "listeners":
		return "listen"
	case "cwd", "chdir", "workdir", "working_directory", "working_dir":
		return "dir"
	case "script", "cgi-bin", "exec", "program", "command":
		return "cgi"
	case "files", "file_server", "directory", "alias":
		return "static"
	case "return", "answer":
		return "respond"
	case "location", "locations", "paths", "handlers":
		return "routes"
	case "hosts", "vhosts", "servers", "server", "virtual_hosts":
		return "sites"
	case "client_max_body_size", "max_body_size", "body_limit":
		return "max_body"
	case "autoindex", "listing":
		return "browse"
	case "logging", "logs":
		return "log"
	case "tmp", "temp_dir", "tmpdir", "tempdir":
		return "temp"
	case "url", "target":
		return "to"
	case "code":
		return "status"
	case "text", "content":
		return "body"
	case "extensions", "suffix":
		return "ext"
	}
	return ""
}

// elsewhere says in which places a key is known: "inside log", "beside the handler".
func (l *loader) elsewhere(key string) []string {
	if l.homes == nil {
		l.homes = placesOfKeys(l)
	}
	return l.homes[key]
}

func placesOfKeys(l *loader) map[string][]string {
	words := map[string][]string{}
	add := func(t reflect.Type, phrase string, when func(*field) bool) {
		for _, f := range l.table(t).fields {
			if f.foreign == "" && when(f) && !slices.Contains(words[f.key], phrase) {
				words[f.key] = append(words[f.key], phrase)
			}
		}
	}
	all := func(*field) bool { return true }
	add(reflect.TypeFor[rawConfig](), "at the top level", func(f *field) bool { return !f.inherited && f.key != "routes" })
	add(reflect.TypeFor[rawConfig](), "at the top level or in a site", func(f *field) bool { return f.key == "routes" })
	add(reflect.TypeFor[rawOptions](), "beside the handler", all)
	add(reflect.TypeFor[rawRoute](), "in a route", func(f *field) bool { return f.handler })
	add(reflect.TypeFor[rawLog](), "inside log", all)
	add(reflect.TypeFor[rawHTTP](), "inside http", func(f *field) bool { return f.key != "idle_timeout" })
	add(reflect.TypeFor[rawHeaders](), "inside headers", all)
	add(reflect.TypeFor[rawStatic](), "inside static", all)
	add(reflect.TypeFor[rawCGI](), "inside cgi", func(f *field) bool { return f.notYet == "" })
	add(reflect.TypeFor[rawRedirect](), "inside redirect", all)
	add(reflect.TypeFor[rawRespond](), "inside respond", all)
	return words
}

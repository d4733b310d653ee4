package config

import (
	"fmt"
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
	if l.full() {
		return
	}
	why, meant := l.guess(tab, key)
	l.errorAtKey(p, "%s", why)
	if m, ok := v.Addr().Interface().(interface{ excuse() }); ok && isMain(meant) {
		m.excuse()
	}
}

// isMain says whether a mapping may have to have the key.
func isMain(key string) bool {
	switch key {
	case "routes", "sites", "static", "cgi", "redirect", "respond", "fastcgi", "php", "root", "run", "connect", "ext", "to", "basic":
		return true
	}
	return false
}

// guess is the sentence about an unknown key, and the key that was probably meant.
func (l *loader) guess(tab *table, key string) (why, meant string) {
	near := nearest(key, tab.known())
	other := synonym(tab, key)
	ours, form := otherForm(tab, key)
	joined, value := runTogether(tab, key)
	homes := l.elsewhere(key)
	isRoute := tab.typ == reflect.TypeFor[rawRoute]()
	switch {
	case isRoute && slices.Contains(laterHandlers(), key):
		return key + " is not a handler of this version; there are " + l.oneOfHandlers(), "cgi"
	case joined != "":
		return fmt.Sprintf("%s has no colon with a blank after it; did you mean %s?", quote(key), quote(joined+": "+value)), joined
	case form != "":
		return fmt.Sprintf("%s is not known here; write %s", quote(key), form), ours
	case other != "":
		return fmt.Sprintf("%s is not known here; did you mean %s?", quote(key), quote(other)), other
	case len(homes) > 0:
		why := key + " does not belong here; it goes " + joinHomes(homes)
		switch {
		case isRoute && slices.ContainsFunc(homes, l.insideHandler):
			return why, "cgi"
		case tab.byKey["routes"] != nil && slices.Contains(homes, inRoute):
			return why + `: write routes: { "/*": { ` + key + ": " + handlerExample(key) + " } }", "routes"
		}
		return why, ""
	case strings.HasPrefix(key, "x-"):
		return quote(key) + " is not known here; keys that begin with x- go at the top level", ""
	case strings.HasPrefix(key, "/") && tab.byKey["routes"] != nil:
		return quote(key) + " is not known here; patterns go under routes", "routes"
	case near != "":
		return fmt.Sprintf("%s is not known here; did you mean %s?", quote(key), quote(near)), near
	case len(tab.keys()) <= 12:
		return fmt.Sprintf("%s is not known here; there are %s", quote(key), strings.Join(tab.keys(), ", ")), ""
	}
	return quote(key) + " is not known here", ""
}

// runTogether takes a key apart that holds its value, too: "static ./public", "static:./public". YAML ends a key only
// at a colon with a blank after it.
func runTogether(tab *table, key string) (word, value string) {
	i := strings.IndexAny(key, ": ")
	if i <= 0 || strings.Trim(key[i:], ": ") == "" {
		return "", ""
	}
	word, value = key[:i], strings.TrimLeft(key[i:], ": ")
	if !slices.Contains(tab.known(), word) {
		word = nearest(word, tab.known())
	}
	return word, value
}

const (
	inRoute = "in a route"
	insideA = "inside "
)

// joinHomes says "inside" once.
func joinHomes(homes []string) string {
	homes = slices.Clone(homes)
	for i := 1; i < len(homes); i++ {
		if strings.HasPrefix(homes[i-1], insideA) || !strings.Contains(homes[i-1], " ") {
			homes[i] = strings.TrimPrefix(homes[i], insideA)
		}
	}
	return oneOf(homes)
}

func (l *loader) insideHandler(home string) bool {
	word, ok := strings.CutPrefix(home, insideA)
	return ok && slices.Contains(l.handlers(), word)
}

// laterHandlers are handlers that other versions have.
func laterHandlers() []string { return []string{"proxy", "scgi", "uwsgi", "asgi", "node"} }

// synonym is the key of tab for what other programs call key, "" if it has none.
func synonym(tab *table, key string) string {
	if lower := lowerASCII(key); tab.has(lower) {
		return lower
	}
	for _, words := range []string{
		"env environment env_vars setenv",
		"pass_env passenv env_inherit",
		"listen port bind address addr listeners",
		"dir cwd chdir workdir working_directory working_dir",
		"cgi script cgi-bin exec program command",
		"fastcgi fcgi fast_cgi fast-cgi fastcgi_pass fcgi_pass fcgid fcgiwrap spawn-fcgi",
		"run script exec program command path bin bin-path bin_path binary executable cmd",
		"connect socket server servers upstream upstreams address addresses addr host pass fastcgi_pass listen port backend backends url",
		"workers processes procs children max_children pm.max_children max_procs max-procs num_workers instances php_fcgi_children fcgidmaxprocesses",
		"concurrency threads multiplex max_concurrency",
		"connect_timeout fastcgi_connect_timeout dial_timeout",
		"keepalive keep_alive keep_conn fastcgi_keep_conn",
		"index directory_index directoryindex fastcgi_index",
		"fallback try_files front_controller fallbackresource fallback_resource",
		"worker_root remote_root script_root container_root chroot",
		"sendfile x_sendfile x-sendfile xsendfile x_accel_redirect",
		"static files file_server directory alias",
		"root directory path dir docroot document_root",
		"respond return answer",
		"routes location locations paths handlers",
		"sites hosts vhosts servers server virtual_hosts",
		"max_body client_max_body_size max_body_size body_limit limitrequestbody",
		"max_running limit_conn max_conn maxconn max_connections max_clients max_children pm.max_children limitinstances",
		"queue max_queue queue_length",
		"priority nice niceness process.priority",
		"allow whitelist allowlist ipallowlist allow_from allowed_ips listen.allowed_clients",
		"deny blacklist denylist blocklist deny_from block",
		"buffer proxy_request_buffering fastcgi_request_buffering scgi_request_buffering request_buffering",
		"trusted_proxies set_real_ip_from remoteiptrustedproxy remoteipinternalproxy trust_proxy proxies",
		"browse autoindex listing",
		"log logging logs",
		"output file path",
		"access access_log accesslog customlog log_format logformat",
		"output error_log errorlog",
		"temp tmp temp_dir tmpdir tempdir client_body_temp_path",
		"to url target location",
		"status code",
		"body text content",
		"ext extensions suffix split split_path fastcgi_split_path_info",
		"set add",
		"remove del delete unset",
		"cpu cputime cpu_time cpu_seconds rlimitcpu",
		"memory mem as address_space vmem rlimitmem",
		"files nofile nofiles open_files descriptors fds",
		"processes nproc procs tasks rlimitnproc",
		"core coredump core_size",
		"max size length limit depth",
		"wait timeout max_wait",
		"basic file htpasswd users userfile user_file auth_basic_user_file authuserfile",
		"realm name title auth_basic authname",
	} {
		ours, theirs, _ := strings.Cut(words, " ")
		if tab.has(ours) && slices.Contains(strings.Fields(theirs), lowerASCII(key)) {
			return ours
		}
	}
	return ""
}

// otherForm is what to write in tab for what other programs say with key alone, and the key in it; "" if that is nothing.
func otherForm(tab *table, key string) (ours, form string) {
	for _, f := range []struct{ ours, theirs, form string }{
		{"user", "group gid suexec suexecusergroup run_as runas uid username", "user: NAME, or user: NAME:GROUP"},
		{"rlimits", "rlimitcpu limitcpu cpulimit", "rlimits: { cpu: 10s }"},
		{"rlimits", "rlimitmem limitas limitmem memory_limit", "rlimits: { memory: 512MiB }"},
		{"rlimits", "rlimit_files limitnofile nofile", "rlimits: { files: 256 }"},
		{"rlimits", "rlimitnproc limitnproc nproc", "rlimits: { processes: 64 }, together with user"},
		{"rlimits", "rlimit_core limitcore coredumpdirectory", "rlimits: { core: off }"},
		{"auth", "auth_basic_user_file authuserfile authtype htpasswd basic_auth basicauth", "auth: { basic: ./users.htpasswd }"},
		{"auth", "auth_basic authname", "auth: { basic: ./users.htpasswd, realm: TEXT }"},
		{"auth", "require satisfy", "auth: { basic: ./users.htpasswd }, allow: [10.0.0.0/8], or both"},
		{"error_pages", "error_page errordocument errordocuments handle_errors", "error_pages: { 404: ./404.html, 5xx: ./sorry.html }"},
		{"php", "php-fpm php_fpm phpfpm fpm php_fastcgi php-fastcgi php_pass", `php: { root: ./DIRECTORY, connect: "unix:/run/php/php-fpm.sock" }`},
		{"php", "php-cgi php_cgi phpcgi php5 php7 php8", "php: ./DIRECTORY"},
		{"fastcgi", "try_files front_controller fallbackresource", "fallback: /index.php inside fastcgi or php"},
		{"fastcgi", "fastcgi_index directoryindex", "index: [index.php] inside fastcgi or php"},
		{"fastcgi", "fastcgi_split_path_info split_path", "ext: [.php] inside fastcgi: what follows such a file is PATH_INFO"},
		{"env", "fastcgi_param fastcgi_params param params", "env: { NAME: value }"},
		{"pass_env", "fastcgi_read_timeout fastcgi_send_timeout proxy_read_timeout read_timeout", "idle_timeout: 60s"},
		{"workers", "fastcgi_read_timeout fastcgi_send_timeout read_timeout send_timeout", "idle_timeout: 60s beside the handler"},
		{"workers", "fastcgi_param fastcgi_params param params variables", "env: { NAME: value } beside the handler"},
		{"workers", "min max min_workers max_workers start_servers min_spare_servers max_spare_servers", "workers: 4, which is all there are"},
		{"workers", "max_requests pm.max_requests php_fcgi_max_requests", "env: { PHP_FCGI_MAX_REQUESTS: 500 } beside the handler"},
		{"workers", "ini php_ini php.ini php_value php_admin_value php_flag php_admin_flag memory_limit upload_max_filesize post_max_size", "run: [php-cgi, -d, NAME=VALUE]"},
		{"workers", "version php_version", "run: [php-cgi8.4]"},
		{"listen", "access_log accesslog customlog", "log: { access_output: FILE }"},
		{"listen", "error_log errorlog", "log: { output: FILE }"},
		{"listen", "log_format logformat", "log: { access: combined }, or text or json"},
	} {
		if tab.has(f.ours) && slices.Contains(strings.Fields(f.theirs), lowerASCII(key)) {
			return f.ours, f.form
		}
	}
	return "", ""
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
	add(reflect.TypeFor[rawRoute](), inRoute, func(f *field) bool { return f.handler })
	add(reflect.TypeFor[rawLog](), "inside log", all)
	add(reflect.TypeFor[rawHTTP](), "inside http", func(f *field) bool { return f.key != "idle_timeout" })
	add(reflect.TypeFor[rawHeaders](), "inside headers", all)
	add(reflect.TypeFor[rawRlimits](), "inside rlimits", all)
	add(reflect.TypeFor[rawQueue](), "inside queue", all)
	add(reflect.TypeFor[rawAuth](), "inside auth", all)
	add(reflect.TypeFor[rawStatic](), "inside static", all)
	add(reflect.TypeFor[rawCGI](), "inside cgi", func(f *field) bool { return f.notYet == "" })
	add(reflect.TypeFor[rawFastCGI](), "inside fastcgi", all)
	add(reflect.TypeFor[rawPHP](), "inside php", all)
	add(reflect.TypeFor[rawWSGI](), "inside wsgi", all)
	add(reflect.TypeFor[rawRedirect](), "inside redirect", all)
	add(reflect.TypeFor[rawRespond](), "inside respond", all)
	return words
}

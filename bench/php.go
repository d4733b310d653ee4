package main

import (
	"path/filepath"

	"gatewayd/gateway/loadclient"
)

// phpWorkload is a page of PHP behind php-fpm.
func phpWorkload() workload {
	return workload{
		name:    "php-fpm",
		about:   "A page that says hello, by php-fpm with static children and Debian's settings of PHP (opcache on). Below, for comparison, php-cgi workers that gatewayd starts itself.",
		ask:     loadclient.Request{Target: "/hello.php", Want: loadclient.Want{Body: []byte("hello\n")}},
		files:   map[string]file{"www/hello.php": {text: "<?php\necho \"hello\\n\";\n"}},
		servers: phpServers(),
	}
}

func phpServers() []spec {
	const script = "fastcgi_param SCRIPT_FILENAME $DIR/www$fastcgi_script_name;\n"
	const route = `  "/*": { fastcgi: { connect: "unix:$SOCKET", root: $DIR/www, ext: [.php], keepalive: `
	outside := []spec{
		gatewayd("gatewayd", accessOff, route+"0 } }\n"),
		gatewayd("gatewayd, keepalive", accessOff, route+"$CLIENTS } }\n"),
		nginx("nginx", 1, "", script+"fastcgi_pass unix:$SOCKET;\n"),
		nginx("nginx, two processes", 2, "", script+"fastcgi_pass unix:$SOCKET;\n"),
		nginxKeeping("nginx, keepalive", 1, script),
		nginxKeeping("nginx, keepalive, two processes", 2, script),
		lighttpd("lighttpd", serverProcesses, `server.modules = ("mod_fastcgi")
fastcgi.server = (".php" => (("socket" => "$SOCKET")))
`),
		apache("Apache mod_proxy_fcgi", serverProcesses, apacheProxy+`<Proxy "fcgi://app/" enablereuse=on max=$CLIENTS>
</Proxy>
<FilesMatch "\.php$">
	SetHandler "proxy:unix:$SOCKET|fcgi://app/"
</FilesMatch>
`),
		h2o("h2o", serverProcesses, "file.dir: $DIR/www\nfile.custom-handler:\n  extension: .php\n"+indent(1, h2oConnect)),
		caddy("Caddy", "reverse_proxy unix/$SOCKET {\n  transport fastcgi {\n    root $DIR/www\n    split .php\n  }\n}\n"),
	}
	for i := range outside {
		outside[i].app = []string{phpFPM(), "--nodaemonize", "--fpm-config", "$APPCONF"}
		outside[i].appConf = fpmConf
	}
	own := gatewayd("gatewayd, own php-cgi workers", accessOff, `  "/*": { php: { root: $DIR/www, workers: $WORKERS } }`+"\n")
	own.family = "" // another PHP
	return append(outside, own)
}

// fpmConf has the user that a master run by root needs.
const fpmConf = `[global]
error_log = $DIR/$NAME-fpm.log
[www]
user = www-data
group = www-data
listen = $SOCKET
listen.mode = 0666
pm = static
pm.max_children = $WORKERS
`

// phpFPM is named for its version.
func phpFPM() string {
	found, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(found) == 0 {
		return "php-fpm"
	}
	return found[len(found)-1]
}

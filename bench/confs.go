package main

import (
	"fmt"
	"strings"
)

// What is the same in every configuration of a server: connections of clients are kept, nothing is logged but errors.

func gatewayd(name, log, routes string) spec {
	return spec{
		name:    name,
		family:  "gatewayd",
		version: []string{"$BIN/gatewayd", "version"},
		command: []string{"$BIN/gatewayd", "run", "-c", "$CONF"},
		conf: `listen: "127.0.0.1:$PORT"
admin: off
log: ` + log + `
routes:
` + routes,
	}
}

// nginx has processes of one thread each; http and location are lines to add.
func nginx(name string, processes int, http, location string) spec {
	return spec{
		name:    name,
		family:  "nginx",
		version: []string{"nginx", "-v"},
		command: []string{"nginx", "-c", "$CONF", "-p", "$DIR", "-e", "$DIR/$NAME.log"},
		conf: `daemon off;
worker_processes ` + fmt.Sprint(processes) + `;
pid $DIR/$NAME.pid;
error_log $DIR/$NAME.log crit;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_timeout 60;
  keepalive_requests 1000000000;
  client_body_temp_path $DIR/$NAME-body;
  proxy_temp_path $DIR/$NAME-proxy;
  fastcgi_temp_path $DIR/$NAME-fastcgi;
  uwsgi_temp_path $DIR/$NAME-uwsgi;
  scgi_temp_path $DIR/$NAME-scgi;
` + indent(1, http) + `	server {
    listen 127.0.0.1:$PORT;
    location / {
      include /etc/nginx/fastcgi_params;
` + indent(3, location) + `		}
  }
}
`,
	}
}

func lighttpd(name string, processes int, lines string) spec {
	return spec{
		name:    name,
		family:  "lighttpd",
		version: []string{"lighttpd", "-v"},
		command: []string{"lighttpd", "-D", "-f", "$CONF"},
		conf: `server.bind = "127.0.0.1"
server.port = $PORT
server.document-root = "$DIR/www"
server.errorlog = "$DIR/$NAME.log"
server.upload-dirs = ("$DIR")
server.max-worker = ` + fmt.Sprint(processes) + `
server.max-keep-alive-requests = 32767
server.max-keep-alive-idle = 60
` + lines,
	}
}

// apache has processes of 25 threads each.
func apache(name string, processes int, lines string) spec {
	return spec{
		name:    name,
		family:  "Apache",
		version: []string{"apache2", "-v"},
		command: []string{"apache2", "-D", "FOREGROUND", "-f", "$CONF"},
		conf: `ServerRoot $DIR
ServerName localhost
DefaultRuntimeDir $DIR
PidFile $DIR/$NAME.pid
ErrorLog $DIR/$NAME.log
LogLevel error
Listen 127.0.0.1:$PORT
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
User www-data
Group www-data
StartServers ` + fmt.Sprint(processes) + `
ServerLimit ` + fmt.Sprint(processes) + `
ThreadsPerChild 25
MaxRequestWorkers ` + fmt.Sprint(25*processes) + `
MaxSpareThreads ` + fmt.Sprint(25*processes) + `
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
DocumentRoot $DIR/www
<Directory $DIR>
	AllowOverride None
	Require all granted
</Directory>
` + lines,
	}
}

func h2o(name string, threads int, lines string) spec {
	return spec{
		name:    name,
		family:  "h2o",
		version: []string{"h2o", "--version"},
		command: []string{"h2o", "-m", "worker", "-c", "$CONF"},
		conf: `listen: { host: 127.0.0.1, port: $PORT }
num-threads: ` + fmt.Sprint(threads) + `
error-log: $DIR/$NAME.log
http1-request-timeout: 60
hosts:
  default:
    paths:
      "/":
` + indent(4, lines),
	}
}

func caddy(name, lines string) spec {
	return spec{
		name:    name,
		family:  "Caddy",
		version: []string{"caddy", "version"},
		command: []string{"caddy", "run", "--config", "$CONF", "--adapter", "caddyfile"},
		env:     []string{"HOME=$DIR", "XDG_DATA_HOME=$DIR", "XDG_CONFIG_HOME=$DIR"},
		conf: `{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
http://127.0.0.1:$PORT {
` + indent(1, lines) + `}
`,
	}
}

// indent puts two spaces for each level of depth before each line.
func indent(depth int, lines string) string {
	if lines == "" {
		return ""
	}
	tab := strings.Repeat("  ", depth)
	return tab + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+tab) + "\n"
}

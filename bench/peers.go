package main

import (
	"fmt"
	"runtime"
	"strings"
)

// specs are the servers, each at the settings that suit it best: a worker for each CPU, connections kept, no log.
func (b *bench) specs() []spec {
	gatewayd := func(name, log string) spec {
		return spec{
			name:     name,
			version:  []string{"$DIR/gatewayd", "version"},
			commands: [][]string{{"$DIR/gatewayd", "run", "-c", "$CONF"}},
			conf: `listen: "127.0.0.1:$PORT"
admin: off
log: ` + log + `
routes:
  "/cgi-bin/*": { cgi: $DIR/cgi-bin }
`,
		}
	}
	return []spec{
		gatewayd("gatewayd", "{ access: off }"),
		gatewayd("gatewayd with access log", "{ access_output: $DIR/access.log }"),
		b.lighttpd(),
		b.apache(),
		b.nginx(),
	}
}

func (b *bench) lighttpd() spec {
	return spec{
		name:     "lighttpd mod_cgi",
		version:  []string{"lighttpd", "-v"},
		commands: [][]string{{"lighttpd", "-D", "-f", "$CONF"}},
		conf: perCPU(`server.bind = "127.0.0.1"
server.port = $PORT
server.document-root = "$DIR"
server.errorlog = "$DIR/lighttpd.log"
server.upload-dirs = ("$DIR")
server.max-worker = $CPUS
server.max-keep-alive-requests = 32767
server.max-keep-alive-idle = 60
server.modules = ("mod_cgi")
cgi.assign = ("" => "")
`),
	}
}

func (b *bench) apache() spec {
	return spec{
		name:     "Apache mod_cgid",
		version:  []string{"apache2", "-v"},
		commands: [][]string{{"apache2", "-D", "FOREGROUND", "-f", "$CONF"}},
		env:      []string{"LD_PRELOAD=$DIR/reap.so"},
		conf: perCPU(`ServerRoot $DIR
ServerName localhost
DefaultRuntimeDir $DIR
PidFile $DIR/apache.pid
ErrorLog $DIR/apache.log
LogLevel error
Listen 127.0.0.1:$PORT
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
User www-data
Group www-data
StartServers $CPUS
ServerLimit $CPUS
ThreadsPerChild 25
MaxRequestWorkers ` + fmt.Sprint(25*runtime.NumCPU()) + `
MaxSpareThreads ` + fmt.Sprint(25*runtime.NumCPU()) + `
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ScriptSock $DIR/cgid.sock
ScriptAlias /cgi-bin/ $DIR/cgi-bin/
<Directory $DIR/cgi-bin>
	AllowOverride None
	Require all granted
</Directory>
`),
	}
}

func (b *bench) nginx() spec {
	return spec{
		name:    "nginx + fcgiwrap",
		version: []string{"nginx", "-v"},
		commands: [][]string{
			{"sh", "-c", fmt.Sprintf("umask 0; exec fcgiwrap -c %d -s unix:$DIR/fcgiwrap.sock", b.clients)},
			{"nginx", "-c", "$CONF", "-p", "$DIR", "-e", "$DIR/nginx.log"},
		},
		env: []string{"LD_PRELOAD=$DIR/reap.so"},
		conf: `daemon off;
worker_processes auto;
pid $DIR/nginx.pid;
error_log $DIR/nginx.log crit;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_timeout 60;
	keepalive_requests 1000000000;
	client_body_temp_path $DIR/nginx-body;
	proxy_temp_path $DIR/nginx-proxy;
	fastcgi_temp_path $DIR/nginx-fastcgi;
	uwsgi_temp_path $DIR/nginx-uwsgi;
	scgi_temp_path $DIR/nginx-scgi;
	server {
		listen 127.0.0.1:$PORT;
		location /cgi-bin/ {
			include /etc/nginx/fastcgi_params;
			fastcgi_param SCRIPT_FILENAME $DIR$fastcgi_script_name;
			fastcgi_pass unix:$DIR/fcgiwrap.sock;
		}
	}
}
`,
	}
}

func perCPU(conf string) string {
	return strings.ReplaceAll(conf, "$CPUS", fmt.Sprint(runtime.NumCPU()))
}

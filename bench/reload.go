package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"gatewayd/gateway/loadclient"
)

// The files and the application of all servers answer with this much.
const reloadBytes = 1 << 10

// roundField is a field of every answer: its value tells which configuration the server has.
const roundField = "X-Round"

// reloadWorkload is what clients ask while configurations change: a file, and a FastCGI application that all servers
// share.
func reloadWorkload() workload {
	return workload{
		name:    "reload",
		ask:     loadclient.Request{Target: "/static/file", Want: reloadWant()},
		files:   map[string]file{"www/static/file": {text: strings.Repeat("x", reloadBytes)}},
		servers: reloadServers(),
	}
}

func reloadWant() loadclient.Want {
	return loadclient.Want{Body: bytes.Repeat([]byte("x"), reloadBytes)}
}

// reloadAsks are the requests of each client, one after the other.
func reloadAsks() []loadclient.Request {
	return []loadclient.Request{{Target: "/static/file", Want: reloadWant()}, {Target: "/app/hello", Want: reloadWant()}}
}

// reloadServers are at the settings that suit each best for reloads. $ROUND is another each time.
func reloadServers() []spec {
	all := slices.Concat(reloadingGatewayd(), []spec{reloadingNginx(), reloadingCaddy(), reloadingLighttpd(), reloadingApache()})
	for i := range all {
		if strings.Contains(all[i].conf, "$SOCKET") {
			all[i].app = []string{"$BIN/fcgi_hello", fmt.Sprint(reloadBytes), "$SOCKET", "$WORKERS"}
		}
	}
	return all
}

func reloadingGatewayd() []spec {
	const (
		files   = `  "/static/*": { static: $DIR/www/static }` + "\n"
		connect = `  "/app/*": { fastcgi: { connect: "unix:$SOCKET", keepalive: $CLIENTS } }` + "\n"
		own     = `  "/app/*": { fastcgi: { run: [$BIN/fcgi_hello, "1024"], workers: $CLIENTS }, env: { ROUND: "$ROUND" } }` + "\n"
	)
	with := func(name, routes string, reload []string) spec {
		s := gatewayd(name, accessOff, files+routes)
		s.conf = strings.Replace(s.conf, "admin: off", "admin: unix:$DIR/$NAME.admin\nheaders: { set: { X-Round: $ROUND } }", 1)
		s.reload = reload
		return s
	}
	command := []string{"$BIN/gatewayd", "reload", "--socket", "$DIR/$NAME.admin"}
	return []spec{
		with("gatewayd, the file is saved", connect, nil),
		with("gatewayd reload", connect, command),
		with("gatewayd reload, new workers each time", own, command),
	}
}

func reloadingNginx() spec {
	s := nginxKeeping("nginx -s reload", serverProcesses, "add_header X-Round $ROUND;\nlocation /static/ {\n  root $DIR/www;\n}\n")
	s.reload = []string{"nginx", "-c", "$CONF", "-p", "$DIR", "-e", "$DIR/$NAME.log", "-s", "reload"}
	return s
}

func reloadingCaddy() spec {
	s := caddy("caddy reload", `header X-Round $ROUND
handle /app/* {
  reverse_proxy unix/$SOCKET {
    transport fastcgi
  }
}
handle {
  root * $DIR/www
  file_server
}
`)
	s.conf = strings.Replace(s.conf, "admin off", "admin unix/$DIR/caddy.admin", 1)
	s.reload = []string{"caddy", "reload", "--config", "$CONF", "--adapter", "caddyfile", "--address", "unix/$DIR/caddy.admin"}
	return s
}

// reloadingLighttpd hands its listeners on; that works without worker processes, and with a path to start again by.
func reloadingLighttpd() spec {
	s := lighttpd("lighttpd, SIGUSR1", 0, `server.modules = ("mod_fastcgi", "mod_setenv")
server.feature-flags += ("server.graceful-restart-bg" => "enable")
server.systemd-socket-activation = "enable"
setenv.add-response-header = ("X-Round" => "$ROUND")
fastcgi.server = ("/app/" => (("socket" => "$SOCKET", "check-local" => "disable")))
`)
	s.command[0] = "/usr/sbin/lighttpd"
	s.reloadBy = syscall.SIGUSR1
	return s
}

// reloadingApache has room for processes that end slowly beside the new ones.
func reloadingApache() spec {
	s := apache("Apache, graceful", serverProcesses, apacheProxy+`LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
Header set X-Round $ROUND
ProxyPass /app/ "unix:$SOCKET|fcgi://app/" enablereuse=on max=$CLIENTS
`)
	s.conf = strings.Replace(s.conf, "\nServerLimit "+fmt.Sprint(serverProcesses), "\nServerLimit 16", 1)
	s.reloadBy = syscall.SIGUSR1
	return s
}

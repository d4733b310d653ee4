package main

import (
	"bytes"
	"fmt"
	"slices"

	"gatewayd/gateway/loadclient"
)

// serverProcesses are those of each server, or its threads. nginx, whose processes are of one thread each, is measured with one
// too: the client and the workers need the processors as well.
const serverProcesses = 2

// fastcgiSuite compares how fast servers pass on what a FastCGI application answers. A worker by libfcgi and a child of
// php-fpm serve one connection until it is closed. A server that keeps connections without keeping count of workers, each
// of its processes for itself, could let a request wait for a worker whose connection another process keeps. So there are
// as many workers as processes times clients.
func fastcgiSuite() suite {
	return suite{
		title:    "Benchmarks",
		intro:    fastcgiIntro,
		method:   fastcgiMethod,
		alt:      "Bars: requests per second of each server, for answers of 1 KiB and 1 MiB and for PHP. The tables below have the same figures.",
		base:     "nginx",
		relative: "of nginx's",
		by:       rateOf,
		columns:  []column{rateColumn, relativeColumn, ownColumn, cpuColumn, p50Column, p99Column},
		goals: []goal{
			{workload: "1 KiB", least: 0.8, over: []string{"nginx"}},
			{workload: "1 KiB", least: 1, over: []string{"lighttpd", "Apache", "h2o", "Caddy"}},
			{workload: "1 MiB", least: 1.2, over: []string{"nginx"}},
			{workload: "php-fpm", least: 0.95, over: []string{"nginx"}},
		},
		workloads: []workload{
			helloWorkload("1 KiB", "A worker by libfcgi answers with 1 KiB.", "fcgi_hello", 1<<10),
			helloWorkload("1 MiB", "A worker by libfcgi answers with 1 MiB, in records of 8 KiB.", "fcgi_hello", 1<<20),
			leanWorkload(),
			phpWorkload(),
		},
	}
}

const fastcgiIntro = `How many requests a FastCGI application answers behind gatewayd and behind other servers. ` + "`make bench`" + ` installs
the servers (Debian, as root), runs this and writes this part of the page.
`

const fastcgiMethod = `
- Each round visits all servers one after the other, beginning with another one each time. A ratio is the median of the
  ratios of the rounds, to that variant of nginx which has the highest median.
- The load is wrk's, in one thread over loopback TCP. Our own client (gateway/loadclient) asks as well, at the start of each
  visit; it compares every byte of every answer. One wrong answer, or one error that wrk counts, makes all figures of the
  server void. The latencies are our own client's.
- Client, server and workers share the processors: what a server saves, the others use. The CPU time is that of the server
  and its workers together.
- Every server has the same number of workers, a unix socket to them, no access log, and the settings in
  [bench/fastcgi.go](../bench/fastcgi.go) and [bench/php.go](../bench/php.go). nginx, h2o, Apache's mod_proxy_fcgi and gatewayd
  keep connections to the workers; lighttpd, Caddy and Apache's mod_fcgid cannot.
- A worker by libfcgi, and a child of php-fpm, serve one connection until that is closed. nginx, h2o and mod_proxy_fcgi do
  not keep count of that: each of their processes may keep as many connections as there are clients. With fewer workers than
  that, requests of one process wait for workers that another one keeps. So there are twice as many workers as clients.
`

// helloWorkload has a worker in C that answers with size bytes.
func helloWorkload(name, about, program string, size int) workload {
	return workload{
		name:    name,
		about:   about,
		ask:     loadclient.Request{Target: "/hello", Want: loadclient.Want{Body: bytes.Repeat([]byte("x"), size)}},
		files:   map[string]file{"www/hello": {}}, // mod_fcgid wants a file
		servers: helloServers("$BIN/"+program, fmt.Sprint(size)),
	}
}

// leanWorkload shows more of the servers that matter for 1 MiB: the worker takes less of the processors' time.
func leanWorkload() workload {
	w := helloWorkload("1 MiB, lean worker", "A worker without libfcgi answers with 1 MiB, in records of 32 KiB written at once: less of the time is the worker's.", "fcgi_lean", 1<<20)
	w.servers = slices.DeleteFunc(w.servers, func(s spec) bool { return s.family != "gatewayd" && s.family != "nginx" })
	return w
}

func helloServers(program, size string) []spec {
	own := gatewayd("gatewayd", accessOff, fmt.Sprintf(`  "/*": { fastcgi: { run: [%s, "%s"], workers: $WORKERS } }`, program, size)+"\n")
	outside := []spec{
		gatewayd("gatewayd, connect", accessOff, `  "/*": { fastcgi: { connect: "unix:$SOCKET", keepalive: $CLIENTS } }`+"\n"),
		nginxKeeping("nginx, buffering", 1, nginxBuffers),
		nginxKeeping("nginx, buffering, two processes", 2, nginxBuffers),
		nginxKeeping("nginx, not buffering", 1, nginxBuffers+"fastcgi_buffering off;\n"),
		nginxKeeping("nginx, not buffering, two processes", 2, nginxBuffers+"fastcgi_buffering off;\n"),
		lighttpd("lighttpd", serverProcesses, `server.modules = ("mod_fastcgi")
fastcgi.server = ("/" => (("socket" => "$SOCKET", "check-local" => "disable")))
`),
		apache("Apache mod_proxy_fcgi", serverProcesses, apacheProxy+`ProxyPass / "unix:$SOCKET|fcgi://app/" enablereuse=on max=$CLIENTS`+"\n"),
		h2o("h2o", serverProcesses, h2oConnect),
		caddy("Caddy", "reverse_proxy unix/$SOCKET {\n  transport fastcgi\n}\n"),
	}
	for i := range outside {
		outside[i].app = []string{program, size, "$SOCKET", "$WORKERS"}
	}
	return slices.Concat([]spec{own}, outside, []spec{apache("Apache mod_fcgid", serverProcesses, apacheOwn(program, size))})
}

const (
	accessOff = "{ access: off }"
	// nginxBuffers hold an answer whole.
	nginxBuffers = `fastcgi_buffer_size 64k;
fastcgi_buffers 18 64k;
fastcgi_busy_buffers_size 128k;
fastcgi_max_temp_file_size 0;
`
	apacheProxy = `LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
`
	h2oConnect = `fastcgi.connect: { port: $SOCKET, type: unix }
fastcgi.timeout.keepalive: 60000
`
)

// apacheOwn has workers that Apache starts itself. It does not keep connections to them.
func apacheOwn(program, size string) string {
	return fmt.Sprintf(`LoadModule fcgid_module /usr/lib/apache2/modules/mod_fcgid.so
FcgidIPCDir $DIR/$NAME-ipc
FcgidProcessTableFile $DIR/$NAME-shm
FcgidMaxProcesses $WORKERS
FcgidMaxProcessesPerClass $WORKERS
FcgidMinProcessesPerClass $WORKERS
FcgidMaxRequestsPerProcess 0
FcgidOutputBufferSize 65536
<Location />
	SetHandler fcgid-script
	Options +ExecCGI
	FcgidWrapper "%s %s" virtual
</Location>
`, program, size)
}

// nginxKeeping keeps connections to workers.
func nginxKeeping(name string, processes int, location string) spec {
	return nginx(name, processes, `upstream app {
  server unix:$SOCKET;
  keepalive $CLIENTS;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
}
`, location+"fastcgi_pass app;\nfastcgi_keep_conn on;\n")
}

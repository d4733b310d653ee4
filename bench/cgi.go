package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"gatewayd/gateway/loadclient"
)

// cgiSuite measures processor time, user and system, of the server and of every process it starts. The same program is
// there twice: as the compiler links it, and static, which starts much faster: then what the server adds shows most.
func cgiSuite() suite {
	s := suite{base: loopFamily, relative: "of the loop's", by: cpuOf, columns: []column{cpuColumn, relativeColumn, rateColumn, p50Column, p99Column}}
	for _, link := range []string{"dynamic", "static"} {
		program := "hello-" + link
		s.workloads = append(s.workloads, workload{
			name:    "A " + link + "ally linked program",
			ask:     loadclient.Request{Target: "/cgi-bin/hello", Want: loadclient.Want{Body: []byte("hello\n")}},
			files:   map[string]file{"www/cgi-bin/hello": {copy: program}},
			servers: cgiServers(program),
		})
	}
	return s
}

// cgiServers are at the settings that suit each best: a worker for each CPU.
func cgiServers(program string) []spec {
	const routes = `  "/cgi-bin/*": { cgi: $DIR/www/cgi-bin }` + "\n"
	reaping := []string{"LD_PRELOAD=$BIN/reap.so"}

	fcgiwrap := nginx("nginx + fcgiwrap", runtime.NumCPU(), "", `fastcgi_param SCRIPT_FILENAME $DIR/www$fastcgi_script_name;
fastcgi_pass unix:$SOCKET;
`)
	fcgiwrap.app = []string{"sh", "-c", "umask 0; exec fcgiwrap -c $CLIENTS -s unix:$SOCKET"}
	fcgiwrap.env = reaping

	cgid := apache("Apache mod_cgid", runtime.NumCPU(), `LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
ScriptSock $DIR/cgid.sock
ScriptAlias /cgi-bin/ $DIR/www/cgi-bin/
`)
	cgid.env = reaping

	return []spec{
		{name: "posix_spawn loop in C, two at once", family: loopFamily, measure: func(b *bench, dir string) (sample, error) {
			return spawnLoop(b, filepath.Join(dir, "www", "cgi-bin", "hello"))
		}},
		gatewayd("gatewayd", "{ access: off }", routes),
		gatewayd("gatewayd with access log", "{ access_output: $DIR/access.log }", routes),
		lighttpd("lighttpd mod_cgi", runtime.NumCPU(), `server.modules = ("mod_cgi")
cgi.assign = ("" => "")
`),
		cgid,
		fcgiwrap,
	}
}

const (
	loopFamily = "loop"
	loopRuns   = 2000 // in each second of load
)

func spawnLoop(b *bench, program string) (s sample, err error) {
	out, err := exec.Command(filepath.Join(b.dir, "spawnloop"), fmt.Sprint(int(loopRuns*b.time.Seconds())), program).Output()
	if err != nil {
		return s, fmt.Errorf("spawnloop: %w", err)
	}
	var runs, seconds, cpu float64
	if _, err := fmt.Sscan(string(out), &runs, &seconds, &cpu); err != nil {
		return s, fmt.Errorf("spawnloop: %q: %w", out, err)
	}
	return sample{cpu: time.Duration(cpu / runs * 1e9), rate: runs / seconds}, nil
}

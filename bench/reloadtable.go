package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"gatewayd/gateway/loadclient"
)

// reloads is how often each server reads another configuration.
const reloads = 20

const reloadIntro = `## Reloads under load

What clients notice while a server reads %d other configurations, one every %v. ` + "`make bench-reload`" + ` installs the servers
(Debian, as root), runs this and writes this section.

`

const reloadMethod = `
- One server after the other, %d CPUs, Linux %s. Our own client (gateway/loadclient) sends %d requests a second over %d kept
  connections and %d over as many fresh ones, in turn for a file of 1 KiB and to a FastCGI application that answers with as
  much. It compares every byte of every answer, and repeats nothing.
- Each configuration sets another value of a field of every answer: *seen* is how many of the %d a client has had answers from.
- *reset*: the connection ended before the answer began, most often one that was kept and that the server closed while the
  next request was on its way. *dropped*: kept connections that the server closed between two requests, and that the client saw
  in time: no failure here, but one for a client that is less lucky.
- *stall* is the longest time without any answer, over all kept or over all fresh connections, *slowest* the longest that
  a request took; *calm* is the longest stall in the second before.
- The settings are in [bench/reload.go](../bench/reload.go): those that suit each server best for this.
`

// reload runs everything and writes the table.
func (b *bench) reload(report string) error {
	all, err := b.shakeAll(reloadWorkload(), reloads)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(reloadIntro, reloads, reloadEvery) + reloadTable(all) +
		fmt.Sprintf(reloadMethod, runtime.NumCPU(), kernel(), keptRate, b.clients, freshRate, reloads)
	fmt.Print(text)
	if report == "" {
		return nil
	}
	return writeSection(report, "reload", text)
}

// kindsOfFailure are the columns of the table that tell how requests failed; the last has what is left.
var kindsOfFailure = []struct {
	title string
	kinds []loadclient.Failure
}{
	{"connect", []loadclient.Failure{loadclient.Connect}},
	{"reset", []loadclient.Failure{loadclient.Reset}},
	{"timeout", []loadclient.Failure{loadclient.Timeout}},
	{"status", []loadclient.Failure{loadclient.Status}},
	{"cut or other", []loadclient.Failure{loadclient.Length, loadclient.Content, loadclient.Malformed}},
}

func reloadTable(all []*shaken) string {
	var t strings.Builder
	t.WriteString("| server | version | seen | requests | failed |")
	for _, k := range kindsOfFailure {
		fmt.Fprintf(&t, " %s |", k.title)
	}
	t.WriteString(" dropped | stall, kept | stall, fresh | slowest | calm |\n|---|---|" + strings.Repeat("--:|", 8+len(kindsOfFailure)) + "\n")
	for _, s := range all {
		t.WriteString(s.row())
	}
	return t.String()
}

func (s *shaken) row() string {
	var t strings.Builder
	sum := loadclient.Sum(s.kept, s.fresh)
	fmt.Fprintf(&t, "| %s | %s | %d | %d | **%d** |", s.name, s.released, s.seen, sum.Requests, sum.Failures())
	for _, k := range kindsOfFailure {
		n := 0
		for _, kind := range k.kinds {
			n += sum.Failed[kind]
		}
		fmt.Fprintf(&t, " %d |", n)
	}
	fmt.Fprintf(&t, " %d |", sum.Dropped)
	for _, d := range []time.Duration{s.kept.Stall, s.fresh.Stall, sum.Latency(1), s.calm.Stall} {
		fmt.Fprintf(&t, " %d ms |", (d + 500*time.Microsecond).Milliseconds())
	}
	if s.failed != nil {
		fmt.Fprintln(os.Stderr, s.name+":", s.failed)
	}
	return t.String() + "\n"
}

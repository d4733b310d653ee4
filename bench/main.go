// Command bench measures gatewayd beside other servers, in turns, every answer checked; what is printed are medians.
// scripts/bench.sh installs and builds what it needs.
//
//	bench cgi      what a CGI request costs, beside a loop in C that does nothing but run the same program
//	bench fastcgi  how many requests a FastCGI application answers behind each server
//	bench reload   what requests fail, and wait, while the configuration of each server changes
//
//	main.go        flags
//	suite.go       what is measured: workloads, and the servers to compare
//	cgi.go         that of CGI
//	fastcgi.go     that of FastCGI
//	php.go         and of PHP
//	reload.go      that of reloads
//	shake.go       how they are measured
//	reloadtable.go and told
//	section.go     the result's place in a file
//	confs.go       what is the same in every configuration of a server
//	peer.go        one server: started, ready, ended
//	rounds.go      the rounds
//	drive.go       load on one server: by our own client, which checks every answer, and by wrk
//	proctime.go    the processor time of a tree of processes
//	others.go      what other programs used meanwhile
//	figures.go     medians and ratios
//	goals.go       what was to be reached
//	report.go      the result as Markdown
//	plot.go        the result as a picture
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	dir     string // holds the programs; each workload gets a folder in it
	rounds  int
	clients int           // at once
	time    time.Duration // of load by wrk, or without it by our own client, on each server in each round
	wrk     bool
	only    *regexp.Regexp // of "workload: server": who is measured; nil: all
}

func main() {
	log.SetFlags(0)
	var b bench
	var report string
	flag.StringVar(&b.dir, "dir", "", "absolute directory with the programs that scripts/bench.sh builds")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds")
	flag.IntVar(&b.clients, "clients", 8, "clients at once")
	flag.DurationVar(&b.time, "time", 2*time.Second, "time of load on each server in each round, of whole seconds")
	flag.StringVar(&report, "report", "", "file to write the result to, in a section of its own (Markdown); a plot is put beside it, but not of reloads")
	flag.Func("only", "measure only servers whose \"WORKLOAD: SERVER\" matches the regular expression", func(text string) (err error) {
		b.only, err = regexp.Compile(text)
		return err
	})
	flag.Parse()
	if err := b.main(flag.Arg(0), report); err != nil {
		log.Fatal("bench: ", err)
	}
}

func (b *bench) main(name, report string) error {
	var s suite
	switch name {
	case "cgi":
		s = cgiSuite()
	case "fastcgi":
		s, b.wrk = fastcgiSuite(), true
	case "reload":
		return b.reload(report)
	default:
		return fmt.Errorf("measure cgi, fastcgi or reload, not %q", name)
	}
	results, err := b.run(s.workloads)
	if err != nil {
		return err
	}
	text := b.report(s, results)
	fmt.Print(text)
	if report == "" {
		return nil
	}
	picture := strings.TrimSuffix(report, filepath.Ext(report)) + ".svg"
	if err := os.WriteFile(picture, []byte(plot(s, results)), 0o644); err != nil {
		return err
	}
	text = fmt.Sprintf("# %s\n\n%s\n![%s](%s)\n\n%s", s.title, s.intro, s.alt, filepath.Base(picture), text)
	return writeSection(report, name, text)
}

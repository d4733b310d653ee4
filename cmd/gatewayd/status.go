package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"gatewayd/gateway/server"
	"gatewayd/gateway/upstream"
	"gatewayd/gateway/worker"
)

// printStatus prints the JSON of /status as a table.
func printStatus(out io.Writer, text string) error {
	var s server.Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("read the status: %w", err)
	}
	fmt.Fprintf(out, "gatewayd %s, pid %d, %s, generation %d, %d requests in flight\n", s.Version, s.PID, s.Config, s.Generation, s.Requests)
	if at := s.Reloads.LastGood; !at.IsZero() {
		fmt.Fprintf(out, "THE CONFIG FILE COULD NOT BE USED AT THE START: this is the last good config, kept %s\n", at.Format(time.DateTime))
	}
	for _, d := range s.Draining {
		fmt.Fprintf(out, "draining: generation %d, %d requests in flight\n", d.Generation, d.Requests)
	}
	for _, d := range s.Leaving {
		fmt.Fprintf(out, "draining: %s of %s, last of generation %d, %d requests in flight%s\n", d.Pattern, siteName(d.Site), d.Last, d.Requests, ending(d.Until))
	}
	for _, site := range s.Sites {
		for _, r := range site.Routes {
			if r.Older > 0 {
				fmt.Fprintf(out, "going on: %d requests of %s of %s began under earlier generations\n", r.Older, r.Pattern, siteName(site.Site))
			}
		}
	}
	for _, p := range s.Reloads.LastProblems {
		fmt.Fprintf(out, "last reload refused: %s\n", p)
	}
	if s.LinesLost > 0 {
		fmt.Fprintf(out, "log lines lost: %d, since the logs could not be written in time\n", s.LinesLost)
	}
	for _, l := range s.Listeners {
		fmt.Fprintf(out, "listening on %s\n", l)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SITE\tROUTE\tHANDLER\tRUNNING\tWAITING\tREFUSED")
	for _, site := range s.Sites {
		for _, r := range site.Routes {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", siteName(site.Site), r.Pattern, r.Handler, load(&r))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := printWorkers(out, s.Pools); err != nil {
		return err
	}
	return printPeers(out, s.Peers)
}

func printWorkers(out io.Writer, pools []worker.Stats) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(pools) > 0 {
		fmt.Fprintln(table, "PROGRAM\tWORKER\tPID\tSTATE\tSERVED\tRESTARTS\tFAILURE")
	}
	for _, p := range pools {
		for _, w := range p.Workers {
			fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\t%d\t%s\n", p.Program, w.Worker, w.PID, w.State, w.Served, w.Restarts, w.Failure)
		}
		for _, w := range p.Leaving {
			fmt.Fprintf(table, "%s\t%d\t%d\tleaving\t%d\t%d\t%s\n", p.Program, w.Worker, w.PID, w.Served, w.Restarts, w.Failure)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range pools {
		printRestarts(out, p)
	}
	return nil
}

func printRestarts(out io.Writer, p worker.Stats) {
	switch {
	case p.Restarting:
		fmt.Fprintf(out, "rolling restarts of %s: %d, another is under way\n", p.Program, p.RollingRestarts)
	case p.RollingRestarts > 0:
		fmt.Fprintf(out, "rolling restarts of %s: %d\n", p.Program, p.RollingRestarts)
	}
}

// printPeers shows the applications that somebody else runs.
func printPeers(out io.Writer, peers []upstream.PeerStats) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(peers) > 0 {
		fmt.Fprintln(table, "ADDRESS\tBUSY\tIDLE\tSERVED\tFAILED")
	}
	for _, p := range peers {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", p.Address, p.Busy, p.Idle, p.Served, p.Failed)
	}
	return table.Flush()
}

// ending says how long requests have that are on their way out.
func ending(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return fmt.Sprintf(", which are ended in %s", max(0, time.Until(until)).Round(time.Second))
}

func siteName(key string) string {
	if key == "" {
		return "(default)"
	}
	return key
}

// load is what a route is at, in three columns: "2/16", "0", "0".
func load(r *server.RouteStatus) string {
	switch {
	case r.MaxRunning+r.Running+r.Waiting == 0 && r.Refused == 0:
		return "-\t-\t-"
	case r.MaxRunning == 0:
		return fmt.Sprintf("%d\t%d\t%d", r.Running, r.Waiting, r.Refused)
	}
	return fmt.Sprintf("%d/%d\t%d\t%d", r.Running, r.MaxRunning, r.Waiting, r.Refused)
}

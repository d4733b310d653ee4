package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ is 100 on every architecture that Linux runs on today. The kernel adds up
// nanoseconds and rounds only what it shows.
const tick = time.Second / 100

// process is one line of /proc/PID/stat.
type process struct {
	pid, parent int
	time        time.Duration // of its own and of the children that it waited for
}

// treeTime is the processor time of a process, of those below it, and of those that they have waited for. It is an error
// if one of them ignores SIGCHLD: the kernel forgets what the children of such a process have used.
func treeTime(root int) (sum time.Duration, err error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	inTree := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if inTree[p.parent] && !inTree[p.pid] {
				inTree[p.pid], grown = true, true
			}
		}
	}
	for _, p := range all {
		if !inTree[p.pid] {
			continue
		}
		if ignoresChildren(p.pid) {
			return 0, fmt.Errorf("process %d ignores SIGCHLD: what its children use cannot be seen", p.pid)
		}
		sum += p.time
	}
	return sum, nil
}

func processes() (all []process, err error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		p, err := parseStat(stat)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// parseStat reads fields 1, 4 and 14 to 17 of proc_pid_stat(5). Field 2, the name, may contain anything.
func parseStat(stat []byte) (p process, err error) {
	end := bytes.LastIndexByte(stat, ')')
	if _, err := fmt.Sscan(string(stat), &p.pid); err != nil || end < 0 {
		return p, fmt.Errorf("what is %q?", stat)
	}
	fields := strings.Fields(string(stat[end+1:])) // from field 3 on
	if len(fields) < 15 {
		return p, fmt.Errorf("only %d fields", len(fields)+2)
	}
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return p, err
	}
	for _, field := range fields[11:15] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, err
		}
		p.time += time.Duration(ticks) * tick
	}
	return p, nil
}

func ignoresChildren(pid int) bool {
	const sigchld = 17
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:")
	field, _, _ := strings.Cut(rest, "\n")
	mask, _ := strconv.ParseUint(strings.TrimSpace(field), 16, 64)
	return mask&(1<<(sigchld-1)) != 0
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// meter finds out which share of the processors' time others took, who have nothing to do with the measurement.
type meter struct {
	begun      time.Time
	busy, ours time.Duration
}

// startMeter is told what the server has used so far.
func startMeter(server time.Duration) (m meter, err error) {
	m.busy, err = busyTime()
	m.begun, m.ours = time.Now(), server+clientTime()
	return m, err
}

// others is the share since the start, from 0 to 1.
func (m meter) others(server time.Duration) (float64, error) {
	busy, err := busyTime()
	all := time.Since(m.begun) * time.Duration(runtime.NumCPU())
	return max(0, float64(busy-m.busy-(server+clientTime()-m.ours))/float64(all)), err
}

// clientTime is what this process and the runs of wrk have used.
func clientTime() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		syscall.Getrusage(who, &u)
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// busyTime is the time that all processors were not idle, since the system was started.
func busyTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseBusy(stat)
}

// parseBusy adds up user, nice, system, irq, softirq and steal of proc_stat(5); user and nice have guest times in them.
func parseBusy(stat []byte) (sum time.Duration, err error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		ticks, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

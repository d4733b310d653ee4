package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"gatewayd/gateway/config"
	"gatewayd/gateway/process"
	"gatewayd/gateway/server"
)

// service is what a command has decided to serve.
type service struct {
	sys    system
	src    config.Source
	adjust func(*config.Config) // what the command line says over the file

	watched  *watched  // nil for a config that is no file
	lastGood *lastGood // nil unless it is kept
}

func serveFile(sys system, file string, listen []string, keepLastGood bool) error {
	signals, stop := notify()
	defer stop()
	src, err := source(sys, file)
	if err != nil {
		return err
	}
	adjust, err := listenOn(listen)
	if err != nil {
		return err
	}
	v := service{sys: sys, src: src, adjust: adjust}
	if keepLastGood {
		if v.lastGood, err = newLastGood(file); err != nil {
			return err
		}
		v.lastGood.watch(&v.src)
	}
	return v.run(signals)
}

func serveDemo(sys system, listen []string) error {
	signals, stop := notify() // before there is something to clean up
	defer stop()
	listenOn, err := listenOn(listen)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gatewayd-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	text, err := prepareDemo(dir)
	if err != nil {
		return fmt.Errorf("prepare the demo: %w", err)
	}
	fmt.Fprintln(sys.stderr, "gatewayd: this is the demo: open the address below in a browser. gatewayd --help says how to serve your own.")
	src := config.Source{File: filepath.Join(dir, "gatewayd.yaml"), Text: text}
	return service{sys: sys, src: src, adjust: func(c *config.Config) {
		c.Admin.Off = true // the usual socket belongs to the gatewayd that serves in earnest
		listenOn(c)
	}}.run(signals)
}

// signals are those of the contract, in a channel for each purpose: none pushes another out, and a reload that is asked
// for while one waits is that one.
type signals struct{ stop, reload, reopen, upgrade chan os.Signal }

// notify takes over the signals of the contract. It takes SIGPIPE and SIGXFSZ, too: to write to a standard output or
// error that nobody reads any more, or to a file that may grow no further, is then a failed write, not the end. Programs
// are started with the default action all the same.
func notify() (s signals, stop func()) {
	s = signals{stop: make(chan os.Signal, 2), reload: make(chan os.Signal, 1), reopen: make(chan os.Signal, 1), upgrade: make(chan os.Signal, 1)}
	failedWrite := make(chan os.Signal, 1)
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.reopen, syscall.SIGUSR1)
	signal.Notify(s.upgrade, syscall.SIGUSR2)
	signal.Notify(failedWrite, syscall.SIGPIPE, syscall.SIGXFSZ)
	return s, func() {
		for _, c := range []chan os.Signal{s.stop, s.reload, s.reopen, s.upgrade, failedWrite} {
			signal.Stop(c)
		}
	}
}

// listenOn replaces the addresses of a config by those of the command line, if there are any.
func listenOn(listen []string) (func(*config.Config), error) {
	var addresses []config.Listen
	for _, s := range listen {
		address, err := config.ParseListen(s)
		if err != nil {
			return nil, fmt.Errorf("--listen: %w", err)
		}
		addresses = append(addresses, address)
	}
	return func(c *config.Config) {
		if addresses != nil {
			c.Listen = addresses
		}
	}, nil
}

func (v service) load() (*config.Config, config.Problems) {
	conf, problems := v.watched.load(v.src)
	if conf != nil {
		v.adjust(conf)
	}
	return conf, problems
}

// ballast is memory that is never touched, and so costs none. Only the garbage collector counts it: a server that has
// little alive would be collected every few megabytes, a dozen times a second under load.
const ballast = 16 << 20

// run serves until a signal ends it.
func (v service) run(signals signals) error {
	process.ReserveThreads()
	defer runtime.KeepAlive(make([]byte, ballast))
	v.watched = watch(v.src)
	inherited, err := inherit()
	if err != nil {
		return err
	}
	door := door{inherited: inherited.admin}
	options := server.Options{
		Load: v.load, Announce: v.sys.stdout, Version: version(), Guard: true, Inherited: inherited.sockets, Await: inherited.ready != nil,
		Reloading: notifyReloading,
		Applied: func(c *config.Config) {
			door.open(c.Admin)
			v.lastGood.keep(door.server, c)
		},
	}
	if inherited.ready == nil { // else there is one that serves, better than with what was kept
		options.Rescue = v.rescue
	}
	s := server.New(options)
	upgrade := newUpgrader(s, &door)
	door.server, door.upgrade = s, upgrade.Upgrade
	problems, err := s.Start()
	for _, p := range problems {
		fmt.Fprintln(v.sys.stderr, p)
	}
	if err != nil {
		if problems.Failed() {
			return errSilent
		}
		return err
	}
	v.lastGood.tell(s)
	warnAboutRoot(s)
	door.open(s.AdminConfig())
	defer door.close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	v.watched.run(ctx, s)
	inherited.takeOver()
	return handleSignals(s, signals, upgrade)
}

// rescue is server.Options.Rescue.
func (v service) rescue(problems config.Problems) (*config.Config, config.Problems) {
	conf, problems := v.lastGood.rescue(v.src, problems)
	if conf != nil {
		v.adjust(conf)
	}
	return conf, problems
}

// notifyReloading is server.Options.Reloading. systemd wants the time, to know which of its signals is meant.
func notifyReloading() (over func()) {
	systemd.SdNotify(false, systemd.SdNotifyReloading+"\n"+systemd.SdNotifyMonotonicUsec())
	return func() { systemd.SdNotify(false, systemd.SdNotifyReady) }
}

func warnAboutRoot(s *server.Server) {
	if os.Geteuid() == 0 && s.RunsProgramsAsItself() {
		s.Log().Warn().Msg("gatewayd was started as root, so programs of routes without `user` are root too; set `user`, or start gatewayd as another user, unless that is what you want")
	}
}

// handleSignals returns when the server has ended.
func handleSignals(s *server.Server, signals signals, upgrade *upgrader) error {
	over := make(chan struct{})
	defer close(over)
	go whenAsked(signals.reload, over, func() { s.Reload() }) // which may take as long as workers take to start
	go whenAsked(signals.upgrade, over, func() { upgrade.Upgrade() })
	for {
		select { // to stop comes first, whatever else waits
		case sig := <-signals.stop:
			return stopping(s, signals.stop, sig)
		default:
		}
		select {
		case sig := <-signals.stop:
			return stopping(s, signals.stop, sig)
		case <-upgrade.over:
			return shutdown(s, signals.stop)
		case <-signals.reopen:
			if err := s.ReopenLogs(); err != nil {
				s.Log().Error().Err(err).Msg("a log file could not be reopened; the old one goes on")
			}
		}
	}
}

// whenAsked does what is asked for by signals, one after the other. What becomes of it is logged there.
func whenAsked(asked <-chan os.Signal, over <-chan struct{}, do func()) {
	for {
		select {
		case <-asked:
			do()
		case <-over:
			return
		}
	}
}

func stopping(s *server.Server, again <-chan os.Signal, sig os.Signal) error {
	systemd.SdNotify(false, systemd.SdNotifyStopping)
	s.Log().Info().Str("signal", sig.String()).Msg("stopping: requests in flight are answered first; the same signal again stops at once")
	return shutdown(s, again)
}

// shutdown drains for as long as the configuration allows; a second signal ends that.
func shutdown(s *server.Server, again <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(context.Background())
	if limit := s.DrainTimeout(); limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for {
		select {
		case err := <-done:
			return drained(err)
		case <-again:
			cancel()
		}
	}
}

// drained says why requests were broken off, if they were.
func drained(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped at once, by a second signal; requests that were under way were broken off")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("drain_timeout is over; requests that were still under way were broken off")
	}
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"gatewayd/gateway/config"
	"gatewayd/gateway/server"
	"gatewayd/gateway/watch"
)

// configFlag is the flag of every command that reads a config.
type configFlag struct {
	Config string `short:"c" name:"config" placeholder:"FILE" help:"The config file; - reads standard input."`
}

type runCommand struct {
	configFlag
	Listen []string `placeholder:"ADDR" help:"Listen here instead of where the config says; repeatable."`
	Demo   bool     `help:"Serve the embedded demo."`
}

// serveDefault is gatewayd without a command.
type serveDefault struct {
	configFlag
	Listen []string `placeholder:"ADDR" help:"Listen here instead of where the config says; repeatable." hidden:""`
}

// errNoConfig says where a config file was looked for.
var errNoConfig = errors.New("no config file: neither ./gatewayd.yaml nor /etc/gatewayd/gatewayd.yaml is there; name one with -c FILE, or try gatewayd run --demo")

// Run serves until it is told to stop.
func (c *serveDefault) Run(sys system) error {
	file, err := findConfig(c.Config)
	if errors.Is(err, errNoConfig) {
		return serveDemo(sys, c.Listen)
	}
	if err != nil {
		return err
	}
	return serveFile(sys, file, c.Listen)
}

// Run serves until it is told to stop.
func (c *runCommand) Run(sys system) error {
	if c.Demo {
		return serveDemo(sys, c.Listen)
	}
	file, err := findConfig(c.Config)
	if err != nil {
		return err
	}
	return serveFile(sys, file, c.Listen)
}

// findConfig returns the file that is named, else the first of the two usual ones.
func findConfig(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	for _, file := range []string{"gatewayd.yaml", "/etc/gatewayd/gatewayd.yaml"} {
		_, err := os.Stat(file)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err // there, but out of reach: not the moment for a demo
		}
	}
	return "", errNoConfig
}

// source is the config behind a name; standard input is read once and kept for reloads.
func source(sys system, file string) (config.Source, error) {
	if file != "-" {
		return config.Source{File: file}, nil
	}
	text, err := io.ReadAll(sys.stdin)
	if err != nil {
		return config.Source{}, fmt.Errorf("read the config from standard input: %w", err)
	}
	if text == nil {
		text = []byte{}
	}
	return config.Source{File: "-", Text: text}, nil
}

func serveFile(sys system, file string, listen []string) error {
	src, err := source(sys, file)
	if err != nil {
		return err
	}
	return serve(sys, src, listen)
}

func serveDemo(sys system, listen []string) error {
	dir, err := os.MkdirTemp("", "gatewayd-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	text, err := prepareDemo(dir)
	if err != nil {
		return fmt.Errorf("prepare the demo: %w", err)
	}
	fmt.Fprintln(sys.stderr, "gatewayd: no config file, so this is the demo; open the address below in a browser, or see gatewayd --help")
	return serve(sys, config.Source{File: filepath.Join(dir, "gatewayd.yaml"), Text: text}, listen)
}

// serve runs a server until a signal ends it.
func serve(sys system, src config.Source, listen []string) error {
	load, err := loader(src, listen)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	s := server.New(server.Options{
		Load:     load,
		Announce: sys.stdout,
		Version:  version(),
	})
	problems, err := s.Start()
	for _, p := range problems {
		fmt.Fprintln(sys.stderr, p)
	}
	if err != nil {
		if problems.Failed() {
			return errSilent
		}
		return err
	}
	warnAboutRoot(s)
	closeAdmin := openAdmin(s)
	defer closeAdmin()
	stopWatching := watchConfig(s, src)
	defer stopWatching()
	return handleSignals(s, signals)
}

// loader loads src; the addresses of the command line, if there are any, replace those of the file.
func loader(src config.Source, listen []string) (func() (*config.Config, config.Problems), error) {
	var addresses []config.Listen
	for _, s := range listen {
		address, err := config.ParseListen(s)
		if err != nil {
			return nil, fmt.Errorf("--listen: %w", err)
		}
		addresses = append(addresses, address)
	}
	return func() (*config.Config, config.Problems) {
		conf, problems := config.Load(src)
		if conf != nil && addresses != nil {
			conf.Listen = addresses
		}
		return conf, problems
	}, nil
}

// watchConfig applies the config file whenever its content changes.
func watchConfig(s *server.Server, src config.Source) (stop func()) {
	if src.Text != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		if err := watch.File(ctx, src.File, func() { s.Reload() }); err != nil {
			s.Log().Warn().Err(err).Msg("changes of the config file will not be noticed; reload with SIGHUP or gatewayd reload")
		}
	}()
	return cancel
}

func warnAboutRoot(s *server.Server) {
	if os.Geteuid() == 0 && s.RunsPrograms() {
		s.Log().Warn().Msg("gatewayd was started as root, so the programs it runs are root too; start it as another user unless that is what you want")
	}
}

// handleSignals returns when the server has ended.
func handleSignals(s *server.Server, signals <-chan os.Signal) error {
	for sig := range signals {
		log := s.Log()
		switch sig {
		case syscall.SIGHUP:
			s.Reload() // it logs what becomes of it
		case syscall.SIGUSR1:
			if err := s.ReopenLogs(); err != nil {
				log.Error().Err(err).Msg("a log file could not be reopened; the old one goes on")
			}
		default:
			log.Info().Str("signal", sig.String()).Msg("stopping: requests in flight are answered first; the same signal again stops at once")
			return shutdown(s, signals)
		}
	}
	return nil
}

// shutdown drains for as long as the configuration allows; a second signal ends that.
func shutdown(s *server.Server, signals <-chan os.Signal) error {
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
		case sig := <-signals:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT {
				cancel()
			}
		}
	}
}

func drained(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped before every request was answered: %w", err)
	}
	return err
}

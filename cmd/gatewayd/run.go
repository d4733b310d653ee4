package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"gatewayd/gateway/config"
)

// configFlag is the flag of every command that reads a config.
type configFlag struct {
	Config string `short:"c" name:"config" placeholder:"FILE" help:"The config file; - reads standard input."`
}

type runCommand struct {
	configFlag
	Listen []string `placeholder:"ADDR" help:"Listen here instead of where the config says; repeatable."`
	Demo   bool     `help:"Serve the embedded demo."`

	LastGood bool `name:"last-good" help:"Keep each config that was applied, and start with the last one if the file is broken."`
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
	return serveFile(sys, file, c.Listen, false)
}

// Validate refuses what contradicts itself; kong calls it.
func (c *runCommand) Validate() error {
	switch {
	case c.Demo && c.Config != "":
		return errors.New("--demo has a config of its own; leave out either --demo or -c")
	case c.LastGood && (c.Demo || c.Config == "-"):
		return errors.New("--last-good is for a config file; leave it out")
	}
	return nil
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
	return serveFile(sys, file, c.Listen, c.LastGood)
}

// findConfig returns the file that is named, else the first of the two usual ones.
func findConfig(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	for _, file := range []string{"gatewayd.yaml", "/etc/gatewayd/gatewayd.yaml"} {
		_, err := os.Lstat(file) // a link that leads nowhere is a config that is lost, not one that never was
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err // there, but out of reach: not the moment for a demo
		}
	}
	return "", errNoConfig
}

// source finds the config file and reads it as far as it is no file.
func (f configFlag) source(sys system) (config.Source, error) {
	file, err := findConfig(f.Config)
	if err != nil {
		return config.Source{}, err
	}
	return source(sys, file)
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

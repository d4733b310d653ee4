// Command gatewayd serves files and runs programs behind HTTP.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"gatewayd/gateway/process"
)

// The exit codes of the contract.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// cli is the command line.
type cli struct {
	Default serveDefault `cmd:"" default:"withargs" hidden:""`
	Run     runCommand   `cmd:"" help:"Serve the config file (without -c: ./gatewayd.yaml, else /etc/gatewayd/gatewayd.yaml)."`
	Check   checkCommand `cmd:"" help:"Validate the config file without starting anything; print every problem."`
	Explain explainCmd   `cmd:"" help:"Say what a request would do: site, route, file, variables, and what would stop it."`
	Reload  reloadCmd    `cmd:"" help:"Make the running gatewayd apply its config file now."`
	Restart restartCmd   `cmd:"" help:"Replace the workers of routes, one after the other, without losing a request."`
	Upgrade upgradeCmd   `cmd:"" help:"Have a new process take over, of the program's file as it is now, without losing a request."`
	Status  statusCmd    `cmd:"" help:"Show what the running gatewayd does."`
	Schema  schemaCmd    `cmd:"" help:"Print the JSON Schema of the config file."`
	Version versionCmd   `cmd:"" help:"Print the version."`
}

// system is what a command may use of the process that it runs in.
type system struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// errSilent ends a command with exit code 1 when everything has been said.
var errSilent = errors.New("")

func main() {
	process.Shim()
	process.GuardMain()
	counterMain()
	process.Init()
	if err := process.SealInherited(); err != nil {
		fmt.Fprintln(os.Stderr, "gatewayd: programs may inherit descriptors of whoever started gatewayd:", err)
	}
	if err := process.SealCapabilities(); err != nil {
		fmt.Fprintln(os.Stderr, "gatewayd: programs inherit capabilities that gatewayd was started with:", err)
	}
	os.Exit(run(os.Args[1:], system{os.Stdin, os.Stdout, os.Stderr}))
}

func run(args []string, sys system) int {
	exited := -1
	parser, err := kong.New(&cli{},
		kong.Name("gatewayd"),
		kong.Description("Serves files and runs programs behind HTTP.\n\nWithout a command: serves ./gatewayd.yaml or /etc/gatewayd/gatewayd.yaml; with neither, a demo on 127.0.0.1:8080."),
		kong.Writers(sys.stdout, sys.stderr),
		kong.Exit(func(code int) { exited = code; panic(exitPanic{}) }),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(sys.stderr, "gatewayd:", err)
		return exitError
	}
	ctx, err := parse(parser, args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		fmt.Fprintln(sys.stderr, "gatewayd:", usage(parser, args, err))
		return exitUsage
	}
	if err := ctx.Run(sys); err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(sys.stderr, "gatewayd:", err)
		}
		return exitError
	}
	return exitOK
}

// exitPanic is how kong's --help ends the parse; the parser would go on otherwise.
type exitPanic struct{}

func parse(parser *kong.Kong, args []string) (ctx *kong.Context, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			if _, ok := reason.(exitPanic); !ok {
				panic(reason)
			}
		}
	}()
	return parser.Parse(args)
}

type versionCmd struct{}

// Run prints the version, the toolchain and the revision.
func (versionCmd) Run(sys system) error {
	revision := ""
	goVersion := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Fprintf(sys.stdout, "gatewayd %s %s%s\n", version(), goVersion, revision)
	return nil
}

// version is that of the module when it was built as one, else of the working tree.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return currentVersion
}

// currentVersion is the version that this tree is to become.
const currentVersion = "0.1.0"

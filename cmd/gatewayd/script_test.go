package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"gatewayd/gateway/process"
)

func TestMain(m *testing.M) {
	process.Shim()
	process.GuardMain()
	counterMain()
	hostileMain()
	testscript.Main(m, map[string]func(){"gatewayd": main})
}

// TestScripts runs the scenarios in testdata/script: config, programs, requests, expected answers. Besides testscript's
// own commands they have:
//
//	serve [ARGS]         starts gatewayd run with ARGS on a port of the kernel's choosing; $URL is where, $PID who
//	serve listeners=N    the same, listening where the config says, on N addresses; $URL is the first
//	http [CURL ARGS] URL curl, silent, with the head; a URL that begins with / is below $URL
//	raw FILE             sends the bytes of FILE ("\n" as CR LF) and shows all that comes until the server closes
//	log REGEXP           waits until the server's stderr has a line that matches
//	sighup REGEXP        sends SIGHUP and waits for such a line after it
//	end [INT|sent]       ends the server by SIGTERM, SIGINT or the signal that was sent already; it must exit with 0 and
//	                     leave no process behind (testscript has a stop of its own, which ends the script)
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			// A script's admin socket is its own, and short enough for a socket's path.
			dir, err := os.MkdirTemp("", "gw")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			env.Setenv("ADMIN", filepath.Join(dir, "admin.sock"))
			env.Values[daemonKey{}] = new(*daemon)
			return makeExecutable(env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":  cmdServe,
			"http":   cmdHTTP,
			"raw":    cmdRaw,
			"log":    cmdLog,
			"sighup": cmdSighup,
			"end":    cmdEnd,
		},
	})
}

// makeExecutable sets the exec bit that txtar cannot carry: on every file that begins with "#!", but for those whose
// name says notexec.
func makeExecutable(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.Contains(entry.Name(), "notexec") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(text, []byte("#!")) {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

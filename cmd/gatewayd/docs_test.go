package main

import (
	"os"
	"testing"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"

	"slices"
)

// referenceHead stands above the tables that config makes of its own.
const referenceHead = `# The config file

YAML. Durations are written ` + "`30s`, `5m`, `1h30m`; sizes `64KiB`, `1GiB`; `none`" + ` is no limit. ` + "`${VAR}` and `${VAR:-default}`" + `
stand for environment variables of gatewayd, except in ` + "`env`" + ` and in the arguments of commands; ` + "`$${`" + ` is a plain ` + "`${`" + `.
Relative paths are relative to the config file. Keys at the top level that begin with ` + "`x-`" + ` are ignored: a place for YAML
anchors. Options may stand at the top level, in a site or beside a handler; the nearest wins, ` + "`env` and `headers`" + ` are
merged by key. ` + "`gatewayd check`" + ` names every mistake with its line.

`

// TestReferenceIsCurrent compares docs/config.md with the decoder's own tables; UPDATE_DOCS=1 writes it.
func TestReferenceIsCurrent(t *testing.T) {
	const path = "../../docs/config.md"
	want := referenceHead + config.Reference()
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/config.md is not what the decoder knows; run UPDATE_DOCS=1 go test ./cmd/gatewayd -run Reference")
	}
}

// TestComputedVariables: config warns about an env key that has no effect, cgispec is what makes it have none.
func TestComputedVariables(t *testing.T) {
	warned, computed := slices.Sorted(slices.Values(config.ComputedVars())), slices.Sorted(slices.Values(cgispec.Computed()))
	if !slices.Equal(warned, computed) {
		t.Errorf("config warns of %q, cgispec computes %q", warned, computed)
	}
}

package gateway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// importRules says which package may import which: "a < b" is "b may import a", and what a may import too. A name is
// the folder below gateway/; gateway itself is the vocabulary. NONE imports nothing of ours. When a rule stops you, it
// is asking a question about design, not about this test.
const importRules = `
NONE < cgispec, config, descriptors, watch, admin, http1, loadclient, nonblock, stderr, responder;
http1, nonblock < http1server;
descriptors < process, spool, docroot;
cgispec < gateway;
config < htpasswd, wsgi;
gateway, docroot < script;
gateway < admission;
gateway, descriptors < upstream;
gateway, upstream, process, stderr, descriptors < worker;
cgispec, process, config < program;
gateway, admission, cgispec, process, config, program, stderr < cgi;
gateway, admission, cgispec, process, config, program, stderr, upstream, nonblock < fastcgi;
gateway, config, docroot < static;
gateway, config < redirect, respond;
gateway, config, htpasswd < middleware;
gateway, cgispec, script, spool < relay;
gateway < site;
gateway, cgispec, process < backendtest;
admission, descriptors, process, program, upstream, worker, cgi, fastcgi, static, redirect, respond, relay, site, middleware, script, spool, http1, http1server, wsgi < server;
`

// doors are the packages that may use a library; tests may use any.
var doors = map[string][]string{
	"github.com/go-chi/chi":        {"gateway/site", "gateway/admin"},
	"github.com/rs/zerolog":        {"gateway/server", "gateway/middleware", "cmd/gatewayd"},
	"github.com/fsnotify":          {"gateway/watch"},
	"go.yaml.in/yaml":              {"gateway/config"},
	"github.com/coreos/go-systemd": {"cmd/gatewayd"},
	"github.com/alecthomas/kong":   {"cmd/gatewayd"},
	"github.com/mattn/go-isatty":   {"gateway/server"},
	"github.com/tg123":             {"gateway/htpasswd"},
	"golang.org/x/crypto":          {"gateway/htpasswd"},
}

// never are the parts of the standard library that gatewayd exists to do better.
var never = []string{"net/http/cgi", "net/http/fcgi", "os/exec", "text/template"}

// neverExcept are the packages that may all the same.
var neverExcept = map[string][]string{
	"os/exec":       {"cmd/gatewayd", "bench"}, // exec.LookPath for the demo; the servers that are measured
	"net/http/fcgi": {"examples/fastcgi"},      // the application's side
}

type imports map[string][]string // package folder -> what its files import, without tests

func readImports(t *testing.T) imports {
	t.Helper()
	found := imports{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[folder] = append(found[folder], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found["gateway/server"]) == 0 || len(found["cmd/gatewayd"]) == 0 {
		t.Fatal("the walk has not found the sources: this test would pass whatever they import")
	}
	return found
}

// allowed is the transitive closure of importRules.
func allowed(t *testing.T) map[string]map[string]bool {
	t.Helper()
	may := map[string]map[string]bool{}
	for rule := range strings.SplitSeq(strings.Join(strings.Fields(importRules), " "), ";") {
		left, right, ok := strings.Cut(rule, "<")
		if !ok {
			continue
		}
		for importer := range strings.SplitSeq(right, ",") {
			importer = strings.TrimSpace(importer)
			if may[importer] == nil {
				may[importer] = map[string]bool{}
			}
			for imported := range strings.SplitSeq(left, ",") {
				imported = strings.TrimSpace(imported)
				if imported == "NONE" {
					continue
				}
				may[importer][imported] = true
				for deeper := range may[imported] {
					may[importer][deeper] = true
				}
			}
		}
	}
	return may
}

func TestImportsFollowTheRules(t *testing.T) {
	may := allowed(t)
	for folder, names := range readImports(t) {
		importer, ok := strings.CutPrefix(folder, "gateway/")
		if folder == "gateway" {
			importer, ok = "gateway", true
		}
		if !ok {
			continue // cmd, static, examples: they may use what they need
		}
		if may[importer] == nil {
			t.Errorf("%s stands in no import rule", folder)
			continue
		}
		for _, name := range names {
			imported, ours := strings.CutPrefix(name, "gatewayd/")
			if !ours {
				continue
			}
			imported = strings.TrimPrefix(imported, "gateway/")
			if !may[importer][imported] {
				t.Errorf("%s imports %s", folder, name)
			}
		}
	}
}

func TestLibrariesComeInByTheirDoors(t *testing.T) {
	for folder, names := range readImports(t) {
		for _, name := range names {
			for library, folders := range doors {
				if strings.HasPrefix(name, library) && !slices.Contains(folders, folder) {
					t.Errorf("%s imports %s, which is for %s", folder, name, strings.Join(folders, " and "))
				}
			}
			if slices.Contains(never, name) && !slices.Contains(neverExcept[name], folder) {
				t.Errorf("%s imports %s, which is not used here", folder, name)
			}
		}
	}
}

func TestNoPackageState(t *testing.T) {
	// Checked by syntax: no func init, and no package variable but errors, sync.Pool and tables that nothing writes.
	// Writing to a package variable cannot be seen in the syntax alone; init can.
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, problem := range packageState(file) {
			t.Errorf("%s: %s", path, problem)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

package script

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatewayd/gateway"
)

// model is what a generated tree holds, by path from the root: "dir", "file", "exec", or "no" for what is there and may
// not be had. The root itself is "".
type model map[string]string

// names are what a generated tree is made of: all that could be taken for something else.
var names = []string{
	"a", "b", "x.php", "x.php ", "x.PHP", ".php", "x.php~", "#x.php#", "x.php.jpg", "x.jpg", "x.py", "sub.php", "index.php",
	"index.html", ".h", ".well-known", "%2e", "x.php\n", "\xff", "Ⱥ.php", "...", "..x", "~", "#",
}

// growTree makes a tree of depth levels and its model.
func growTree(t testing.TB, rnd *rand.Rand, root, at string, depth int, m model) {
	t.Helper()
	m[at] = "dir"
	for _, name := range names {
		path := strings.TrimPrefix(at+"/"+name, "/")
		full := root + "/" + path
		var err error
		switch kind := rnd.IntN(12); {
		case kind < 2 && depth > 0:
			err = os.Mkdir(full, 0o755)
			growTree(t, rnd, root, path, depth-1, m)
		case kind < 5:
			plantFile(t, full, 0o755)
			m[path] = "exec"
		case kind < 8:
			plantFile(t, full, 0o644)
			m[path] = "file"
		case kind == 8:
			err = os.Symlink(filepath.Join(filepath.Dir(root), "outside.php"), full)
			m[path] = "no"
		case kind == 9:
			err = os.Symlink("nothing", full)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// split finds the first thing on the path that is no directory, by looking at every beginning of it.
func (m model) split(rest string, hidden bool) (kind, name, info string) {
	for i := 1; i <= len(rest); i++ {
		if i < len(rest) && rest[i] != '/' || i > 1 && strings.HasSuffix(rest[:i], "/") {
			continue
		}
		name, info = rest[1:i], rest[i:]
		kind = m[name]
		for j, segment := range strings.Split(name, "/") {
			if !hidden && strings.HasPrefix(segment, ".") && (j > 0 || segment != ".well-known") {
				kind = ""
			}
		}
		if kind != "dir" {
			return kind, name, info
		}
	}
	return kind, name, info
}

// slowDir is Dir's answer in the form of outcome.
func (m model) slowDir(rest string, opt DirOptions) string {
	if rest == "" {
		return "slash"
	}
	if !slowCanonical(rest) {
		return "404"
	}
	kind, name, info := m.split(rest, opt.Hidden)
	switch {
	case kind == "":
		return "404"
	case kind == "exec", kind == "file" && slices.Contains(opt.Interpreters, filepath.Ext(name)):
		return fmt.Sprintf("run /p/%s|%s|%s", name, info, name)
	}
	return "403"
}

// slowRoot is Root's answer in the form of outcome.
func (m model) slowRoot(rest string, opt RootOptions) string {
	if rest == "" {
		return "slash"
	}
	if !slowCanonical(rest) {
		return "404"
	}
	kind, name, info := m.split(rest, opt.Hidden)
	if kind == "dir" && strings.TrimPrefix(rest, "/") == name && name != "" {
		return "slash"
	}
	if kind == "dir" {
		for _, index := range opt.Index {
			path := strings.TrimPrefix(name+"/"+index, "/")
			if kind := m[path]; kind != "" && kind != "dir" {
				return m.slowFile(path, "", kind, opt)
			}
		}
		return m.slowInstead("403", opt)
	}
	if kind == "" {
		return m.slowInstead("404", opt)
	}
	return m.slowFile(name, info, kind, opt)
}

func (m model) slowFile(name, info, kind string, opt RootOptions) string {
	base := filepath.Base(name)
	script := filepath.Ext(base) == ".php"
	backup := backupName.MatchString(base)
	switch {
	case kind == "no":
		return "403"
	case backup && !opt.Hidden:
		return m.slowInstead("404", opt)
	case script && opt.NeedExec && kind != "exec":
		return "403"
	case script:
		return fmt.Sprintf("run /p/%s|%s|%s", name, info, name)
	case info != "":
		return "404"
	}
	return "serve " + name
}

func (m model) slowInstead(otherwise string, opt RootOptions) string {
	switch {
	case opt.Fallback == "":
		return otherwise
	case m["x.php"] == "":
		return "404"
	case m["x.php"] == "dir":
		return "403"
	}
	opt.Fallback = ""
	return m.slowFile("x.php", "", m["x.php"], opt)
}

func slowCanonical(rest string) bool {
	if strings.Contains(rest, "\x00") || rest[0] != '/' || strings.Contains(rest, "//") {
		return false
	}
	for _, segment := range strings.Split(rest, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func FuzzResolve(f *testing.F) {
	const trees = 4
	var roots [trees]string
	var models [trees]model
	for i := range trees {
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		roots[i], models[i] = plant(f, "dir/"), model{}
		if err := os.Remove(roots[i] + "/dir"); err != nil {
			f.Fatal(err)
		}
		growTree(f, rnd, roots[i], "", 2, models[i])
	}
	f.Add([]byte{0, 1, 2}, "", uint8(0))
	f.Add([]byte{2, 3}, "/info", uint8(0xff))
	f.Add([]byte{11, 2}, "/", uint8(0x11))
	f.Add([]byte{}, "", uint8(1))
	f.Add([]byte{}, "/", uint8(2))
	f.Add([]byte{9, 2}, "/../x.php", uint8(3))
	f.Add([]byte{9}, "\x00.php", uint8(4))
	f.Add([]byte{5, 6, 7}, "/a/b//c", uint8(5))
	f.Fuzz(func(t *testing.T, picks []byte, tail string, bits uint8) {
		bit := func(n int) bool { return bits>>n&1 == 1 }
		var path strings.Builder
		for _, pick := range picks[:min(len(picks), 5)] {
			path.WriteString("/" + names[int(pick)%len(names)])
		}
		rest := path.String() + tail
		root, m := roots[bits>>6], models[bits>>6]

		dirOpt := DirOptions{Hidden: bit(0)}
		rootOpt := RootOptions{Ext: []string{".php"}, Hidden: bit(0), NeedExec: bit(2)}
		if bit(1) {
			dirOpt.Interpreters = []string{".py", ".php"}
		}
		if bit(3) {
			rootOpt.Index = []string{"index.php", "index.html"}
		}
		if bit(4) {
			rootOpt.Fallback = "/x.php"
		}
		dir, tree := NewDir(root, dirOpt), NewRoot(root, rootOpt)
		defer dir.Close()
		defer tree.Close()

		for _, c := range []struct {
			r    Resolver
			want string
			exec bool
		}{
			{dir, m.slowDir(rest, dirOpt), !bit(1)},
			{tree, m.slowRoot(rest, rootOpt), rootOpt.NeedExec},
		} {
			if got := outcome(t, c.r, root, "/p", rest); got != c.want {
				t.Errorf("%T %q: %q, want %q", c.r, rest, got, c.want)
			}
			checkInvariants(t, c.r, root, rest, c.exec)
		}
	})
}

// checkInvariants looks at what a resolver answers without knowing what it should have been.
func checkInvariants(t *testing.T, r Resolver, root, rest string, needExec bool) {
	t.Helper()
	target, err := r.Resolve("/p", rest)
	if err != nil {
		if status := gateway.AsError(err).Status; status != 403 && status != 404 || errors.Unwrap(err) == nil {
			t.Errorf("%q: %v", rest, err)
		}
		return
	}
	file := target.Script.Filename
	if target.Kind == Serve {
		file = root + "/" + target.Static
		if strings.HasSuffix(file, ".php") {
			t.Errorf("%q: serves the source %q", rest, file)
		}
	}
	if target.Kind == AddSlash {
		return
	}
	real, err := filepath.EvalSymlinks(file)
	if err != nil || !strings.HasPrefix(real, root+"/") {
		t.Errorf("%q: %q is %q: %v", rest, file, real, err)
		return
	}
	info, err := os.Lstat(real)
	if err != nil || !info.Mode().IsRegular() || target.Kind == Run && needExec && info.Mode()&0o111 == 0 {
		t.Errorf("%q: %q is %v: %v", rest, file, info.Mode(), err)
	}
	s := target.Script
	if _, isRoot := r.(*Root); isRoot && target.Kind == Run && filepath.Ext(file) != ".php" {
		t.Errorf("%q: runs %q", rest, file)
	}
	replaced := s.PathInfo == "" && s.Name != "/p"+rest
	if target.Kind == Run && s.Name+s.PathInfo != "/p"+rest && !replaced {
		t.Errorf("%q: SCRIPT_NAME %q and PATH_INFO %q", rest, s.Name, s.PathInfo)
	}
}

// backupName is what isBackup looks for, once more.
var backupName = regexp.MustCompile(`(?s)^(.*\.php(~|\.bak|\.old|\.orig|\.save)|#.*\.php#)$`)

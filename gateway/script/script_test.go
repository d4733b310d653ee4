package script

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatewayd/gateway"
)

// plant makes a tree below a new directory. Each line is "name MODE" for a file, "name/" for a directory,
// "name -> target" for a link and "name fifo" or "name socket". The directory's parent holds "outside" and "outside.php",
// both executable.
func plant(t testing.TB, lines string) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "script")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	for _, name := range []string{"outside", "outside.php"} {
		plantFile(t, filepath.Join(parent, name), 0o755)
	}
	root := filepath.Join(parent, "root")
	for line := range strings.Lines(lines) {
		line = strings.Trim(line, "\t\n")
		if line == "" {
			continue
		}
		plantOne(t, root, line)
	}
	return root
}

func plantOne(t testing.TB, root, line string) {
	t.Helper()
	var err error
	if name, target, ok := strings.Cut(line, " -> "); ok {
		err = os.Symlink(target, parented(t, root, name))
	} else if name, ok := strings.CutSuffix(line, "/"); ok {
		err = os.MkdirAll(parented(t, root, name), 0o755)
	} else {
		at := strings.LastIndexByte(line, ' ')
		path := parented(t, root, line[:at])
		switch kind := line[at+1:]; kind {
		case "fifo":
			err = syscall.Mkfifo(path, 0o755)
		case "socket":
			var l net.Listener
			if l, err = net.Listen("unix", path); err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				l.Close()
			}
		default:
			var mode os.FileMode
			if _, err := fmt.Sscanf(kind, "%o", &mode); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			plantFile(t, path, mode)
		}
	}
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
}

func parented(t testing.TB, root, name string) string {
	t.Helper()
	path := root + "/" + name
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func plantFile(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	err := os.WriteFile(path, nil, 0o600)
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// outcome says in one string what a resolver found: "run SCRIPT_NAME PATH_INFO file", "serve file", "slash" or the
// status of the failure. The file is relative to root.
func outcome(t testing.TB, r Resolver, root, prefix, rest string) string {
	t.Helper()
	target, err := r.Resolve(prefix, rest)
	if err != nil {
		var e *gateway.Error
		if !errors.As(err, &e) || e.Op == "" || e.Err == nil {
			t.Errorf("%q: error %#v, want a *gateway.Error with Op and Err", rest, err)
			return err.Error()
		}
		if target != (Target{}) {
			t.Errorf("%q: %+v with an error", rest, target)
		}
		return fmt.Sprint(e.Status)
	}
	switch target.Kind {
	case Run:
		s := target.Script
		file, ok := strings.CutPrefix(s.Filename, root+"/")
		if !ok || s.Root != root {
			t.Errorf("%q: SCRIPT_FILENAME %q, DOCUMENT_ROOT %q, root %q", rest, s.Filename, s.Root, root)
		}
		return fmt.Sprintf("run %s|%s|%s", s.Name, s.PathInfo, file)
	case Serve:
		return "serve " + target.Static
	case AddSlash:
		return "slash"
	}
	return fmt.Sprintf("kind %d", target.Kind)
}

func TestProgram(t *testing.T) {
	for _, test := range []struct{ prefix, rest, name, info string }{
		{"/git", "", "/git", ""},
		{"/git", "/", "/git", "/"},
		{"/git", "/repo.git/info/refs", "/git", "/repo.git/info/refs"},
		{"", "/", "", "/"},
		{"", "/a b\xff%25", "", "/a b\xff%25"},
		{"/exact", "", "/exact", ""},
	} {
		target, err := NewProgram("/srv/bin/prog", "").Resolve(test.prefix, test.rest)
		s := target.Script
		if err != nil || target.Kind != Run || s.Name != test.name || s.PathInfo != test.info || s.Filename != "/srv/bin/prog" || s.Root != "/srv/bin" {
			t.Errorf("%q %q: %+v %v", test.prefix, test.rest, target, err)
		}
	}
	if target, _ := NewProgram("/srv/bin/prog", "/srv/git").Resolve("", "/x"); target.Script.Root != "/srv/git" {
		t.Errorf("DOCUMENT_ROOT %q", target.Script.Root)
	}
	if got := outcome(t, NewProgram("/srv/bin/prog", ""), "", "/git", "/../x"); got != "404" {
		t.Errorf("above the prefix: %s", got)
	}
}

const scriptDir = `
	pi 755
	x.cgi 755
	Ⱥ.cgi 700
	owner 100
	group 010
	text 644
	note.py 644
	.hidden 755
	.git/pi 755
	.well-known/pi 755
	sub/pi 755
	sub/deep/pi 755
	sub.cgi/text 644
	empty/
	a b;c+d\e 755
	` + "\xc0\xff" + ` 755
	%2e%2e 755
	link -> pi
	sublink -> sub
	out -> ../outside
	updown -> ../root/pi
	absolute -> /bin/sh
	dangling -> nothing
	loop -> loop
	null -> /dev/null
	dirout -> ..
	fifo fifo
	socket socket
`

func TestDir(t *testing.T) {
	root := plant(t, scriptDir)
	tests := []struct{ rest, want string }{
		{"/pi", "run /cgi-bin/pi||pi"},
		{"/pi/", "run /cgi-bin/pi|/|pi"},
		{"/pi/path/info", "run /cgi-bin/pi|/path/info|pi"},
		{"/pi/path/info/", "run /cgi-bin/pi|/path/info/|pi"},
		{"/pi/.git/config", "run /cgi-bin/pi|/.git/config|pi"},
		{"/sub/pi", "run /cgi-bin/sub/pi||sub/pi"},
		{"/sub/deep/pi/pi", "run /cgi-bin/sub/deep/pi|/pi|sub/deep/pi"},
		{"/owner", "run /cgi-bin/owner||owner"},
		{"/group", "run /cgi-bin/group||group"},
		{"/Ⱥ.cgi/Ⱥ", "run /cgi-bin/Ⱥ.cgi|/Ⱥ|Ⱥ.cgi"},
		{"/pi/" + strings.Repeat("x/", 4000), "run /cgi-bin/pi|/" + strings.Repeat("x/", 4000) + "|pi"},

		{"", "slash"},
		{"/", "403"},
		{"/sub", "403"},
		{"/sub/", "403"},
		{"/empty/", "403"},
		{"/missing", "404"},
		{"/missing/pi", "404"},
		{"/sub/missing/pi", "404"},
		{"/pi2", "404"},
		{"/p", "404"},

		{"/text", "403"},
		{"/text/pi", "403"},
		{"/sub.cgi/text", "403"},
		{"/note.py", "run /cgi-bin/note.py||note.py"},
		{"/note.py/x", "run /cgi-bin/note.py|/x|note.py"},

		{"/.hidden", "404"},
		{"/.git/pi", "404"},
		{"/.well-known/pi", "run /cgi-bin/.well-known/pi||.well-known/pi"},

		{"/link/x", "run /cgi-bin/link|/x|link"},
		{"/sublink/pi", "run /cgi-bin/sublink/pi||sublink/pi"},
		{"/out", "403"},
		{"/out/x", "403"},
		{"/absolute", "403"},
		{"/null", "403"},
		{"/dirout/outside", "403"},
		{"/dangling", "404"},
		{"/dangling/x", "404"},
		{"/loop", "404"},
		{"/fifo", "403"},
		{"/socket", "403"},
		{"/fifo/x", "403"},

		{"/x.cgi ", "404"},
		{"/x.cgi.", "404"},
		{"/X.CGI", "404"},
		{"/x.cgi::$DATA", "404"},
		{"/x.cgi\x00", "404"},
		{"/x.cgi\x00/y", "404"},
		{"/x.cgi\n", "404"},
		{"/x.cgi\\", "404"},
		{"/x.cg%69", "404"},
		{"/%2e%2e", "run /cgi-bin/%2e%2e||%2e%2e"},
		{"/a b;c+d\\e", "run /cgi-bin/a b;c+d\\e||a b;c+d\\e"},
		{"/\xc0\xff/\xc0", "run /cgi-bin/\xc0\xff|/\xc0|\xc0\xff"},
		{"/\xc0", "404"},
		{"/" + strings.Repeat("x", 300), "404"},
		{"/" + strings.Repeat("x", 5000), "404"},

		{"/..", "404"},
		{"/../outside", "404"},
		{"/sub/../pi", "404"},
		{"/sub/../../outside", "404"},
		{"/./pi", "404"},
		{"//pi", "404"},
		{"/sub//pi", "404"},
		{"/pi//a", "404"},
		{"/pi/../x", "404"},
		{"//", "404"},
		{"pi", "404"},
	}
	r := NewDir(root, DirOptions{Interpreters: []string{".pl", ".py"}})
	defer r.Close()
	for _, test := range tests {
		if got := outcome(t, r, root, "/cgi-bin", test.rest); got != test.want {
			t.Errorf("%.80q: %.80s, want %.80s", test.rest, got, test.want)
		}
	}
	if got := outcome(t, r, root, "", "/sub/pi/x"); got != "run /sub/pi|/x|sub/pi" {
		t.Errorf("below /*: %s", got)
	}
}

func TestDirHiddenAndSymlinks(t *testing.T) {
	root := plant(t, scriptDir)
	hidden := NewDir(root, DirOptions{Hidden: true})
	defer hidden.Close()
	anywhere := NewDir(root, DirOptions{Symlinks: true})
	defer anywhere.Close()
	for _, test := range []struct {
		r          Resolver
		rest, want string
	}{
		{hidden, "/.hidden/x", "run /c/.hidden|/x|.hidden"},
		{hidden, "/.git/pi", "run /c/.git/pi||.git/pi"},
		{hidden, "/out", "403"},
		{hidden, "/note.py", "403"},
		{anywhere, "/out/x", "run /c/out|/x|out"},
		{anywhere, "/absolute", "run /c/absolute||absolute"},
		{anywhere, "/dirout/outside", "run /c/dirout/outside||dirout/outside"},
		{anywhere, "/updown", "run /c/updown||updown"},
		{anywhere, "/null", "403"},
		{anywhere, "/dangling", "404"},
		{anywhere, "/loop", "404"},
		{anywhere, "/.hidden", "404"},
	} {
		if got := outcome(t, test.r, root, "/c", test.rest); got != test.want {
			t.Errorf("%q: %s, want %s", test.rest, got, test.want)
		}
	}
}

// A script that is dropped into the directory works at once, and one that is removed is gone at once.
func TestDirSeesChanges(t *testing.T) {
	root := plant(t, "other 755")
	r := NewDir(root, DirOptions{})
	defer r.Close()
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"before", func() error { return nil }, "404"},
		{"dropped", func() error { return os.WriteFile(root+"/new", nil, 0o644) }, "403"},
		{"made executable", func() error { return os.Chmod(root+"/new", 0o755) }, "run /c/new||new"},
		{"removed", func() error { return os.Remove(root + "/new") }, "404"},
		{"now a folder", func() error { return os.Mkdir(root+"/new", 0o755) }, "403"},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, r, root, "/c", "/new"); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}

func TestDirThatIsMissing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "later")
	r := NewDir(root, DirOptions{})
	defer r.Close()
	if got := outcome(t, r, root, "/c", "/pi"); got != "404" {
		t.Errorf("without the directory: %s", got)
	}
	plantFile(t, parented(t, root, "pi"), 0o755)
	if got := outcome(t, r, root, "/c", "/pi"); got != "run /c/pi||pi" {
		t.Errorf("with it: %s", got)
	}
}

const phpTree = `
	index.php 644
	x.php 644
	X.PHP 644
	photo.jpg 644
	index.html 644
	.php 644
	.env 644
	x.php.bak 644
	x.php.jpg 644
	x.php~ 644
	#x.php# 644
	photo.jpg~ 644
	# 644
	~ 644
	notphp.php.txt 644
	foo.php.php/index.php 644
	sub.php/x.txt 644
	sub.php/y.php 644
	ȺȺȺȺshell.php.txt.php 644
	xｐhp 644
	x﹒php 644
	blog/index.php 644
	pages/index.html 644
	both/index.html 644
	both/index.php 644
	indexdir/index.php/z.txt 644
	empty/
	deep/a/b/c.css 644
	deep/a/b/c.php 644
	out.php -> ../outside.php
	out.txt -> ../outside
	dangling.php -> nothing
	link.php -> x.php
	alias.php -> photo.jpg
	fifo.php fifo
	fifo fifo
	badindex/index.php -> ../../outside.php
`

func TestRoot(t *testing.T) {
	root := plant(t, phpTree)
	plantFile(t, root+"/x.php\n", 0o644)
	tests := []struct{ rest, plain, front string }{ // front: with a fallback, where it differs
		{"/x.php", "run /w/x.php||x.php", ""},
		{"/x.php/path/info", "run /w/x.php|/path/info|x.php", ""},
		{"/x.php/", "run /w/x.php|/|x.php", ""},
		{"/index.php/", "run /w/index.php|/|index.php", ""},
		{"/index.php/.git", "run /w/index.php|/.git|index.php", ""},
		{"/deep/a/b/c.php/d", "run /w/deep/a/b/c.php|/d|deep/a/b/c.php", ""},
		{"/x.php/y.php/z.php", "run /w/x.php|/y.php/z.php|x.php", ""},
		{"/foo.php.php/index.php", "run /w/foo.php.php/index.php||foo.php.php/index.php", ""},
		{"/sub.php/y.php/x", "run /w/sub.php/y.php|/x|sub.php/y.php", ""},
		{"/ȺȺȺȺshell.php.txt.php/a.php", "run /w/ȺȺȺȺshell.php.txt.php|/a.php|ȺȺȺȺshell.php.txt.php", ""},
		{"/link.php", "run /w/link.php||link.php", ""},
		{"/alias.php", "run /w/alias.php||alias.php", ""},

		{"/photo.jpg", "serve photo.jpg", ""},
		{"/photo.jpg/x.php", "404", "404"},
		{"/photo.jpg/", "404", "404"},
		{"/deep/a/b/c.css", "serve deep/a/b/c.css", ""},
		{"/deep/a/b/c.css/x.php", "404", "404"},
		{"/sub.php/x.txt", "serve sub.php/x.txt", ""},
		{"/sub.php/x.txt/evil.php", "404", "404"},
		{"/notphp.php.txt", "serve notphp.php.txt", ""},
		{"/notphp.php.txt/", "404", "404"},
		{"/x.php.bak", "404", "front"},
		{"/x.php.jpg", "serve x.php.jpg", ""},
		{"/X.PHP", "serve X.PHP", ""},
		{"/X.PHP/info", "404", "404"},
		{"/xｐhp", "serve xｐhp", ""},
		{"/x﹒php/a.php", "404", "404"},
		{"/x.php\n", "serve x.php\n", ""},
		{"/x.php\n/a.php", "404", "404"},
		{"/photo.jpg~", "serve photo.jpg~", ""},
		{"/#", "serve #", ""},
		{"/~", "serve ~", ""},

		{"", "slash", "slash"},
		{"/", "run /w/index.php||index.php", ""},
		{"/blog", "slash", "slash"},
		{"/blog/", "run /w/blog/index.php||blog/index.php", ""},
		{"/pages/", "serve pages/index.html", ""},
		{"/both/", "run /w/both/index.php||both/index.php", ""},
		{"/sub.php", "slash", "slash"},
		{"/indexdir/", "403", "front"},
		{"/indexdir/index.php", "slash", "slash"},
		{"/indexdir/index.php/z.txt", "serve indexdir/index.php/z.txt", ""},
		{"/empty", "slash", "slash"},
		{"/empty/", "403", "front"},
		{"/badindex/", "403", "403"},

		{"/missing", "404", "front"},
		{"/missing/", "404", "front"},
		{"/missing.php", "404", "front"},
		{"/missing.php/x", "404", "front"},
		{"/blog/2024/post", "404", "front"},
		{"/x.php2", "404", "front"},
		{"/x.ph", "404", "front"},
		{"/x.php ", "404", "front"},
		{"/x.php.", "404", "front"},
		{"/x.php::$DATA", "404", "front"},
		{"/" + strings.Repeat("x", 300), "404", "front"},
		{"/x/" + strings.Repeat("x", 5000), "404", "front"},

		{"/.env", "404", "front"},
		{"/.php", "404", "front"},
		{"/x.php~", "404", "front"},
		{"/x.php~/a.php", "404", "front"},
		{"/#x.php#", "404", "front"},
		{"/dangling.php", "404", "front"},
		{"/out.php", "403", "403"},
		{"/out.php/x", "403", "403"},
		{"/out.txt", "403", "403"},
		{"/fifo.php", "403", "403"},
		{"/fifo", "403", "403"},

		{"/../outside.php", "404", "404"},
		{"/blog/../x.php", "404", "404"},
		{"//x.php", "404", "404"},
		{"/x.php//a", "404", "404"},
		{"/x.php\x00.jpg", "404", "404"},
		{"/photo.jpg\x00.php", "404", "404"},
		{"x.php", "404", "404"},
	}
	opt := RootOptions{Ext: []string{".php"}, Index: []string{"index.php", "index.html"}}
	plain := NewRoot(root, opt)
	defer plain.Close()
	opt.Fallback = "/index.php"
	front := NewRoot(root, opt)
	defer front.Close()
	for _, test := range tests {
		if got := outcome(t, plain, root, "/w", test.rest); got != test.plain {
			t.Errorf("%.80q: %.80s, want %.80s", test.rest, got, test.plain)
		}
		want := test.front
		switch want {
		case "":
			want = test.plain
		case "front":
			want = "run /w/index.php||index.php"
		}
		if got := outcome(t, front, root, "/w", test.rest); got != want {
			t.Errorf("with a fallback, %.80q: %.80s, want %.80s", test.rest, got, want)
		}
	}
	for rest, want := range map[string]string{
		"/":         "run /index.php||index.php",
		"/missing":  "run /index.php||index.php",
		"/x.php/a":  "run /x.php|/a|x.php",
		"/blog/":    "run /blog/index.php||blog/index.php",
		"/blog/x/y": "run /index.php||index.php",
	} {
		if got := outcome(t, front, root, "", rest); got != want {
			t.Errorf("below /*, %q: %s, want %s", rest, got, want)
		}
	}
}

func TestRootOptions(t *testing.T) {
	root := plant(t, `
		run.pl 755
		norun.pl 644
		bare 755
		page.py 644
		index.html 644
		.pl 755
		.x/a.pl 755
		.well-known/a.pl 755
		x.pl~ 644
		sub/run.pl 755
		out.pl -> ../outside
	`)
	perl := []string{".pl", ".py"}
	tests := []struct {
		name       string
		opt        RootOptions
		rest, want string
	}{
		{"the file is the program", RootOptions{Ext: perl, NeedExec: true}, "/run.pl/x", "run /run.pl|/x|run.pl"},
		{"without exec bit", RootOptions{Ext: perl, NeedExec: true}, "/norun.pl", "403"},
		{"without exec bit and with a fallback", RootOptions{Ext: perl, NeedExec: true, Fallback: "/run.pl"}, "/norun.pl", "403"},
		{"with an interpreter", RootOptions{Ext: perl, NeedExec: true, Interpreters: []string{".py"}}, "/page.py", "run /page.py||page.py"},
		{"another program runs it", RootOptions{Ext: perl}, "/norun.pl", "run /norun.pl||norun.pl"},
		{"executable without an extension", RootOptions{Ext: perl, NeedExec: true}, "/bare", "serve bare"},
		{"no index", RootOptions{Ext: perl}, "/", "403"},
		{"index that is served", RootOptions{Ext: perl, Index: []string{"no", "index.html"}}, "/", "serve index.html"},
		{"index without exec bit", RootOptions{Ext: perl, NeedExec: true, Index: []string{"norun.pl", "index.html"}}, "/", "403"},
		{"fallback that is served", RootOptions{Ext: perl, Fallback: "/index.html"}, "/missing", "serve index.html"},
		{"fallback in a folder", RootOptions{Ext: perl, Fallback: "/sub/run.pl"}, "/missing/x", "run /sub/run.pl||sub/run.pl"},
		{"fallback that is missing", RootOptions{Ext: perl, Fallback: "/no.pl"}, "/missing", "404"},
		{"fallback that is a folder", RootOptions{Ext: perl, Fallback: "/sub"}, "/missing", "403"},
		{"fallback that is a backup", RootOptions{Ext: perl, Fallback: "/x.pl~"}, "/missing", "404"},
		{"fallback without exec bit", RootOptions{Ext: perl, NeedExec: true, Fallback: "/norun.pl"}, "/missing", "403"},
		{"fallback out of the root", RootOptions{Ext: perl, Fallback: "/out.pl"}, "/missing", "403"},
		{"hidden", RootOptions{Ext: perl}, "/.x/a.pl", "404"},
		{"hidden, allowed", RootOptions{Ext: perl, Hidden: true}, "/.x/a.pl", "run /.x/a.pl||.x/a.pl"},
		{"nothing but an extension", RootOptions{Ext: perl, Hidden: true}, "/.pl", "run /.pl||.pl"},
		{"backup, allowed", RootOptions{Ext: perl, Hidden: true}, "/x.pl~", "serve x.pl~"},
		{"well-known", RootOptions{Ext: perl}, "/.well-known/a.pl", "run /.well-known/a.pl||.well-known/a.pl"},
		{"link out, allowed", RootOptions{Ext: perl, Symlinks: true}, "/out.pl/x", "run /out.pl|/x|out.pl"},
		{"no extension is a script's", RootOptions{}, "/run.pl", "serve run.pl"},
	}
	for _, test := range tests {
		r := NewRoot(root, test.opt)
		if got := outcome(t, r, root, "", test.rest); got != test.want {
			t.Errorf("%s: %q: %s, want %s", test.name, test.rest, got, test.want)
		}
		r.Close()
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	root := plant(t, "text 644\nout -> ../outside\n"+"odd\x01name 644\n"+"sub/a 644")
	r := NewDir(root, DirOptions{})
	defer r.Close()
	tests := []struct{ rest, text, hint string }{
		{"/text", "script: find " + root + "/text: it is not executable", "chmod +x " + root + "/text"},
		{"/odd\x01name", `script: find "` + root + `/odd\x01name": it is not executable`, `chmod +x "` + root + `/odd\x01name"`},
		{"/sub", "script: find " + root + "/sub: it is a folder", ""},
		{"/out", "script: find " + root + "/out: ", "symlinks"},
		{"/missing", "script: find " + root + "/missing: ", ""},
		{"/a/../b", "script: resolve /c/a/../b: the path is not canonical", ""},
		{"/" + strings.Repeat("long", 1000), "script: find " + root + "/longlong", ""},
	}
	for _, test := range tests {
		_, err := r.Resolve("/c", test.rest)
		var e *gateway.Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), test.text) || !strings.Contains(e.Hint, test.hint) {
			t.Errorf("%.40q: %v (%s)\nwant %s (%s)", test.rest, err, e.Hint, test.text, test.hint)
		}
		if len(err.Error()) > 1000 || e.Public != "" {
			t.Errorf("%.40q: %d bytes for the log, %q for the client", test.rest, len(err.Error()), e.Public)
		}
	}
}

func TestFileSystemFailures(t *testing.T) {
	tr := tree{root: NewDir("/srv", DirOptions{}).root}
	for cause, status := range map[error]int{
		syscall.EMFILE: 503, syscall.ENFILE: 503, syscall.ENOMEM: 503, syscall.EIO: 500,
		os.ErrPermission: 403, os.ErrNotExist: 404, syscall.ENOTDIR: 404, syscall.ENAMETOOLONG: 404, syscall.ELOOP: 404,
	} {
		err := tr.failed("x", &os.PathError{Op: "open", Path: "x", Err: cause})
		if got := gateway.AsError(err).Status; got != status {
			t.Errorf("%v: %d, want %d", cause, got, status)
		}
	}
}

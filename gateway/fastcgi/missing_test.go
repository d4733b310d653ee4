package fastcgi

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
)

// site is files below a directory that everybody may search.
type site struct {
	*testing.T
	dir string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &site{t, dir}
	s.mode(0o755, "")
	return s
}

func (s *site) mode(mode os.FileMode, name string) {
	s.Helper()
	if err := os.Chmod(filepath.Join(s.dir, name), mode); err != nil {
		s.Fatal(err)
	}
}

func (s *site) file(name string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("<?php // "+name), 0o644); err != nil {
		s.Fatal(err)
	}
	return path
}

// from is a process that sees the site's directory as "/", as one in a chroot does.
func (s *site) from(u *process.User) *onlooker {
	s.Helper()
	root, err := os.OpenFile(s.dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { root.Close() })
	return &onlooker{pid: 4711, user: u, root: root}
}

// www has no files of its own here.
func www() *process.User {
	return &process.User{Name: "www", UID: 4711, GID: 4712, Groups: []uint32{4713}}
}

func TestExplainMissing(t *testing.T) {
	for name, c := range map[string]struct {
		set         func(s *site) // with app/public/index.php below the site's directory
		root        string        // as app sees it: "" as it is, "worker" with worker_root
		app         func(s *site) *onlooker
		cause, hint string // DIR is the site's directory
	}{
		"gone": {
			func(s *site) { os.Remove(filepath.Join(s.dir, "app/public/index.php")) }, "", known,
			"DIR/app/public/index.php does not exist", "create it, or correct `root`, `index` or `fallback`",
		},
		"a folder is shut": {
			func(s *site) { s.mode(0o700, "app") }, "", known,
			"the application (of www) may not search DIR/app", "let www in: chmod o+x DIR/app, or give it to a group that www is in",
		},
		"all is shut": {
			func(s *site) {
				s.mode(0o600, "app/public/index.php")
				s.mode(0o750, "app/public")
				s.mode(0o700, "app")
			}, "", known,
			"the application (of www) may not search DIR/app and DIR/app/public, nor read DIR/app/public/index.php",
			"let www in: chmod o+x DIR/app DIR/app/public && chmod o+r DIR/app/public/index.php, or give it to a group that www is in",
		},
		"shut behind a link": {
			func(s *site) {
				s.file("home/public/index.php")
				os.RemoveAll(filepath.Join(s.dir, "app"))
				os.Symlink(filepath.Join(s.dir, "home"), filepath.Join(s.dir, "app"))
				s.mode(0o711, "home/public")
				s.mode(0o700, "home")
			}, "", known,
			"the application (of www) may not search DIR/app and DIR/home", "chmod o+x DIR/app DIR/home",
		},
		"of a group of its own": {
			func(s *site) { os.Chown(filepath.Join(s.dir, "app"), 0, 4713); s.mode(0o750, "app") }, "", known,
			"the application (of www) does not find it, though it exists here and www may read it", "see open_basedir",
		},
		"shut, and nobody knows for whom": {
			func(s *site) { s.mode(0o700, "app") }, "", unknown,
			"the application does not find it, and not every user may search DIR/app",
			"if it runs as another user: chmod o+x DIR/app; if it runs in a container or a chroot: set `worker_root` to where the application sees DIR/app, or let it see that at the same path",
		},
		"open, and nobody knows for whom": {
			func(*site) {}, "", unknown,
			"the application does not find it, though it exists here and every user may read it",
			"if it runs in a container, in a chroot or on another machine, set `worker_root` to where the application sees DIR/app, or let it see that at the same path; else see open_basedir",
		},
		"a chroot": {
			func(*site) {}, "", func(s *site) *onlooker { return s.from(www()) },
			"the application (process 4711 of www) sees another file system, as in a container or a chroot, where /tmp does not exist; here the file is DIR/app/public/index.php",
			"set `worker_root: /app`, which is what it calls DIR/app",
		},
		"a container with the files where images have them": {
			func(s *site) { s.file("app/public/index.php") }, "", func(s *site) *onlooker {
				inside := newSite(t)
				path := inside.file("var/www/html/public/index.php")
				os.WriteFile(path, []byte("<?php // app/public/index.php"), 0o644)
				return inside.from(www())
			},
			"sees another file system", "set `worker_root: /var/www/html`, which is what it calls DIR/app",
		},
		"a container without the files": {
			func(*site) {}, "", func(*site) *onlooker { return newSite(t).from(www()) },
			"sees another file system", "set `worker_root` to where the application sees DIR/app, or let it see that at the same path",
		},
		"a wrong worker_root": {
			func(s *site) {}, "/srv/www", func(s *site) *onlooker { return s.from(www()) },
			"sees another file system, as in a container or a chroot, where /srv does not exist; here the file is DIR/app/public/index.php", "set `worker_root: /app`",
		},
		"a wrong worker_root, and nobody can look": {
			func(s *site) {}, "/srv/www", unknown,
			"the application does not find it there; here it is DIR/app/public/index.php", "set `worker_root` to where the application sees DIR/app",
		},
		"shut in a chroot": {
			func(s *site) { s.mode(0o700, "app/public") }, "/app", func(s *site) *onlooker { return s.from(www()) },
			"the application (process 4711 of www) may not search /app/public", "chmod o+x /app/public",
		},
		"nothing to be seen": {
			func(s *site) {}, "/app", func(s *site) *onlooker { return s.from(www()) },
			"the application (process 4711 of www) does not find it, though it exists here and www may read it", "see open_basedir and doc_root",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			script := s.file("app/public/index.php")
			c.set(s)
			b := &Backend{opt: Options{Root: filepath.Join(s.dir, "app"), WorkerRoot: c.root}}
			o := c.app(s)
			cause, hint := b.missing(script).explain(o)
			cause, hint = strings.ReplaceAll(cause, s.dir, "DIR"), strings.ReplaceAll(hint, s.dir, "DIR")
			if !strings.Contains(cause, c.cause) || !strings.Contains(hint, c.hint) {
				t.Errorf("%s\n HINT %s\nwant\n%s\n HINT %s", cause, hint, c.cause, c.hint)
			}
		})
	}
}

func known(*site) *onlooker   { return &onlooker{user: www()} }
func unknown(*site) *onlooker { return &onlooker{} }

func TestSaysMissing(t *testing.T) {
	for _, c := range []struct {
		body, words string
		missing     bool
	}{
		{"File not found.\n", "Primary script unknown", true},
		{"File not found.\n", "", false}, // a script may say so
		{"No input file specified.\n", "", true},
		{"Access denied.\n", "Unable to open primary script: /srv/a.php (Permission denied)", true},
		{"Access denied.\n", "PHP Warning:  PHP Request Startup: Failed to open stream: Permission denied in Unknown on line 0", true},
		{"Access denied.\n", "Access to the script '/srv/a.inc' has been denied (see security.limit_extensions)", true},
		{"Access denied.\n", "somebody tried to log in", false},
		{"<h1>404</h1>", "Primary script unknown", false},
		{"", "", false},
	} {
		if got := saysMissing(c.body, c.words); got != c.missing {
			t.Errorf("%q, %q: %t", c.body, c.words, got)
		}
	}
}

// What the application says goes to the client as it is, the explanation to the log.
func TestMissingFileIsExplained(t *testing.T) {
	for name, c := range map[string]struct {
		answer, body string
		script       bool
		status       int
		want         string
	}{
		"php-fpm":          {errOut("Primary script unknown") + out("Status: 404 Not Found\r\nContent-type: text/html\r\n\r\nFile not found.\n") + end(), "File not found.\n", true, 404, "does not exist"},
		"php-cgi":          {out("Status: 404 Not Found\r\n\r\nNo input file specified.\n") + end(), "No input file specified.\n", true, 404, "does not exist"},
		"limit_extensions": {errOut("Access to the script '/a.inc' has been denied (see security.limit_extensions)") + out("Status: 403 Forbidden\r\n\r\nAccess denied.\n") + end(), "Access denied.\n", true, 403, "php-fpm runs no file with this extension"},
		"by a script":      {out("Status: 404 Not Found\r\n\r\nFile not found.\n") + end(), "File not found.\n", true, 404, ""},
		"no scripts":       {out("Status: 404 Not Found\r\n\r\nNo input file specified.\n") + end(), "No input file specified.\n", false, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			leaves(t)
			f := newFake(t, Options{Root: "/nowhere", Script: c.script}, 1, answering(c.answer))
			req := f.request("GET", nil)
			req.Script.Filename = "/nowhere/at.all"
			if got, want := f.do(req), fmt.Sprintf("%d %s", c.status, c.body); got != want {
				t.Errorf("the client gets %q, want %q", got, want)
			}
			if c.want == "" {
				if req.Err != nil {
					t.Errorf("explained: %v", req.Err)
				}
				return
			}
			e := gateway.AsError(req.Err)
			if e == nil || e.Status != c.status || !strings.HasPrefix(e.Error(), "fastcgi: run /nowhere/at.all: ") || !strings.Contains(e.Error(), c.want) || e.Hint == "" {
				t.Errorf("%v, want %q", e, c.want)
			}
		})
	}
}

// The other end of a unix socket is known, and so are its rights; nobody is at the other end of a TCP connection.
func TestFindOnlooker(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		l, address := listen(t, network)
		defer l.Close()
		raw, err := net.Dial(network, address.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		c, err := newConn(raw)
		if err != nil {
			t.Fatal(err)
		}
		if o := findOnlooker(c, www()); (o.user != nil) != (network == "unix") || o.user != nil && o.user.Name != "www" {
			t.Errorf("%s: %v", network, o)
		}
		if network == "tcp" {
			continue
		}
		if o := findOnlooker(c, nil); o.user == nil || o.user.UID != uint32(os.Geteuid()) {
			t.Errorf("own worker: %v", o)
		}
		if inode := listeningInode(address.Address); inode == "" {
			t.Error("the socket is not found")
		}
		if got := servers(os.Getpid(), address.Address); len(got) != 1 || got[0] != os.Getpid() {
			t.Errorf("who serves: %v", got)
		}
		o := lookAt([]int{os.Getpid()})
		defer o.close()
		if o.pid != os.Getpid() || o.user == nil || o.user.UID != uint32(os.Geteuid()) || !o.sharesRoot() {
			t.Errorf("this process: %+v", o)
		}
		if info, err := o.stat("/proc/self"); err != nil || !info.IsDir() {
			t.Errorf("its root: %v", err)
		}
	}
	if o := lookAt([]int{os.Getpid(), 1 << 30}); o.user != nil || o.pid != 0 {
		t.Errorf("one of two, of which one is not there: %+v", o)
	}
}

// Of own workers it is known before they are asked.
func TestCheckLooksAtWhatWorkersMayRead(t *testing.T) {
	s := newSite(t)
	path := s.file("app/index.php")
	b := New(Options{Script: true, User: www(), Root: s.dir})
	defer b.Close()
	req := &gateway.Request{}
	req.Script.Filename = path
	if err := b.Check(req); err != nil {
		t.Error(err)
	}
	s.mode(0o700, "app")
	e := gateway.AsError(b.Check(req))
	if e == nil || e.Status != 404 || !strings.Contains(e.Error(), "may not search "+s.dir+"/app") || !strings.Contains(e.Hint, "chmod o+x "+s.dir+"/app") {
		t.Errorf("%v", e)
	}
	b.opt.User = nil
	if err := b.Check(req); err != nil {
		t.Errorf("of who runs gatewayd nothing is asked: %v", err)
	}
}

func TestExplanationKeepsTheStatus(t *testing.T) {
	x := &exchange{backend: &Backend{opt: Options{Script: true}}}
	for _, status := range []int{200, 302, 500} {
		if x.missed(&http.Response{StatusCode: status}) {
			t.Errorf("status %d is looked at", status)
		}
	}
}

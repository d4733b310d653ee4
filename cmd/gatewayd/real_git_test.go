package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// gitHTTPBackend is where Debian's git has it.
const gitHTTPBackend = "/usr/lib/git-core/git-http-backend"

// gitClient is git with no settings but ours.
func gitClient(t *testing.T) client {
	home := t.TempDir()
	return client{t, home, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE=2024-05-06T07:08:09Z",
		"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE=2024-05-06T07:08:09Z",
	}}
}

// in is the same client elsewhere.
func (c client) in(dir string) client { c.dir = filepath.Join(c.dir, dir); return c }

// with is the same client with more environment.
func (c client) with(env ...string) client {
	c.env = append(append([]string{}, c.env...), env...)
	return c
}

func (c client) head() string {
	c.t.Helper()
	return strings.TrimSpace(c.run("git", "rev-parse", "HEAD"))
}

// serveGit serves a directory with an empty repository, project.git, that takes pushes.
func serveGit(t *testing.T, git client) (s *served, repository client) {
	repos := filepath.Join(t.TempDir(), "repos")
	git.run("git", "init", "-q", "--bare", "-b", "main", filepath.Join(repos, "project.git"))
	repository = git
	repository.dir = filepath.Join(repos, "project.git")
	repository.run("git", "config", "http.receivepack", "true")
	return serveReal(t, filepath.Dir(repos), `
admin: off
routes:
  "/git/*":
    cgi: `+gitHTTPBackend+`
    env: { GIT_PROJECT_ROOT: `+repos+`, GIT_HTTP_EXPORT_ALL: 1 }
`), repository
}

// randomFile writes size bytes that do not compress.
func randomFile(t *testing.T, name string, size int64) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{1}), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGit(t *testing.T) {
	t.Parallel()
	git := gitClient(t)
	s, repository := serveGit(t, git)
	project := s.url + "/git/project.git"

	git.run("git", "clone", "-q", project, "work")
	work := git.in("work")
	commit := func(message string) {
		work.run("git", "add", ".")
		work.run("git", "commit", "-q", "-m", message)
	}
	same := func(other client) {
		t.Helper()
		other.run("git", "fsck", "--strict")
		if got, want := other.head(), work.head(); got != want {
			t.Errorf("HEAD of %s is %s, want %s", other.dir, got, want)
		}
	}

	writeTestFile(t, filepath.Join(work.dir, "README"), "first\n", 0o644)
	commit("first")
	work.run("git", "push", "-q", "origin", "HEAD:main")
	same(repository)

	const size = 20 << 20
	randomFile(t, filepath.Join(work.dir, "large.bin"), size)
	commit("20 MiB")
	trace := work.with("GIT_TRACE_CURL=1", "GIT_TRACE_CURL_NO_DATA=1").run("git", "-c", "http.postBuffer=65536", "push", "origin", "HEAD:main")
	wantText(t, "the trace of a large push", trace, "Send header: Transfer-Encoding: chunked", "POST /git/project.git/git-receive-pack HTTP/1.1")
	same(repository)

	git.run("git", "clone", "-q", project, "whole")
	same(git.in("whole"))
	git.run("git", "clone", "-q", "--depth", "1", project, "shallow")
	shallow := git.in("shallow")
	same(shallow)
	if n := strings.TrimSpace(shallow.run("git", "rev-list", "--count", "HEAD")); n != "1" {
		t.Errorf("a shallow clone has %s commits, want 1", n)
	}

	writeTestFile(t, filepath.Join(work.dir, "README"), "third\n", 0o644)
	commit("third")
	work.run("git", "push", "-q", "origin", "HEAD:main")
	for _, other := range []client{git.in("whole"), shallow} {
		other.run("git", "fetch", "-q", "origin")
		other.run("git", "reset", "-q", "--hard", "origin/main")
		same(other)
	}
	shallow.run("git", "fetch", "-q", "--unshallow")
	if n := strings.TrimSpace(shallow.run("git", "rev-list", "--count", "HEAD")); n != "3" {
		t.Errorf("a clone made whole has %s commits, want 3", n)
	}
}

// TestGitGzip: git compresses what it asks for when that is long; git-http-backend reads Content-Encoding itself.
func TestGitGzip(t *testing.T) {
	t.Parallel()
	git := gitClient(t)
	s, repository := serveGit(t, git)
	git.run("git", "init", "-q", "-b", "main", "work")
	work := git.in("work")
	const refs = 300
	var stream strings.Builder
	for i := range refs {
		fmt.Fprintf(&stream, "blob\nmark :%d\ndata 8\nfile %03d\n", i+1, i)
		fmt.Fprintf(&stream, "reset refs/heads/b%03d\ncommit refs/heads/b%03d\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nxM 644 :%d file\n\n", i, i, i+1)
	}
	writeTestFile(t, filepath.Join(work.dir, ".git", "stream"), stream.String(), 0o644)
	work.run("sh", "-c", "git fast-import --quiet <.git/stream")

	// A push whose bodies are compressed on the way, by someone between git and us.
	var compressed atomic.Int64
	through := httptest.NewServer(compressing(t, s.url, &compressed))
	defer through.Close()
	work.run("git", "push", "-q", "--all", through.URL+"/git/project.git")
	repository.run("git", "fsck", "--strict")
	if compressed.Load() == 0 {
		t.Error("no body was compressed")
	}
	want := work.run("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads")
	if got := repository.run("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads"); got != want {
		t.Errorf("refs after a compressed push:\n%s\nwant:\n%s", got, want)
	}

	for _, version := range []string{"0", "2"} {
		clone := "clone" + version
		trace := git.with("GIT_TRACE_CURL=1", "GIT_TRACE_CURL_NO_DATA=1").
			run("git", "-c", "protocol.version="+version, "clone", s.url+"/git/project.git", clone)
		wantText(t, "the trace of a clone with protocol "+version, trace, "Send header: Content-Encoding: gzip", "POST /git/project.git/git-upload-pack HTTP/1.1")
		git.in(clone).run("git", "fsck", "--strict")
		got := git.in(clone).run("git", "for-each-ref", "--format=%(objectname) refs/heads/%(refname:lstrip=3)", "refs/remotes/origin/b*")
		if got != want {
			t.Errorf("protocol %s: refs of the clone:\n%s\nwant:\n%s", version, got, want)
		}
	}
}

// compressing forwards to target and compresses the bodies of pushes.
func compressing(t *testing.T, target string, count *atomic.Int64) http.Handler {
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		if !strings.HasSuffix(r.In.URL.Path, "/git-receive-pack") {
			return
		}
		count.Add(1)
		pr, pw := io.Pipe()
		go func() {
			w := gzip.NewWriter(pw)
			_, err := io.Copy(w, r.In.Body)
			if err == nil {
				err = w.Close()
			}
			pw.CloseWithError(err)
		}()
		r.Out.Body, r.Out.ContentLength = pr, -1
		r.Out.Header.Set("Content-Encoding", "gzip")
	}}
	return proxy
}

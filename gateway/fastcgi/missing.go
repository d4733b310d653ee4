package fastcgi

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"gatewayd/gateway"
)

// missed says whether an answer means that the application has not found the file that it was to run, or could not read
// it: PHP says so by a sentence, and by another in STDERR. A script may well answer 404 by itself.
func (x *exchange) missed(resp *http.Response) bool {
	if !x.backend.opt.Script || resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusForbidden {
		return false
	}
	body, _ := x.out.Peek(x.out.Buffered())
	words := ""
	if x.errs != nil {
		words = x.errs.LastWords()
	}
	return saysMissing(string(body), words)
}

// saysMissing knows the sentences of php-cgi, then those of php-fpm.
func saysMissing(body, words string) bool {
	switch {
	case strings.HasPrefix(body, "No input file specified."):
		return true
	case strings.HasPrefix(body, "File not found."):
		return strings.Contains(words, "Primary script unknown")
	case strings.HasPrefix(body, "Access denied."):
		return strings.Contains(words, "Unable to open primary script") || strings.Contains(words, limitedExtensions) || strings.Contains(words, "Permission denied in Unknown on line 0")
	}
	return false
}

// limitedExtensions is the option of php-fpm by which it refuses to run a file.
const limitedExtensions = "security.limit_extensions"

// explainMissed writes down why the application has not found its file. The answer stays what it is.
func (x *exchange) explainMissed(status int) {
	o := findOnlooker(x.conn, x.backend.opt.User)
	defer o.close()
	m := x.backend.missing(x.script)
	cause, hint := m.explain(o)
	if x.errs != nil && strings.Contains(x.errs.LastWords(), limitedExtensions) {
		cause, hint = "php-fpm runs no file with this extension", "add "+filepath.Ext(x.script)+" to "+limitedExtensions+" of its pool, or take it out of `ext`"
	}
	x.req.Err = &gateway.Error{Status: status, Op: "fastcgi: run " + m.sent, Err: errors.New(cause), Hint: hint, Alike: true}
}

// checkReadable says beforehand what explainMissed would say, of workers that gatewayd starts as another user.
func (b *Backend) checkReadable(script string) error {
	if !b.opt.Script || b.opt.User == nil {
		return nil
	}
	o, m := ownWorker(b.opt.User), b.missing(script)
	found := o.obstacles(m.sent)
	if len(found.shut) == 0 && !found.closed {
		return nil
	}
	cause, hint := m.locked(o, found)
	return &gateway.Error{Status: http.StatusNotFound, Op: "fastcgi: run " + m.sent, Err: errors.New(cause), Hint: hint}
}

// missing is a file that an application was told to run.
type missing struct {
	sent string // SCRIPT_FILENAME as the application got it
	here string // the same file as it is called here
	root string // the same as `root`; "" if there is none
}

func (b *Backend) missing(script string) *missing {
	m := &missing{sent: script, here: script, root: b.opt.Root}
	if b.opt.WorkerRoot != "" {
		m.sent = b.moved(script)
	}
	return m
}

// explain says why an application cannot run the file, and what to do about that, as far as it can be seen.
func (m *missing) explain(o *onlooker) (cause, hint string) {
	if _, err := os.Stat(m.here); err != nil {
		return m.nowhere(err)
	}
	if o.root == nil && m.sent != m.here {
		return o.String() + " does not find it there; here it is " + m.here, m.moveRoot()
	}
	found := o.obstacles(m.sent)
	switch {
	case found.missing != "":
		return m.elsewhere(o, found.missing)
	case len(found.shut) > 0 || found.closed:
		return m.locked(o, found)
	}
	return m.riddle(o)
}

// nowhere is about a file that does not exist for anybody.
func (m *missing) nowhere(err error) (cause, hint string) {
	if !errors.Is(err, fs.ErrNotExist) {
		return m.here + " cannot be looked at: " + err.Error(), ""
	}
	return m.here + " does not exist", "create it, or correct `root`, `index` or `fallback`"
}

// elsewhere is about a file that exists here, and not where the application looks for it.
func (m *missing) elsewhere(o *onlooker, part string) (cause, hint string) {
	cause = part + " does not exist"
	if m.sent == m.here || !o.sharesRoot() {
		cause = o.String() + " sees another file system, as in a container or a chroot, where " + cause
	}
	cause += "; here the file is " + m.here
	if root := m.rootInside(o); root != "" {
		return cause, "set `worker_root: " + root + "`, which is what it calls " + m.root
	}
	return cause, m.moveRoot()
}

func (m *missing) moveRoot() string {
	if m.root == "" {
		return "let it see the file at the same path"
	}
	return "set `worker_root` to where the application sees " + m.root + ", or let it see that at the same path"
}

// usualRoots are where container images have their files.
var usualRoots = []string{"/var/www/html", "/var/www", "/app/public", "/app", "/srv", "/usr/share/nginx/html"}

// rootInside is where the application sees root, if that can be found; "" if not.
func (m *missing) rootInside(o *onlooker) string {
	here, err := os.Stat(m.here)
	rest, below := strings.CutPrefix(m.here, strings.TrimSuffix(m.root, "/")+"/")
	if err != nil || m.root == "" || !below {
		return ""
	}
	for _, dir := range append(tails(m.root), usualRoots...) {
		info, err := o.stat(filepath.Join(dir, rest))
		if err == nil && info.Mode().IsRegular() && info.Size() == here.Size() {
			return dir
		}
	}
	return ""
}

// tails are what a path is called in a chroot at one of the directories above it: "/b/c" and "/c" and "/" of "/a/b/c".
func tails(path string) (all []string) {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			all = append(all, path[i:])
		}
	}
	return append(all, "/")
}

// locked is about a file that the application may not read.
func (m *missing) locked(o *onlooker, found obstacles) (cause, hint string) {
	var what, how []string
	if len(found.shut) > 0 {
		what, how = append(what, "search "+strings.Join(found.shut, " and ")), append(how, "chmod o+x "+strings.Join(found.shut, " "))
	}
	if found.closed {
		what, how = append(what, "read "+m.sent), append(how, "chmod o+r "+m.sent)
	}
	rights, chmod := strings.Join(what, ", nor "), strings.Join(how, " && ")
	if o.user == nil {
		return o.String() + " does not find it, and not every user may " + rights, "if it runs as another user: " + chmod + "; if it runs in a container or a chroot: " + m.moveRoot()
	}
	return o.String() + " may not " + rights, "let " + o.user.Name + " in: " + chmod + ", or give it to a group that " + o.user.Name + " is in"
}

// riddle is about a file that the application should find.
func (m *missing) riddle(o *onlooker) (cause, hint string) {
	const php = "see open_basedir and doc_root in its php.ini, and what the kernel's log says (SELinux, AppArmor)"
	reader := "every user"
	if o.user != nil {
		reader = o.user.Name
	}
	cause = o.String() + " does not find it, though it exists here and " + reader + " may read it"
	if o.seesThis() {
		return cause, php
	}
	return cause, "if it runs in a container, in a chroot or on another machine, " + m.moveRoot() + "; else " + php
}

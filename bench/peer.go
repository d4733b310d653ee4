package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// peer is a server at work, or what is measured instead of one.
type peer struct {
	spec
	dir      string // of the workload
	address  string
	released string // what version prints
	procs    []*exec.Cmd
	errors   *os.File

	samples []sample
	void    error // why its figures are none
}

const startTime = 10 * time.Second

// start starts a server and returns once it answers; nil if it is not installed.
func (b *bench) start(w *workload, dir string, s spec) (*peer, error) {
	if s.measure != nil {
		return &peer{spec: s, dir: dir}, nil
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &peer{spec: s.expand(b, dir, port), dir: dir, address: fmt.Sprintf("127.0.0.1:%d", port)}
	for _, command := range [][]string{p.version, p.app, p.command} {
		if command == nil {
			continue
		}
		if _, err := exec.LookPath(command[0]); err != nil {
			log.Printf("%s: %s is left out: %v", w.name, s.name, err)
			return nil, nil
		}
	}
	if p.version != nil {
		p.released = versionOf(p.version)
	}
	if err := p.begin(b, w); err != nil {
		p.stop()
		said, _ := os.ReadFile(filepath.Join(dir, "conf", slug(s.name)+".stderr"))
		return nil, fmt.Errorf("%s: %w\n%s", s.name, err, said)
	}
	return p, nil
}

// begin starts the processes and waits for the first right answer.
func (p *peer) begin(b *bench, w *workload) (err error) {
	conf := filepath.Join(p.dir, "conf", slug(p.name)) // in a folder without logs: gatewayd watches that of its configuration
	if err := errors.Join(os.WriteFile(conf+".conf", []byte(p.confOf(0)), 0o644), os.WriteFile(conf+"-app.conf", []byte(p.appConf), 0o644)); err != nil {
		return err
	}
	if p.errors, err = os.Create(conf + ".stderr"); err != nil {
		return err
	}
	if p.app != nil {
		if err := p.run(p.app); err != nil {
			return err
		}
		if err := within(startTime, func() error { return knock(filepath.Join(p.dir, slug(p.name)+".sock")) }); err != nil {
			return err
		}
	}
	if err := p.run(p.command); err != nil {
		return err
	}
	return within(startTime, func() error { return b.once(p, w) })
}

// run starts one process of the server, in a group of its own.
func (p *peer) run(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stderr = p.dir, p.errors
	cmd.Env = append(os.Environ(), p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.procs = append(p.procs, cmd)
	return nil
}

// within tries until it succeeds or the time is over.
func within(limit time.Duration, try func() error) (err error) {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

// knock succeeds when somebody listens.
func knock(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

// cpu is the processor time that the server has used so far, its programs included.
func (p *peer) cpu() (sum time.Duration, err error) {
	for _, cmd := range p.procs {
		used, uerr := treeTime(cmd.Process.Pid)
		sum, err = sum+used, errors.Join(err, uerr)
	}
	return sum, err
}

// stop ends every process of the server, its application last.
func (p *peer) stop() {
	for i := len(p.procs) - 1; i >= 0; i-- {
		stopGroup(p.procs[i])
	}
	if p.errors != nil {
		p.errors.Close()
	}
}

func stopGroup(cmd *exec.Cmd) {
	syscall.Kill(cmd.Process.Pid, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
	<-ended
}

// expand replaces what stands for something in s.
func (s spec) expand(b *bench, dir string, port int) spec {
	name := slug(s.name)
	conf := filepath.Join(dir, "conf", name)
	replace := strings.NewReplacer("$BIN", b.dir, "$DIR", dir, "$NAME", name, "$PORT", fmt.Sprint(port), "$CLIENTS", fmt.Sprint(b.clients), "$WORKERS", fmt.Sprint(serverProcesses*b.clients),
		"$SOCKET", filepath.Join(dir, name+".sock"), "$CONF", conf+".conf", "$APPCONF", conf+"-app.conf").Replace
	all := func(words []string) (out []string) {
		for _, word := range words {
			out = append(out, replace(word))
		}
		return out
	}
	s.version, s.app, s.command, s.env, s.reload = all(s.version), all(s.app), all(s.command), all(s.env), all(s.reload)
	s.conf, s.appConf = replace(s.conf), replace(s.appConf)
	return s
}

// slug is name as a file name.
func slug(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c == ' ' || c == ',' || c == ':' || c == '+' }), "-")
}

// versionOf is the number that a program tells of itself, else its first line.
func versionOf(command []string) string {
	out, _ := exec.Command(command[0], command[1:]...).CombinedOutput()
	for _, word := range strings.FieldsFunc(string(out), func(c rune) bool { return c == ' ' || c == '/' || c == '\n' || c == ':' }) {
		if word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
			return word
		}
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.SplitN(string(out), "\n", 2)[0], "gatewayd "))
}

// freePort is one that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

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

	"gatewayd/gateway/loadclient"
)

// spec is a server to measure.
type spec struct {
	name     string
	version  []string   // prints it
	commands [][]string // one process each, in the foreground; $DIR, $PORT and $CONF are replaced
	env      []string
	conf     string // the file $CONF, likewise
}

// peer is a server at work.
type peer struct {
	spec
	address  string
	released string // what version prints
	procs    []*exec.Cmd
	errors   *os.File
}

const startTime = 10 * time.Second

// start starts a server and returns once it answers; nil if it is not installed.
func (b *bench) start(s spec) (*peer, error) {
	for _, command := range append(s.commands, s.version) {
		if _, err := exec.LookPath(b.expand(command[0], s, 0)); err != nil {
			log.Printf("%s is left out: %v", s.name, err)
			return nil, nil
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &peer{spec: s, address: fmt.Sprintf("127.0.0.1:%d", port), released: b.versionOf(s)}
	if err := os.WriteFile(b.confFile(s), []byte(b.expand(s.conf, s, port)), 0o644); err != nil {
		return nil, err
	}
	if p.errors, err = os.Create(b.confFile(s) + ".stderr"); err != nil {
		return nil, err
	}
	for _, command := range s.commands {
		if err := p.run(b, command, port); err != nil {
			p.stop()
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if err := b.ready(p); err != nil {
		p.stop()
		said, _ := os.ReadFile(p.errors.Name())
		return nil, fmt.Errorf("%s: %w\n%s", s.name, err, said)
	}
	return p, nil
}

// run starts one process of the server, in a group of its own.
func (p *peer) run(b *bench, command []string, port int) error {
	args := make([]string, len(command))
	for i, arg := range command {
		args[i] = b.expand(arg, p.spec, port)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr = b.dir, p.errors
	cmd.Env = os.Environ()
	for _, v := range p.env {
		cmd.Env = append(cmd.Env, b.expand(v, p.spec, port))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.procs = append(p.procs, cmd)
	return nil
}

// ready waits for the first right answer.
func (b *bench) ready(p *peer) (err error) {
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = b.drive(p, 1, new(*loadclient.Report)); err == nil {
			return nil
		}
	}
	return err
}

// cpu is the processor time that the server has used so far, its programs included.
func (p *peer) cpu() (sum time.Duration, err error) {
	for _, cmd := range p.procs {
		used, uerr := treeTime(cmd.Process.Pid)
		sum, err = sum+used, errors.Join(err, uerr)
	}
	return sum, err
}

// stop ends every process of the server.
func (p *peer) stop() {
	for _, cmd := range p.procs {
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
	p.errors.Close()
}

// confFile is in a folder without logs: gatewayd watches that of its configuration.
func (b *bench) confFile(s spec) string {
	return filepath.Join(b.dir, "conf", strings.ReplaceAll(s.name, " ", "-")+".conf")
}

func (b *bench) expand(text string, s spec, port int) string {
	return strings.NewReplacer("$DIR", b.dir, "$PORT", fmt.Sprint(port), "$CONF", b.confFile(s)).Replace(text)
}

// versionOf is the number that the server tells of itself.
func (b *bench) versionOf(s spec) string {
	out, _ := exec.Command(b.expand(s.version[0], s, 0), s.version[1:]...).CombinedOutput()
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

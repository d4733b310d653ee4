package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigFromAPipe(t *testing.T) {
	for _, c := range []struct {
		name, text, pause string
	}{
		{"at once", "listen: \":80\"\n", "0s"},
		{"later", "listen: \":80\"\n", "50ms"},
		{"long", strings.Repeat("# 0123456789\n", 20000), "0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := fifo(t)
			go func() {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				defer w.Close()
				pause, _ := time.ParseDuration(c.pause)
				time.Sleep(pause)
				w.WriteString(c.text)
			}()
			if text, err := readFile(path, 10*time.Second); err != nil || string(text) != c.text {
				t.Errorf("%d bytes of %d, %v", len(text), len(c.text), err)
			}
		})
	}
}

// As of <(command), if the command fails: that is an empty config, and known at once.
func TestConfigFromAPipeThatEnds(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.AfterFunc(200*time.Millisecond, func() { w.Close() })
	if text, err := readFile(fmt.Sprintf("/proc/self/fd/%d", r.Fd()), 10*time.Second); err != nil || len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
}

// A pipe that brings nothing is refused, and so is one that does not end: the next load finds nobody at work.
func TestConfigFromAPipeThatHangs(t *testing.T) {
	const limit = 50 * time.Millisecond
	path := fifo(t)
	if _, err := readFile(path, limit); err == nil || !strings.Contains(err.Error(), "nobody has written") {
		t.Errorf("nobody writes: %v", err)
	}
	open, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for _, text := range []string{"", "listen: \":80\"\n"} {
		open.WriteString(text)
		if _, err := readFile(path, limit); err == nil || !strings.Contains(err.Error(), "to its end, for 50ms") {
			t.Errorf("%q and no end: %v", text, err)
		}
	}
}

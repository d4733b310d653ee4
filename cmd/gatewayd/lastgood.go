package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"gatewayd/gateway/config"
	"gatewayd/gateway/server"
)

// lastGood keeps the text of the config that was applied last, so that the server can start when the file is broken. nil
// keeps nothing. What the config refers to is not kept.
type lastGood struct {
	file string // the config's
	took []byte // what was read last

	rescued bool // what is applied next is what was kept

	// Of a start with the kept text:
	at       time.Time       // when it was kept
	problems config.Problems // of the file
}

func newLastGood(file string) (*lastGood, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	return &lastGood{file: abs}, nil
}

// watch has k know the text that src reads.
func (k *lastGood) watch(src *config.Source) {
	if k != nil {
		src.Took = func(text []byte) { k.took = text }
	}
}

// rescue returns the config that was kept, for a start with a file that has problems; else what it is given. A file that
// is missing has no config that could be restored: it may have been taken away.
func (k *lastGood) rescue(src config.Source, problems config.Problems) (*config.Config, config.Problems) {
	if k == nil {
		return nil, problems
	}
	if _, err := os.Stat(k.file); errors.Is(err, fs.ErrNotExist) {
		return nil, problems
	}
	for _, dir := range k.dirs() {
		path := k.path(dir)
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		src.Text, src.Took = text, nil
		conf, more := config.Load(src)
		if conf == nil {
			return nil, append(problems, config.Problem{File: path, Text: fmt.Sprintf("the last good config does not load any more either: %v", more)})
		}
		k.at, k.problems, k.rescued = info.ModTime(), problems, true
		return conf, more
	}
	return nil, append(problems, config.Problem{Severity: config.Warning, File: k.file, Text: "no last good config was kept of this file, so there is none to start with"})
}

var stateDirLine = regexp.MustCompile(`(?m)^state_dir:[ \t]*["']?([^"'#\s]+)`)

// dirs are where a text may have been kept: where the broken file says, if that can be told, and the default place.
func (k *lastGood) dirs() []string {
	named := config.StateDirOf(config.Source{File: k.file})
	if named == "" {
		if m := stateDirLine.FindSubmatch(k.took); m != nil {
			named = string(m[1])
			if !filepath.IsAbs(named) {
				named = filepath.Join(filepath.Dir(k.file), named)
			}
		}
	}
	return slices.DeleteFunc([]string{named, defaultStateDir()}, func(dir string) bool { return dir == "" })
}

func (k *lastGood) path(dir string) string {
	sum := sha256.Sum256([]byte(k.file))
	return filepath.Join(dir, "last-good-"+hex.EncodeToString(sum[:8])+".yaml")
}

// keep keeps the text of conf, which has just been applied. That it fails is worth a warning, not the service.
func (k *lastGood) keep(s *server.Server, conf *config.Config) {
	if k == nil || k.took == nil {
		return
	}
	if k.rescued {
		k.rescued = false
		return
	}
	dir := conf.StateDir
	if dir == "" {
		dir = defaultStateDir()
	}
	if err := k.write(dir); err != nil {
		s.Log().Warn().Err(err).Msg("the config was not kept for a start with a broken one; make the directory writable for this user, or set state_dir")
	}
}

// write replaces the file whole, and only when the new one is on the disk.
func (k *lastGood) write(dir string) error {
	if dir == "" {
		return errors.New("there is no usual place for it: neither XDG_STATE_HOME nor HOME is set")
	}
	path := k.path(dir)
	if kept, err := os.ReadFile(path); err == nil && bytes.Equal(kept, k.took) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".last-good-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(k.took)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return os.Rename(f.Name(), path)
}

// tell says loudly that the config which runs is not that of the file.
func (k *lastGood) tell(s *server.Server) {
	if k == nil || k.problems == nil {
		return
	}
	s.StartedFromLastGood(k.at, k.problems)
}

func defaultStateDir() string { return stateDirOf(os.Geteuid() == 0) }

// stateDirOf is "" if there is no usual place.
func stateDirOf(root bool) string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" { // systemd's StateDirectory=
		return filepath.SplitList(dir)[0]
	}
	if root {
		return "/var/lib/gatewayd"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gatewayd")
	}
	home := os.Getenv("HOME")
	if !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state", "gatewayd")
}

package worker

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/process"
)

// notInKey are the fields that two interchangeable pools may differ in.
var notInKey = map[string]bool{
	"Ready": true, "Unready": true, // functions
	"Stdin": true, "Stdout": true, "Stderr": true, "OnExit": true, "Unwatched": true, "OneLife": true, "outlives": true, // the Pool's
	"Name": true, // of the user, for messages
}

// TestKeyHasEveryField changes each field of a Spec: a field that is new and not in the key fails here.
func TestKeyHasEveryField(t *testing.T) {
	umask := 0o22
	full := func() *Spec {
		return &Spec{
			Process: process.Spec{User: &process.User{UID: 1}, Umask: &umask, Limits: []process.Limit{{Resource: unix.RLIMIT_CPU, Max: 1}}, Args: []string{"a"}, Env: []string{"A=1"}},
			Workers: 2, Concurrency: 2,
		}
	}
	key := full().Key()
	if key != full().Key() {
		t.Fatal("equal Specs have different keys")
	}
	for _, path := range fields(reflect.TypeFor[Spec](), nil) {
		s := full()
		change(t, reflect.ValueOf(s).Elem().FieldByIndex(path))
		if s.Key() == key {
			t.Errorf("%v is not in the key", reflect.TypeFor[Spec]().FieldByIndex(path).Name)
		}
	}
	s := full()
	s.Process.User.UID++
	if s.Key() == key {
		t.Error("the user is not in the key")
	}
	s = full()
	s.Process.Limits[0].Max++
	if s.Key() == key {
		t.Error("the limits are not in the key")
	}
	s = full()
	s.Ready = func(context.Context, net.Conn) (bool, error) { return true, nil }
	if s.Key() != key {
		t.Error("a function is in the key")
	}
}

func fields(of reflect.Type, above []int) (all [][]int) {
	for i := range of.NumField() {
		f, path := of.Field(i), append(append([]int{}, above...), i)
		switch {
		case notInKey[f.Name]:
		case f.Type == reflect.TypeFor[process.Spec]():
			all = append(all, fields(f.Type, path)...)
		default:
			all = append(all, path)
		}
	}
	return all
}

func change(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Slice, reflect.Pointer:
		v.SetZero()
	default:
		t.Fatal("a field of a kind that this test does not know:", v.Type())
	}
}

func TestVersion(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "current")
	if err := os.Symlink(write("one", "1"), link); err != nil {
		t.Fatal(err)
	}
	script := write("app.pl", "1")
	spec := Spec{Process: process.Spec{Path: link, Args: []string{"x", "-T", "app.pl"}, Dir: dir}}
	version, key := spec.Version(), spec.Key()
	differs := func(what string) {
		t.Helper()
		if now := spec.Version(); now == version {
			t.Error("the same version after", what)
		} else {
			version = now
		}
	}
	os.Chtimes(link, time.Time{}, time.Now().Add(time.Hour))
	differs("a new time")
	write("one", "22")
	differs("a new size")
	write("two", "22")
	os.Remove(link)
	os.Symlink("two", link)
	differs("the link leads elsewhere")
	write("app.pl", "1+1")
	differs("a new version of the script")
	os.Rename(script, script+".old")
	differs("the script is gone")
	os.Chtimes(dir, time.Time{}, time.Now().Add(time.Hour))
	if spec.Version() != version {
		t.Error("something else has changed the version")
	}
	if spec.Key() != key {
		t.Error("a version is in the key")
	}
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// someAccounts is a small machine, as seen by a process of this uid and gid.
func someAccounts(uid, gid int) *accounts {
	users := []user.User{
		{Username: "root", Uid: "0", Gid: "0"}, {Username: "www-data", Uid: "33", Gid: "33"}, {Username: "deploy", Uid: "1000", Gid: "1000"},
		{Username: "odd", Uid: "S-1-5", Gid: "1"}, {Username: "broken", Uid: "7", Gid: "7"}, {Username: "alone", Uid: "8", Gid: "8"},
	}
	groups := map[string]string{"root": "0", "www-data": "33", "staff": "50", "deploy": "1000", "odd": "x"}
	find := func(match func(user.User) bool, unknown error) (*user.User, error) {
		if i := slices.IndexFunc(users, match); i >= 0 {
			return &users[i], nil
		}
		return nil, unknown
	}
	return &accounts{
		user: func(name string) (*user.User, error) {
			return find(func(u user.User) bool { return u.Username == name }, user.UnknownUserError(name))
		},
		userOf: func(uid string) (*user.User, error) {
			return find(func(u user.User) bool { return u.Uid == uid }, user.UnknownUserIdError(0))
		},
		group: func(name string) (*user.Group, error) {
			if gid, ok := groups[name]; ok {
				return &user.Group{Name: name, Gid: gid}, nil
			}
			return nil, user.UnknownGroupError(name)
		},
		groupsOf: func(u *user.User) ([]string, error) {
			switch u.Username {
			case "deploy":
				return []string{"1000", "50", "4", "27"}, nil
			case "broken":
				return nil, errors.New("no directory service")
			case "alone":
				return nil, fs.ErrNotExist
			}
			return []string{u.Gid}, nil
		},
		names: func(file string) []string {
			if file == "/etc/passwd" {
				return []string{"root", "www-data", "deploy"}
			}
			return []string{"root", "www-data", "staff", "deploy"}
		},
		uid: uid, gid: gid,
	}
}

func TestResolveUser(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want User
		err  string
	}{
		{"www-data", User{UID: 33, GID: 33, Groups: []uint32{33}}, ""},
		{"root", User{Groups: []uint32{0}}, ""},
		{"0", User{Groups: []uint32{0}}, ""},
		{"deploy", User{UID: 1000, GID: 1000, Groups: []uint32{4, 27, 50, 1000}}, ""},
		{"1000", User{UID: 1000, GID: 1000, Groups: []uint32{4, 27, 50, 1000}}, ""},
		{"01000", User{UID: 1000, GID: 1000, Groups: []uint32{4, 27, 50, 1000}}, ""},
		{"deploy:staff", User{UID: 1000, GID: 50, Groups: []uint32{4, 27, 50}}, ""},
		{"deploy:1000", User{UID: 1000, GID: 1000, Groups: []uint32{4, 27, 50, 1000}}, ""},
		{"1000:www-data", User{UID: 1000, GID: 33, Groups: []uint32{4, 27, 33, 50}}, ""},
		{"4242:50", User{UID: 4242, GID: 50}, ""},
		{"4242:staff", User{UID: 4242, GID: 50}, ""},
		{"4294967294:4294967294", User{UID: 1<<32 - 2, GID: 1<<32 - 2}, ""},
		{"alone", User{UID: 8, GID: 8, Groups: []uint32{8}}, ""},
		{"4242", User{}, `no user has the uid 4242, so its group is not known; write that, too: "4242:4242"`},
		{"4294967295", User{}, "4294967295 is not an id; the highest is 4294967294"},
		{"0:4294967295", User{}, "4294967295 is not an id; the highest is 4294967294"},
		{"99999999999999999999", User{}, "is not an id"},
		{"www-dat", User{}, `there is no user "www-dat"; did you mean "www-data"?`},
		{"someone", User{}, `there is no user "someone"; write one of /etc/passwd, or numbers: uid:gid`},
		{"deploy:staf", User{}, `there is no group "staf"; did you mean "staff"?`},
		{"deploy:1:2", User{}, `there is no group "1:2"`},
		{"-1", User{}, `there is no user "-1"`},
		{"1000:-1", User{}, `there is no group "-1"`},
		{"", User{}, `"" is not a user; write name, uid, name:group or uid:gid`},
		{":staff", User{}, `":staff" is not a user`},
		{"deploy:", User{}, `"deploy:" is not a user`},
		{"odd", User{}, `the machine gives "S-1-5" as an id`},
		{"root:odd", User{}, `the machine gives "x" as an id`},
		{"broken", User{}, `the groups of the user "broken" cannot be read: no directory service`},
	} {
		got, err := someAccounts(0, 0).resolve(tt.in)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.in, err, tt.err)
			}
			continue
		}
		if tt.want.Name = tt.in; err != nil || !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
		}
	}
}

// TestUserOfOthers: a check by somebody who could not start the programs says so, and loads.
func TestUserOfOthers(t *testing.T) {
	w := newWorld(t)
	wantUser := func(uid int) string {
		return fmt.Sprintf("1:1: warning: user: only root, or who has its capabilities, can start programs as \"deploy\", and this is uid %d: run by it without them, they could not be started\n", uid)
	}
	wantPriority := func(uid int) string {
		return fmt.Sprintf("2:1: warning: priority: only root can start programs with a priority below 0, and this is uid %d: run by it, they could not be started\n", uid)
	}
	for _, tt := range []struct {
		uid, gid int
		want     string
	}{{0, 0, ""}, {1000, 1000, wantPriority(1000)}, {33, 33, wantUser(33) + wantPriority(33)}, {1000, 33, wantUser(1000) + wantPriority(1000)}} {
		src := w.source("c.yaml", []byte("user: deploy\npriority: -5\nroutes: { /a: { cgi: ./app }, /b: { cgi: ./app } }"))
		src.accounts = someAccounts(tt.uid, tt.gid)
		cfg, problems := Load(src)
		got := ""
		for _, line := range w.lines("c.yaml", problems) {
			got += line + "\n"
		}
		if cfg == nil || got != tt.want {
			t.Errorf("uid %d, gid %d: %s", tt.uid, tt.gid, got)
		}
	}
}

// TestNoAccounts: where there is no /etc/passwd, numbers will do.
func TestNoAccounts(t *testing.T) {
	a := &accounts{
		user: func(string) (*user.User, error) {
			return nil, &fs.PathError{Op: "open", Path: "/etc/passwd", Err: fs.ErrNotExist}
		},
		userOf: func(string) (*user.User, error) {
			return nil, &fs.PathError{Op: "open", Path: "/etc/passwd", Err: fs.ErrNotExist}
		},
		group: func(string) (*user.Group, error) { return nil, errors.New("out of descriptors") },
		names: func(string) []string { return nil },
	}
	if u, err := a.resolve("1000:1000"); err != nil || u.UID != 1000 || u.GID != 1000 || u.Groups != nil {
		t.Errorf("%+v, %v", u, err)
	}
	for in, want := range map[string]string{"ada": `there is no user "ada"; write one of /etc/passwd, or numbers: uid:gid`, "1000:staff": "out of descriptors"} {
		if _, err := a.resolve(in); err == nil || err.Error() != want {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestMachineAccounts: what the machine says of the one user that every machine has.
func TestMachineAccounts(t *testing.T) {
	a := machineAccounts()
	got, err := a.resolve("root")
	if err != nil || got.UID != 0 || got.GID != 0 || !slices.Contains(got.Groups, 0) {
		t.Errorf("%+v, %v", got, err)
	}
	if names := a.names("/etc/passwd"); !slices.Contains(names, "root") {
		t.Errorf("%q", names)
	}
	if _, err := a.resolve("no-such-user-here"); err == nil || !strings.Contains(err.Error(), "there is no user") {
		t.Error(err)
	}
}

// FuzzResolve: an answer is for a uid that was written or looked up, never for root by mistake.
func FuzzResolve(f *testing.F) {
	for _, s := range []string{"root", "deploy:staff", "1000", "4242:50", ":", "0:0", "00", "-0", "4294967296:0", "odd:odd", "7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := someAccounts(0, 0).resolve(s)
		if (u == nil) != (err != nil) {
			t.Fatalf("%q: %+v, %v", s, u, err)
		}
		name, _, _ := strings.Cut(s, ":")
		if u != nil && u.UID == 0 && name != "root" && strings.Trim(name, "0") != "" {
			t.Errorf("%q is root: %+v", s, u)
		}
	})
}

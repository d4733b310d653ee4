package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// userValue is who runs programs.
type userValue struct{ value[*User] }

func (v *userValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	u, known := l.users[s]
	if !known {
		var err error
		if u, err = l.accounts.resolve(s); err != nil {
			l.error(p, "%v", err)
			return
		}
		l.users[s] = u
	}
	v.v = u
	if !l.accounts.mayBe(u) {
		l.warn(p, "only root, or who has its capabilities, can start programs as %s, and this is uid %d: run by it without them, they could not be started", quote(s), l.accounts.uid)
	}
}

// accounts is what the machine knows of users and groups.
type accounts struct {
	user     func(name string) (*user.User, error)
	userOf   func(uid string) (*user.User, error)
	group    func(name string) (*user.Group, error)
	groupsOf func(*user.User) (gids []string, err error) // with the primary one
	names    func(file string) []string                  // of /etc/passwd or /etc/group
	uid, gid int                                         // of this process
}

func machineAccounts() *accounts {
	return &accounts{
		user: user.Lookup, userOf: user.LookupId, group: user.LookupGroup, groupsOf: (*user.User).GroupIds, names: namesOf,
		uid: os.Geteuid(), gid: os.Getegid(),
	}
}

// mayBe says whether this process can start programs as u.
func (a *accounts) mayBe(u *User) bool {
	return a.uid == 0 || uint32(a.uid) == u.UID && uint32(a.gid) == u.GID
}

// resolve reads name, uid, name:group or uid:gid. Words of digits are ids.
func (a *accounts) resolve(s string) (*User, error) {
	name, group, hasGroup := strings.Cut(s, ":")
	if name == "" || hasGroup && group == "" {
		return nil, fmt.Errorf("%s is not a user; write name, uid, name:group or uid:gid", quote(s))
	}
	account, err := a.account(name)
	switch {
	case err != nil:
		return nil, err
	case !hasGroup && account.Gid == "":
		return nil, fmt.Errorf("no user has the uid %s, so its group is not known; write that, too: %s", name, quote(name+":"+name))
	case !hasGroup:
		group = account.Gid
	}
	uid, err := idOf(account.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := a.gidOf(group)
	if err != nil {
		return nil, err
	}
	groups, err := a.groups(account, gid)
	if err != nil {
		return nil, err
	}
	return &User{Name: s, UID: uid, GID: gid, Groups: groups}, nil
}

// account is the user of a name or uid. One of an unknown uid has nothing but that.
func (a *accounts) account(name string) (*user.User, error) {
	uid, isNumber, err := parseID(name)
	if err != nil {
		return nil, err
	}
	if !isNumber {
		u, err := a.user(name)
		if isUnknown[user.UnknownUserError](err) {
			return nil, a.unknown("user", name, "/etc/passwd")
		}
		return u, err
	}
	text := strconv.FormatUint(uint64(uid), 10)
	u, err := a.userOf(text)
	if isUnknown[user.UnknownUserIdError](err) {
		return &user.User{Uid: text}, nil
	}
	return u, err
}

func (a *accounts) gidOf(group string) (uint32, error) {
	gid, isNumber, err := parseID(group)
	if isNumber || err != nil {
		return gid, err
	}
	g, err := a.group(group)
	if isUnknown[user.UnknownGroupError](err) {
		return 0, a.unknown("group", group, "/etc/group")
	}
	if err != nil {
		return 0, err
	}
	return idOf(g.Gid)
}

// isUnknown says whether a look-up found nothing, also for want of a file: a small container may have none.
func isUnknown[E error](err error) bool {
	_, unknown := errors.AsType[E](err)
	return unknown || errors.Is(err, fs.ErrNotExist)
}

// groups are those that initgroups(3) gives to a process: gid, and each that lists the user. The primary group of
// /etc/passwd is not among them when another one has taken its place. A uid that no user has is in no group.
func (a *accounts) groups(account *user.User, gid uint32) ([]uint32, error) {
	if account.Gid == "" {
		return nil, nil
	}
	ids, err := a.groupsOf(account)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the groups of the user %s cannot be read: %w", quote(account.Username), err)
	}
	groups := []uint32{gid}
	for _, text := range ids {
		if text == account.Gid {
			continue
		}
		id, err := idOf(text)
		if err != nil {
			return nil, err
		}
		groups = append(groups, id)
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// unknown names what was probably meant, or what can be written for an account that these files do not have.
func (a *accounts) unknown(what, name, file string) error {
	if meant := didYouMean(name, a.names(file)); meant != "" {
		return fmt.Errorf("there is no %s %s%s", what, quote(name), meant)
	}
	return fmt.Errorf("there is no %s %s; write one of %s, or numbers: uid:gid", what, quote(name), file)
}

// parseID reads a uid or gid. The highest number is none: the kernel takes it for "leave as it is".
func parseID(s string) (id uint32, isNumber bool, err error) {
	n, rest, ok := leadingNumber(s)
	if !ok || rest != "" {
		return 0, false, nil
	}
	const highest = 1<<32 - 2
	if n > highest {
		return 0, true, fmt.Errorf("%s is not an id; the highest is %d", oneLine(s), highest)
	}
	return uint32(n), true, nil
}

// idOf is the id that the machine gave for an account.
func idOf(text string) (uint32, error) {
	id, isNumber, err := parseID(text)
	if !isNumber {
		err = fmt.Errorf("the machine gives %s as an id, which is no number", quote(text))
	}
	return id, err
}

// namesOf reads so many names as a suggestion is worth.
func namesOf(file string) []string {
	const enough = 64 << 10
	text, _ := readAtMost(file, enough)
	var names []string
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, name)
		}
	}
	return names
}

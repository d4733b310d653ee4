package static

import (
	"io/fs"
	"syscall"
	"testing"
	"time"
)

// facts are an fs.FileInfo made up of nothing but what an entity tag can come from.
type facts struct {
	fs.FileInfo
	size     int64
	modified time.Time
	stat     syscall.Stat_t
}

func (f facts) Size() int64        { return f.size }
func (f facts) ModTime() time.Time { return f.modified }
func (f facts) Sys() any           { return &f.stat }

// In life the facts change together, so that each hides that another one is forgotten.
func TestEveryFactChangesTheTag(t *testing.T) {
	base := func() facts {
		return facts{size: 5, modified: time.Unix(1e9, 0), stat: syscall.Stat_t{Ino: 7, Ctim: syscall.Timespec{Sec: 1e9}}}
	}
	changed := map[string]func(*facts){
		"nothing":                         func(*facts) {},
		"size":                            func(f *facts) { f.size++ },
		"modification time":               func(f *facts) { f.modified = f.modified.Add(time.Second) },
		"modification time's nanoseconds": func(f *facts) { f.modified = f.modified.Add(1) },
		"change time":                     func(f *facts) { f.stat.Ctim.Sec++ },
		"change time's nanoseconds":       func(f *facts) { f.stat.Ctim.Nsec++ },
		"inode":                           func(f *facts) { f.stat.Ino++ },
		"inode's high half":               func(f *facts) { f.stat.Ino += 1 << 40 },
	}
	seen := map[string]string{}
	for name, change := range changed {
		f := base()
		change(&f)
		for _, encoding := range []string{"", "gzip", "br"} {
			tag := etagOf(f, encoding)
			if other, ok := seen[tag]; ok {
				t.Errorf("%s %s and %s have the tag %s", name, encoding, other, tag)
			}
			seen[tag] = name + " " + encoding
			if again := etagOf(f, encoding); again != tag {
				t.Errorf("%s: %s, then %s", name, tag, again)
			}
		}
	}
}

package script

import (
	"io/fs"
	"testing"
)

// lookups are requests and how often a resolver asks the file system to answer them. One lookup is a docroot.Stat: two
// system calls, and two more for each folder that the kernel has to be led through.
var lookups = []struct {
	name, rest string
	count      int
	resolver   func(*Dir, *Root) Resolver
}{
	{"directory", "/pi", 1, ofDir},
	{"directory, PATH_INFO", "/pi/repo.git/info/refs", 1, ofDir},
	{"directory, two folders down", "/sub/deep/pi/x", 3, ofDir},
	{"root, script", "/blog/post.php", 1, ofRoot},
	{"root, file", "/css/style.css", 1, ofRoot},
	{"root, PATH_INFO", "/blog/post.php/comments", 3, ofRoot},
	{"root, index", "/blog/", 2, ofRoot},
	{"root, fallback", "/missing", 2, ofRoot},
	{"root, fallback below a folder", "/blog/2024/post/with/more", 4, ofRoot},
}

func ofDir(d *Dir, _ *Root) Resolver  { return d }
func ofRoot(_ *Dir, r *Root) Resolver { return r }

func lookupResolvers(t testing.TB) (*Dir, *Root) {
	root := plant(t, "pi 755\nsub/deep/pi 755\nindex.php 644\nblog/post.php 644\ncss/style.css 644\nblog/index.php 644")
	dir := NewDir(root, DirOptions{})
	tree := NewRoot(root, RootOptions{Ext: []string{".php"}, Index: []string{"index.php"}, Fallback: "/index.php"})
	t.Cleanup(func() { dir.Close(); tree.Close() })
	return dir, tree
}

// counter counts how often it is asked.
type counter struct {
	files
	n int
}

func (c *counter) Stat(name string) (fs.FileInfo, error) {
	c.n++
	return c.files.Stat(name)
}

func TestLookups(t *testing.T) {
	dir, tree := lookupResolvers(t)
	c := &counter{files: dir.root}
	dir.root = c
	c2 := &counter{files: tree.root}
	tree.root = c2
	for _, test := range lookups {
		c.n, c2.n = 0, 0
		if _, err := test.resolver(dir, tree).Resolve("/p", test.rest); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if n := c.n + c2.n; n != test.count {
			t.Errorf("%s: %d lookups, want %d", test.name, n, test.count)
		}
	}
}

// picky fails on a name that docroot does not promise to take.
type picky struct {
	files
	t *testing.T
}

func (p picky) Stat(name string) (fs.FileInfo, error) {
	if name != "" && !fs.ValidPath(name) || name == "." {
		p.t.Errorf("looked up %q", name)
	}
	return p.files.Stat(name)
}

func TestLookupsAreCanonical(t *testing.T) {
	dir, tree := lookupResolvers(t)
	dir.root, tree.root = picky{dir.root, t}, picky{tree.root, t}
	for _, rest := range []string{"", "/", "/pi", "/pi/", "/sub", "/sub/", "/sub/deep/", "/sub/deep/pi/", "/blog/", "/blog/x/", "/missing/", "//", "/.", "/..", "/../", "/sub/..", "/sub/../", "/sub//deep", "x"} {
		dir.Resolve("/p", rest)
		tree.Resolve("/p", rest)
	}
}

func BenchmarkResolve(b *testing.B) {
	dir, tree := lookupResolvers(b)
	for _, bench := range lookups {
		b.Run(bench.name, func(b *testing.B) {
			r := bench.resolver(dir, tree)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Resolve("/p", bench.rest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

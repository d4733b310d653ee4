package script

import "testing"

// The lookups in the names are calls of docroot.Stat, which is what a resolve costs: each is one open relative to the
// root, resolved by the kernel, one fstat and one close.
func BenchmarkResolve(b *testing.B) {
	root := plant(b, "pi 755\nsub/deep/pi 755\nindex.php 644\nblog/post.php 644\ncss/style.css 644\nblog/index.php 644")
	dir := NewDir(root, DirOptions{})
	defer dir.Close()
	tree := NewRoot(root, RootOptions{Ext: []string{".php"}, Index: []string{"index.php"}, Fallback: "/index.php"})
	defer tree.Close()
	for _, bench := range []struct {
		name, rest string
		r          Resolver
	}{
		{"program, 0 lookups", "/a/b/c", NewProgram("/srv/prog", "")},
		{"directory, 1 lookup", "/pi", dir},
		{"directory with PATH_INFO, 1 lookup", "/pi/repo.git/info/refs", dir},
		{"directory two folders down, 3 lookups", "/sub/deep/pi/x", dir},
		{"root, script, 1 lookup", "/blog/post.php", tree},
		{"root, file, 1 lookup", "/css/style.css", tree},
		{"root, script with PATH_INFO, 3 lookups", "/blog/post.php/comments", tree},
		{"root, index, 2 lookups", "/blog/", tree},
		{"root, fallback, 2 lookups", "/missing", tree},
		{"root, fallback below a folder, 4 lookups", "/blog/2024/post", tree},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.r.Resolve("/p", bench.rest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

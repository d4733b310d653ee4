package htpasswd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gatewayd/gateway/config"
)

// What htpasswd, openssl and crypt(3) make of "secret".
const (
	bcrypt2y = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
	bcrypt2b = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
	apr1     = "$apr1$8Zh7TbIu$22xX90XKCqnzAfh2tlEi.1"
	sha      = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
)

func bcryptOf(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func newFile(t testing.TB, users ...config.Credential) *File {
	t.Helper()
	f, err := New(users, newGate(1, 10, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func verify(t testing.TB, f *File, name, password string) bool {
	t.Helper()
	ok, err := f.Verify(context.Background(), name, password)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestVerify(t *testing.T) {
	f := newFile(t,
		config.Credential{Name: "ada", Hash: bcrypt2y}, config.Credential{Name: "bob", Hash: bcrypt2b},
		config.Credential{Name: "cyd", Hash: apr1}, config.Credential{Name: "dan", Hash: sha},
		config.Credential{Name: "ada", Hash: "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="}, // the second of that name: "test"
		config.Credential{Name: "eve", Hash: bcryptOf(t, strings.Repeat("x", 72))},
		config.Credential{Name: "fay", Hash: "$apr1$x$iw4X6jcVzE4TEa0asVbEl."},
		config.Credential{Name: "", Hash: bcryptOf(t, "")},
	)
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"ada", "secret", true}, {"bob", "secret", true}, {"cyd", "secret", true}, {"dan", "secret", true},
		{"fay", "pässword with blanks", true}, {"eve", strings.Repeat("x", 72), true}, {"", "", true},
		{"ada", "", false}, {"ada", "Secret", false}, {"ada", "secret ", false}, {"ada", "secre", false}, {"ada", bcrypt2y, false},
		{"bob", "", false}, {"bob", "secrets", false}, {"bob", bcrypt2b, false},
		{"cyd", "", false}, {"cyd", "Secret", false}, {"cyd", apr1, false},
		{"dan", "", false}, {"dan", "Secret", false}, {"dan", sha, false}, {"dan", "5en6G6MezRroT3XKqkdPOmY/BfQ=", false},
		{"ada", "test", false},                     // the first of a name counts
		{"eve", strings.Repeat("x", 73), false},    // not for its first 72 bytes
		{"eve", strings.Repeat("x", 71), false},    //
		{"fay", "passwort mit leerzeichen", false}, //
		{"Ada", "secret", false}, {"ada ", "secret", false}, {"", "secret", false},
		{"nobody", "secret", false},                // the dummy's work must not let in: all of these are somebody's
		{"nobody", strings.Repeat("x", 72), false}, //
		{"nobody", "", false},                      //
	} {
		for range 2 { // what has been remembered gives the same answer
			if got := verify(t, f, c.name, c.password); got != c.want {
				t.Errorf("%q with %q: %v", c.name, c.password, got)
			}
		}
	}
	if empty := newFile(t); verify(t, empty, "", "") || verify(t, empty, "ada", "secret") {
		t.Error("a file without users lets somebody in")
	}
}

func TestHashesThatAreNotTaken(t *testing.T) {
	for _, hash := range []string{
		"", "secret", "{PLAIN}secret", "rl.3StKT.4T8M", "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "$5$a$b", "{SSHA}AAAA", "$2x$" + bcrypt2y[4:], "$2$" + bcrypt2y[4:],
		"$6$ab$2lDVylRMp48hlYZZFOCx/xnhJEsGPynJ17rt2um9Gb8wX6ygI4uDxg3Bg43pp/Hv397hwWfT8mciHws9eE4sR/",
		"$2y$", "$2y$04$", bcrypt2y[:59], bcrypt2y + "x", "$2y$03$" + bcrypt2y[7:], "$2y$32$" + bcrypt2y[7:], "$2y$17$" + bcrypt2y[7:], "$2y$xx$" + bcrypt2y[7:],
		"$apr1$", "$apr1$abc", "$apr1$$22xX90XKCqnzAfh2tlEi.1", "$apr1$8Zh7TbIu9$22xX90XKCqnzAfh2tlEi.1", apr1[:len(apr1)-1], apr1 + "x", "$apr1$8Zh7TbIu$",
		"{SHA}", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ", "{SHA}AAAA", "{SHA}!!!", "{sha}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	} {
		_, err := New([]config.Credential{{Name: "good", Hash: sha}, {Name: "bad", Hash: hash}}, NewGate())
		switch {
		case err == nil:
			t.Errorf("%q is taken", hash)
		case !strings.Contains(err.Error(), `"bad"`):
			t.Errorf("%q: the error does not name the user: %v", hash, err)
		case len(hash) > 8 && strings.Contains(err.Error(), hash):
			t.Errorf("the error shows the hash: %v", err)
		}
	}
}

// counted counts what a hash is asked.
type counted struct {
	matches bool
	asked   *atomic.Int64
}

func (c counted) MatchesPassword(string) bool {
	c.asked.Add(1)
	return c.matches
}

// TestUnknownNamesCostTheSame counts verifications of the costliest kind: each failure takes exactly one.
func TestUnknownNamesCostTheSame(t *testing.T) {
	var cheap, costly atomic.Int64
	dear := &hash{verifier: counted{false, &costly}, cost: 12}
	f := &File{gate: NewGate(), known: newSuccesses(), costliest: dear, users: map[string]*hash{
		"dear": dear, "also dear": {verifier: counted{false, &costly}, cost: 12}, "cheap": {verifier: counted{false, &cheap}, cost: apr1Cost},
	}}
	for _, name := range []string{"dear", "also dear", "cheap", "nobody", ""} {
		costly.Store(0)
		for range 3 { // failures are not remembered either
			if verify(t, f, name, "wrong") {
				t.Errorf("%q is let in", name)
			}
		}
		if got := costly.Load(); got != 3 {
			t.Errorf("%q: 3 failures took %d of the costliest verifications", name, got)
		}
	}
}

func TestSuccessesAreRemembered(t *testing.T) {
	var asked atomic.Int64
	user := &hash{verifier: counted{true, &asked}, cost: 12}
	f := &File{gate: NewGate(), known: newSuccesses(), costliest: user, users: map[string]*hash{"ada": user}}
	for range 100 {
		if !verify(t, f, "ada", "secret") {
			t.Fatal("refused")
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("100 requests took %d verifications", got)
	}
	for i := range 3 * maxSuccesses {
		verify(t, f, "ada", fmt.Sprint(i))
		if len(f.known.seen) > maxSuccesses {
			t.Fatalf("%d successes are remembered", len(f.known.seen))
		}
	}
}

func TestKeys(t *testing.T) {
	one, two := newSuccesses(), newSuccesses()
	if one.key("ada", "secret") == two.key("ada", "secret") {
		t.Error("two files give the same key")
	}
	seen := map[digest]string{}
	for _, c := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"a", "b:c"}, {"a:b", "c"}} {
		d := one.key(c[0], c[1])
		if seen[d] != "" || d != one.key(c[0], c[1]) {
			t.Errorf("%q has the key of %s", c, seen[d])
		}
		seen[d] = fmt.Sprintf("%q", c)
	}
}

// blocking holds each verification until it is released.
type blocking struct {
	entered chan struct{}
	release chan struct{}
	at      *atomic.Int64 // work now
	most    *atomic.Int64
}

func (b blocking) MatchesPassword(string) bool {
	n := b.at.Add(1)
	for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
	}
	<-b.release
	b.at.Add(-1)
	return false
}

func TestCostIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, queue = 2, 3
		b := blocking{release: make(chan struct{}), at: new(atomic.Int64), most: new(atomic.Int64)}
		user := &hash{verifier: b, cost: 12}
		gate := newGate(places, queue, 10*time.Second)
		one := &File{gate: gate, known: newSuccesses(), costliest: user, users: map[string]*hash{"ada": user}}
		other := &File{gate: gate, known: newSuccesses(), costliest: user, users: map[string]*hash{"ada": user}}
		var busy, done atomic.Int64
		var all sync.WaitGroup
		for i := range 40 { // from 40 clients at once, to two routes
			all.Go(func() {
				f := one
				if i%2 == 0 {
					f = other
				}
				ok, err := f.Verify(context.Background(), "ada", "wrong")
				switch {
				case ok:
					t.Error("let in")
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				case err == nil:
					done.Add(1)
				}
			})
		}
		synctest.Wait()
		if got := busy.Load(); got != 40-places-queue {
			t.Errorf("%d are refused at once", got)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := busy.Load(); got != 40-places {
			t.Errorf("%d are refused once the time is over", got)
		}
		close(b.release)
		all.Wait()
		if done.Load() != places || b.most.Load() != places {
			t.Errorf("%d verified, %d at once", done.Load(), b.most.Load())
		}
		if ok, err := one.Verify(context.Background(), "ada", "wrong"); ok || err != nil {
			t.Errorf("afterwards: %v, %v", ok, err) // every place has been given back
		}
	})
}

func TestClientThatLeavesWhileItWaits(t *testing.T) {
	gate := newGate(1, 1, time.Hour)
	if err := gate.enter(context.Background()); err != nil {
		t.Fatal(err)
	}
	f, err := New([]config.Credential{{Name: "ada", Hash: sha}}, gate)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ok, err := f.Verify(ctx, "ada", "secret"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", ok, err)
	}
	gate.leave()
	if !verify(t, f, "ada", "secret") {
		t.Error("the place was lost")
	}
}

func FuzzHash(f *testing.F) {
	for _, s := range []string{bcrypt2y, bcrypt2b, apr1, sha, "$2y$04$", "$apr1$a$b", "{SHA}", "plain"} {
		f.Add(s, "secret")
	}
	f.Fuzz(func(t *testing.T, s, password string) {
		h, err := parseHash(s)
		if err != nil {
			return
		}
		if h.cost > 6 {
			t.Skip("takes long")
		}
		if h.matches(password) && password == s {
			t.Errorf("%q is its own password", s)
		}
	})
}

func BenchmarkVerifyRemembered(b *testing.B) {
	f := newFile(b, config.Credential{Name: "ada", Hash: sha})
	verify(b, f, "ada", "secret")
	b.ReportAllocs()
	for b.Loop() {
		if !verify(b, f, "ada", "secret") {
			b.Fatal("refused")
		}
	}
}

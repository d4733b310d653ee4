package config

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

const (
	bcryptHash = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
	apr1Hash   = "$apr1$salt./09$ABCDEFGHIJKLMNOPQRSTUV"
	shaHash    = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

	goodHtpasswd = "# made by hand\n\nada:" + bcryptHash + "\r\nbob:" + apr1Hash + ":who is Bob\n  eve b:" + shaHash + "  \n"
	badHtpasswd  = "no colon\n:" + shaHash + "\nada:" + shaHash + "\nada:" + shaHash + "\nplain:secret\nempty:\nold:$1$salt$qJH7.N4xYta3aEG/dfqo/0\n" +
		"six:$6$salt$x\nslow:$2y$17$" + "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\nshort:$2y$10$abc\nmd5:$apr1$toolongsalt$ABCDEFGHIJKLMNOPQRSTUV\nsha:{SHA}AAAA\nnew:$argon2id$x\nbell\a:" + shaHash + "\n"
)

func TestParseHtpasswd(t *testing.T) {
	for _, tt := range []struct {
		text  string
		users string
		wrong []string
	}{
		{"", "", nil},
		{goodHtpasswd, "ada bob eve b", nil},
		{"\ufeffada:" + shaHash, "ada", nil},
		{"a:$2a$04$" + bcryptHash[7:] + "\nb:$2b$16$" + bcryptHash[7:], "a b", nil},
		{"a:$2y$03$" + bcryptHash[7:] + "\nb:$2y$17$" + bcryptHash[7:], "", []string{"1 a has a cost of 3; it may be 4 to 16", "2 b has a cost of 17"}},
		{"a:$2x$10$" + bcryptHash[7:], "", []string{"1 a is of an unknown kind"}},
		{"a:" + bcryptHash + "x\nb:" + bcryptHash[:59] + "\nc:" + bcryptHash[:59] + "!\nd:$2y$1$" + bcryptHash[6:], "",
			[]string{"1 a bcrypt is not whole", "2 b not whole", "3 c not whole", "4 d not whole"}},
		{"a:$apr1$$ABCDEFGHIJKLMNOPQRSTUV\nb:$apr1$salt$short\nc:$apr1$salt", "", []string{"1 a apr1 is not whole", "2 b not whole", "3 c not whole"}},
		{"a:{SHA}\nb:{SHA}AAAA\nc:{SHA}not base64", "", []string{"1 a SHA-1 is not whole", "2 b not whole", "3 c not whole"}},
		{"a:{SSHA}x\nb:$y$j9T$x\nc:$5$x\nd:rqXexS6ZhobKA\ne:plain", "",
			[]string{"1 a salted SHA-1", "2 b yescrypt", "3 c sha256crypt", "4 d plain text or crypt, which is not taken", "5 e plain text or crypt"}},
		{"a:" + shaHash + "\n\n#\nb:x\na:" + shaHash, "a", []string{"4 b plain text", "5 a twice; the first is in line 1"}},
	} {
		users, wrong := parseHtpasswd(tt.text)
		var names []string
		for _, u := range users {
			names = append(names, u.Name)
		}
		if strings.Join(names, " ") != tt.users || len(wrong) != len(tt.wrong) {
			t.Errorf("%q: %v, %v", tt.text, users, wrong)
			continue
		}
		for i, w := range wrong {
			line, want, _ := strings.Cut(tt.wrong[i], " ")
			name, want, _ := strings.Cut(want, " ")
			if string(rune('0'+w.line)) != line || !strings.Contains(w.what, quote(name)) || !containsWords(w.what, want) {
				t.Errorf("%q: %+v, want %s", tt.text, w, tt.wrong[i])
			}
		}
	}
}

// containsWords says whether s has the words in this order.
func containsWords(s, words string) bool {
	for word := range strings.FieldsSeq(words) {
		_, rest, ok := strings.Cut(s, word)
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

// TestHtpasswdIsNotShown: what stands in the place of a hash may be a password, and problems are logged.
func TestHtpasswdIsNotShown(t *testing.T) {
	const secret = "correcthorse"
	for _, line := range []string{"ada:" + secret, "ada:$2y$10$" + secret, "ada:{SHA}" + secret, "ada:$6$" + secret, secret, "ada:$apr1$" + secret} {
		_, wrong := parseHtpasswd(line)
		if len(wrong) != 1 || strings.Contains(wrong[0].what+wrong[0].user, secret) {
			t.Errorf("%q: %v", line, wrong)
		}
	}
}

// FuzzHtpasswd: whatever the file, each line that means something is a user or a problem, users can be written and read
// again, and no problem spans lines.
func FuzzHtpasswd(f *testing.F) {
	f.Add(goodHtpasswd)
	f.Add(badHtpasswd)
	f.Add("a:$2y$")
	f.Add("a:$2y$99999999999999999999$")
	f.Fuzz(func(t *testing.T, text string) {
		users, wrong := parseHtpasswd(text)
		var again strings.Builder
		seen := map[string]bool{}
		for _, u := range users {
			if u.Name == "" || seen[u.Name] || strings.ContainsFunc(u.Name, unicode.IsControl) || hashProblem(u.Name, u.Hash) != "" {
				t.Errorf("%+v", u)
			}
			seen[u.Name] = true
			again.WriteString(u.Name + ":" + u.Hash + "\n")
		}
		if same, none := parseHtpasswd(again.String()); !slices.Equal(same, users) || none != nil {
			t.Errorf("%q: %v, %v", again.String(), same, none)
		}
		last := 0
		for _, w := range wrong {
			if w.line <= last || w.what == "" || strings.ContainsFunc(w.what, unicode.IsControl) {
				t.Errorf("%+v", w)
			}
			last = w.line
		}
		if n := strings.Count(text, "\n") + 1; len(users)+len(wrong) > n || last > n {
			t.Errorf("%d lines, %d users, %d problems, the last in line %d", n, len(users), len(wrong), last)
		}
	})
}

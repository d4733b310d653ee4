package middleware

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/bcrypt"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/htpasswd"
)

func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

func usersFile(t testing.TB) *htpasswd.File {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("pass:wörd"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := []config.Credential{{Name: "ada", Hash: "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="}, {Name: "bob", Hash: string(hash)}}
	f, err := htpasswd.New(users, htpasswd.NewGate())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAuth(t *testing.T) {
	var reached *gateway.Request
	h := begin(AccessLog(nil, zerolog.Nop(), Auth(`say "friend" \ enter`, usersFile(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = gateway.FromContext(r.Context())
		w.WriteHeader(204)
	}))))
	long := strings.Repeat("x", 2000)
	for _, c := range []struct {
		name   string
		fields []string
		user   string // "" is 401
	}{
		{"right", []string{basic("ada:secret")}, "ada"},
		{"right, the password has a colon", []string{basic("bob:pass:wörd")}, "bob"},
		{"the scheme in capitals", []string{"BASIC" + basic("ada:secret")[5:]}, "ada"},
		{"nothing", nil, ""},
		{"empty", []string{""}, ""},
		{"wrong password", []string{basic("ada:Secret")}, ""},
		{"no password", []string{basic("ada:")}, ""},
		{"no colon", []string{basic("ada")}, ""},
		{"no name", []string{basic(":secret")}, ""},
		{"unknown name", []string{basic("eve:secret")}, ""},
		{"another's password", []string{basic("bob:secret")}, ""},
		{"the name in capitals", []string{basic("ADA:secret")}, ""},
		{"another scheme", []string{"Bearer" + basic("ada:secret")[5:]}, ""},
		{"scheme alone", []string{"Basic"}, ""},
		{"scheme and blank", []string{"Basic "}, ""},
		{"no base64", []string{"Basic ada:secret"}, ""},
		{"base64 without its end", []string{strings.TrimRight(basic("ada:secre"), "=")}, ""},
		{"something behind it", []string{basic("ada:secret") + " x"}, ""},
		{"twice", []string{basic("ada:secret"), basic("ada:secret")}, ""},
		{"twice, one of them wrong", []string{basic("eve:x"), basic("ada:secret")}, ""},
		{"a NUL behind the password", []string{basic("ada:secret\x00")}, ""},
		{"a NUL and the password again, which bcrypt alone would take", []string{basic("bob:pass:wörd\x00pass:wörd")}, ""},
		{"a NUL behind the name", []string{basic("ada\x00:secret")}, ""},
		{"a line end", []string{basic("ada:secret\n")}, ""},
		{"a long password", []string{basic("ada:" + long)}, ""},
		{"a long name", []string{basic(long + ":secret")}, ""},
		{"the longest that is read", []string{basic("ada:" + long[:750])}, ""},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			reached = nil
			r := httptest.NewRequest(method, "/", unread{t})
			r.Header["Authorization"] = c.fields
			if c.fields == nil {
				r.Header = http.Header{}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if c.user != "" {
				if w.Code != 204 || reached == nil || reached.RemoteUser != c.user || reached.AuthType != "Basic" || w.Header().Get("Www-Authenticate") != "" {
					t.Errorf("%s %s: %d, %+v", c.name, method, w.Code, reached)
				}
				continue
			}
			if w.Code != 401 || reached != nil {
				t.Errorf("%s %s: %d", c.name, method, w.Code)
			}
			if got, want := w.Header().Get("Www-Authenticate"), `Basic realm="say \"friend\" \\ enter", charset="UTF-8"`; got != want {
				t.Errorf("%s: %s", c.name, got)
			}
			if body := w.Body.String(); (body == "") != (method == "HEAD") || strings.Contains(body, "ada") {
				t.Errorf("%s %s: %q", c.name, method, body)
			}
		}
	}
}

func TestCredentialsAreBounded(t *testing.T) {
	for n, want := range map[int]error{700: nil, 2000: errMalformed} {
		_, _, err := credentials(&http.Request{Header: http.Header{"Authorization": {basic("a:" + strings.Repeat("x", n))}}})
		if err != want { //nolint:errorlint // it is that one
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestAuthOfAFileWithoutUsers(t *testing.T) {
	users, err := htpasswd.New(nil, htpasswd.NewGate())
	if err != nil {
		t.Fatal(err)
	}
	h := begin(Auth("", users, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("somebody is let in") })))
	for _, credentials := range []string{":", "a:", ":a", "a:a"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", basic(credentials))
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 401 {
			t.Errorf("%q: %d", credentials, w.Code)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	for _, s := range []string{basic("a:b"), "basic " + basic("a:b:c")[6:], "Basic", "Basic ====", basic("a\x00:b")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		name, password, err := credentials(&http.Request{Header: http.Header{"Authorization": {field}}})
		if err != nil {
			return
		}
		if strings.Contains(name, ":") || hasControl(name+password) || len(name)+len(password) > len(field) {
			t.Errorf("%q gives %q and %q", field, name, password)
		}
		again, secret, err := credentials(&http.Request{Header: http.Header{"Authorization": {basic(name + ":" + password)}}})
		if err != nil || again != name || secret != password {
			t.Errorf("%q: %q %q, written again %q %q %v", field, name, password, again, secret, err)
		}
	})
}

func BenchmarkAuth(b *testing.B) {
	h := Auth("r", usersFile(b), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(gateway.NewContext(r.Context(), &gateway.Request{Request: r}))
	r.Header.Set("Authorization", basic("ada:secret"))
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/middleware"
)

// hostile makes byte strings of what might do harm in a log.
func hostile(random *rand.Rand) string {
	pieces := []string{"\n", "\r\n", "\t", `"`, `\`, " ", "=", "\x00", "\x7f", "\x1b[2J", `\n`, `\x41`, "é", "\u009b", "\u202e", "\uFFFD", "\xe9", "\xf0\x9f", "😀", "error=", ` id=x `, `"}`, "_base64"}
	b := []byte{}
	for range random.IntN(8) {
		if random.IntN(2) == 0 {
			b = append(b, byte(random.IntN(256)))
		} else {
			b = append(b, pieces[random.IntN(len(pieces))]...)
		}
	}
	return string(b)
}

// parseLogJSON reads a line of the server's log as JSON.
func parseLogJSON(line string) (map[string]string, error) {
	var raw map[string]any
	if err := json.Unmarshal([]byte(line), &raw); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, value := range raw {
		values[key] = fmt.Sprint(value)
	}
	for key, value := range values {
		name, ok := strings.CutSuffix(key, "_base64")
		if !ok {
			continue
		}
		exact, err := base64.StdEncoding.DecodeString(value)
		if err != nil || utf8.Valid(exact) || values[name] != string([]rune(string(exact))) {
			return nil, fmt.Errorf("%s is %q beside %q, %v", key, exact, values[name], err)
		}
		values[name] = string(exact)
		delete(values, key)
	}
	return values, nil
}

// parseLogText reads a line of the server's log as text: time, level, message, then name=value, where the value is
// quoted as in Go if it must be.
func parseLogText(line string) (map[string]string, error) {
	parts := strings.SplitN(line, " ", 3)
	if len(parts) < 3 {
		return nil, errors.New("no time, level and message")
	}
	equals := strings.IndexByte(parts[2], '=')
	start := strings.LastIndexByte(parts[2][:max(equals, 0)], ' ')
	if start < 0 {
		return nil, errors.New("no fields")
	}
	values := map[string]string{"message": parts[2][:start]}
	for rest := parts[2][start:]; rest != ""; {
		name, after, ok := strings.Cut(strings.TrimPrefix(rest, " "), "=")
		if !ok || rest[0] != ' ' || values[name] != "" {
			return nil, fmt.Errorf("no field at %q", rest)
		}
		value, _, _ := strings.Cut(after, " ")
		if strings.HasPrefix(after, `"`) {
			quoted, err := strconv.QuotedPrefix(after)
			if err != nil {
				return nil, err
			}
			value = quoted
		}
		rest = after[len(value):]
		if strings.HasPrefix(value, `"`) {
			value, _ = strconv.Unquote(value)
		}
		values[name] = value
	}
	return values, nil
}

var logForms = map[string]func(string) (map[string]string, error){"text": parseLogText, "json": parseLogJSON}

// logTo is a log that goes to out.
func logTo(out *bytes.Buffer, form string) *logs {
	l := &logs{conf: config.Log{Format: form}, level: zerolog.DebugLevel}
	l.log = l.logger(out, false)
	return l
}

// checkLogLine reads the one line that out has and compares what it says.
func checkLogLine(out *bytes.Buffer, form string, want map[string]string) error {
	defer out.Reset()
	line, ok := strings.CutSuffix(out.String(), "\n")
	if i := strings.IndexFunc(line, func(r rune) bool { return r < 0x20 || r == 0x7f }); !ok || i >= 0 || !utf8.ValidString(line) {
		return fmt.Errorf("not one line of clean text (%d): %q", i, out.String())
	}
	got, err := logForms[form](line)
	if err != nil {
		return fmt.Errorf("%w in %q", err, line)
	}
	for key, value := range want {
		if got[key] != value {
			return fmt.Errorf("%s is %q and came back as %q from %q", key, value, got[key], line)
		}
	}
	return nil
}

// hostileLog logs what programs and clients say, as the server does.
type hostileLog struct {
	form  string
	out   bytes.Buffer
	logs  *logs
	asked *http.Request
}

func newHostileLog(form string) *hostileLog {
	l := &hostileLog{form: form, asked: httptest.NewRequest("GET", "/", nil)}
	l.logs = logTo(&l.out, form)
	return l
}

// check is about one line of standard error and one failed request.
func (l *hostileLog) check(script, said, failure, hint string) error {
	stderrOf(func() *zerolog.Logger { return &l.logs.log }, "0123", "/*", script)(said)
	if err := checkLogLine(&l.out, l.form, map[string]string{"id": "0123", "route": "/*", "script": script, "stderr": said}); err != nil {
		return err
	}
	req := &gateway.Request{ID: "0123", Route: "/*", Err: &gateway.Error{Status: 502, Op: "run", Err: errors.New(failure), Hint: hint}}
	req.Script.Filename = script
	middleware.AccessLog(nil, l.logs.log, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
		ServeHTTP(nil, l.asked.WithContext(gateway.NewContext(l.asked.Context(), req)))
	return checkLogLine(&l.out, l.form, map[string]string{"id": "0123", "status": "502", "script": script, "error": "run: " + failure, "hint": hint})
}

// howMany is how many byte strings a test tries: fewer under the race detector, which makes it slow and finds nothing in
// one goroutine.
func howMany() int {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 10_000
	}
	return 100_000
}

func TestServerLogParsesBack(t *testing.T) {
	for form := range logForms {
		random, l := rand.New(rand.NewPCG(7, 8)), newHostileLog(form)
		for range howMany() / 4 {
			if err := l.check(hostile(random), hostile(random), hostile(random), hostile(random)); err != nil {
				t.Fatalf("%s: %v", form, err)
			}
		}
	}
}

func FuzzServerLog(f *testing.F) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		f.Add(hostile(random), hostile(random), hostile(random), hostile(random))
	}
	f.Fuzz(func(t *testing.T, script, said, failure, hint string) {
		for form := range logForms {
			if err := newHostileLog(form).check(script, said, failure, hint); err != nil {
				t.Fatalf("%s: %v", form, err)
			}
		}
	})
}

func TestLostLineOfTheServerLog(t *testing.T) {
	for form := range logForms {
		var out bytes.Buffer
		out.Write(logTo(&out, form).lostLine(42))
		if err := checkLogLine(&out, form, map[string]string{"lost": "42"}); err != nil {
			t.Errorf("%s: %v", form, err)
		}
	}
}

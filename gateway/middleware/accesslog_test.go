package middleware

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gatewayd/gateway"
)

// The parsers here know the forms from their description alone, not from the code that writes them.

type parsed map[string]string

func (f parsed) set(key, value string) error {
	if _, twice := f[key]; twice {
		return fmt.Errorf("%s stands there twice", key)
	}
	f[key] = value
	return nil
}

// unescape reads what stands between quotes in the text and combined forms.
func unescape(s string) (string, error) {
	var b strings.Builder
	for s != "" {
		c, rest, ok := strings.Cut(s, `\`)
		b.WriteString(c)
		switch {
		case !ok:
			return b.String(), nil
		case rest == "":
			return "", errors.New("a backslash at the end")
		case rest[0] == '"' || rest[0] == '\\':
			b.WriteByte(rest[0])
		case rest[0] == 'n':
			b.WriteByte('\n')
		case rest[0] == 't':
			b.WriteByte('\t')
		case rest[0] == 'x' && len(rest) > 2:
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return "", err
			}
			b.WriteByte(byte(n))
			rest = rest[2:]
		default:
			return "", fmt.Errorf("the escape \\%c", rest[0])
		}
		s = rest[1:]
	}
	return b.String(), nil
}

const quotedField = `"((?:[^"\\]|\\.)*)"`

var (
	textHead = regexp.MustCompile(`^(\S+) (\S+) ` + quotedField + ` (\d+) (\d+) (\d+\.\d)ms`)
	textPair = regexp.MustCompile(`^ ([a-z_]+)=(?:` + quotedField + `|([^" ]+))`)
	combined = regexp.MustCompile(`^(\S+) - (\S+) \[([^\]]+)\] ` + quotedField + ` (\d+) (\d+|-) ` + quotedField + ` ` + quotedField + `$`)
)

// request splits METHOD TARGET PROTOCOL.
func (f parsed) request(quoted string) error {
	whole, err := unescape(quoted)
	first, last := strings.IndexByte(whole, ' '), strings.LastIndexByte(whole, ' ')
	if err != nil || first < 0 || first == last {
		return fmt.Errorf("the request line %q: %v", quoted, err)
	}
	f["method"], f["uri"], f["proto"] = whole[:first], whole[first+1:last], whole[last+1:]
	return nil
}

func parseText(line string) (parsed, error) {
	m := textHead.FindStringSubmatch(line)
	if m == nil {
		return nil, errors.New("no head")
	}
	f := parsed{"time": m[1], "client": m[2], "status": m[4], "bytes": m[5], "ms": m[6]}
	if err := f.request(m[3]); err != nil {
		return nil, err
	}
	for rest := line[len(m[0]):]; rest != ""; rest = rest[len(m[0]):] {
		if m = textPair.FindStringSubmatch(rest); m == nil {
			return nil, fmt.Errorf("no field at %q", rest)
		}
		value, err := unescape(m[2])
		if err != nil {
			return nil, err
		}
		if err := f.set(m[1], value+m[3]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func parseCombined(line string) (parsed, error) {
	m := combined.FindStringSubmatch(line)
	if m == nil {
		return nil, errors.New("not the combined form")
	}
	f := parsed{"client": m[1], "status": m[5], "bytes": strings.Replace(m[6], "-", "0", 1)}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[3])
	f["time"] = at.UTC().Format(TimeFormat)
	err = errors.Join(err, f.request(m[4]))
	for key, quoted := range map[string]string{"user": m[2], "referer": m[7], "agent": m[8]} {
		value, failed := unescape(quoted)
		err = errors.Join(err, failed)
		if value != "-" {
			f[key] = value
		}
	}
	return f, err
}

// parseJSON gives numbers and booleans by their text, strings by their exact bytes.
func parseJSON(line string) (parsed, error) {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("no object: %v", err)
	}
	f, exact := parsed{}, parsed{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		to, name := f, key.(string)
		if base, ok := strings.CutSuffix(name, "_base64"); ok {
			raw, err := base64.StdEncoding.DecodeString(value.(string))
			if err != nil || utf8.Valid(raw) {
				return nil, fmt.Errorf("%s is %q, %v", name, raw, err)
			}
			to, name, value = exact, base, string(raw)
		}
		if err := to.set(name, fmt.Sprint(value)); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for key, value := range exact {
		if f[key] != string([]rune(value)) {
			return nil, fmt.Errorf("%s is %q beside %q", key, f[key], value)
		}
		f[key] = value
	}
	if rest, _ := io.ReadAll(d.Buffered()); strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("%q after the object", rest)
	}
	return f, nil
}

// known is what each form must give back of an entry.
func known(form string, e entry) parsed {
	f := parsed{
		"time": e.end.UTC().Format(TimeFormat), "client": "unix", "status": strconv.Itoa(e.status), "bytes": strconv.FormatInt(e.bytes, 10),
		"method": e.asked.Method, "uri": e.asked.RequestURI, "proto": e.asked.Proto,
		"user": e.RemoteUser, "referer": e.referer, "agent": e.agent,
	}
	if e.Client.IsValid() {
		f["client"] = e.Client.String()
	}
	if form == "combined" {
		f["time"] = e.end.UTC().Truncate(time.Second).Format(TimeFormat)
		for _, key := range []string{"user", "referer", "agent"} {
			if f[key] == "-" {
				f[key] = "" // the form cannot tell them apart
			}
		}
		return f.withoutEmpty()
	}
	f["host"], f["route"], f["script"], f["id"] = e.asked.Host, e.Route, e.Script.Filename, e.ID
	if e.broken {
		f["broken"] = "true"
	}
	if form == "json" {
		knownJSON(f, e)
	} else {
		knownText(f, e)
	}
	return f.withoutEmpty()
}

func (f parsed) withoutEmpty() parsed {
	for key, value := range f {
		if value == "" {
			delete(f, key)
		}
	}
	return f
}

func knownText(f parsed, e entry) {
	millis := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e6) }
	f["ms"] = millis(e.end.Sub(e.Timing.Begun))
	for key, d := range spans(e) {
		f[key] = millis(d) + "ms"
	}
	if e.Exit != nil {
		f["exit"], f["signal"] = exitOrSignal(e)
		f["cpu"] = millis(e.Exit.CPU) + "ms"
		if e.Exit.MaxRSS > 0 {
			f["mem"] = fmt.Sprint(e.Exit.MaxRSS/1024, "KiB")
		}
	}
}

func knownJSON(f parsed, e entry) {
	millis := func(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/1e6) }
	f["ms"] = millis(e.end.Sub(e.Timing.Begun))
	for key, d := range spans(e) {
		f[key+"_ms"] = millis(d)
	}
	if !e.Client.IsValid() {
		f["client"] = ""
	}
	f["site"], f["generation"] = e.Site, strconv.FormatUint(e.Generation, 10)
	if e.Exit != nil {
		f["exit"], f["signal"] = exitOrSignal(e)
		f["cpu_ms"] = millis(e.Exit.CPU)
		if e.Exit.MaxRSS > 0 {
			f["max_rss"] = strconv.FormatInt(e.Exit.MaxRSS, 10)
		}
	}
}

func exitOrSignal(e entry) (exit, signal string) {
	if e.Exit.Signal != "" {
		return "", e.Exit.Signal
	}
	return strconv.Itoa(e.Exit.Code), ""
}

func spans(e entry) map[string]time.Duration {
	t, all := e.Timing, map[string]time.Duration{}
	if !t.Queued.IsZero() && !t.Admitted.IsZero() {
		all["queue"] = t.Admitted.Sub(t.Queued)
	}
	if !t.Started.IsZero() {
		all["start"] = t.Started.Sub(t.Begun)
		if !t.Admitted.IsZero() {
			all["start"] = t.Started.Sub(t.Admitted)
		}
	}
	if !t.FirstByte.IsZero() {
		all["first_byte"] = t.FirstByte.Sub(t.Begun)
	}
	return all
}

var forms = map[string]struct {
	write func([]byte, entry) []byte
	parse func(string) (parsed, error)
}{
	"text":     {appendText, parseText},
	"json":     {appendJSON, parseJSON},
	"combined": {appendCombined, parseCombined},
}

// checkLine says what is wrong with the line of a form for an entry.
func checkLine(form string, e entry) error {
	line := string(forms[form].write(nil, e))
	body, ok := strings.CutSuffix(line, "\n")
	if i := strings.IndexFunc(body, func(r rune) bool { return r < 0x20 || r == 0x7f }); !ok || i >= 0 {
		return fmt.Errorf("a control character at %d in %q", i, line)
	}
	if !utf8.ValidString(line) {
		return fmt.Errorf("not UTF-8: %q", line)
	}
	got, err := forms[form].parse(body)
	if err != nil {
		return fmt.Errorf("%w in %q", err, line)
	}
	want := known(form, e)
	for key := range merged(got, want) {
		if got[key] != want[key] {
			return fmt.Errorf("%s is %q and came back as %q from %q", key, want[key], got[key], line)
		}
	}
	return nil
}

func merged(a, b parsed) parsed {
	all := parsed{}
	for key := range a {
		all[key] = ""
	}
	for key := range b {
		all[key] = ""
	}
	return all
}

// noise makes byte strings: of any bytes, of those that mean something in a log, of what other alphabets have.
type noise struct {
	*rand.Rand
	made int
}

func (n *noise) text() string {
	n.made++
	pieces := []string{"\x00", "\n", "\r", "\t", `"`, `\`, " ", "x", "=", "-", "\x7f", "\x1b", `\x41`, `\"`, `"}`, "é", "漢", "\u009b", "\u202e", "\u2028", "\uFFFD", "\xe9", "\xf0\x9f", "😀"}
	b := make([]byte, 0, 40)
	for range n.IntN(12) {
		if n.IntN(2) == 0 {
			b = append(b, byte(n.IntN(256)))
		} else {
			b = append(b, pieces[n.IntN(len(pieces))]...)
		}
	}
	return string(b)
}

func (n *noise) word(from string) string {
	b := make([]byte, 1+n.IntN(10))
	for i := range b {
		b[i] = from[n.IntN(len(from))]
	}
	return string(b)
}

// entry makes one with hostile text wherever there may be any; times have whole microseconds, as they are written.
func (n *noise) entry() entry {
	req := &gateway.Request{
		ID: n.word("0123456789abcXYZ._-"), Site: n.text(), Route: n.text(), RemoteUser: n.text(), Generation: uint64(n.IntN(100)),
		Timing: gateway.Timing{Begun: time.UnixMilli(1_700_000_000_000 + n.Int64N(1e12))},
	}
	req.Script.Filename = n.text()
	for _, at := range []*time.Time{&req.Timing.Queued, &req.Timing.Admitted, &req.Timing.Started, &req.Timing.FirstByte} {
		if n.IntN(3) > 0 {
			*at = req.Timing.Begun.Add(time.Duration(n.IntN(1e7)) * time.Microsecond)
		}
	}
	if n.IntN(2) == 0 {
		req.Client = netip.AddrFrom16([16]byte{0x20, 1, byte(n.IntN(256)), 15: byte(n.IntN(256))})
	}
	switch n.IntN(3) {
	case 0:
		req.Exit = &gateway.Exit{Code: n.IntN(256), CPU: time.Duration(n.IntN(1e6)) * time.Microsecond, MaxRSS: n.Int64N(2) * n.Int64N(1e6) << 10}
	case 1:
		req.Exit = &gateway.Exit{Code: -1, Signal: "SIGKILL"}
	}
	r := &http.Request{Method: n.word("GETPOSTgetpost-!#$%&'*+.^_`|~"), RequestURI: n.text(), Proto: "HTTP/1.1", Host: n.text(), Header: http.Header{"User-Agent": {n.text()}, "Referer": {n.text()}}}
	if n.IntN(4) == 0 {
		req.Err = errors.New("broken")
	}
	response := &Response{status: 100 + n.IntN(500), bytes: n.Int64N(1000) * int64(n.IntN(2))}
	return newEntry(req, r, response, req.Timing.Begun.Add(time.Duration(n.IntN(1e8))*time.Microsecond))
}

// howMany is how many byte strings a test tries: fewer under the race detector, which makes it slow and finds nothing in
// one goroutine.
func howMany() int {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 10_000
	}
	return 100_000
}

func TestAccessLinesParseBack(t *testing.T) {
	n := &noise{Rand: rand.New(rand.NewPCG(3, 4))}
	for all := howMany(); n.made < all; {
		e := n.entry()
		for form := range forms {
			if err := checkLine(form, e); err != nil {
				t.Fatalf("%s: %v", form, err)
			}
		}
	}
}

func FuzzAccessLine(f *testing.F) {
	n := &noise{Rand: rand.New(rand.NewPCG(5, 6))}
	for range 20 {
		f.Add(n.text(), n.text(), n.text(), n.text(), n.text(), n.text())
	}
	f.Fuzz(func(t *testing.T, target, host, referer, agent, user, script string) {
		req := &gateway.Request{ID: "0123456789abcdef", Site: host, Route: target, RemoteUser: user, Timing: gateway.Timing{Begun: time.Unix(1_700_000_000, 0)}}
		req.Script.Filename = script
		r := &http.Request{Method: "GET", RequestURI: target, Proto: "HTTP/1.1", Host: host, Header: http.Header{"User-Agent": {agent}, "Referer": {referer}}}
		e := newEntry(req, r, &Response{status: 200, bytes: 5}, req.Timing.Begun.Add(time.Millisecond))
		for form := range forms {
			if err := checkLine(form, e); err != nil {
				t.Fatalf("%s: %v", form, err)
			}
		}
	})
}

// fullEntry has every field.
func fullEntry() entry {
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	at := func(micros int) time.Time { return begun.Add(time.Duration(micros) * time.Microsecond) }
	req := &gateway.Request{
		ID: "0123456789abcdef", Site: "example.org", Route: "/cgi-bin/*", RemoteUser: "ann b", Generation: 7, Client: netip.MustParseAddr("192.0.2.1"),
		Timing: gateway.Timing{Begun: begun, Queued: at(100), Admitted: at(1350), Started: at(2350), FirstByte: at(9000)},
		Exit:   &gateway.Exit{Code: 3, CPU: 4567 * time.Microsecond, MaxRSS: 5 << 20},
		Err:    errors.New("broken"),
	}
	req.Script.Filename = "/srv/cgi-bin/report"
	r := &http.Request{Method: "POST", RequestURI: "/cgi-bin/report?a=b", Proto: "HTTP/1.1", Host: "example.org", Header: http.Header{"User-Agent": {`curl "8"`}, "Referer": {"http://caf\xe9/"}}}
	return newEntry(req, r, &Response{status: 200, bytes: 12}, at(12345))
}

// The exact lines: whoever reads these logs by program relies on them.
func TestAccessForms(t *testing.T) {
	killed, bare := fullEntry(), entry{Request: &gateway.Request{ID: "id"}, asked: &http.Request{Method: "GET", RequestURI: "/", Proto: "HTTP/1.0"}, status: 204}
	killed.Exit = &gateway.Exit{Code: -1, Signal: "SIGKILL", CPU: time.Second, MaxRSS: 1 << 20}
	bare.Timing.Begun = time.Unix(0, 0)
	bare.end = bare.Timing.Begun
	for _, c := range []struct {
		form string
		e    entry
		want string
	}{
		{"text", fullEntry(), `2026-01-02T02:04:05.012Z 192.0.2.1 "POST /cgi-bin/report?a=b HTTP/1.1" 200 12 12.3ms host="example.org" user="ann b" route="/cgi-bin/*" script="/srv/cgi-bin/report" queue=1.2ms start=1.0ms first_byte=9.0ms exit=3 cpu=4.6ms mem=5120KiB broken=true referer="http://caf\xe9/" agent="curl \"8\"" id=0123456789abcdef`},
		{"text", killed, `2026-01-02T02:04:05.012Z 192.0.2.1 "POST /cgi-bin/report?a=b HTTP/1.1" 200 12 12.3ms host="example.org" user="ann b" route="/cgi-bin/*" script="/srv/cgi-bin/report" queue=1.2ms start=1.0ms first_byte=9.0ms signal=SIGKILL cpu=1000.0ms mem=1024KiB broken=true referer="http://caf\xe9/" agent="curl \"8\"" id=0123456789abcdef`},
		{"text", bare, `1970-01-01T00:00:00.000Z unix "GET / HTTP/1.0" 204 0 0.0ms id=id`},
		{"json", fullEntry(), `{"time":"2026-01-02T02:04:05.012Z","client":"192.0.2.1","user":"ann b","method":"POST","uri":"/cgi-bin/report?a=b","proto":"HTTP/1.1","host":"example.org","status":200,"bytes":12,"ms":12.345,"queue_ms":1.250,"start_ms":1.000,"first_byte_ms":9.000,"site":"example.org","route":"/cgi-bin/*","script":"/srv/cgi-bin/report","exit":3,"cpu_ms":4.567,"max_rss":5242880,"broken":true,"referer":"http://caf�/","referer_base64":"aHR0cDovL2NhZukv","agent":"curl \"8\"","id":"0123456789abcdef","generation":7}`},
		{"json", bare, `{"time":"1970-01-01T00:00:00.000Z","method":"GET","uri":"/","proto":"HTTP/1.0","status":204,"bytes":0,"ms":0.000,"id":"id","generation":0}`},
		{"combined", fullEntry(), `192.0.2.1 - ann\x20b [02/Jan/2026:02:04:05 +0000] "POST /cgi-bin/report?a=b HTTP/1.1" 200 12 "http://caf\xe9/" "curl \"8\""`},
		{"combined", bare, `unix - - [01/Jan/1970:00:00:00 +0000] "GET / HTTP/1.0" 204 - "-" "-"`},
	} {
		if got := string(forms[c.form].write(nil, c.e)); got != c.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", c.form, got, c.want)
		}
	}
}

// A line that says that others are missing is no request, and no reader stumbles over it.
func TestLostLines(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for form, want := range map[string]string{
		"text":     "2026-01-02T03:04:05.006Z lost=42",
		"json":     `{"time":"2026-01-02T03:04:05.006Z","lost":42}`,
		"combined": `- - - [02/Jan/2026:03:04:05 +0000] "-" 0 - "-" "gatewayd: lines lost here: 42"`,
	} {
		if got := string(NewAccess(form, nil).lost(nil, 42, at)); got != want+"\n" {
			t.Errorf("%s: %q", form, got)
		}
	}
	if !combined.MatchString(strings.TrimSuffix(string(NewAccess("combined", nil).LostLine(1)), "\n")) {
		t.Error("the combined form of it has another form")
	}
}

// A zone in a forwarded address is the client's own words.
func TestZoneStaysOut(t *testing.T) {
	e := fullEntry()
	e.Client = netip.MustParseAddr("fe80::1%a\"b\n c")
	for form := range forms {
		line := string(forms[form].write(nil, e))
		if !strings.Contains(line, "fe80::1") || strings.Contains(line, "%") || strings.Count(line, "\n") != 1 {
			t.Errorf("%s: %q", form, line)
		}
	}
}

func TestAccessLineAllocatesNothing(t *testing.T) {
	e := fullEntry()
	e.referer = "plain" // what is not UTF-8 may cost more
	for form := range forms {
		access := NewAccess(form, io.Discard)
		if n := testing.AllocsPerRun(1000, func() { access.write(e) }); n > 0.1 {
			t.Errorf("%s: %v allocations", form, n)
		}
	}
}

func BenchmarkAccessLine(b *testing.B) {
	e := fullEntry()
	for form := range forms {
		b.Run(form, func(b *testing.B) {
			access := NewAccess(form, io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				access.write(e)
			}
		})
	}
}

// One Write is one line: that is what keeps lines whole in a file that others append to as well.
func TestOneWriteALine(t *testing.T) {
	var out countedWrites
	access := NewAccess("text", &out)
	for range 3 {
		access.write(fullEntry())
	}
	if out.n != 3 || bytes.Count(out.Bytes(), []byte("\n")) != 3 {
		t.Errorf("%d writes for %q", out.n, out.String())
	}
}

type countedWrites struct {
	bytes.Buffer
	n int
}

func (w *countedWrites) Write(p []byte) (int, error) {
	w.n++
	return w.Buffer.Write(p)
}

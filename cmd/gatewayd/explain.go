package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gatewayd/gateway/config"
	"gatewayd/gateway/server"
)

type explainCmd struct {
	configFlag
	Words []string `arg:"" name:"[METHOD] URL" help:"What to ask for: a URL or a path; GET unless a method stands in front."`
}

// Run prints site, route, file and status, then the variables.
func (c *explainCmd) Run(sys system) error {
	method, url, err := methodAndURL(c.Words)
	if err != nil {
		return err
	}
	src, err := c.source(sys)
	if err != nil {
		return err
	}
	conf, problems := config.Load(src)
	if problems.Failed() {
		for _, p := range problems {
			fmt.Fprintln(sys.stderr, p)
		}
		return errSilent
	}
	e, err := server.Explain(conf, version(), method, url)
	if err != nil {
		return err
	}
	printExplanation(sys, e)
	if e.Reason != "" { // a status that is configured is no failure
		return errSilent
	}
	return nil
}

func methodAndURL(words []string) (method, url string, err error) {
	switch len(words) {
	case 1:
		method, url = http.MethodGet, words[0]
	case 2:
		method, url = strings.ToUpper(words[0]), words[1]
	default:
		return "", "", errors.New("explain takes a URL, or a method and a URL")
	}
	switch {
	case strings.Contains(method, "/"):
		return "", "", fmt.Errorf("the method stands before the URL: gatewayd explain %s %s", strings.ToUpper(url), words[0])
	case strings.HasPrefix(url, "/"), strings.Contains(url, "://"), url == "*":
		return method, url, nil
	}
	return "", "", fmt.Errorf("%q is neither a path nor a URL; write /%s or http://%s", url, url, url)
}

func printExplanation(sys system, e *server.Explanation) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(sys.stdout, "%s: %s\n", name, printable(value))
		}
	}
	line("site", siteName(e.Site))
	line("route", e.Route)
	line("handler", e.Handler)
	line("preset", e.Preset)
	line("file", e.File)
	line("location", e.Location)
	line("status", fmt.Sprint(e.Status))
	line("reason", e.Reason)
	line("hint", e.Hint)
	for _, v := range e.Vars {
		fmt.Fprintf(sys.stdout, "%s=%s\n", v.Name, printable(v.Value))
	}
}

// printable keeps a value on its line: control bytes as \xNN.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == 0x7f {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"gatewayd/gateway/config"
)

// usage is what is said of a command line that cannot be understood.
func usage(app *kong.Kong, args []string, err error) string {
	if what := meant(app, args); what != "" {
		return what
	}
	return fmt.Sprintf("%v\nTry: gatewayd --help", err)
}

// meant says what was probably meant by the first word, "" if there is no telling.
func meant(app *kong.Kong, args []string) string {
	if len(args) == 0 {
		return ""
	}
	first, names := args[0], commands(app)
	word := strings.TrimLeft(first, "-")
	switch {
	case first == "explain" && len(args) == 1:
		return "explain needs a URL or a path, for example: gatewayd explain /cgi-bin/hello"
	case slices.Contains(names, first):
		return ""
	case slices.Contains(names, word): // gatewayd --version
		return fmt.Sprintf("%s is a command: gatewayd %s", word, word)
	case word == "" || word != first:
		return ""
	case isConfig(first):
		return fmt.Sprintf("a config file is named by -c: gatewayd run -c %s", first)
	}
	if near := config.Nearest(first, names); near != "" {
		return fmt.Sprintf("there is no command %q; did you mean: gatewayd %s\nTry: gatewayd --help", first, near)
	}
	return fmt.Sprintf("there is no command %q; there are %s\nTry: gatewayd --help", first, strings.Join(names, ", "))
}

func commands(app *kong.Kong) []string {
	var names []string
	for _, node := range app.Model.Leaves(true) {
		names = append(names, node.Name)
	}
	return names
}

func isConfig(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

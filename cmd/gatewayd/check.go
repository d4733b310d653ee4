package main

import (
	"fmt"

	"gatewayd/gateway/config"
)

type checkCommand struct{ configFlag }

// Run prints every problem and warning.
func (c *checkCommand) Run(sys system) error {
	src, err := c.source(sys)
	if err != nil {
		return err
	}
	conf, problems := config.Load(src)
	for _, p := range problems {
		fmt.Fprintln(sys.stdout, p)
	}
	if problems.Failed() {
		return errSilent
	}
	routes := 0
	for _, s := range conf.Sites {
		routes += len(s.Routes)
	}
	fmt.Fprintf(sys.stdout, "%s: good (%d routes, %d warnings)\n", src.File, routes, len(problems))
	return nil
}

type schemaCmd struct{}

// Run prints the JSON Schema.
func (schemaCmd) Run(sys system) error {
	_, err := sys.stdout.Write(config.Schema())
	return err
}

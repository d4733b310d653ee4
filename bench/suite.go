package main

import (
	"syscall"

	"gatewayd/gateway/loadclient"
)

// suite is what is measured in one run, and how it is shown.
type suite struct {
	title, intro string // of the report
	method       string // how it is measured, besides what all suites have in common
	alt          string // what the plot shows, in words
	workloads    []workload

	// Each server is compared by a figure with the best of a family.
	base, relative string // the family, and the title of the column
	by             figure
	columns        []column
	goals          []goal
}

// workload is one request, and the servers that are asked it.
type workload struct {
	name    string
	about   string
	ask     loadclient.Request
	files   map[string]file // made in the folder of the workload
	servers []spec
}

// file is one for servers to serve or run.
type file struct {
	text string
	copy string // instead of text: a program in the directory of the run
}

// spec is a server to measure. In its commands, environment and configurations these are replaced:
//
//	$BIN      the directory of the run, with the programs    $PORT    where it is to listen
//	$DIR      the folder of the workload                     $SOCKET  of its application
//	$NAME     of the server, fit for a file name             $CONF, $APPCONF  the files with conf and appConf
//	$ROUND    how often it has been given another configuration
//	$CLIENTS  how many there are at once                     $WORKERS  how many there are to be
type spec struct {
	name    string
	family  string   // servers of one family are variants
	version []string // a command that prints it
	app     []string // the application that listens on $SOCKET; nil: there is none, or the server starts its own
	appConf string
	command []string // the server, in the foreground
	conf    string
	env     []string

	// How it reads its configuration again; with neither it sees that the file is another.
	reload   []string       // a command
	reloadBy syscall.Signal // to its process

	measure func(b *bench, dir string) (sample, error) // instead of a server
}

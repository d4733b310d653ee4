package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatewayd/gateway/admin"
	"gatewayd/gateway/config"
	"gatewayd/gateway/server"
)

// door is the admin socket of a running server. It follows the configuration: another place, none, one again.
type door struct {
	server    *server.Server
	upgrade   func() (report string, err error)
	mu        sync.Mutex
	socket    string // "" if there is none
	closed    func()
	listener  net.Listener
	inherited *os.File // of the gatewayd before, until it is used
}

// operator is what the admin socket offers.
type operator struct {
	*server.Server
	upgrade func() (report string, err error)
}

// Upgrade implements admin.Server.
func (o operator) Upgrade() (report string, err error) { return o.upgrade() }

// open opens the socket that the configuration names, unless it is open already, and closes the one before once it has
// answered. To fail in that is worth a warning, not the service.
func (d *door) open(conf config.Admin) {
	d.mu.Lock()
	defer d.mu.Unlock()
	socket := adminSocket(conf)
	if socket == d.socket {
		return
	}
	if d.closed != nil {
		go d.closed()
	}
	d.socket, d.closed = "", nil
	if socket == "" {
		return
	}
	closed, err := d.listen(socket)
	if err != nil {
		d.server.Log().Warn().Err(err).Msg("no admin socket: gatewayd status and reload will not work; set admin: unix:PATH, or admin: off")
		return
	}
	d.socket, d.closed = socket, closed
}

func (d *door) listen(socket string) (closed func(), err error) {
	if err := adminFolder(socket); err != nil {
		return nil, err
	}
	l, err := d.bind(socket)
	if err != nil {
		return nil, err
	}
	d.listener = l
	h := &http.Server{Handler: admin.Handler(operator{d.server, d.upgrade}), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go h.Serve(l)
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if h.Shutdown(ctx) != nil {
			h.Close()
		}
	}, nil
}

func (d *door) bind(socket string) (net.Listener, error) {
	if d.inherited != nil {
		file := d.inherited
		d.inherited = nil
		if l, err := server.AdoptUnix(file, socket); err == nil {
			return l, nil
		}
	}
	return server.ListenUnix(socket, 0o600)
}

// duplicate is another descriptor of the socket; ok is false if there is none.
func (d *door) duplicate() (s server.Socket, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.socket == "" {
		return s, false
	}
	s, err := server.Duplicate(adminSocketName, d.listener)
	return s, err == nil
}

// handedOver leaves the socket's file to another process.
func (d *door) handedOver() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.socket == "" {
		return
	}
	server.Disown(d.listener)
	d.listener.Close() // at once: who connects now wants the successor
	go d.closed()      // which waits for the answer to who has asked for it
}

func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed != nil {
		d.closed()
	}
}

// adminFolder makes the folder of the socket. A user's default one is for that user alone: where it lies, others may
// make folders, too. Whoever names a place has chosen it, and /run is root's.
func adminFolder(socket string) error {
	dir := filepath.Dir(socket)
	if os.Geteuid() == 0 || socket != admin.DefaultSocket() {
		return os.MkdirAll(dir, 0o755)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return admin.CheckFolder(dir)
}

func adminSocket(c config.Admin) string {
	switch {
	case c.Off:
		return ""
	case c.Socket != "":
		return c.Socket
	}
	return admin.DefaultSocket()
}

// adminFlags find the running gatewayd.
type adminFlags struct {
	configFlag
	Socket string `placeholder:"PATH" help:"The admin socket; without it the one that the config names, else the default one."`
}

func (f adminFlags) socket(sys system) (string, error) {
	if f.Socket != "" {
		return f.Socket, nil
	}
	file, err := findConfig(f.Config)
	if err != nil {
		return admin.DefaultSocket(), nil
	}
	src, err := source(sys, file)
	if err != nil {
		return "", err
	}
	conf := config.AdminOf(src)
	if conf.Off {
		return "", fmt.Errorf("%s says admin: off", file)
	}
	return adminSocket(conf), nil
}

func (f adminFlags) call(sys system, method, path string) (string, error) {
	socket, err := f.socket(sys)
	if err != nil {
		return "", err
	}
	text, err := admin.Call(socket, method, path)
	if errors.Is(err, admin.ErrNotRunning) {
		return "", fmt.Errorf("%w; is it running, as this user? -c FILE or --socket PATH say where else to ask", err)
	}
	return text, err
}

type reloadCmd struct {
	adminFlags
	DryRun bool `name:"dry-run" help:"Print what would change, and change nothing."`
}

// Run prints the summary of what has changed.
func (c *reloadCmd) Run(sys system) error {
	path := "/reload"
	if c.DryRun {
		path += "?dry_run=1"
	}
	text, err := c.call(sys, http.MethodPost, path)
	if err != nil {
		return err
	}
	fmt.Fprint(sys.stdout, text)
	return nil
}

type restartCmd struct {
	adminFlags
	All   bool     `help:"Restart the workers of every route."`
	Route []string `arg:"" optional:"" help:"The routes, by pattern (/app/*), site and pattern (www.example.org/app/*) or program (app.fcgi); none lists what can be restarted."`
}

// Run prints a line for each pool of workers that was replaced.
func (c *restartCmd) Run(sys system) error {
	query := url.Values{"route": c.Route}
	if c.All {
		query.Set("all", "1")
	}
	text, err := c.call(sys, http.MethodPost, "/restart?"+query.Encode())
	if err != nil {
		return err
	}
	fmt.Fprint(sys.stdout, text)
	return nil
}

type upgradeCmd struct{ adminFlags }

// Run prints which process serves now.
func (c *upgradeCmd) Run(sys system) error {
	text, err := c.call(sys, http.MethodPost, "/upgrade")
	if err != nil {
		return err
	}
	fmt.Fprint(sys.stdout, text)
	return nil
}

type statusCmd struct {
	adminFlags
	JSON bool `name:"json" help:"Print the whole status as JSON."`
}

// Run prints the status.
func (c *statusCmd) Run(sys system) error {
	text, err := c.call(sys, http.MethodGet, "/status")
	if err != nil {
		return err
	}
	if c.JSON {
		fmt.Fprint(sys.stdout, text)
		return nil
	}
	return printStatus(sys.stdout, text)
}

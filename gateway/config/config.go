package config

import (
	"net/netip"
	"time"
)

// Config is one whole configuration: defaults applied, levels merged, paths absolute, references checked. It is plain
// data and never changes once loaded.
type Config struct {
	File string // as given; "-" for standard input
	Dir  string // what relative paths in it are relative to; absolute

	Listen         []Listen
	Sites          []Site // the default site first (Key ""), then as in the file
	Admin          Admin
	Log            Log
	TrustedProxies TrustedProxies
	Temp           string        // directory for spooled bodies
	DrainTimeout   time.Duration // 0: none
	StartTimeout   time.Duration
	HTTP           HTTP
}

// Listen is one address to accept connections on.
type Listen struct {
	Network string // "tcp" or "unix"
	Address string // "host:port" (host may be empty, port may be 0) or an absolute socket path
	Pos     Pos
}

// Site is the routes of some hosts.
type Site struct {
	Key    string   // as in the file; "" for the default site
	Hosts  []string // lower case, no port; "www.example.org" or "*.example.org"; empty for the default site
	Routes []Route  // as in the file
	Pos    Pos
}

// Route is one pattern and its handler. Exactly one of the handler pointers is set, the one that Handler names.
type Route struct {
	Pattern string // "/exact", "/prefix/*" or "/*"
	Handler string // "static", "cgi", "redirect", "respond"
	Pos     Pos

	Static   *Static
	CGI      *CGI
	Redirect *Redirect
	Respond  *Respond

	Options Options // the options beside the handler, the three levels merged
}

// Options are the options that may stand beside any handler.
type Options struct {
	Env               map[string]string
	PassEnv           []string
	Dir               string        // absolute; "" is the handler's default. A command from PATH without root has Config.Dir
	Timeout           time.Duration // 0: none
	IdleTimeout       time.Duration // 0: none
	MaxBody           int64         // bytes; 0: none
	PassAuthorization bool
	Headers           Headers
}

// Headers is what is done to a response's header.
type Headers struct {
	Set    map[string]string
	Remove []string
}

// Static serves files.
type Static struct {
	Root          string   // absolute
	Index         []string // file names
	Browse        bool
	Precompressed bool
	CacheControl  string
	Hidden        bool   // dot files are served
	Symlinks      string // "inside" or "any"
}

// CGI runs a program for each request. Run or Root or both are set.
type CGI struct {
	// Run is a command: its first word an absolute path to a program, or (RunDir, one word only) to a directory.
	Run          []string
	RunDir       bool
	Root         string // absolute; "" if not set
	Ext          []string
	Index        []string
	Fallback     string // "" or starts with "/"
	Hidden       bool
	Symlinks     string              // "inside" or "any"
	Interpreters map[string][]string // ".py" -> command, its first word absolute
	MaxHeader    int64
	StopTimeout  time.Duration
	Sendfile     []string // absolute directories
}

// Redirect sends the client elsewhere.
type Redirect struct {
	To     string
	Status int
}

// Respond answers with a fixed text.
type Respond struct {
	Status int
	Body   string
}

// Admin is where the operator talks to the running server.
type Admin struct {
	Off    bool
	Socket string // absolute path; "" is the default place
}

// Log says what is written where.
type Log struct {
	Level        string // debug, info, warn, error
	Format       string // auto, text, json
	Output       string // stderr, stdout or an absolute path
	Access       string // auto, text, off
	AccessOutput string // as Output; "" is the same as Output
}

// TrustedProxies are the peers whose word about the client is taken.
type TrustedProxies struct {
	Prefixes []netip.Prefix
	Unix     bool // peers on unix sockets
}

// HTTP is the bounds of the HTTP front end.
type HTTP struct {
	HeaderTimeout time.Duration // for the whole head; 0: none
	BodyTimeout   time.Duration // each such span must bring 1 KiB of the body or its end; 0: none
	SendTimeout   time.Duration // in each such span the client must take 1 KiB while bytes wait for it; 0: none
	IdleTimeout   time.Duration // between requests; 0: none
	MaxHeader     int64         // bytes of the request head
	MaxHeaders    int           // header fields
	MaxURI        int64         // bytes of the request target
}

// Pos is a place in the config file, counted from 1; the zero Pos is the file as a whole.
type Pos struct{ Line, Column int }

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
	StateDir       string        // absolute path; "" is the default place
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

	Options Options // the top level's and the site's, merged: for what no route takes
}

// Route is one pattern and its handler. Exactly one of the handler pointers is set.
type Route struct {
	Pattern string // "/exact", "/prefix/*" or "/*"
	Handler string // "static", "cgi", "fastcgi", "php", "wsgi", "redirect", "respond"
	Pos     Pos

	Static   *Static
	CGI      *CGI
	FastCGI  *FastCGI // of "php" and "wsgi" too, which stand for it
	WSGI     *WSGI
	Redirect *Redirect
	Respond  *Respond

	Options Options // the options beside the handler, the three levels merged
}

// WSGI is a Python application. Route.FastCGI has the interpreter as its program, and everything else about the workers.
type WSGI struct {
	App  string   // module:name
	Path []string // directories in which modules are looked for first; at least one
	File string   // of the module, "" if it is not in one of them
}

// Options are the options that may stand beside any handler.
type Options struct {
	Env               map[string]string
	PassEnv           []string
	Dir               string        // absolute; "" is the handler's default. A command from PATH without root has Config.Dir
	Timeout           time.Duration // 0: none
	IdleTimeout       time.Duration // 0: none
	MaxBody           int64         // bytes; 0: none
	StreamBody        bool          // buffer: none
	PassAuthorization bool
	Headers           Headers

	User         *User // who runs the program; nil: who runs gatewayd
	Rlimits      Rlimits
	Umask        *int // nil: inherited
	Priority     int  // nice value, -20 to 19
	ServerTiming bool

	MaxRunning int // requests at work at once; 0: none. The handler's default is filled in
	Queue      Queue

	Auth       *Auth // nil: none
	Allow      []netip.Prefix
	Deny       []netip.Prefix
	ErrorPages map[string]ErrorPage // by "404" or "5xx"; the status wins over the class
}

// User is who runs a program.
type User struct {
	Name     string // as written, for messages
	UID, GID uint32
	Groups   []uint32 // supplementary groups, as initgroups(3) gives them; empty: none
}

// Rlimits are limits of each process (setrlimit(2)), soft and hard alike. nil is inherited; Unlimited is none.
type Rlimits struct {
	CPU       *uint64 // seconds of processor time
	Memory    *uint64 // bytes of address space
	Files     *uint64 // descriptors
	Processes *uint64 // processes and threads of the user
	Core      *uint64 // bytes of a core file
}

// Unlimited is a limit that is none (RLIM_INFINITY).
const Unlimited = ^uint64(0)

// Queue is who may wait when MaxRunning requests are at work. Max 0: nobody waits.
type Queue struct {
	Max  int
	Wait time.Duration
}

// Auth is who is let in by HTTP Basic authentication.
type Auth struct {
	Basic string // the htpasswd file, absolute
	Realm string
	Users []Credential // what was in the file when it was read
}

// Credential is one line of a htpasswd file.
type Credential struct{ Name, Hash string }

// ErrorPage is a file as it was when it was read.
type ErrorPage struct{ File, ContentType, Body string }

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

// FastCGI sends requests to a FastCGI application. Exactly one of Run and Connect is set.
type FastCGI struct {
	Run         []string // a command, its first word absolute: the program of workers that gatewayd starts and keeps
	Workers     int      // how many; with Run
	Concurrency int      // requests that one worker can have at once; with Run

	Connect        []Address // where an application listens that somebody else runs
	ConnectTimeout time.Duration

	Keepalive   int    // idle connections kept per address; the default is filled in
	WorkerRoot  string // Root as the application sees it, absolute; "" is Root
	Root        string // absolute; "" if not set
	Ext         []string
	Index       []string
	Fallback    string // "" or starts with "/"
	Hidden      bool
	Symlinks    string // "inside" or "any"
	MaxHeader   int64
	StopTimeout time.Duration
	Sendfile    []string // absolute directories
}

// Address is where an application listens.
type Address struct {
	Network string // "unix" or "tcp"
	Address string // an absolute path, or "@name" for an abstract socket; or host:port
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
	Access       string // auto (as Format), text, json, combined, off
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

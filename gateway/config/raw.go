package config

// The raw structs are the file's own shape. Their tags are the tables that everything else is made from (see table).

type rawConfig struct {
	Listen         listenValue   `key:"listen" default:":8080" doc:"Addresses to accept connections on: HOST:PORT, :PORT or unix:PATH; one or a list."`
	Routes         routesValue   `key:"routes" doc:"The default site: what answers which path. The most specific pattern wins; the order means nothing."`
	Sites          sitesValue    `key:"sites" doc:"Routes by host: exact names, *.example.org, addresses; several in one key with blanks between them."`
	Admin          adminValue    `key:"admin" shown:"a unix socket of this user" doc:"Where the operator talks to the running server: unix:PATH or off."`
	Log            rawLog        `key:"log" doc:"What is written where."`
	TrustedProxies proxiesValue  `key:"trusted_proxies" doc:"Peers whose word about the client is taken (Forwarded, X-Forwarded-For, -Proto and -Host): addresses, CIDRs, or unix for peers on unix sockets."`
	Temp           dirValue      `key:"temp" default:"/var/tmp" doc:"The directory for request bodies that do not fit in memory."`
	StateDir       stateDirValue `key:"state_dir" shown:"/var/lib/gatewayd as root, else $XDG_STATE_HOME/gatewayd or ~/.local/state/gatewayd" doc:"Where run --last-good keeps the last good config; the directory is made if it is missing."`
	DrainTimeout   durationValue `key:"drain_timeout" default:"30s" rule:"none" doc:"How long requests may go on after the server was told to stop, or after a reload has removed or changed their route."`
	StartTimeout   durationValue `key:"start_timeout" default:"10s" doc:"How long an application may take until it is ready."`
	HTTP           rawHTTP       `key:"http" doc:"Bounds of the HTTP front end."`
	rawOptions

	marks
	TLS unusable `key:"tls" notyet:"let a proxy in front of gatewayd speak TLS"`
}

type rawLog struct {
	Level        wordValue   `key:"level" default:"info" rule:"debug info warn error" doc:"The least severe message that is written."`
	Format       wordValue   `key:"format" default:"auto" rule:"auto text json" doc:"text for people, in colour on a terminal, or json; auto is text."`
	Output       outputValue `key:"output" default:"stderr" doc:"Where messages go: stderr, stdout or a file."`
	Access       wordValue   `key:"access" default:"auto" rule:"auto text json combined off" doc:"The access log, a line for each request: text for people, json, combined as Apache and nginx write it, or off; auto is as format."`
	AccessOutput outputValue `key:"access_output" shown:"as output" doc:"Where the access log goes: stderr, stdout or a file."`
}

type rawHTTP struct {
	HeaderTimeout durationValue `key:"header_timeout" default:"10s" rule:"none" doc:"How long a client may take to send the whole head of a request."`
	BodyTimeout   durationValue `key:"body_timeout" default:"30s" rule:"none" doc:"Each such span must bring 1 KiB of the body, or its end."`
	SendTimeout   durationValue `key:"send_timeout" default:"60s" rule:"none" doc:"In each such span the client must take 1 KiB while bytes wait for it."`
	IdleTimeout   durationValue `key:"idle_timeout" default:"75s" rule:"none" doc:"How long a connection is kept between two requests."`
	MaxHeader     sizeValue     `key:"max_header" default:"64KiB" rule:"min=1KiB max=16MiB" doc:"The biggest request head."`
	MaxHeaders    intValue      `key:"max_headers" default:"100" rule:"1-10000" doc:"The most fields in a request head."`
	MaxURI        sizeValue     `key:"max_uri" default:"16KiB" rule:"min=64B max=16MiB" doc:"The longest request target."`
}

// rawOptions are the options beside a handler; they may stand at the top, in a site or in a route.
type rawOptions struct {
	Env               envValue        `key:"env" for:"cgi fastcgi php wsgi connect" doc:"Variables given to the program, as they are written; merged key by key over the levels."`
	PassEnv           listValue       `key:"pass_env" for:"cgi fastcgi php wsgi connect" rule:"variable" doc:"Names of variables of gatewayd's own environment that the program gets, too."`
	Dir               dirValue        `key:"dir" for:"cgi fastcgi php wsgi" shown:"the program's directory" doc:"The working directory of the program."`
	User              userValue       `key:"user" for:"cgi fastcgi php wsgi" shown:"who runs gatewayd" doc:"Who runs the program: a name or uid of /etc/passwd, with that user's groups, or with another primary group as name:group or uid:gid."`
	Rlimits           rlimitsValue    `key:"rlimits" for:"cgi fastcgi php wsgi" shown:"inherited" doc:"Limits of each process of the program; the nearest level's count alone."`
	Umask             umaskValue      `key:"umask" for:"cgi fastcgi php wsgi" shown:"inherited" doc:"The permissions that files made by the program do not get, in octal: 022."`
	Priority          intValue        `key:"priority" default:"0" rule:"-20-19" for:"cgi fastcgi php wsgi" doc:"The nice value of the program: the higher, the more it leaves to others; below 0 is for root."`
	Timeout           durationValue   `key:"timeout" default:"none" rule:"none" for:"cgi fastcgi php wsgi connect" doc:"How long a whole request may take."`
	IdleTimeout       durationValue   `key:"idle_timeout" default:"60s" rule:"none" for:"cgi fastcgi php wsgi connect" doc:"How long the program may be silent between two bytes."`
	MaxBody           sizeValue       `key:"max_body" default:"1GiB" rule:"none" for:"cgi fastcgi php wsgi connect" doc:"The biggest request body; more is answered with 413."`
	Buffer            wordValue       `key:"buffer" default:"request" rule:"request none" for:"cgi fastcgi php wsgi connect" doc:"request: the whole body is received before a program is started or a worker is taken; none: it is passed on as it comes."`
	MaxRunning        countValue      `key:"max_running" rule:"none" for:"cgi fastcgi php wsgi connect" shown:"cgi: 8 per CPU; own workers: workers x concurrency; connect: none" doc:"How many requests of the route may be at work at once; others wait in the queue."`
	Queue             queueValue      `key:"queue" for:"cgi fastcgi php wsgi connect" shown:"100 wait, 30s at most" doc:"Who may wait when max_running requests are at work; off: nobody, the answer is 503 at once."`
	ServerTiming      boolValue       `key:"server_timing" default:"false" doc:"Whether the client is told what took how long, in a Server-Timing field."`
	Auth              authValue       `key:"auth" doc:"Who is let in, by name and password; none lifts what a farther level asks for."`
	PassAuthorization boolValue       `key:"pass_authorization" default:"false" for:"cgi fastcgi php wsgi connect" doc:"Whether the program gets the client's Authorization field."`
	Allow             prefixesValue   `key:"allow" doc:"The only clients that are let in: addresses, CIDRs or all; an empty list is everybody."`
	Deny              prefixesValue   `key:"deny" doc:"Clients that are refused, whatever allow says: addresses, CIDRs or all."`
	Headers           rawHeaders      `key:"headers" doc:"What is done to the header of each response."`
	ErrorPages        errorPagesValue `key:"error_pages" shown:"a plain page" doc:"Files that are sent with errors of the server's own, by status or class: { 404: ./404.html, 5xx: ./sorry.html }; the nearest level's count alone."`

	Compress unusable `key:"compress" notyet:"static files may have .gz, .br and .zst siblings (precompressed)"`
}

type rawRlimits struct {
	CPU       durationValue `key:"cpu" rule:"none" doc:"Time that a process may spend computing, in whole seconds; then it is killed."`
	Memory    sizeValue     `key:"memory" rule:"none" doc:"Address space of a process, used or only reserved: a low limit breaks Go, Java and Node programs, which reserve far more than they use."`
	Files     intValue      `key:"files" rule:"1-1000000" doc:"Descriptors that a process may have open; the kernel gives nobody unlimited ones."`
	Processes countValue    `key:"processes" rule:"none" doc:"Processes and threads that the user may have in all, not this program alone; root has no such limit. Only of use together with user."`
	Core      coreValue     `key:"core" rule:"none" doc:"The biggest core file; off is that none is written."`
}

type rawQueue struct {
	Max  intValue      `key:"max" default:"100" rule:"1-1000000" doc:"How many requests may wait; above it the answer is 503."`
	Wait durationValue `key:"wait" default:"30s" doc:"How long a request may wait; then the answer is 503."`
}

type rawAuth struct {
	Basic htpasswdValue `key:"basic" doc:"A htpasswd file (bcrypt, apr1 or SHA-1) of those who are let in by HTTP Basic authentication."`
	Realm textValue     `key:"realm" rule:"realm" shown:"the hosts of the site, else restricted" doc:"What the browser shows when it asks for the password."`

	marks
}

type rawHeaders struct {
	Set    headerSetValue `key:"set" doc:"Fields that every response gets, in the place of those that it has; merged key by key over the levels."`
	Remove listValue      `key:"remove" rule:"header" doc:"Names of fields that no response has."`
}

type rawSite struct {
	Routes routesValue `key:"routes" doc:"What answers which path on these hosts."`
	rawOptions

	marks
}

type rawRoute struct {
	Static   *rawStatic   `key:"static" handler:"true" doc:"Serves the files below a directory."`
	CGI      *rawCGI      `key:"cgi" handler:"true" doc:"Runs a program for each request."`
	FastCGI  *rawFastCGI  `key:"fastcgi" handler:"true" doc:"Asks a FastCGI application: workers that gatewayd starts and keeps, or what listens at an address, unix:PATH or tcp:HOST:PORT."`
	PHP      *rawPHP      `key:"php" handler:"true" doc:"Serves a directory of PHP and other files: fastcgi with php-cgi, or php-fpm, and what PHP applications want."`
	WSGI     *rawWSGI     `key:"wsgi" handler:"true" doc:"Serves a Python application by WSGI (PEP 3333), in workers that gatewayd starts and keeps."`
	Redirect *rawRedirect `key:"redirect" handler:"true" doc:"Sends the client elsewhere."`
	Respond  *rawRespond  `key:"respond" handler:"true" doc:"Answers with a fixed status and text."`
	rawOptions

	marks
}

type rawStatic struct {
	Root          dirValue  `key:"root" scalar:"true" doc:"The directory whose files are served."`
	Index         listValue `key:"index" default:"index.html" rule:"file" doc:"Names of the files that answer for their directory; the first that exists."`
	Browse        boolValue `key:"browse" default:"false" doc:"Whether a directory without an index file is listed."`
	Precompressed boolValue `key:"precompressed" default:"true" doc:"Whether NAME.zst, NAME.br and NAME.gz are sent for NAME to clients that take them."`
	CacheControl  textValue `key:"cache_control" rule:"value" doc:"The Cache-Control field of each file."`
	Hidden        boolValue `key:"hidden" default:"false" doc:"Whether names that begin with a dot are served; .well-known always is."`
	Symlinks      wordValue `key:"symlinks" default:"inside" rule:"inside any" doc:"Where symbolic links may lead: inside the root, or to any place."`

	marks
}

// rawTree says which files below a directory are scripts.
type rawTree struct {
	Root     dirValue      `key:"root" doc:"The directory below which a URL names a script (by ext) or a file."`
	Ext      listValue     `key:"ext" rule:"ext" doc:"Extensions that make a file below root a script."`
	Index    listValue     `key:"index" rule:"file" doc:"Names of the files that answer for their directory below root."`
	Fallback fallbackValue `key:"fallback" rule:"path" shown:"off" doc:"The script below root that answers for what does not exist; off: that is 404."`
	Hidden   boolValue     `key:"hidden" default:"false" doc:"Whether names that begin with a dot can be reached; .well-known always can."`
	Symlinks wordValue     `key:"symlinks" default:"inside" rule:"inside any" doc:"Where symbolic links may lead: inside the root, or to any place."`
}

type rawCGI struct {
	Run commandValue `key:"run" scalar:"true" rule:"cgi" doc:"A program, a list of a program and its arguments, or a directory in which each executable file is a script."`
	rawTree
	Interpreters interpretersValue `key:"interpreters" doc:"Commands that run the files with an extension, executable or not: { .py: python3 }."`
	MaxHeader    sizeValue         `key:"max_header" default:"64KiB" rule:"min=1KiB max=16MiB" doc:"The biggest head of the program's answer."`
	StopTimeout  durationValue     `key:"stop_timeout" default:"2s" doc:"How long a program that was told to end may take before it is killed."`
	Sendfile     listValue         `key:"sendfile" rule:"dir" doc:"Directories whose files the program may have sent by naming them in X-Sendfile."`

	marks
	Connect        unusable `key:"connect" notyet:"connect is for fastcgi; cgi takes run: a program or a directory"`
	Workers        unusable `key:"workers" foreign:"fastcgi"`
	Concurrency    unusable `key:"concurrency" foreign:"fastcgi"`
	Keepalive      unusable `key:"keepalive" foreign:"fastcgi"`
	ConnectTimeout unusable `key:"connect_timeout" foreign:"fastcgi"`
	WorkerRoot     unusable `key:"worker_root" foreign:"fastcgi"`
}

// rawApplication is what fastcgi and php have in common.
type rawApplication struct {
	ConnectTimeout durationValue   `key:"connect_timeout" default:"5s" doc:"How long connecting may take."`
	Workers        workersValue    `key:"workers" rule:"1-10000" shown:"4, or one per CPU if there are more" doc:"How many processes of run are kept."`
	Keepalive      intValue        `key:"keepalive" rule:"0-10000" shown:"0 for connect, 1 per own worker" doc:"How many idle connections are kept to each address. Each keeps a child of php-fpm to itself."`
	WorkerRoot     workerRootValue `key:"worker_root" shown:"root" doc:"root as the application sees it, in another container or chroot; an absolute path."`
	MaxHeader      sizeValue       `key:"max_header" default:"64KiB" rule:"min=1KiB max=16MiB" doc:"The biggest head of the application's answer."`
	StopTimeout    durationValue   `key:"stop_timeout" default:"2s" doc:"How long the application may take to end a request that nobody wants any more, and a worker to end, before it is cut off."`
	Sendfile       listValue       `key:"sendfile" rule:"dir" doc:"Directories whose files the application may have sent by naming them in X-Sendfile or X-Accel-Redirect."`
}

type rawFastCGI struct {
	Run     commandValue `key:"run" scalar:"true" rule:"fastcgi" doc:"A program, or a list of a program and its arguments: its processes are the workers that gatewayd keeps."`
	Connect connectValue `key:"connect" scalar:"true" doc:"Where an application listens that gatewayd does not start: unix:PATH, unix:@NAME or tcp:HOST:PORT; one or a list."`
	rawTree
	Concurrency intValue `key:"concurrency" default:"1" rule:"1-10000" doc:"How many requests one worker can have at once: its threads."`
	rawApplication

	marks
	Interpreters unusable `key:"interpreters" foreign:"cgi"`
}

type rawPHP struct {
	Root     phpRootValue  `key:"root" scalar:"true" doc:"The directory of the PHP and other files."`
	Ext      listValue     `key:"ext" default:".php" rule:"ext" doc:"Extensions that make a file PHP."`
	Index    listValue     `key:"index" default:"index.php" rule:"file" doc:"Names of the files that answer for their directory."`
	Fallback fallbackValue `key:"fallback" default:"/index.php" rule:"path" doc:"The file below root that answers for what does not exist: the front controller; off: that is 404."`
	Hidden   boolValue     `key:"hidden" default:"false" doc:"Whether names that begin with a dot can be reached; .well-known always can."`
	Symlinks wordValue     `key:"symlinks" default:"inside" rule:"inside any" doc:"Where symbolic links may lead: inside the root, or to any place."`
	Run      commandValue  `key:"run" rule:"php" shown:"php-cgi of PATH" doc:"Another php-cgi, or arguments for it: [php-cgi, -d, memory_limit=1G]."`
	Connect  connectValue  `key:"connect" doc:"Where php-fpm listens: unix:PATH or tcp:HOST:PORT, one or a list. Then gatewayd starts no workers."`
	rawApplication

	marks
	Concurrency  unusable `key:"concurrency" foreign:"fastcgi"`
	Interpreters unusable `key:"interpreters" foreign:"cgi"`
}

type rawWSGI struct {
	App         wsgiAppValue  `key:"app" scalar:"true" doc:"The application: MODULE:NAME, as in shop.wsgi:application, or MODULE:FACTORY(); without a name application or app."`
	Venv        dirValue      `key:"venv" doc:"The virtual environment whose Python and packages are used."`
	Path        listValue     `key:"path" rule:"dir" shown:"the config file's directory" doc:"Directories in which modules are looked for first; the first one is also the working directory unless dir says otherwise."`
	Workers     workersValue  `key:"workers" rule:"1-10000" shown:"4, or one per CPU if there are more" doc:"How many processes have the application."`
	Threads     intValue      `key:"threads" default:"1" rule:"1-1000" doc:"How many requests each of them has at once."`
	MaxHeader   sizeValue     `key:"max_header" default:"64KiB" rule:"min=1KiB max=16MiB" doc:"The biggest head of the application's answer."`
	StopTimeout durationValue `key:"stop_timeout" default:"2s" doc:"How long a worker may take to end a request that nobody wants any more, and to end, before it is killed."`
	Sendfile    listValue     `key:"sendfile" rule:"dir" doc:"Directories whose files the application may have sent by naming them in X-Sendfile or X-Accel-Redirect."`

	marks
	Concurrency unusable `key:"concurrency" foreign:"fastcgi"`

	python string // the interpreter, once it is found
}

type rawRedirect struct {
	To     textValue `key:"to" scalar:"true" rule:"target" doc:"An absolute URL or a path; if it ends in / below a /prefix/*, the rest of the path is appended."`
	Status intValue  `key:"status" default:"302" rule:"301 302 303 307 308" doc:"The status of the answer."`

	marks
}

type rawRespond struct {
	Status intValue  `key:"status" scalar:"true" default:"200" rule:"200-599" doc:"The status of the answer."`
	Body   textValue `key:"body" doc:"The text of the answer."`
}

func (rawLog) emptyAllowed()     {}
func (rawHTTP) emptyAllowed()    {}
func (rawHeaders) emptyAllowed() {}

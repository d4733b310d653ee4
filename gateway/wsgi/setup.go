package wsgi

import (
	_ "embed"
	"fmt"
	"strings"

	"gatewayd/gateway/config"
)

//go:embed launcher.py
var launcher string

// sourceVar brings the launcher to the interpreter: a file would have to be where every user may read it. The launcher
// takes it out of the environment.
const sourceVar = "GATEWAYD_WSGI_LAUNCHER"

const bootstrap = "import os; exec(compile(os.environ.pop('" + sourceVar + "'), '<gatewayd>', 'exec'))"

// Command is the command of a worker of the route, whose handler is wsgi, with what its environment must have beside the
// route's. The file of the application's module is one of the arguments, so that another version of it makes another
// version of the command.
func Command(r *config.Route) (args, env []string) {
	w, workers := r.WSGI, r.FastCGI
	args = []string{
		workers.Run[0], "-c", bootstrap, w.App, fmt.Sprint(workers.Workers), fmt.Sprint(workers.Concurrency), strings.Join(w.Path, ":"),
	}
	if w.File != "" {
		args = append(args, w.File)
	}
	return args, []string{sourceVar + "=" + launcher, "PYTHONUNBUFFERED=1"}
}

// Name is how the workers are called in front of people.
func Name(r *config.Route) string { return "wsgi application " + r.WSGI.App }

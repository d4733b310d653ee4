// Program app is Go's net/http/fcgi. PATH_INFO says what it does, as in app.c.
package main

import (
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/fcgi"
	"os"
	"path"
	"slices"
	"sync/atomic"
)

var count atomic.Int64

func answer(w http.ResponseWriter, r *http.Request) {
	env := fcgi.ProcessEnv(r)
	n := count.Add(1)
	switch path.Base(r.URL.Path) { // Go keeps PATH_INFO, and whatever else a Request has fields for, to itself
	case "env":
		env["REQUEST_METHOD"], env["QUERY_STRING"] = r.Method, r.URL.RawQuery
		for _, name := range slices.Sorted(maps.Keys(env)) {
			fmt.Fprintf(w, "%s=%s\n", name, env[name])
		}
	case "echo":
		w.Header().Set("Content-Type", "application/octet-stream")
		io.Copy(w, r.Body)
	case "stderr":
		fmt.Fprintf(os.Stderr, "a complaint: %s\n", r.URL.RawQuery)
		io.WriteString(w, "complained\n")
	default:
		fmt.Fprintf(w, "%d %d\n", os.Getpid(), n)
	}
}

func main() {
	if err := fcgi.Serve(nil, http.HandlerFunc(answer)); err != nil {
		log.Fatal(err)
	}
}

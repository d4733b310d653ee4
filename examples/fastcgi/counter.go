//go:build ignore

// A FastCGI program in Go: an http.Handler behind gatewayd, without a port of its own.
//
//	go build -o counter counter.go
//
//	routes:
//	  "/counter": { fastcgi: { run: ./counter, workers: 1, concurrency: 100 } }   # it serves many requests at once
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/fcgi"
	"os"
	"sync/atomic"
)

func main() {
	var count atomic.Int64
	answer := func(w http.ResponseWriter, r *http.Request) {
		length, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, "the body did not come whole", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "Request number %d of process %d.\n", count.Add(1), os.Getpid())
		if length > 0 {
			fmt.Fprintf(w, "It brought %d bytes.\n", length)
		}
	}
	// With nil Serve accepts on descriptor 0, the socket that gatewayd gives each worker.
	if err := fcgi.Serve(nil, http.HandlerFunc(answer)); err != nil {
		log.Fatal(err)
	}
}

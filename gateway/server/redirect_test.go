package server

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// A program that has said where to go on may finish its work: nobody has left, and no time is over.
func TestAProgramFinishesAfterItHasNamedWhatToSend(t *testing.T) {
	dir := tree(t, map[string]string{
		"cgi/local": "#!/bin/sh\nprintf 'Location: /file\\n\\n'\nsleep 0.2\necho done >local.done\n",
		"www/file":  "file\n",
	})
	byName := "#!/bin/sh\nprintf 'X-Sendfile: " + dir + "/www/file\\n\\n'\nsleep 0.2\necho done >byname.done\n"
	if err := os.WriteFile(filepath.Join(dir, "cgi/byname"), []byte(byName), 0o755); err != nil {
		t.Fatal(err)
	}
	_, addr := start(t, dir, "routes: { /*: { static: ./www }, /cgi/*: { cgi: { run: ./cgi/, sendfile: [./www] } } }\n")
	for _, name := range []string{"local", "byname"} {
		resp, err := http.Get("http://" + addr + "/cgi/" + name)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "file\n" {
			t.Errorf("%s: %s %q", name, resp.Status, body)
		}
		if _, err := os.Stat(filepath.Join(dir, "cgi", name+".done")); err != nil {
			t.Errorf("%s: the program was stopped: %v", name, err)
		}
	}
}

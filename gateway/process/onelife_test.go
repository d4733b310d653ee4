package process

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestOneLife(t *testing.T) {
	for _, tt := range []struct {
		end   string // how the leader ends
		alive bool   // its child, then
	}{{"kill -KILL $$", false}, {"kill -SEGV $$", false}, {"exit 0", true}, {"exit 3", true}} {
		t.Run(tt.end, func(t *testing.T) {
			ours, theirs, err := OutputPipe("stdout")
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			s := sh(fmt.Sprintf("sleep 60 & echo $!; %s", tt.end))
			s.Stdout, s.OneLife = theirs, true
			p := start(t, s)
			theirs.Close()
			line, err := bufio.NewReader(ours).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			child, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Kill(child, syscall.SIGKILL)
			wait(t, p)
			if tt.alive && !alive(child) {
				t.Error("the child was killed")
			}
			if !tt.alive {
				eventually(t, "the child is gone", func() bool { return !alive(child) })
			}
		})
	}
}

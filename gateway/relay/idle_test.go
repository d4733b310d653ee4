package relay

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleClock(t *testing.T) {
	const limit = time.Minute
	run := func(name string, wantAfter time.Duration, act func(c *idleClock)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				fired := make(chan time.Duration, 1)
				c := startIdleClock(limit, func() { fired <- time.Since(began) })
				c.touch()
				go act(c)
				select {
				case after := <-fired:
					if after != wantAfter {
						t.Errorf("fired after %v, want %v", after, wantAfter)
					}
				case <-time.After(time.Hour):
					if wantAfter != 0 {
						t.Errorf("never fired, want it after %v", wantAfter)
					}
				}
				c.stop()
			})
		})
	}
	run("nothing moves", limit, func(*idleClock) {})
	run("a touch gives a whole span again", 90*time.Second, func(c *idleClock) {
		time.Sleep(30 * time.Second)
		c.touch()
	})
	run("touches keep it alive", 10*limit-30*time.Second+limit, func(c *idleClock) {
		for range 19 {
			time.Sleep(30 * time.Second)
			c.touch()
		}
	})
	run("a wait for the client does not count", 20*limit+limit, func(c *idleClock) {
		c.pause()
		time.Sleep(20 * limit)
		c.resume()
	})
	run("stopped", 0, func(c *idleClock) {
		time.Sleep(limit / 2)
		c.stop()
	})
	t.Run("nobody is idle before the first touch", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			fired := make(chan time.Duration)
			c := startIdleClock(limit, func() { fired <- time.Since(began) })
			time.Sleep(10*limit + limit/2)
			c.touch()
			if after := <-fired; after != 11*limit+limit/2 {
				t.Errorf("fired after %v", after)
			}
			c.stop()
		})
	})
	t.Run("no limit", func(*testing.T) {
		c := startIdleClock(0, func() { panic("fired") })
		c.touch()
		c.stop()
	})
}

package worker

import (
	"context"
	"sync"
	"time"
)

// Registry shares pools: who asks for the same Spec, told by its Key, gets the same Pool, so that workers live on when a
// new configuration says the same of them. Safe for concurrent use.
type Registry struct {
	opt     Options
	life    context.Context // of pools that nobody holds: until then their leases are waited for
	end     context.CancelFunc
	closing sync.WaitGroup

	mu    sync.Mutex
	pools map[string]*held
	keys  map[*Pool]string
}

// held is a Pool and how many hold it.
type held struct {
	pool    *Pool
	holders int
	version string // of the program that the workers run
}

// NewRegistry returns an empty Registry; the caller closes it.
func NewRegistry(opt Options) *Registry {
	r := &Registry{opt: opt, pools: map[string]*held{}, keys: map[*Pool]string{}}
	r.life, r.end = context.WithCancel(context.Background())
	return r
}

// Acquire returns the Pool of spec; fresh says that it was not there and has just been made. The caller gives it back by
// Release.
func (r *Registry) Acquire(spec Spec) (pool *Pool, fresh bool) {
	key := spec.Key()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.pools[key]
	if h == nil {
		h = &held{version: spec.Version(), pool: NewPool(spec, r.opt)}
		r.pools[key], r.keys[h.pool] = h, key
	}
	h.holders++
	return h.pool, h.holders == 1
}

// Release gives a Pool back. Without holders it is closed, which happens behind the caller's back: what is lent is
// waited for.
func (r *Registry) Release(p *Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, ok := r.keys[p]
	if !ok {
		return // closed already
	}
	h := r.pools[key]
	if h.holders--; h.holders > 0 {
		return
	}
	delete(r.pools, key)
	delete(r.keys, p)
	r.close(p)
}

// Outdated says whether there is a Pool of spec whose workers run another version of the program than is there now.
func (r *Registry) Outdated(spec Spec) bool {
	key, version := spec.Key(), spec.Version()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.pools[key]
	return h != nil && h.version != version
}

// Restart is Pool.Restart. Afterwards p is up to date.
func (r *Registry) Restart(ctx context.Context, p *Pool, drain time.Duration) error {
	version := p.spec.Version() // what is started next is this, or newer
	if err := p.Restart(ctx, drain); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.pools[r.keys[p]]; h != nil {
		h.version = version
	}
	return nil
}

// close closes p in the background. The caller holds mu.
func (r *Registry) close(p *Pool) { r.closing.Go(func() { p.Close(r.life) }) }

// Pools are the pools that somebody holds, in no order.
func (r *Registry) Pools() (all []*Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.keys {
		all = append(all, p)
	}
	return all
}

// Close closes all pools, held or not, and returns when they are gone. What is lent is waited for until ctx ends.
// Nothing may be acquired any more.
func (r *Registry) Close(ctx context.Context) {
	defer context.AfterFunc(ctx, r.end)()
	r.mu.Lock()
	for p := range r.keys {
		r.close(p)
	}
	clear(r.pools)
	clear(r.keys)
	r.mu.Unlock()
	r.closing.Wait()
	r.end()
}

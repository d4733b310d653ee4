package http1

import (
	"fmt"
	"net/http"
)

// Refusal is why bytes are no request that may be served. It is an error.
type Refusal struct {
	Status int    // 400, 414, 417, 431, 501 or 505
	Reason string // one clause, fit to be shown: it has nothing of what the client sent
	Limit  string // the limit that was exceeded, as it is called in the `http` section: "max_uri"; "" if none was
}

// Error is the Reason.
func (r *Refusal) Error() string { return r.Reason }

func bad(reason string) *Refusal { return &Refusal{Status: http.StatusBadRequest, Reason: reason} }

func refuse(status int, reason string) *Refusal { return &Refusal{Status: status, Reason: reason} }

func tooMany(status int, limit, what string, most int) *Refusal {
	return &Refusal{Status: status, Limit: limit, Reason: fmt.Sprintf("%s, the most is %d", what, most)}
}

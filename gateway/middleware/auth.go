package middleware

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/htpasswd"
)

// Auth lets in who gives the name and the password of a user in the file (RFC 7617), before anything is read of the
// body, and says so in AuthType and RemoteUser.
func Auth(realm string, users *htpasswd.File, next http.Handler) http.Handler {
	challenge := `Basic realm="` + quotedText(realm) + `", charset="UTF-8"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := gateway.FromContext(r.Context())
		user, err := authenticate(r, users)
		if err != nil {
			if err.Status == http.StatusUnauthorized {
				w.Header().Set("Www-Authenticate", challenge)
			}
			gateway.Fail(w, r, err)
			return
		}
		req.AuthType, req.RemoteUser = "Basic", user
		next.ServeHTTP(w, r)
	})
}

func authenticate(r *http.Request, users *htpasswd.File) (user string, failure *gateway.Error) {
	user, password, err := credentials(r)
	if err != nil {
		return "", unauthorized(err)
	}
	ok, err := users.Verify(r.Context(), user, password)
	switch {
	case errors.Is(err, context.Canceled):
		return "", &gateway.Error{Status: gateway.StatusClientClosed, Op: "verify a password", Err: err}
	case err != nil:
		return "", &gateway.Error{
			Status: http.StatusServiceUnavailable, Op: "verify a password", Err: err, RetryAfter: time.Second, Overload: true,
			Hint: "somebody may be guessing passwords: the access log says who gets 401",
		}
	case !ok:
		return "", unauthorized(errWrong)
	}
	return user, nil
}

var (
	errNone      = errors.New("the request has no credentials")
	errMalformed = errors.New("the credentials are malformed or too long")
	errWrong     = errors.New("the name or the password is wrong")
)

func unauthorized(err error) *gateway.Error {
	return &gateway.Error{Status: http.StatusUnauthorized, Op: "auth", Err: err}
}

// credentials reads the one Authorization field of a request: name and password without control characters (RFC 7617
// section 2), and no more bytes than a password file may lead to hash.
func credentials(r *http.Request) (name, password string, err error) {
	const longest = 1024
	fields := r.Header["Authorization"]
	if len(fields) == 0 {
		return "", "", errNone
	}
	if len(fields) > 1 || len(fields[0]) > longest {
		return "", "", errMalformed
	}
	name, password, ok := r.BasicAuth()
	if !ok || hasControl(name) || hasControl(password) {
		return "", "", errMalformed
	}
	return name, password, nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < 0x20 || c == 0x7f })
}

// quotedText is what may stand between the quotes of a quoted string (RFC 9110 section 5.6.4).
func quotedText(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }

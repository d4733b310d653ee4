package site

import (
	"errors"
	"net/url"
	"strings"
)

var (
	errFragment  = errors.New("the request target has a fragment")
	errNUL       = errors.New("the path holds a NUL byte")
	errAboveRoot = errors.New("the path leads above the root")
	errNoPath    = errors.New("the request target has no path")
)

// CleanPath makes the canonical path of a request target: decoded exactly once (net/url refuses a "%" that two hex
// digits do not follow), slashes merged, "." and ".." resolved; it starts with "/", and ends with one if the target's
// path did. Everything that decides by path decides by this string, and nothing decodes it again. The errors are the
// client's: 400.
func CleanPath(u *url.URL, rawTarget string) (string, error) {
	path := u.Path
	if path == "" && u.Host != "" {
		path = "/" // absolute-form without a path, RFC 9112 section 3.2.2
	}
	switch {
	case strings.Contains(rawTarget, "#"):
		return "", errFragment
	case !strings.HasPrefix(path, "/"):
		return "", errNoPath
	case strings.Contains(path, "\x00"):
		return "", errNUL
	case isClean(path):
		return path, nil
	}
	return resolve(path)
}

// isClean says whether path, which starts with "/", has no empty, "." or ".." segment.
func isClean(path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		rest := path[i+1:]
		if len(rest) > 0 && (rest[0] == '/' || rest[0] == '.' && dotSegment(rest)) {
			return false
		}
	}
	return true
}

// dotSegment says whether rest, which starts with ".", begins with a whole "." or ".." segment.
func dotSegment(rest string) bool {
	rest = strings.TrimPrefix(rest[1:], ".")
	return rest == "" || rest[0] == '/'
}

func resolve(path string) (string, error) {
	segments := make([]string, 0, 16)
	slash := false // the path ends in a slash so far
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch segment {
		case "", ".":
			slash = true
		case "..":
			if len(segments) == 0 {
				return "", errAboveRoot
			}
			segments = segments[:len(segments)-1]
			slash = true
		default:
			segments = append(segments, segment)
			slash = false
		}
	}
	clean := "/" + strings.Join(segments, "/")
	if slash && len(segments) > 0 {
		clean += "/"
	}
	return clean, nil
}

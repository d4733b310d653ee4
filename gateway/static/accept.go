package static

import "strings"

// codings are the content codings that a file beside NAME can have, best first.
var codings = [...]struct{ name, suffix string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// weights is what an Accept-Encoding field says (RFC 9110 section 12.5.3), in thousandths: 0 is "not at all".
type weights struct {
	coding   [len(codings)]int
	identity int // the file as it is
}

// parseAcceptEncoding reads the fields of a request. Codings that are not named have the weight of "*", or 0; identity
// has then the least weight that there is, so that anything the client takes is better. Without any field there is
// nothing but identity: a client that can decode says so.
func parseAcceptEncoding(fields []string) weights {
	var named [len(codings)]bool
	var w weights
	star, starNamed, identityNamed := 0, false, false
	for _, field := range fields {
		for element := range strings.SplitSeq(field, ",") {
			name, weight := cutWeight(element)
			switch i := codingIndex(name); {
			case i >= 0:
				w.coding[i], named[i] = weight, true
			case name == "*":
				star, starNamed = weight, true
			case strings.EqualFold(name, "identity"):
				w.identity, identityNamed = weight, true
			}
		}
	}
	for i := range w.coding {
		if !named[i] {
			w.coding[i] = star
		}
	}
	switch {
	case !identityNamed && starNamed && star == 0:
		w.identity = 0
	case !identityNamed:
		w.identity = 1
	}
	return w
}

func codingIndex(name string) int {
	for i := range codings {
		if strings.EqualFold(name, codings[i].name) {
			return i
		}
	}
	if strings.EqualFold(name, "x-gzip") { // RFC 9110 section 8.4.1.3
		return codingIndex("gzip")
	}
	return -1
}

// cutWeight splits an element of an Accept field into what it names and its weight in thousandths: 1000 if there is
// none, 0 if it is not well formed. Other parameters do not count.
func cutWeight(element string) (name string, weight int) {
	name, parameters, _ := strings.Cut(element, ";")
	name, weight = strings.Trim(name, " \t"), 1000
	for parameters != "" {
		var parameter string
		parameter, parameters, _ = strings.Cut(parameters, ";")
		key, value, _ := strings.Cut(strings.Trim(parameter, " \t"), "=")
		if key == "q" || key == "Q" {
			return name, thousandths(value)
		}
	}
	return name, weight
}

// thousandths reads a qvalue (RFC 9110 section 12.4.2): 0 to 1 with at most three decimals.
func thousandths(s string) int {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return 0
	}
	n, unit := 1000*int(s[0]-'0'), 100
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n += unit * int(s[i]-'0')
		unit /= 10
	}
	if n > 1000 {
		return 0
	}
	return n
}

// prefersJSON says whether Accept names JSON, and HTML not before it.
func prefersJSON(fields []string) bool {
	json, html := 0, 0
	for _, field := range fields {
		for element := range strings.SplitSeq(field, ",") {
			switch name, weight := cutWeight(element); {
			case strings.EqualFold(name, "application/json"):
				json = weight
			case strings.EqualFold(name, "text/html"):
				html = weight
			}
		}
	}
	return json > 0 && json >= html
}

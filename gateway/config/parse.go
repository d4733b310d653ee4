package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// readFailure says why a config file cannot be read.
func readFailure(file string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if target, err := os.Readlink(file); err == nil {
			return fmt.Sprintf("this is a link to %s, which is not there", quote(target))
		}
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "the file may not be read by this user"
	case errors.Is(err, syscall.EISDIR):
		return "this is a directory; name the config file in it"
	}
	return fmt.Sprintf("the file cannot be read: %v", err)
}

// parse turns text into the root node of its one document, nil for an empty one. It is false if that failed; the
// problem has been reported then.
func (l *loader) parse(text []byte) (*yaml.Node, bool) {
	if !l.checkText(text) {
		return nil, false
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		l.whole("the YAML reader cannot be made: %v", err)
		return nil, false
	}
	var doc, next yaml.Node
	if err := loader.Load(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, true
		}
		l.syntax(text, err)
		return nil, false
	}
	switch err := loader.Load(&next); {
	case err == nil:
		l.errorAt(posOf(&next), nil, `a second document begins here; a config is one document, so take out the "---"`)
		return nil, false
	case !errors.Is(err, io.EOF):
		l.syntax(text, err)
		return nil, false
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, true
	}
	if root := doc.Content[0]; root.Kind != yaml.ScalarNode || root.Tag != "!!null" {
		return root, true
	}
	return nil, true
}

// checkText refuses what no YAML reader takes, with a place: the reader itself gives none for these.
func (l *loader) checkText(text []byte) bool {
	if len(text) > maxFile {
		l.whole("the file has more than %s; a config may have that much at most", formatSize(maxFile))
		return false
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		l.whole("the file is UTF-16; save it as UTF-8")
		return false
	}
	pos := Pos{Line: 1, Column: 1}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if why := badRune(r, size, i); why != "" {
			l.errorAt(pos, nil, "%s", why)
			return false
		}
		i += size
		switch {
		case r == '\ufeff': // takes no room
		case isBreak(r) && !(r == '\r' && i < len(text) && text[i] == '\n'):
			pos = Pos{Line: pos.Line + 1, Column: 1}
		default:
			pos.Column++
		}
	}
	return true
}

// isBreak says what ends a line for YAML 1.1, and so for the reader's line numbers.
func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

func badRune(r rune, size, index int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return "the text is not UTF-8 from here on; save the file as UTF-8"
	case r == 0:
		return "there is a NUL byte here; a config is plain text"
	case r == '\ufeff' && index > 0:
		return "there is a byte order mark here, in the middle of the text; take it out"
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
		return fmt.Sprintf(`there is a control character (%U) here; in a quoted value write it as an escape: "\x%02x"`, r, r)
	}
	return ""
}

// syntax reports a YAML error where it arose, in words that say what to write.
func (l *loader) syntax(text []byte, err error) {
	var yerr *yaml.LoadError
	if !errors.As(err, &yerr) {
		l.whole("this is not YAML: %s", oneLine(strings.TrimPrefix(err.Error(), "yaml: ")))
		return
	}
	s := syntaxError{
		message: yerr.Message, context: yerr.ContextMsg,
		at:     Pos{yerr.Mark.Line, yerr.Mark.Column},
		opened: Pos{yerr.ContextMark.Line, yerr.ContextMark.Column},
		lines:  splitLines(string(text)),
	}
	pos, what := s.explain()
	l.errorAt(pos, nil, "%s", what)
}

// inside is pos, or the end of the text if pos is beyond it: the reader adds a line break of its own.
func inside(lines []string, pos Pos) Pos {
	if pos.Line < 1 {
		return Pos{}
	}
	pos.Line = min(pos.Line, len(lines))
	pos.Column = min(max(pos.Column, 1), utf8.RuneCountInString(lines[pos.Line-1])+1)
	return pos
}

// splitLines splits at what ends a line for the reader.
func splitLines(text string) []string {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	lines := []string{}
	for {
		i := strings.IndexFunc(text, isBreak)
		if i < 0 {
			return append(lines, text)
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		lines, text = append(lines, text[:i]), text[i+size:]
	}
}

// syntaxError is what the YAML reader says, with the text it said it of.
type syntaxError struct {
	message, context string
	at, opened       Pos
	lines            []string
}

func (s *syntaxError) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// explain finds the common mistake behind the reader's words.
func (s *syntaxError) explain() (Pos, string) {
	if pos, ok := s.tab(); ok {
		return pos, "a tab stands here in the indentation; YAML wants spaces"
	}
	for _, n := range []int{s.at.Line, s.opened.Line} {
		if pos, what, ok := s.unquoted(n); ok {
			return pos, what
		}
	}
	if char, next := s.char(), s.charAt(s.at.Column+1); char == ":" && next != "" && next != " " {
		return s.at, "a blank is missing after this colon"
	}
	return s.explainMessage()
}

// keyAbove looks for a key that has lost its colon, or the blank after it, in the nearest line above with text; at is
// where that is missing.
func (s *syntaxError) keyAbove() (at Pos, what string, ok bool) {
	indent := indentation(s.line(s.at.Line))
	for n := s.at.Line - 1; n > 0; n-- {
		line, _, _ := strings.Cut(s.line(n), " #")
		word := strings.TrimSpace(line)
		if word == "" || word[0] == '#' {
			continue
		}
		if key, value, ok := strings.Cut(word, ":"); ok && isWord(key) && value != "" && value[0] != ' ' {
			return Pos{n, indentation(line) + len(key) + 1}, "a blank is missing after this colon", true
		}
		at := Pos{n, utf8.RuneCountInString(strings.TrimRight(line, " \t")) + 1}
		return at, fmt.Sprintf(`a ":" is missing after %s`, quote(strings.Trim(word, `"'`))), indentation(line) < indent && isWord(word)
	}
	return Pos{}, "", false
}

// isWord says whether s could be a key as it stands, quoted or not, and nothing more.
func isWord(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsAny(s, ":{}[],|> \t")
}

// wordBefore is the lone word between the indentation and the place of the error, if a value begins there: a key that
// has lost its colon.
func (s *syntaxError) wordBefore() (word string, ok bool) {
	if !slices.Contains([]string{"{", "[", `"`, "'"}, s.char()) {
		return "", false
	}
	line := []rune(s.line(s.at.Line))
	before := string(line[:min(max(s.at.Column-1, 0), len(line))])
	word = strings.TrimSpace(before)
	quoted := len(word) > 2 && (word[0] == '"' || word[0] == '\'') && word[len(word)-1] == word[0]
	if quoted {
		word = word[1 : len(word)-1]
	}
	return word, word != "" && strings.HasSuffix(before, " ") && !strings.ContainsAny(word, `:{}[],"' `)
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// explainMessage puts the reader's own words into ours.
func (s *syntaxError) explainMessage() (Pos, string) {
	if name, ok := between(s.message, "unknown anchor '", "' referenced"); ok {
		return s.at, s.unknownAnchor(name)
	}
	switch {
	case strings.Contains(s.message, "unexpected end of stream") && strings.Contains(s.context, "quoted"):
		return s.opened, "the quote that opens here is never closed"
	case strings.Contains(s.context, "flow node") && s.atEnd():
		return s.lastText(), `the text ends here, inside of a "{" or "[" that is not closed; was the file written whole?`
	case strings.Contains(s.message, "',' or ']'"):
		return s.openedOr(), `the "[" that opens here is not closed properly: a "," or "]" is missing before line ` + fmt.Sprint(s.at.Line) + `, column ` + fmt.Sprint(s.at.Column)
	case strings.Contains(s.message, "',' or '}'"):
		return s.openedOr(), `the "{" that opens here is not closed properly: a "," or "}" is missing before line ` + fmt.Sprint(s.at.Line) + `, column ` + fmt.Sprint(s.at.Column)
	case strings.Contains(s.message, "mapping values are not allowed"):
		if at, what, ok := s.keyAbove(); ok {
			return at, what
		}
		return s.at, `this ":" has no place here; check the indentation, and quote a value that holds ": "`
	case strings.Contains(s.message, "cannot start any token"):
		return s.at, fmt.Sprintf("a value cannot begin with %s; put it in quotes", quote(s.char()))
	case strings.Contains(s.message, "unknown escape character"):
		return s.at, `this escape is not known in double quotes; write the backslash twice, or use single quotes`
	case strings.Contains(s.message, "did not find expected key"), strings.Contains(s.message, "<document start>"),
		strings.Contains(s.message, "'-' indicator"):
		if word, ok := s.wordBefore(); ok {
			return s.at, fmt.Sprintf(`a ":" is missing after %s`, quote(word))
		}
		return s.at, "this does not belong to what stands above it; check the indentation: keys of one mapping begin in the same column"
	case strings.Contains(s.context, "scanning a simple key"):
		return s.openedOr(), `a ":" is missing after this word, or it should stand further to the right`
	case strings.Contains(s.context, "scanning an alias"):
		return s.at, "YAML reads a bare * as an alias; put the text in quotes"
	case strings.Contains(s.message, "incompatible YAML document"):
		return s.at, "take this %YAML line out; a config needs none"
	case strings.Contains(s.message, "exceeded max depth"):
		return s.at, "the values are nested too deep"
	}
	what := "this is not YAML: " + oneLine(s.message)
	if s.context != "" {
		what += " " + oneLine(s.context)
	}
	return s.at, what
}

// atEnd says whether nothing but blanks and comments follows the place of the error.
func (s *syntaxError) atEnd() bool {
	last := s.lastText()
	return s.at.Line > last.Line || s.at.Line == last.Line && s.at.Column >= last.Column
}

// lastText is the end of the last line that is neither blank nor a comment.
func (s *syntaxError) lastText() Pos {
	for n := len(s.lines); n > 0; n-- {
		text := strings.TrimRight(s.line(n), " \t")
		if start := strings.TrimLeft(text, " \t"); start != "" && start[0] != '#' {
			return Pos{n, utf8.RuneCountInString(text)}
		}
	}
	return s.at
}

func (s *syntaxError) openedOr() Pos {
	if s.opened.Line > 0 {
		return s.opened
	}
	return s.at
}

// char is the character at the place of the error.
func (s *syntaxError) char() string { return s.charAt(s.at.Column) }

func (s *syntaxError) charAt(column int) string {
	line := []rune(s.line(s.at.Line))
	if i := column - 1; i >= 0 && i < len(line) {
		return string(line[i])
	}
	return ""
}

// tab finds a tab in the indentation of the line of the error or of the one above.
func (s *syntaxError) tab() (Pos, bool) {
	for n := s.at.Line - 1; n <= s.at.Line; n++ {
		line := s.line(n)
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 && len(indent) < len(line) {
			return Pos{Line: n, Column: i + 1}, true
		}
	}
	return Pos{}, false
}

// unquoted finds what YAML reads as something else unless it is quoted: [::]:80 as a list, ${PORT} between braces as a
// mapping.
func (s *syntaxError) unquoted(n int) (Pos, string, bool) {
	line := s.line(n)
	if i := strings.Index(line, "[:"); i >= 0 && !quotedAt(line, i) {
		address := line[i:]
		if end := strings.IndexAny(address, " ,}\t"); end >= 0 {
			address = address[:end]
		}
		return Pos{Line: n, Column: 1 + utf8.RuneCountInString(line[:i])},
			fmt.Sprintf("YAML reads a bare [ as a list; put the address in quotes: %s", quote(strings.TrimSuffix(address, ":"))), true
	}
	if i := strings.Index(line, "${"); i >= 0 && !quotedAt(line, i) && strings.ContainsAny(line[:i], "{[") {
		variable := line[i:]
		if end := strings.IndexByte(variable, '}'); end >= 0 {
			variable = variable[:end+1]
		}
		return Pos{Line: n, Column: 1 + utf8.RuneCountInString(line[:i])},
			fmt.Sprintf("inside { } and [ ] a variable must be in quotes: %s", quote(variable)), true
	}
	return Pos{}, "", false
}

// quotedAt says whether the byte at i is inside quotes, as far as one line tells.
func quotedAt(line string, i int) bool {
	var open byte
	for j := 0; j < i; j++ {
		switch c := line[j]; {
		case open == 0 && (c == '"' || c == '\''):
			open = c
		case c == open:
			open = 0
		}
	}
	return open != 0
}

func (s *syntaxError) unknownAnchor(name string) string {
	if strings.ContainsAny(name, ".:/") || strings.HasPrefix(s.afterName(name), ":") {
		return fmt.Sprintf(`YAML reads a bare * as an alias; put the name in quotes: %s`, quote("*"+strings.TrimSuffix(name, ":")))
	}
	return fmt.Sprintf("there is no anchor &%s above this alias; write one, or put the text in quotes: %s", name, quote("*"+name))
}

func (s *syntaxError) afterName(name string) string {
	_, after, _ := strings.Cut(s.line(s.at.Line), "*"+name)
	return after
}

func between(s, before, after string) (string, bool) {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return "", false
	}
	inner, _, ok := strings.Cut(s, after)
	return inner, ok
}

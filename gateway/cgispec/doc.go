// Package cgispec is RFC 3875 as pure functions: Vars makes the variables of a request, the one place that does;
// ReadResponse reads the head of a program's answer, the one place that does. CGI, FastCGI, SCGI and uwsgi encode and
// carry what this package says. It starts nothing, opens nothing and knows no configuration.
package cgispec

package cgi

import (
	"reflect"
	"testing"
	"time"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
)

func TestSetup(t *testing.T) {
	t.Setenv("PASSED", "yes")
	common := config.Options{
		Env: map[string]string{"Z": "26", "A": "1"}, PassEnv: []string{"PASSED", "NOT_SET_ANYWHERE", "PASSED"},
		Timeout: time.Minute, PassAuthorization: true,
	}
	env := cgispec.Env{
		Set: []cgispec.Var{{Name: "A", Value: "1"}, {Name: "Z", Value: "26"}}, Pass: []cgispec.Var{{Name: "PASSED", Value: "yes"}},
		PassAuthorization: true, Software: "gatewayd/1",
	}
	interpreters := map[string][]string{".py": {"/usr/bin/python3"}}
	tests := []struct {
		name string
		conf config.CGI
		dir  string
		want Options
	}{
		{"one program", config.CGI{Run: []string{"/srv/app", "-x"}}, "", Options{Command: []string{"/srv/app", "-x"}, Dir: "/srv"}},
		{"with dir", config.CGI{Run: []string{"/srv/app"}}, "/data", Options{Command: []string{"/srv/app"}, Dir: "/data"}},
		{"a directory", config.CGI{Run: []string{"/srv/cgi-bin"}, RunDir: true, Interpreters: interpreters}, "", Options{Interpreters: interpreters}},
		{"files below a root", config.CGI{Root: "/srv/www", MaxHeader: 1000}, "", Options{MaxHeader: 1000}},
		{"files below a root with a program", config.CGI{Root: "/srv/www", Run: []string{"/usr/bin/php-cgi"}, StopTimeout: time.Second}, "", Options{Command: []string{"/usr/bin/php-cgi"}, StopTimeout: time.Second}},
	}
	for _, tt := range tests {
		o := common
		o.Dir = tt.dir
		tt.want.Env, tt.want.Timeout = env, time.Minute
		if got := Setup(&tt.conf, &o, "gatewayd/1"); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

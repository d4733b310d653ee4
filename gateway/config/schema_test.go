package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func allTables(l *loader) []*table {
	var tables []*table
	for _, t := range []reflect.Type{
		reflect.TypeFor[rawConfig](), reflect.TypeFor[rawLog](), reflect.TypeFor[rawHTTP](), reflect.TypeFor[rawHeaders](), reflect.TypeFor[rawSite](),
		reflect.TypeFor[rawRlimits](), reflect.TypeFor[rawQueue](), reflect.TypeFor[rawAuth](),
		reflect.TypeFor[rawRoute](), reflect.TypeFor[rawStatic](), reflect.TypeFor[rawCGI](), reflect.TypeFor[rawFastCGI](), reflect.TypeFor[rawPHP](), reflect.TypeFor[rawRedirect](), reflect.TypeFor[rawRespond](),
	} {
		tables = append(tables, l.table(t))
	}
	return tables
}

// TestTables: every key that loads has a sentence, a schema and a notation, and is in the reference.
func TestTables(t *testing.T) {
	reference := Reference()
	for _, tab := range allTables(newLoader(Source{})) {
		for _, f := range tab.fields {
			if !f.usable() {
				continue
			}
			if !strings.HasSuffix(f.doc, ".") || strings.Contains(f.doc, "\n") {
				t.Errorf("%s: %q is not a sentence", f.key, f.doc)
			}
			if f.notation() == "" || !strings.Contains(reference, "| `"+f.key+"` | ") {
				t.Errorf("%s is not in the reference", f.key)
			}
		}
	}
	for line := range strings.Lines(reference) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
			t.Errorf("not four cells: %s", line)
		}
	}
}

// TestSchemaIsWhole: what yaml-language-server shows is there: a description for each key, defaults of the right type.
func TestSchemaIsWhole(t *testing.T) {
	var schema struct {
		Schema     string `json:"$schema"`
		Properties map[string]map[string]any
		Pattern    map[string]any            `json:"patternProperties"`
		Closed     *bool                     `json:"additionalProperties"`
		Defs       map[string]map[string]any `json:"$defs"`
	}
	text := Schema()
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.Schema != "https://json-schema.org/draft/2020-12/schema" || schema.Closed == nil || *schema.Closed || schema.Pattern["^x-"] == nil {
		t.Errorf("%+v", schema)
	}
	if text[len(text)-1] != '\n' || string(text) != string(Schema()) {
		t.Error("it does not end in a newline, or is another each time")
	}
	for key, p := range schema.Properties {
		if ref, ok := p["$ref"].(string); ok {
			p = schema.Defs[strings.TrimPrefix(ref, "#/$defs/")]
		}
		if p["description"] == nil {
			t.Errorf("%s has no description", key)
		}
	}
	if schema.Properties["tls"] != nil || schema.Properties["compress"] != nil {
		t.Error("it has keys that do not load")
	}
	if got := schema.Defs["option_pass_authorization"]["default"]; got != false {
		t.Errorf("pass_authorization's default is %v", got)
	}
}

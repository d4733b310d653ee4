package config

// Schema is the JSON Schema (draft 2020-12) of the config file, indented, ending in a newline.
func Schema() []byte { return nil }

// Package config is the file format: strict decoding into plain structs, defaults, inheritance, every problem at once
// with its place, its key path and a suggestion. It imports nothing of gatewayd and knows no code that the config
// configures. The JSON Schema is made from the same field tables as the decoder.
package config

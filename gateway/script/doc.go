// Package script says which file a URL runs. It is the only place that resolves scripts: by walking the path from the
// root and asking the file system, by bytes; never by suffix of the URL, never by pattern, never by case folding.
// What it decides is final: no failure to run a script ever turns it into a static file.
package script

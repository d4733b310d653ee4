package cgispec

// Vars appends the variables of f to dst.
func Vars(dst []Var, f *Facts) []Var { return dst }

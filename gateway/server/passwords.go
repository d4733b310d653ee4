package server

import (
	"fmt"
	"slices"

	"gatewayd/gateway/config"
	"gatewayd/gateway/htpasswd"
)

// passwords are the password files of a Generation. Routes with the same users share one, and a Generation adopts those
// of the one before: clients that it remembers need not be verified again after each reload.
type passwords struct {
	gate   *htpasswd.Gate
	before []passwordFile
	files  []passwordFile
}

type passwordFile struct {
	users []config.Credential
	file  *htpasswd.File
}

func (s *Server) passwordsAfter(previous *Generation) *passwords {
	p := &passwords{gate: s.verifying}
	if previous != nil {
		p.before = previous.passwords
	}
	return p
}

func (p *passwords) of(c *config.Auth) (*htpasswd.File, error) {
	same := func(f passwordFile) bool { return slices.Equal(f.users, c.Users) }
	if i := slices.IndexFunc(p.files, same); i >= 0 {
		return p.files[i].file, nil
	}
	if i := slices.IndexFunc(p.before, same); i >= 0 {
		p.files = append(p.files, p.before[i])
		return p.before[i].file, nil
	}
	file, err := htpasswd.New(c.Users, p.gate)
	if err != nil {
		return nil, fmt.Errorf("auth: %s: %w", c.Basic, err)
	}
	p.files = append(p.files, passwordFile{c.Users, file})
	return file, nil
}

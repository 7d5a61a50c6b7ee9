package storage

import "regexp"

var ticketForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:#/-]{0,63}$`)

// ValidTicket says whether s can be the number of a ticket.
func ValidTicket(s string) bool { return ticketForm.MatchString(s) }

package configs

import (
	"slices"
	"strings"
)

// maxPurposes bounds the purposes of a route: their names share one object tag of 256 characters.
const maxPurposes = 7

// maxStatute is the length of a law's name: it is shown in one line.
const maxStatute = 128

// names checks what the file itself gives names to.
func (k *checker) names(key string, names []string) {
	for _, n := range names {
		if !legalName.MatchString(n) {
			k.wrong(join(key, n), "a name has %s", legalWords)
		}
	}
}

func (k *checker) controllers() {
	names := keys(k.c.Controllers)
	k.names("controllers", names)
	if k.c.Controllers != nil && len(names) == 0 {
		k.wrong("controllers", "one is needed; remove the key to have one named default made")
	}
	for i, n := range names {
		key := join("controllers", n)
		k.needed(key+".recipient_file", k.c.Controllers[n].RecipientFile == "", "an age public key, which age-keygen makes")
		if i > 0 {
			k.wrong(key, "one daemon records for one controller; run another daemon for the other")
		}
	}
}

func (k *checker) purposes() {
	names := keys(k.c.Purposes)
	k.names("purposes", names)
	if len(names) == 0 {
		k.wrong("purposes", "at least one is needed: a recording without a purpose may not be kept")
	}
	for _, n := range names {
		key, p := join("purposes", n), k.c.Purposes[n]
		if p.Keep.Duration <= 0 {
			k.wrong(key+".keep", "needed, and more than nothing; right would be 180d")
		} else if p.LegalMinimum.Duration > p.Keep.Duration {
			k.wrong(key+".keep", "is shorter than legal_minimum")
		}
		if p.Statute != "" && p.LegalMinimum.Duration == 0 {
			k.wrong(key+".statute", "names a law, but legal_minimum does not say what it asks for")
		}
		if len(p.Statute) > maxStatute || printable(p.Statute) != p.Statute {
			k.wrong(key+".statute", "right would be the law's short name in one line, such as 17 CFR 1.35")
		}
	}
}

func (k *checker) routes() {
	if len(k.c.Routes) == 0 {
		k.wrong("routes", "at least one is needed; remove the key to keep every call for all purposes")
	}
	trunks := make(map[string]bool)
	for _, t := range k.c.SIP.Trunks {
		trunks[t.Name] = true
	}
	delete(trunks, "")
	seen := make(map[string]bool)
	for i, r := range k.c.Routes {
		key := item("routes", i)
		switch {
		case !legalName.MatchString(r.Name):
			k.wrong(key+".name", "needed: %s", legalWords)
		case seen[r.Name]:
			k.wrong(key+".name", "%s is the name of another route", quote(r.Name))
		}
		seen[r.Name] = true
		if r.Residency != "" && !regionCode.MatchString(r.Residency) {
			k.wrong(key+".residency", "%s is no code of a country or region; right would be NO, IE or EU", quote(r.Residency))
		}
		k.routePurposes(key+".purposes", r.Purposes)
		if len(k.c.Controllers) > 0 {
			k.known(key+".controller", "controllers", r.Controller, keys(k.c.Controllers))
		} else if r.Controller != "default" {
			k.wrong(key+".controller", "%s is not there: without controllers there is one, default", quote(r.Controller))
		}
		if r.Match.Trunk != "" {
			k.known(key+".match.trunk", "sip.trunks", r.Match.Trunk, keys(trunks))
		}
		k.number(key+".match.caller", r.Match.Caller)
		k.number(key+".match.callee", r.Match.Callee)
	}
}

func (k *checker) routePurposes(key string, purposes []string) {
	if len(purposes) == 0 || len(purposes) > maxPurposes {
		k.wrong(key, "needs from 1 to %d names from purposes%s", maxPurposes, listed(keys(k.c.Purposes)))
	}
	for i, p := range purposes {
		if slices.Contains(purposes[:i], p) {
			k.wrong(item(key, i), "%s is there twice", quote(p))
			continue
		}
		k.known(item(key, i), "purposes", p, keys(k.c.Purposes))
	}
}

func (k *checker) number(key, pattern string) {
	if pattern != "" && !numberForm.MatchString(pattern) {
		k.wrong(key, "this is no number; right would be +4722000100, or +47* for all that begin so") // not shown: it may be one
	}
}

// known checks that a name is defined where it must be. Nothing is said when the names there could not all be read.
func (k *checker) known(key, where, n string, names []string) {
	if slices.Contains(names, n) {
		return
	}
	for bad := range k.bad {
		if bad == where || under(bad, where) && strings.HasSuffix(bad, ".name") {
			return
		}
	}
	if near := closest(n, names); near != "" {
		k.wrong(key, "%s is not in %s; %s was probably meant", quote(n), where, near)
		return
	}
	k.wrong(key, "%s is not in %s%s", quote(n), where, listed(names))
}

// listed is what there is to choose from, for the end of a sentence.
func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

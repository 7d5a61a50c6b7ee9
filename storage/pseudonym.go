package storage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// minPseudonymKey in bytes: as long as the hash, the least that RFC 2104, section 3 advises.
const minPseudonymKey = sha256.Size

// pseudonym stands for a telephone number where no number may stand: its HMAC-SHA-256, in hex. The same number has the same
// pseudonym, so that recordings can be matched; without the key nobody can try all numbers out. A party without a number
// has none.
func pseudonym(key []byte, number string) string {
	number = normalNumber(number)
	if number == "" {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(number))
	return hex.EncodeToString(mac.Sum(nil))
}

// normalNumber keeps the digits of a number, and a + before the first of them. It knows no numbering plan: "+4722000000",
// "004722000000" and "22000000" stay three numbers, so a trunk should deliver all of its numbers in one form.
func normalNumber(s string) string {
	var b strings.Builder
	plus := false
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			if plus && b.Len() == 0 {
				b.WriteByte('+')
			}
			b.WriteRune(r)
		case r == '+' && b.Len() == 0:
			plus = true
		}
	}
	return b.String()
}

package siprec

import (
	"encoding/hex"
	"errors"
	"strings"
)

// maxUserToUser bounds a User-to-User field, in bytes; packages of RFC 7433 and 7434 carry up to 128 octets, in hex twice that.
const maxUserToUser = 1024

// characters is the protocol discriminator of user information that is text (ITU-T Q.931, 4.5.30: IA5 characters).
const characters = 0x04

// UserToUser is a value of a User-to-User header field (RFC 7433, 4.1).
type UserToUser struct {
	Content []byte // decoded when the field says encoding=hex
	Purpose string
}

// ErrUserToUser says that a User-to-User field cannot be read.
var ErrUserToUser = errors.New("User-to-User cannot be read")

// ParseUserToUser reads a User-to-User field; of several values in one it reads the first. Content that says encoding=hex and
// is not is taken as it stands. Of ISDN content that is text (RFC 7434) the discriminator is left out.
func ParseUserToUser(header string) (UserToUser, error) {
	content, params, err := cutContent(strings.TrimSpace(header))
	if err != nil || content == "" || len(content) > maxUserToUser {
		return UserToUser{}, ErrUserToUser
	}
	u := UserToUser{Content: []byte(content)}
	params, _, _ = strings.Cut(params, ",") // another value; no parameter of RFC 7433 has a comma in it
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "purpose":
			u.Purpose = value
		case "encoding":
			if decoded, err := hex.DecodeString(content); err == nil && strings.EqualFold(value, "hex") {
				u.Content = decoded
			}
		}
	}
	isdn := u.Purpose == "" || strings.EqualFold(u.Purpose, "isdn-uui") // the default (RFC 7434)
	if isdn && len(u.Content) > 1 && u.Content[0] == characters {
		u.Content = u.Content[1:]
	}
	return u, nil
}

// cutContent cuts the content, a token or a quoted string, from the parameters.
func cutContent(s string) (content, params string, err error) {
	if !strings.HasPrefix(s, `"`) {
		content, params, _ = strings.Cut(s, ";")
		return strings.TrimSpace(content), params, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return "", "", ErrUserToUser
			}
			b.WriteByte(s[i])
		case '"':
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", ErrUserToUser
}

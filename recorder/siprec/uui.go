package siprec

import (
	"encoding/hex"
	"errors"
	"strings"
)

// maxUserToUser bounds the content of a User-to-User field; RFC 7433 packages carry 128 octets.
const maxUserToUser = 1024

// UserToUser is a User-to-User header field (RFC 7433, 4.1).
type UserToUser struct {
	Content []byte // decoded when the field says encoding=hex
	Purpose string
}

// ErrUserToUser says that a User-to-User field cannot be read.
var ErrUserToUser = errors.New("User-to-User cannot be read")

// ParseUserToUser reads a User-to-User field. Content that says encoding=hex and is not is taken as it stands.
func ParseUserToUser(header string) (UserToUser, error) {
	content, params, err := cutContent(strings.TrimSpace(header))
	if err != nil || content == "" || len(content) > maxUserToUser {
		return UserToUser{}, ErrUserToUser
	}
	u := UserToUser{Content: []byte(content)}
	for _, param := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
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

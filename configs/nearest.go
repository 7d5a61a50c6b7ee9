package configs

import (
	"reflect"
	"slices"
	"strings"
)

// maxWord is the length up to which a word is compared with others; no key is longer.
const maxWord = 64

// closest finds the word that was probably meant; "" when none is near. One slip is allowed for each three letters, two at
// most: more than that is another word.
func closest(word string, words []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, least := "", min(2, len(word)/3)+1
	for _, w := range words {
		switch d := distance(word, w); {
		case d < least:
			best, least = w, d
		case best == "" && len(word) > 2 && strings.HasPrefix(w, word): // recipient, for recipient_file
			best = w
		}
	}
	return best
}

var spelling = strings.NewReplacer("-", "", "_", "", " ", "")

// distance is the number of letters to change, add, remove or swap with the next one to come from a to b (optimal string
// alignment). Capitals, dashes and underscores count for nothing.
func distance(a, b string) int {
	a, b = spelling.Replace(strings.ToLower(a)), spelling.Replace(strings.ToLower(b))
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// elsewhere lists the paths at which a key of this name is known: most unknown keys are wrongly indented ones.
func elsewhere(name string) []string {
	var found []string
	paths(reflect.TypeFor[Config](), "", func(path string) {
		if path == name || strings.HasSuffix(path, "."+name) {
			found = append(found, path)
		}
	})
	slices.Sort(found)
	return found
}

// paths calls fn with the path of every key of a type, such as routes[].name and purposes.<name>.keep.
func paths(t reflect.Type, key string, fn func(path string)) {
	switch t.Kind() {
	case reflect.Pointer:
		paths(t.Elem(), key, fn)
	case reflect.Slice:
		paths(t.Elem(), key+"[]", fn)
	case reflect.Map:
		paths(t.Elem(), key+".<name>", fn)
	case reflect.Struct:
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("yaml"); name != "" {
				path := strings.TrimPrefix(key+"."+name, ".")
				fn(path)
				paths(t.Field(i).Type, path, fn)
			}
		}
	}
}

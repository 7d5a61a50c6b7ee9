package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// File is a path. One that begins with $CREDENTIALS_DIRECTORY/ lies where systemd has put the service's credentials.
type File string

const credentials = "CREDENTIALS_DIRECTORY"

func (f *File) parse(s string) error {
	rest, credential := strings.CutPrefix(s, "$"+credentials+"/")
	switch {
	case strings.ContainsAny(s, "\n\x00") || strings.HasPrefix(s, "AGE-SECRET-KEY-"): // not shown: it may be a secret
		return errors.New("the path of a file belongs here, not what is in the file")
	case credential && !filepath.IsLocal(rest):
		return fmt.Errorf("%s is no credential; right would be $%s/s3-secret-key", quote(s), credentials)
	case !credential && (strings.HasPrefix(s, "$") || strings.HasPrefix(s, "%") || strings.HasPrefix(s, "~")):
		return fmt.Errorf("%s: nothing is filled in but $%s/ at the beginning; write the whole path", quote(s), credentials)
	}
	*f = File(s)
	return nil
}

// Path is where the file is. Where there are no credentials the path stays as it was written, so that whoever opens it says so.
func (f File) Path() string {
	if rest, ok := strings.CutPrefix(string(f), "$"+credentials+"/"); ok {
		if dir := os.Getenv(credentials); dir != "" {
			return filepath.Join(dir, rest)
		}
	}
	return string(f)
}

// CheckFiles says which files that a configuration names cannot be read by this process. Each error is a Problem.
func (c *Config) CheckFiles() []error {
	var errs []error
	files(reflect.ValueOf(c).Elem(), "", func(key string, f File) {
		if f == "" {
			return
		}
		if err := readable(f); err != nil {
			errs = append(errs, c.origin().problem(key, err.Error()))
		}
	})
	return errs
}

// readable says why a file would not do.
func readable(f File) error {
	path := f.Path()
	if strings.HasPrefix(path, "$") {
		return fmt.Errorf("%s: $%s is not set; systemd sets it for services that have LoadCredential=", path, credentials)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w; right would be a file that this user can read", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; right would be a file", path)
	case info.Mode().IsRegular() && info.Size() == 0:
		return fmt.Errorf("%s is empty", path)
	}
	return nil
}

// files calls fn for every path in a value, in the order of the manual.
func files(v reflect.Value, key string, fn func(key string, f File)) {
	if v.Type() == reflect.TypeFor[File]() {
		fn(key, File(v.String()))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			files(v.Elem(), key, fn)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
				files(v.Field(i), join(key, name), fn)
			}
		}
	case reflect.Map:
		names := make(map[string]reflect.Value, v.Len())
		for iter := v.MapRange(); iter.Next(); {
			names[iter.Key().String()] = iter.Value()
		}
		for _, name := range keys(names) {
			files(names[name], join(key, name), fn)
		}
	}
}

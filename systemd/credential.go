package systemd

import (
	"os"
	"path/filepath"
)

// Credential returns the path of a file that the manager handed over (LoadCredential= and its kin) and whether there
// is one. Such files live as long as the service and are readable by it alone.
func Credential(name string) (path string, ok bool) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if !filepath.IsAbs(dir) || name == "" || name == "." || name == ".." || name != filepath.Base(name) {
		return "", false
	}
	path = filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	return path, true
}

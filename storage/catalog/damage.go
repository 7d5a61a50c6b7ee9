package catalog

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

var (
	// ErrDamaged says that the file is no catalog, or no longer. Open sets such a file aside; where it shows later,
	// the catalog must be rebuilt.
	ErrDamaged = errors.New("catalog is damaged")
	// errVersion says that the file is a catalog of another version.
	errVersion = errors.New("catalog is of another version")
)

// Result codes of SQLite, the lower byte: https://www.sqlite.org/rescode.html.
const (
	codeError   = 1
	codeCorrupt = 11
	codeNotADB  = 26
)

// because says what an error of the database has come in the way of.
func because(what string, err error) error {
	if err == nil {
		return nil
	}
	if code := codeOf(err); code == codeCorrupt || code == codeNotADB {
		return fmt.Errorf("%s: %w: %w", what, ErrDamaged, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// codeOf is the result code of SQLite; 0 when it is not SQLite's error.
func codeOf(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// isIncomplete says whether a file of our version lacks what that version has.
func isIncomplete(err error) bool { return errors.Is(err, sql.ErrNoRows) || codeOf(err) == codeError }

// moveAside renames a damaged catalog, for a person to look at. It is the only one: the catalog holds numbers and names, and
// those of one set aside earlier are forgotten.
func moveAside(path string) (string, error) {
	const mark = ".corrupt-"
	if err := removeAside(path, mark); err != nil {
		return "", fmt.Errorf("remove damaged catalog set aside earlier: %w", err)
	}
	aside := path + mark + time.Now().UTC().Format("20060102T150405Z")
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set damaged catalog aside: %w", err)
	}
	return aside, removeLog(path)
}

// removeAside deletes the files whose names go on with a mark.
func removeAside(path, mark string) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+mark) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes a catalog.
func remove(path string) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove catalog: %w", err)
	}
	return removeLog(path)
}

// removeLog deletes what SQLite keeps beside its file.
func removeLog(path string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove log of catalog: %w", err)
		}
	}
	return nil
}

package catalog

import (
	"context"
	"database/sql"
	"fmt"
)

// schema of version 1. Times are milliseconds since 1970, 0 for none. Columns from detailed on are personal: they come from
// the manifest and are empty on a node that cannot read it.
const schema = `
CREATE TABLE recordings (
	id TEXT PRIMARY KEY,
	state TEXT NOT NULL,
	started INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	duration INTEGER NOT NULL,
	channels INTEGER NOT NULL,
	node TEXT NOT NULL,
	trunk TEXT NOT NULL,
	direction TEXT NOT NULL,
	route TEXT NOT NULL,
	controller TEXT NOT NULL,
	residency TEXT NOT NULL,
	purposes TEXT NOT NULL, -- JSON
	expires INTEGER NOT NULL,
	minimum INTEGER NOT NULL,
	class TEXT NOT NULL,
	caller_hash TEXT NOT NULL,
	callee_hash TEXT NOT NULL,
	interrupted INTEGER NOT NULL,
	parts TEXT NOT NULL, -- JSON
	plays INTEGER NOT NULL DEFAULT 0,
	played INTEGER NOT NULL DEFAULT 0,
	detailed INTEGER NOT NULL DEFAULT 0,
	caller TEXT NOT NULL DEFAULT '',
	callee TEXT NOT NULL DEFAULT '',
	caller_name TEXT NOT NULL DEFAULT '',
	callee_name TEXT NOT NULL DEFAULT '',
	sip_call_id TEXT NOT NULL DEFAULT '',
	session_id TEXT NOT NULL DEFAULT '',
	loss REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX recordings_started ON recordings (started);
CREATE INDEX recordings_caller ON recordings (caller, started) WHERE caller <> '';
CREATE INDEX recordings_callee ON recordings (callee, started) WHERE callee <> '';
CREATE INDEX recordings_undetailed ON recordings (id) WHERE detailed = 0;
CREATE TABLE links (
	ticket TEXT NOT NULL,
	recording TEXT NOT NULL,
	source TEXT NOT NULL,
	at INTEGER NOT NULL,
	actor TEXT NOT NULL,
	PRIMARY KEY (ticket, recording)
) WITHOUT ROWID;
CREATE INDEX links_recording ON links (recording);
CREATE TABLE tokens (
	id TEXT PRIMARY KEY,
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	hash TEXT NOT NULL UNIQUE,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	revoked INTEGER NOT NULL DEFAULT 0,
	created_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE position (seq INTEGER NOT NULL);
INSERT INTO position VALUES (0);
`

// migrate makes the schema in a new file, and refuses a file of another version.
func migrate(db *sql.DB) error {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return because("read version of catalog", err)
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		return createSchema(db)
	}
	return fmt.Errorf("%w: %d, not %d", errVersion, version, schemaVersion)
}

func createSchema(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return because("create catalog", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if _, err := tx.Exec(schema); codeOf(err) == codeError {
		return fmt.Errorf("create catalog: %w: its tables are there, and its version is not", ErrDamaged)
	} else if err != nil {
		return because("create catalog", err)
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return because("create catalog", err)
	}
	// COMMIT: before it the file is empty, after it an empty catalog.
	return because("create catalog", tx.Commit())
}

// rower is a *sql.DB or *sql.Tx.
type rower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readPosition(ctx context.Context, from rower) (uint64, error) {
	var seq int64
	err := from.QueryRowContext(ctx, "SELECT seq FROM position").Scan(&seq)
	if isIncomplete(err) {
		return 0, fmt.Errorf("read position of catalog: %w: it has none", ErrDamaged)
	}
	return uint64(seq), because("read position of catalog", err)
}

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
)

// tables in the order, and with the order of rows, that Dump has.
var tables = []struct{ name, order string }{
	{"recordings", "id"}, {"links", "ticket, recording"}, {"tokens", "id"}, {"position", "seq"},
}

// Dump writes every row of every table, each as a line of JSON, in a fixed order and as of one moment, so that two catalogs
// can be compared.
func (c *Catalog) Dump(ctx context.Context, w io.Writer) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	tx, err := c.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return because("dump catalog", err)
	}
	defer tx.Rollback() // nothing was changed
	enc := json.NewEncoder(w)
	for _, t := range tables {
		if err := dumpTable(ctx, tx, enc, t.name, t.order); err != nil {
			return because("dump "+t.name, err)
		}
	}
	return nil
}

func dumpTable(ctx context.Context, tx *sql.Tx, enc *json.Encoder, table, order string) error {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY "+order)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		row := map[string]any{"table": table}
		for i, name := range columns {
			row[name] = values[i]
		}
		if err := enc.Encode(row); err != nil { // sorts the names
			return err
		}
	}
	return rows.Err()
}

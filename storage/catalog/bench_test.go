package catalog

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// rows is how many recordings the catalog has in which is searched.
const rows = 200_000

func BenchmarkSearch(b *testing.B) {
	c := open(b)
	fill(b, c, rows)
	for name, find := range map[string]func() ([]Recording, error){
		"id": func() ([]Recording, error) {
			r, err := c.Recording(context.Background(), sample(rand.IntN(rows)).ID)
			return []Recording{r}, err
		},
		"ticket": func() ([]Recording, error) {
			return c.ByTicket(context.Background(), fmt.Sprint("T-", rand.IntN(rows)))
		},
		"page": func() ([]Recording, error) {
			return c.Search(context.Background(), Query{Before: sample(1 + rand.IntN(rows-1)).ID, Limit: 1})
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found, err := find(); err != nil || len(found) != 1 {
					b.Fatal(len(found), err)
				}
			}
		})
	}
	b.Run("dump", func(b *testing.B) {
		for b.Loop() {
			if err := c.Dump(context.Background(), io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUpdate is one event as it comes: a transaction that waits for the disk.
func BenchmarkUpdate(b *testing.B) {
	c := open(b)
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		update(b, c, uint64(n), func(tx *Tx) error { return tx.PutRecording(sample(n)) })
	}
}

// BenchmarkFill is what a rebuild does: many events in a transaction.
func BenchmarkFill(b *testing.B) {
	const n = 5000
	for b.Loop() {
		fill(b, open(b), n)
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "recordings/s")
}

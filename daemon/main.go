// Command linewarden records every support call of a telephone trunk into S3-compatible storage and gives it back by
// ticket. This package holds the subcommands, wires the rooms of the program together and runs their life cycle; what each
// room does is left to the room.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// Exit codes: 0 done, 1 failed, 2 wrong use.
const (
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line.
type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the daemon."`
	Demo        demoCmd        `cmd:"" help:"See it work: a daemon of its own, three calls, one found by its ticket."`
	CheckConfig checkConfigCmd `cmd:"" help:"Say everything that is wrong with a configuration file."`
	Find        findCmd        `cmd:"" help:"List the recordings of a ticket."`
	Get         getCmd         `cmd:"" help:"Write a recording to a file."`
	Show        showCmd        `cmd:"" help:"Print all that is known of a recording: its manifest, as JSON."`
	Link        linkCmd        `cmd:"" help:"Put a ticket on a recording."`
	Unlink      unlinkCmd      `cmd:"" help:"Take a ticket off a recording."`
	Token       tokenCmd       `cmd:"" help:"Create, list and revoke access tokens."`
	Status      statusCmd      `cmd:"" help:"Say how the running daemon is."`
	Reindex     reindexCmd     `cmd:"" help:"Rebuild the catalog from the vault and the ledger."`
	Call        callCmd        `cmd:"" help:"Place synthetic SIPREC calls, to try a recorder out."`
	Version     versionCmd     `cmd:"" help:"Print the version."`

	EmbeddedVault embeddedVaultCmd `cmd:"" hidden:"" help:"The embedded S3 server; started by serve."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run parses the command line and runs the command; it returns the exit code.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	var c cli
	exited, code := false, 0
	parser, err := kong.New(&c,
		kong.Name("linewarden"),
		kong.Description("Records every support call, and gives it back by ticket."),
		kong.Writers(out, errOut),
		kong.Exit(func(n int) { exited, code = true, n }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(errOut, "linewarden:", err)
		return exitFailed
	}
	ctx, err := parser.Parse(args)
	if exited { // --help has been printed
		return code
	}
	if err != nil {
		fmt.Fprintf(errOut, "linewarden: %v\nRun \"linewarden --help\" for the commands.\n", err)
		return exitUsage
	}
	if err := ctx.Run(&streams{in: in, out: out, err: errOut}); err != nil {
		fmt.Fprintln(errOut, "linewarden:", err)
		var usage usageError
		if errors.As(err, &usage) {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}

// usageError is an error of the person at the keyboard.
type usageError struct{ error }

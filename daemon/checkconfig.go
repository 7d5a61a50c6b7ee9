package main

import (
	"errors"
	"fmt"

	"linewarden/configs"
)

type checkConfigCmd struct {
	File  string `arg:"" help:"Configuration file." type:"path"`
	Files bool   `help:"Also check that every file it names can be read."`
}

func (c *checkConfigCmd) Run(s *streams) error {
	config, err := configs.Load(c.File)
	var problems configs.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Fprintln(s.out, p)
		}
		return fmt.Errorf("%d problem(s) in %s", len(problems), c.File)
	}
	if err != nil {
		return err
	}
	for _, w := range config.Warnings() {
		fmt.Fprintln(s.out, "warning:", w)
	}
	if c.Files {
		if err := errors.Join(config.CheckFiles()...); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "%s is right.\n", c.File)
	return nil
}

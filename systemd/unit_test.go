package systemd

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is the most that systemd-analyze may find: 1.2 when this was written. What is left is the network,
// which a recorder needs, and sight of user ids, by which it tells who gives it orders.
const maxExposure = 1.5

// systemdTool runs one of systemd's own tools and returns all that it prints.
func systemdTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", "SYSTEMD_LOG_TARGET=console")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is not installed: it is needed to check the unit files; apt-get install systemd", name)
	}
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// install copies the unit to where systemd's tools can check it without the daemon installed.
func install(t *testing.T) (unit string) {
	t.Helper()
	program, err := os.Executable() // Any will do.
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("linewarden.service")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("/usr/bin/linewarden"), []byte(program))
	unit = filepath.Join(t.TempDir(), "linewarden.service")
	if err := os.WriteFile(unit, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return unit
}

func TestUnitIsClean(t *testing.T) {
	if out := systemdTool(t, "systemd-analyze", "verify", "--man=no", install(t)); out != "" {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
}

func TestUnitExposure(t *testing.T) {
	out := systemdTool(t, "systemd-analyze", "security", "--offline=true", "--no-pager", install(t))
	found := regexp.MustCompile(`Overall exposure level for linewarden\.service: ([0-9.]+)`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no exposure level in:\n%s", out)
	}
	exposure, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exposure %.1f", exposure)
	if exposure > maxExposure {
		t.Errorf("exposure %.1f, want at most %.1f:\n%s", exposure, maxExposure, out)
	}
}

// The user and the group are made under the name that the unit has, which DynamicUser= asks for.
func TestSysusers(t *testing.T) {
	conf, err := filepath.Abs("linewarden.sysusers")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	systemdTool(t, "systemd-sysusers", "--root="+root, conf)
	for _, file := range []string{"passwd", "group"} {
		text, err := os.ReadFile(filepath.Join(root, "etc", file))
		if err != nil || !strings.HasPrefix(string(text), "linewarden:") {
			t.Errorf("%s: got %q, %v", file, text, err)
		}
	}
}

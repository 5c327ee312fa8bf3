package devpg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest is the first major version whose postmaster.pid tells when the server is ready.
const oldest = 10

// programs are what a directory of binaries must have.
var programs = []string{"initdb", "pg_ctl", "postgres"}

// install is a PostgreSQL on this machine.
type install struct {
	bin     string
	version string // such as 15.13
}

// Find returns the directory of the PostgreSQL binaries of this machine: the first that works of those on the PATH, the
// one pg_config names, and the newest in the places where packages put them. The error lists where it looked.
func Find() (bin string, err error) {
	account, err := serverAccount(filepath.Join(tempDir(), "devpg"))
	if err != nil {
		return "", err
	}
	found, err := find(context.Background(), account)
	return found.bin, err
}

func find(ctx context.Context, account *account) (install, error) {
	var rejected []error
	for _, bin := range candidates(ctx) {
		found, err := inspect(ctx, bin, account)
		if err == nil {
			return found, nil
		}
		if ctx.Err() != nil {
			return install{}, fmt.Errorf("look for PostgreSQL: %w", ctx.Err())
		}
		if !errors.Is(err, os.ErrNotExist) {
			rejected = append(rejected, err)
		}
	}
	places := append([]string{"the PATH", "the directory that pg_config names"}, packaged...)
	err := fmt.Errorf("no PostgreSQL on this machine: looked for %s beside each other in %s",
		strings.Join(programs, ", "), strings.Join(places, ", "))
	return install{}, errors.Join(append([]error{err}, rejected...)...)
}

// inspect runs the server's program as the user that will run the server, who must be able to reach it.
func inspect(ctx context.Context, bin string, account *account) (install, error) {
	for _, name := range programs {
		if _, err := os.Stat(program(bin, name)); err != nil {
			return install{}, fmt.Errorf("look for PostgreSQL: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(bin, "postgres"), "--version")
	cmd.Dir = string(filepath.Separator)
	prepare(cmd, account)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return install{}, fmt.Errorf("%s: %w%s", cmd, err, indent(string(out)))
	}
	version := regexp.MustCompile(`\(PostgreSQL\) (\d\S*)`).FindSubmatch(out)
	if version == nil {
		return install{}, fmt.Errorf("%s: no version in %q", cmd, out)
	}
	found := install{bin: bin, version: string(version[1])}
	if n, _ := strconv.Atoi(found.major()); n < oldest {
		return install{}, fmt.Errorf("%s: PostgreSQL %s is too old, the oldest that will do is %d", bin, found.version, oldest)
	}
	return found, nil
}

// major is the part of a version that decides whether two servers read each other's files.
func (i install) major() string {
	return regexp.MustCompile(`^\d+`).FindString(i.version)
}

// candidates lists directories that may have binaries, the preferred first.
func candidates(ctx context.Context) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		// A link on the PATH leads to the directory that has the other programs too.
		if real, err := filepath.EvalSymlinks(program(dir, "postgres")); err == nil {
			dirs = append(dirs, filepath.Dir(real), dir)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, filepath.FromSlash(strings.TrimSpace(string(out))))
	}
	for _, pattern := range packaged {
		dirs = append(dirs, newestFirst(pattern)...)
	}
	return dirs
}

// packaged lists where the packages of the operating systems put the binaries; a star stands for the version.
var packaged = map[string][]string{
	"darwin": {
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	},
	"linux": {
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	},
	"windows": {
		filepath.Join(os.Getenv("ProgramFiles"), "PostgreSQL", "*", "bin"),
	},
}[runtime.GOOS]

// newestFirst expands a pattern and orders what it finds by the number in the star's place.
func newestFirst(pattern string) []string {
	dirs, _ := filepath.Glob(pattern)
	before, after, _ := strings.Cut(pattern, "*")
	version := func(dir string) float64 {
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(dir, before), after), 64)
		return n
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	return dirs
}

func program(bin, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(bin, name)
}

// indent puts a program's output below the line that tells of it.
func indent(output string) string {
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	return "\n\t" + strings.ReplaceAll(output, "\n", "\n\t")
}

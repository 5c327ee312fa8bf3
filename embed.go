// Package agentshaker holds Agent Shaker's migrations, compiled into whatever imports it.
//
// A program of your own mounts its own files instead: package migrator takes any fs.FS.
package agentshaker

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the embedded folder itself: its names are "001_init.sql" and so on.
func Migrations() fs.FS {
	// Sub fails for nothing but an invalid path, and this one is a constant.
	files, _ := fs.Sub(embedded, "migrations")
	return files
}

// Source returns the files of the directory dir, which is the value of MIGRATIONS_DIR; they take the place of the embedded
// ones, which an empty dir gives. So dir alone says what was chosen, and is what a log line has to name.
//
// No link leads out of the directory: reading one that does is an error. Links within it work, relative ones such as Kubernetes
// makes for a ConfigMap. The directory stays open as long as the result is in use.
func Source(dir string) (fs.FS, error) {
	if dir == "" {
		return Migrations(), nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("MIGRATIONS_DIR: %w", err)
	}
	return root.FS(), nil
}

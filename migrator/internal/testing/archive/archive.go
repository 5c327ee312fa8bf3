// Package archive reads and writes txtar archives, texts that hold files. Tests beside the library use it, since whoever imports the
// library gets the modules that these tests import into its go.sum.
package archive

import (
	"os"
	"strings"
)

// A File is a named part of an archive.
type File struct {
	Name string
	Data string
}

// An Archive is a comment and the files that follow it.
type Archive struct {
	Comment string
	Files   []File
}

// Read reads the archive of a path.
func Read(path string) (*Archive, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(string(text)), nil
}

// Parse reads an archive. A line "-- name --" begins a file, which reaches to the next such line.
func Parse(text string) *Archive {
	a := &Archive{}
	data := &a.Comment
	for line := range strings.Lines(text) {
		if name, ok := nameOf(line); ok {
			a.Files = append(a.Files, File{Name: name})
			data = &a.Files[len(a.Files)-1].Data
			continue
		}
		*data += line
		if !strings.HasSuffix(line, "\n") {
			*data += "\n"
		}
	}
	return a
}

func nameOf(line string) (name string, ok bool) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	name, begins := strings.CutPrefix(line, "-- ")
	name, ends := strings.CutSuffix(name, " --")
	name = strings.TrimSpace(name)
	return name, begins && ends && name != ""
}

// Write writes the archive to a path.
func (a *Archive) Write(path string) error { return os.WriteFile(path, []byte(a.String()), 0o600) }

// String is the text of the archive.
func (a *Archive) String() string {
	var b strings.Builder
	b.WriteString(endLine(a.Comment))
	for _, f := range a.Files {
		b.WriteString("-- " + f.Name + " --\n" + endLine(f.Data))
	}
	return b.String()
}

// endLine ends the last line.
func endLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

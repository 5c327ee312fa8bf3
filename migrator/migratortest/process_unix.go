//go:build linux || darwin

package migratortest

import "os"

// process is one of this machine. Its start tells it from a later one with the same number.
type process struct {
	pid         int
	name, start string
}

func (p process) alive() bool {
	now, ok := look(p.pid)
	return ok && now.start == p.start
}

// goCommand is the go command that runs this process as one of its tests, if it does.
func goCommand() (process, bool) {
	parent, ok := look(os.Getppid())
	return parent, ok && parent.name == "go"
}

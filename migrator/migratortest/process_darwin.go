package migratortest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// look reads a process from the kernel. One that ended is none, even where nobody has asked for its exit status yet.
func look(pid int) (process, bool) {
	const zombie = 5 // SZOMB of sys/proc.h
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || info.Proc.P_stat == zombie {
		return process{}, false
	}
	start := fmt.Sprintf("%d.%06d", info.Proc.P_starttime.Sec, info.Proc.P_starttime.Usec)
	return process{pid: pid, name: unix.ByteSliceToString(info.Proc.P_comm[:]), start: start}, true
}

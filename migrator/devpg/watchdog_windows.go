package devpg

import (
	"fmt"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/windows"
)

// watchdog is a job object: when we die, however we die, its last handle is closed and Windows ends the processes in it.
// The temporary directory stays then.
type watchdog struct {
	job windows.Handle
}

func startWatchdog(*home, *account) (*watchdog, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make a job object: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return nil, fmt.Errorf("set up a job object: %w", err)
	}
	return &watchdog{job: job}, nil
}

// startGroup starts a command that has to go when we are gone.
func (w *watchdog) startGroup(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	w.follow(cmd.Process.Pid)
	return nil
}

// follow adds a process to the job. Where that is not allowed, the process merely outlives us if we are killed.
func (w *watchdog) follow(pid int) {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return
	}
	_ = windows.AssignProcessToJobObject(w.job, process)
	_ = windows.CloseHandle(process)
}

func (w *watchdog) forget() {}

func (w *watchdog) release() { _ = windows.CloseHandle(w.job) }

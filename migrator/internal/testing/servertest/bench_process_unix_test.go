//go:build unix

package servertest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// BenchmarkProcess compares whole processes, from their start to their end: time, time on processors and memory at its peak,
// each as a multiple of the floor's.
func BenchmarkProcess(b *testing.B) {
	for _, c := range []struct {
		name  string
		files int
	}{{"apply", 1000}, {"nothing pending", 100}, {"nothing pending", 1000}, {"nothing pending", 5000}} {
		b.Run(fmt.Sprintf("%s/files=%d", c.name, c.files), func(b *testing.B) {
			url, fsys := newDatabase(b), tableFiles(c.files)
			kinds := []string{"floor applies", "applies"}
			if c.name != "apply" {
				kinds = []string{"floor reads", "applies"}
				_, err := open(b, url, fsys, migrator.Config{}).Run(b.Context(), migrator.Up())
				require.NoError(b, err)
			}
			var took, cpu [2]time.Duration
			var memory [2]int64
			for b.Loop() {
				for i, kind := range kinds {
					if c.name == "apply" {
						url = newDatabase(b)
					}
					process := childCommand(b, childTask{URL: url, Case: kind, Files: c.files})
					process.Stderr = os.Stderr
					began := time.Now()
					said, err := process.Output()
					require.NoError(b, err)
					took[i] += time.Since(began)
					cpu[i] += process.ProcessState.UserTime() + process.ProcessState.SystemTime()
					peak, err := strconv.ParseInt(strings.TrimSpace(string(said)), 10, 64)
					require.NoError(b, err)
					memory[i] += peak
				}
			}
			b.ReportMetric(float64(took[1])/float64(took[0]), "x/floor")
			b.ReportMetric(float64(cpu[1])/float64(cpu[0]), "x-cpu/floor")
			b.ReportMetric(float64(took[0].Microseconds())/1000/float64(b.N), "floor-ms/op")
			if memory[0] > 0 {
				b.ReportMetric(float64(memory[1])/float64(memory[0]), "x-memory/floor")
				b.ReportMetric(float64(memory[0])/1024/float64(b.N), "floor-MB/op")
			}
			b.ReportMetric(0, "ns/op") // both together mean nothing
		})
	}
}

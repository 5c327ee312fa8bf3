package migratortest

import (
	"io"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// leash ends a container when this process is gone, however it went: the connection that feeds a shell in the container
// is closed then. Where that cannot be done, the container still ends by its lifetime.
func leash(pool *dockertest.Pool, container *dockertest.Resource) {
	shell, err := pool.Client.CreateExec(docker.CreateExecOptions{
		Container:   container.Container.ID,
		Cmd:         []string{"sh", "-c", "cat; kill -QUIT 1"},
		AttachStdin: true,
	})
	if err != nil {
		return
	}
	nothing, _ := io.Pipe()
	_, _ = pool.Client.StartExecNonBlocking(shell.ID, docker.StartExecOptions{InputStream: nothing})
}

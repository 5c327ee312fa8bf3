package devpg

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	inPackage = "package/native/"
	linksFile = "pg-symlinks.json"
	// largestInstall bounds what an archive may unpack to; the real ones have less than 150 MB.
	largestInstall = 1 << 30
)

// extract unpacks the directories bin, lib and share of a package into dir. Nothing in an archive can lead out of dir: names
// that would are refused, so is everything that is no file, and all is written through an os.Root.
func extract(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	files := tar.NewReader(io.LimitReader(unzipped, largestInstall))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(restoreLinks(root), openDirectories(root))
		}
		if err != nil {
			return err
		}
		if err := extractFile(root, header, files); err != nil {
			return fmt.Errorf("%q in the archive: %w", header.Name, err)
		}
	}
}

func extractFile(root *os.Root, header *tar.Header, content io.Reader) error {
	if !local(header.Name) {
		return errors.New("leads out of it")
	}
	if header.Typeflag == tar.TypeDir {
		return nil
	}
	if header.Typeflag != tar.TypeReg {
		return errors.New("is not a file")
	}
	name, found := strings.CutPrefix(header.Name, inPackage)
	if !found { // about the package, for npm
		return nil
	}
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if header.Mode&0o111 != 0 {
		mode = 0o755
	}
	file, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content) //nolint:gosec // its size is bounded
	return errors.Join(err, file.Chmod(mode), file.Close())
}

// local reports whether a name of an archive stays below the directory that it is unpacked into, on any system.
func local(name string) bool {
	return filepath.IsLocal(name) && !strings.ContainsAny(name, `\:`) && path.Clean(name) == strings.TrimSuffix(name, "/")
}

// restoreLinks makes the links between libraries. A package cannot hold any: a file lists them, and a script of the package,
// which is not run here, would make them.
func restoreLinks(root *os.Root) error {
	text, err := root.ReadFile(linksFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("%s in the archive: %w", linksFile, err)
	}
	for _, link := range links {
		source, ofSource := strings.CutPrefix(link.Source, "native/")
		target, ofTarget := strings.CutPrefix(link.Target, "native/")
		if !ofSource || !ofTarget || !local(source) || !local(target) || path.Dir(source) != path.Dir(target) {
			return fmt.Errorf("%s in the archive has a link from %q to %q, which are not beside each other", linksFile, link.Target, link.Source)
		}
		if err := root.Symlink(path.Base(source), filepath.FromSlash(target)); err != nil {
			return err
		}
	}
	return nil
}

// openDirectories lets other users in, whatever the umask: the server of a root runs as one.
func openDirectories(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return root.Chmod(filepath.FromSlash(name), 0o755)
	})
}

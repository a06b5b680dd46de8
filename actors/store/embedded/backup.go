package embedded

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A backup is a tar of the files of a checkpoint, and behind them of the
// manifest, which lists them with their checksums and begins with its own. What
// was cut off has no manifest, what was altered does not fit it.
const manifestName = "MANIFEST.json"

// backupFormat is the version of a backup's own form; what is in the files has
// formatVersion.
const backupFormat = 1

// manifestBytes bounds a manifest: about half a million files.
const manifestBytes = 64 << 20

// A Backup says what a backup holds.
type Backup struct {
	Format int          `json:"format"`
	Made   time.Time    `json:"made"`
	Files  []BackupFile `json:"files"`
}

// A BackupFile is one file of a backup.
type BackupFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bytes returns the size of all files.
func (b *Backup) Bytes() (n int64) {
	for _, f := range b.Files {
		n += f.Bytes
	}
	return n
}

// checkpointPrefix begins the directories of checkpoints under way: within the
// data directory, because they are hard links.
const checkpointPrefix = "checkpoint-"

// removeCheckpoints removes what backups left that were under way when the
// process ended.
func removeCheckpoints(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, checkpointPrefix) {
			if err := fs.RemoveAll(fs.PathJoin(dir, name)); err != nil {
				return fmt.Errorf("remove a backup that was not ended: %w", err)
			}
		}
	}
	return nil
}

// Backup writes a consistent whole of the store to w: all that was acknowledged
// before the call is in it. The store goes on meanwhile.
func (p *Store) Backup(w io.Writer) (*Backup, error) {
	fs := p.cfg.FS
	dir := fs.PathJoin(p.cfg.Dir, fmt.Sprint(checkpointPrefix, mintHistory()))
	if err := p.Checkpoint(dir); err != nil {
		return nil, errors.Join(err, fs.RemoveAll(dir))
	}
	b, err := writeBackup(w, fs, dir)
	if err := errors.Join(err, fs.RemoveAll(dir)); err != nil {
		return nil, fmt.Errorf("back up the store in %s: %w", p.cfg.Dir, err)
	}
	return b, nil
}

func writeBackup(w io.Writer, fs vfs.FS, dir string) (*Backup, error) {
	b := &Backup{Format: backupFormat, Made: time.Now().UTC().Truncate(time.Second)}
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(w)
	for _, name := range names {
		f, err := writeFile(t, fs, dir, name, b.Made)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b.Files = append(b.Files, f)
	}
	manifest, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return nil, err
	}
	manifest = append([]byte(digest(manifest)+"\n"), manifest...)
	if err := t.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(manifest)), ModTime: b.Made}); err != nil {
		return nil, err
	}
	if _, err := t.Write(manifest); err != nil {
		return nil, err
	}
	return b, t.Close()
}

func writeFile(t *tar.Writer, fs vfs.FS, dir, name string, made time.Time) (f BackupFile, err error) {
	file, err := fs.Open(fs.PathJoin(dir, name))
	if err != nil {
		return f, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return f, err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: made}); err != nil {
		return f, err
	}
	h := sha256.New()
	// A log may still grow behind what the checkpoint has of it.
	n, err := io.CopyN(io.MultiWriter(t, h), file, info.Size())
	return BackupFile{name, n, hex.EncodeToString(h.Sum(nil))}, err
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

var (
	errCut     = errors.New("the backup is cut off: it has no end; use another one")
	errAltered = errors.New("the backup is damaged or was altered; use another one")
)

// CheckBackup reads a backup to its end, and returns what it holds if it is
// whole.
func CheckBackup(r io.Reader) (*Backup, error) {
	return readBackup(r, func(string) (io.WriteCloser, error) { return discard{}, nil })
}

type discard struct{}

// Write implements io.Writer.
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Close implements io.Closer.
func (discard) Close() error { return nil }

// readBackup hands the files of a backup to what create returns for their
// names. Nothing of it counts before readBackup has returned without an error.
func readBackup(r io.Reader, create func(name string) (io.WriteCloser, error)) (*Backup, error) {
	t := tar.NewReader(r)
	var files []BackupFile
	seen := make(map[string]bool)
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errCut
		case errors.Is(err, tar.ErrHeader):
			return nil, fmt.Errorf("%w: %w", errAltered, err)
		case err != nil:
			return nil, err
		case h.Name == manifestName:
			return endBackup(t, files)
		case h.Typeflag != tar.TypeReg || seen[h.Name] || h.Name == "" || h.Name != filepath.Base(h.Name) || strings.HasPrefix(h.Name, "."):
			return nil, fmt.Errorf("%w: it has an entry %q, which no backup has", errAltered, h.Name)
		}
		seen[h.Name] = true
		f, err := readFile(t, h.Name, create)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		files = append(files, f)
	}
}

func readFile(t io.Reader, name string, create func(string) (io.WriteCloser, error)) (f BackupFile, err error) {
	w, err := create(name)
	if err != nil {
		return f, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), t)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCut
	}
	return BackupFile{name, n, hex.EncodeToString(h.Sum(nil))}, errors.Join(err, w.Close())
}

// endBackup reads the manifest and holds it against the files before it.
func endBackup(t *tar.Reader, files []BackupFile) (*Backup, error) {
	raw, err := io.ReadAll(io.LimitReader(t, manifestBytes))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errCut
	}
	if err != nil {
		return nil, err
	}
	first, manifest, _ := bytes.Cut(raw, []byte("\n"))
	b := &Backup{}
	if string(first) != digest(manifest) || json.Unmarshal(manifest, b) != nil {
		return nil, fmt.Errorf("%w: its list of files", errAltered)
	}
	if b.Format > backupFormat {
		return nil, fmt.Errorf("the backup has version %d, and this program knows only up to %d: a newer version made it; restore it with that one", b.Format, backupFormat)
	}
	if len(b.Files) != len(files) {
		return nil, fmt.Errorf("%w: it has %d files, and lists %d", errAltered, len(files), len(b.Files))
	}
	for i, f := range b.Files {
		if f != files[i] {
			return nil, fmt.Errorf("%w: %s is not as it was", errAltered, f.Name)
		}
	}
	if _, err := t.Next(); !errors.Is(err, io.EOF) {
		return nil, errCut
	}
	return b, nil
}

// Restore makes a data directory of a backup. There must be none, or an empty
// one. Nothing is left of what fails.
func Restore(r io.Reader, dir string) (*Backup, error) {
	fs := privateFS{vfs.Default}
	names, err := os.ReadDir(dir)
	switch {
	case err == nil && len(names) > 0:
		return nil, fmt.Errorf("the directory %s is not empty, and nothing is overwritten; name a new one, or move it away", dir)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	dir = filepath.Clean(dir)
	part := dir + ".restoring"
	if err := os.Mkdir(part, 0o700); errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("there is %s already: a restore is under way, or one was broken off; remove it then", part)
	} else if errors.Is(err, os.ErrNotExist) {
		if err := makeDir(fs, part); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	b, err := unpack(r, fs, part)
	if err == nil {
		err = moveInto(fs, part, dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("restore into %s: %w", dir, err), os.RemoveAll(part))
	}
	return b, nil
}

// unpack writes a backup's files into a directory.
func unpack(r io.Reader, fs vfs.FS, dir string) (*Backup, error) {
	b, err := readBackup(r, func(name string) (io.WriteCloser, error) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		return synced{f}, err
	})
	if err != nil {
		return nil, err
	}
	if err := markCopy(fs, dir); err != nil { // who opens it begins another history
		return nil, err
	}
	desc, err := pebble.Peek(dir, fs)
	if err == nil && !desc.Exists {
		err = fmt.Errorf("%w: it holds no store", errAltered)
	}
	return b, err
}

// synced is a file that is on the disk once it is closed.
type synced struct{ *os.File }

// Close implements io.Closer.
func (f synced) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

// moveInto gives a directory its name; an empty one may have it.
func moveInto(fs vfs.FS, part, dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(part, dir); err != nil {
		return err
	}
	return syncDir(fs, filepath.Dir(dir))
}

// Exists tells whether there is a store in a directory.
func Exists(dir string) (bool, error) {
	if _, err := os.Stat(dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	desc, err := pebble.Peek(dir, vfs.Default)
	if err != nil {
		return false, fmt.Errorf("look for a store in %s: %w", dir, err)
	}
	return desc.Exists, nil
}

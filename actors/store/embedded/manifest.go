package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The manifest is Pebble's list of files, a log of edits in LevelDB's record
// format: blocks of 32 KiB with chunks of checksum, length, type and payload.
const (
	manifestBlock = 32 << 10
	chunkHeader   = 4 + 2 + 1
	lastChunkType = 4 // full, first, middle, last
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamagedManifest = errors.New("the list of files is damaged before its end")

// checkManifest refuses a manifest with a valid chunk behind a broken one.
// Pebble takes a broken chunk for the torn end that a crash leaves, forgets
// the edits after it, and with them the tables that they list. But each edit
// is synced before the next one begins: only the last can be torn.
func checkManifest(fs vfs.FS, name string) error {
	f, err := fs.Open(name)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	if damaged(b) {
		return fmt.Errorf("%s: %w", name, errDamagedManifest)
	}
	return nil
}

// damaged tells whether b has a valid chunk behind a broken one.
func damaged(b []byte) bool {
	at := 0
	for {
		if manifestBlock-at%manifestBlock < chunkHeader { // the rest of a block is padding
			at += manifestBlock - at%manifestBlock
		}
		n := chunkLen(b, at)
		if n == 0 {
			break
		}
		at += n
	}
	for at++; at < len(b); at++ {
		if chunkLen(b, at) > 0 {
			return true
		}
	}
	return false
}

// chunkLen returns the length of the chunk at b[at:]; 0 if there is no valid
// one.
func chunkLen(b []byte, at int) int {
	if at+chunkHeader > len(b) {
		return 0
	}
	n := chunkHeader + int(binary.LittleEndian.Uint16(b[at+4:]))
	kind := b[at+6]
	if kind == 0 || kind > lastChunkType || at+n > len(b) || at%manifestBlock+n > manifestBlock {
		return 0
	}
	sum := crc32.Checksum(b[at+6:at+n], castagnoli)
	if binary.LittleEndian.Uint32(b[at:]) != (sum>>15|sum<<17)+0xa282ead8 { // as LevelDB masks it
		return 0
	}
	return n
}

package embedded

import (
	"encoding/binary"
	"fmt"
	"math"

	"reddot/actors"
)

// formatVersion is the version of what this package writes: keys, order,
// merged values. A data directory with a newer one is refused.
const formatVersion = 2

// The kinds of keys, their first byte. On disk.
//
//	index    an actor's key          an index row's value (format 2)
//	fence    shard (2 bytes)         the epoch, and who took it
//	journal  key 0x00 part seq       a snapshot or an event, as the actor made it
//	owner    message id              the key of the actor that answers for it
//	record   kind 0x00 key           the record
//	tally    message id, TallyKind   a merged sum (merger.go)
//	wake     unix milliseconds, key  nothing
//	meta     name                    the store's own: its format, the id of its history
//
// Numbers are big-endian. An actor's snapshots and events stand under one
// prefix, so that one bloom filter and mostly one block answer a load.
const (
	kindFence   = 'f'
	kindIndex   = 'i'
	kindJournal = 'j'
	kindMeta    = 'm'
	kindOwner   = 'o'
	kindRecord  = 'r'
	kindTally   = 't'
	kindWake    = 'w'
)

// The parts of an actor's journal. A snapshot's seq is stored inverted: the
// newest at or below a seq is then the first key at or after that one's, which
// a bloom filter can deny.
const (
	partSnapshot = 0
	partEvent    = 1
)

// seqLen is the length of part and seq.
const seqLen = 1 + 8

var formatKey = []byte{kindMeta, 'f', 'o', 'r', 'm', 'a', 't'}

func appendJournal(b []byte, key actors.Key, part byte, seq uint64) []byte {
	b = append(b, kindJournal)
	b = append(b, key...)
	b = append(b, 0, part)
	return binary.BigEndian.AppendUint64(b, seq)
}

func appendEvent(b []byte, key actors.Key, seq uint64) []byte {
	return appendJournal(b, key, partEvent, seq)
}

func appendSnapshot(b []byte, key actors.Key, seq uint64) []byte {
	return appendJournal(b, key, partSnapshot, math.MaxUint64-seq)
}

// journalLen returns the length of an event's or a snapshot's key.
func journalLen(key actors.Key) int { return 1 + len(key) + 1 + seqLen }

// parseJournal returns the end of a journal key: what it is and its seq.
func parseJournal(k []byte) (part byte, seq uint64, err error) {
	if len(k) < 2+seqLen {
		return 0, 0, fmt.Errorf("a journal key of %d bytes", len(k))
	}
	k = k[len(k)-seqLen:]
	part, seq = k[0], binary.BigEndian.Uint64(k[1:])
	if part == partSnapshot {
		seq = math.MaxUint64 - seq
	}
	return part, seq, nil
}

func appendWake(b []byte, at int64, key actors.Key) []byte {
	b = append(b, kindWake)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	return append(b, key...)
}

func parseWake(k []byte) (at int64, key actors.Key, err error) {
	if len(k) < 9 {
		return 0, "", fmt.Errorf("a wake-up key of %d bytes", len(k))
	}
	return int64(binary.BigEndian.Uint64(k[1:])), actors.Key(k[9:]), nil
}

func appendOwner(b []byte, id actors.ID) []byte {
	return append(append(b, kindOwner), id[:]...)
}

func appendTally(b []byte, id actors.ID, kind actors.TallyKind) []byte {
	b = append(append(b, kindTally), id[:]...)
	return append(b, byte(kind))
}

func appendRecord(b []byte, kind, key string) []byte {
	b = append(append(b, kindRecord), kind...)
	return append(append(b, 0), key...)
}

func appendRow(b, key []byte) []byte { return append(append(b, kindIndex), key...) }

func appendFence(b []byte, shard uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, kindFence), shard)
}

func appendTaken(b []byte, t actors.Taken) []byte {
	return append(binary.BigEndian.AppendUint64(b, t.Epoch), t.Owner...)
}

func parseTaken(k, value []byte) (t actors.Taken, err error) {
	if len(k) != 3 || len(value) < 8 {
		return t, fmt.Errorf("a fence of %d and %d bytes", len(k), len(value))
	}
	if t.Shard = binary.BigEndian.Uint16(k[1:]); t.Shard >= actors.Shards {
		return t, fmt.Errorf("a fence of shard %d", t.Shard)
	}
	t.Epoch, t.Owner = binary.BigEndian.Uint64(value), string(value[8:])
	return t, nil
}

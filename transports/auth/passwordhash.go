package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// A passwordHash is what a file of passwords keeps of one.
type passwordHash struct {
	text string // as in the file
	salt []byte
	sum  []byte
	cost hashCost
}

// hashCost is the work of one hashing.
type hashCost struct {
	pbkdf2  int    // iterations of PBKDF2 with SHA-512; 0: it is Argon2id
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// newCost is that of new hashes: of the settings for Argon2id which OWASP's
// Password Storage Cheat Sheet calls equally strong, the one with the least
// memory, for a server hashes on behalf of strangers.
var newCost = hashCost{memory: 7 << 10, passes: 5, threads: 1}

// The bounds of what a file may ask for: hashing is the costliest thing that a
// stranger makes the server do.
const (
	maxHashMemory = 64 << 10 // KiB
	maxHashPasses = 16
	maxHashLanes  = 4
	maxIterations = 1 << 20
	maxHashBytes  = 64 // of a salt or a sum
	minSalt       = 8
	minSum        = 16
)

// The longest password and, of those that Set takes, the shortest, in bytes.
const (
	MaxPassword = 1024
	minPassword = 8
)

// newPasswordHash hashes a password with a salt of its own.
func newPasswordHash(password []byte) passwordHash {
	h := passwordHash{salt: make([]byte, 16), cost: newCost}
	_, _ = rand.Read(h.salt) // it never fails
	h.sum = argon2.IDKey(password, h.salt, h.cost.passes, h.cost.memory, h.cost.threads, 32)
	b64 := base64.RawStdEncoding
	h.text = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.memory, h.cost.passes, h.cost.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
	return h
}

// parsePasswordHash reads $argon2id$v=19$m=…,t=…,p=…$SALT$SUM (the PHC string
// format), or mosquitto's $7$ITERATIONS$SALT$SUM, which is PBKDF2 with SHA-512.
func parsePasswordHash(text string) (h passwordHash, err error) {
	h.text = text
	fields := strings.Split(text, "$")
	if fields[0] != "" || len(fields) < 2 {
		return h, errHashForm
	}
	switch kind := fields[1]; {
	case kind == "argon2id" && len(fields) == 6 && fields[2] == "v="+strconv.Itoa(argon2.Version):
		if h.cost, err = parseArgon2(fields[3]); err != nil {
			return h, err
		}
		return h, h.decode(base64.RawStdEncoding, fields[4:])
	case kind == "7" && len(fields) == 5:
		n, ok := hashNumber(fields[2], maxIterations)
		if !ok {
			return h, fmt.Errorf("the hash has no number of iterations from 1 to %d", maxIterations)
		}
		h.cost.pbkdf2 = int(n)
		return h, h.decode(base64.StdEncoding, fields[3:])
	}
	return h, errHashForm
}

var errHashForm = fmt.Errorf("the hash is neither $argon2id$v=%d$… nor mosquitto's $7$…; set the password anew", argon2.Version)

// parseArgon2 reads m=…,t=…,p=….
func parseArgon2(text string) (hashCost, error) {
	fields := strings.Split(text, ",")
	var numbers [3]uint32
	ok := len(fields) == len(numbers)
	for i, p := range [...]struct {
		name string
		most uint32
	}{{"m=", maxHashMemory}, {"t=", maxHashPasses}, {"p=", maxHashLanes}} {
		if ok {
			digits, named := strings.CutPrefix(fields[i], p.name)
			numbers[i], ok = hashNumber(digits, p.most)
			ok = ok && named
		}
	}
	c := hashCost{memory: numbers[0], passes: numbers[1], threads: uint8(numbers[2] & math.MaxUint8)}
	if !ok || c.memory < 8*uint32(c.threads) {
		return c, fmt.Errorf("the hash's parameters are not m=…,t=…,p=… within m=%d (KiB, at least 8 a lane), t=%d, p=%d", maxHashMemory, maxHashPasses, maxHashLanes)
	}
	return c, nil
}

// hashNumber reads a number from 1 to most as encoders write it.
func hashNumber(digits string, most uint32) (uint32, bool) {
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n > 0 && n <= uint64(most) && digits[0] != '0' && digits[0] != '+'
}

func (h *passwordHash) decode(b64 *base64.Encoding, fields []string) error {
	for i, p := range [...]struct {
		into  *[]byte
		least int
	}{{&h.salt, minSalt}, {&h.sum, minSum}} {
		b, err := b64.Strict().DecodeString(fields[i])
		if err != nil || len(b) < p.least || len(b) > maxHashBytes || strings.ContainsAny(fields[i], "\r\n") {
			return fmt.Errorf("the hash's salt or sum is not base64 of %d or %d to %d bytes", minSalt, minSum, maxHashBytes)
		}
		*p.into = b
	}
	return nil
}

// fits tells whether the password is the one that was hashed, in a time that
// the hash alone decides.
func (h *passwordHash) fits(password []byte) bool {
	var sum []byte
	if c := h.cost; c.pbkdf2 == 0 {
		sum = argon2.IDKey(password, h.salt, c.passes, c.memory, c.threads, uint32(len(h.sum)))
	} else {
		var err error
		if sum, err = pbkdf2.Key(sha512.New, string(password), h.salt, c.pbkdf2, len(h.sum)); err != nil {
			return false // FIPS mode refuses short salts
		}
	}
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

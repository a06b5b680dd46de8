//go:build unix

package load

import "syscall"

// descriptors returns how many descriptors this process may hold.
func descriptors() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int(min(uint64(l.Cur), 1<<30))
}

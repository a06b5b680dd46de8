//go:build !unix

package app

// descriptors returns how many files and connections the process may have open.
func descriptors() int { return 1 << 14 }

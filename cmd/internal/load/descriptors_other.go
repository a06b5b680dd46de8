//go:build !unix

package load

// descriptors returns how many descriptors this process may hold.
func descriptors() int { return 1 << 20 }

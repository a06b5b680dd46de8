// Package paths finds the operation that a request asks for by its path and method.
package paths

package reviewed

import (
	"fmt"
	"testing"
)

type word string

func (w word) Hash() string { return string(w) }
func (w word) Body() []byte { return []byte(w) }

// TestCacheIsBounded by what it holds.
func TestCacheIsBounded(t *testing.T) {
	var c cache[word]
	for i := range 3 * maxReady {
		c.put(fmt.Sprint(i), word(fmt.Sprint("word ", i)))
	}
	size := 0
	for _, x := range c.all {
		size += len(x.Body())
	}
	if _, ok := c.find(fmt.Sprint(3*maxReady - 1)); len(c.all) > maxReady || size != c.size || !ok {
		t.Errorf("%d texts of %d bytes, counted %d", len(c.all), size, c.size)
	}
}

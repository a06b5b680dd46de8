package embedded

import "testing"

func FuzzManifest(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, manifestBlock+10))
	f.Fuzz(func(t *testing.T, b []byte) {
		if damaged(b) && len(b) <= chunkHeader {
			t.Errorf("%d bytes hold no chunk behind another", len(b))
		}
	})
}

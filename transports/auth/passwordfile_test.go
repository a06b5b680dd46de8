package auth

import (
	"bytes"
	"strings"
	"testing"

	"reddot/transports/transportstest"
)

// Hashes of others: of Argon2's reference implementation and of mosquitto_passwd 2.0.11.
const (
	referenceHash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4" // "password"
	mosquittoHash = "$7$101$7sD33Ijv3QIROT1Q$h7PMeZHRljBA6OOkWte6yjMs37mFgj2fDPyMf43G0yMNHx8mu7o6CksXi1QzkRRfIsdmjNjSRnbptYgSB5NifQ=="
)

func TestPasswordHash(t *testing.T) {
	own := newPasswordHash([]byte("open sesame"))
	for text, password := range map[string]string{referenceHash: "password", mosquittoHash: "open sesame", own.text: "open sesame"} {
		h, err := parsePasswordHash(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !h.fits([]byte(password)) || h.fits([]byte(password+"!")) || h.fits(nil) {
			t.Errorf("%s does not tell its password from others", text)
		}
	}
	if again := newPasswordHash([]byte("open sesame")); again.text == own.text {
		t.Error("the same password has the same hash twice")
	}
}

func TestPasswordHashRefuses(t *testing.T) {
	for _, text := range []string{
		"", "$", "x", "$6$salt$sum", "$2b$10$abc",
		strings.Replace(referenceHash, "v=19", "v=16", 1),
		strings.Replace(referenceHash, "m=256", "m=65537", 1),
		strings.Replace(referenceHash, "m=256", "m=7", 1),
		strings.Replace(referenceHash, "m=256", "m=0256", 1),
		strings.Replace(referenceHash, "t=2", "t=0", 1),
		strings.Replace(referenceHash, "t=2", "t=17", 1),
		strings.Replace(referenceHash, "p=1", "p=5", 1),
		strings.Replace(referenceHash, "t=2,p=1", "p=1,t=2", 1),
		strings.Replace(referenceHash, "c29tZXNhbHQ", "c29tc2E", 1),
		strings.Replace(referenceHash, "c29tZXNhbHQ", "c29tZXNh\rbHQ", 1),
		referenceHash + "$", referenceHash + "=",
		strings.Replace(mosquittoHash, "$101$", "$1048577$", 1),
		strings.Replace(mosquittoHash, "$101$", "$0$", 1),
		strings.TrimSuffix(mosquittoHash, "="),
	} {
		if h, err := parsePasswordHash(text); err == nil {
			t.Errorf("%q is taken: %+v", text, h.cost)
		}
	}
}

func TestPasswordFile(t *testing.T) {
	text := "# devices\r\n\nlamp:" + mosquittoHash + "\nshop/scale-7:" + referenceHash + ":scales\naa:bb:cc:" + referenceHash + ":a:b\n"
	f, err := ParsePasswordFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(text, "\r", "", 1); string(f.Text()) != want {
		t.Errorf("got %q, want %q", f.Text(), want)
	}
	names := ""
	for _, l := range f.Logins() {
		names += l.App + " " + l.Name + " " + l.User + "; "
	}
	if want := "default lamp lamp; shop scale-7 scales; default aa:bb:cc a:b; "; names != want {
		t.Errorf("got %s, want %s", names, want)
	}
	lamp := transportstest.Must(NewLogin("default/lamp", ""))
	if was, err := f.Set(lamp, []byte("open barley")); !was || err != nil {
		t.Errorf("change: %v %v", was, err)
	}
	if was, err := f.Set(transportstest.Must(NewLogin("shop/lamp", "light")), []byte("open barley")); was || err != nil {
		t.Errorf("add: %v %v", was, err)
	}
	if !f.Remove("shop", "scale-7") || f.Remove("shop", "scale-7") || f.Find("shop", "scale-7") != nil {
		t.Error("a removed login is still there")
	}
	again, err := ParsePasswordFile(f.Text())
	if err != nil || !bytes.Equal(again.Text(), f.Text()) {
		t.Fatalf("what was written is read as %q, %v", again.Text(), err)
	}
	for app, user := range map[string]string{"default": "lamp", "shop": "light"} {
		if l := again.Find(app, "lamp"); l == nil || l.User != user || !l.hash.fits([]byte("open barley")) {
			t.Errorf("the lamp of %s is %+v", app, l)
		}
	}
	if !strings.HasPrefix(string(f.Text()), "# devices\n\nlamp:$argon2id$") {
		t.Errorf("comments or the order are lost: %q", f.Text())
	}
}

func TestPasswordFileRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"lamp":                                                "NAME:HASH",
		"lamp:open sesame":                                    "NAME:HASH",
		"\n\n:" + referenceHash:                               "line 3",
		"a/b/c:" + referenceHash:                              "user name",
		"shöp/a:" + referenceHash:                             "app's name",
		"/a:" + referenceHash:                                 "app's name",
		"me:" + referenceHash:                                 "no user name",
		"lamp:" + referenceHash + ":":                         "nothing behind it",
		"lamp:" + referenceHash + ":anonymous:x":              "without a credential",
		"a:" + referenceHash + "\ndefault/a:$7$1$":            "line 2: a: the hash",
		"a:" + referenceHash + "\ndefault/a:" + referenceHash: "twice",
		strings.Repeat("#", maxPasswordFile+1):                "at most",
	} {
		if _, err := ParsePasswordFile([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.80q: got %v, want %q in it", text, err, says)
		}
	}
	f := transportstest.Must(ParsePasswordFile(nil))
	for _, password := range []string{"", "short", strings.Repeat("x", MaxPassword+1), "rk_0123456789", "eyJhbGciOiJIUzI1NiJ9.e30.x"} {
		if _, err := f.Set(transportstest.Must(NewLogin("lamp", "")), []byte(password)); err == nil {
			t.Errorf("%.40q is taken", password)
		}
	}
}

// Whatever a file has, it is refused or means the same when it is written again.
func FuzzPasswordFile(f *testing.F) {
	for _, s := range []string{"", "# x\n", "lamp:" + mosquittoHash + "\n\nshop/a:" + referenceHash + ":b:c\r\n", "a:$7$1$", ":$argon2id$v=19$m=8,t=1,p=1$$"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := ParsePasswordFile(text)
		if err != nil {
			return
		}
		again, err := ParsePasswordFile(file.Text())
		if err != nil || !bytes.Equal(again.Text(), file.Text()) || len(again.Logins()) != len(file.Logins()) {
			t.Fatalf("%q is written as %q, which is read as %v", text, file.Text(), err)
		}
		for _, l := range file.Logins() {
			if found := again.Find(l.App, l.Name); found == nil || found.User != l.User || found.hash.text != l.hash.text {
				t.Fatalf("%s is %+v, and then %+v", l, l, found)
			}
			if c := l.hash.cost; c.memory > maxHashMemory || c.passes > maxHashPasses || c.threads > maxHashLanes || c.pbkdf2 > maxIterations {
				t.Fatalf("%s costs %+v", l, c)
			}
		}
	})
}

package app

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What streams through a proxy that compresses comes at once, whether or not it
// is compressed on the way.
func TestStreamsThroughCompressingProxies(t *testing.T) {
	a, _ := start(t, testConfig(t))
	for _, proxy := range []struct {
		name  string
		start func(t *testing.T, upstream string) (url string)
	}{
		{"express", startExpress},
		{"nginx", func(t *testing.T, upstream string) string { return startNginx(t, upstream, "off") }},
		{"nginx with gzip", func(t *testing.T, upstream string) string { return startNginx(t, upstream, "on") }},
	} {
		t.Run(proxy.name, func(t *testing.T) {
			url := proxy.start(t, a.URL())
			for _, way := range []struct{ path, begins string }{
				{"stream", "event: counts"},
				{"stream?topic=news/a", "event: counts"},
				{"iframe", `"type":"counts"`}, // the head of the page comes before it is attached
			} {
				t.Run(way.path, func(t *testing.T) { throughProxy(t, a, url, way.path, way.begins) })
			}
		})
	}
}

func throughProxy(t *testing.T, a *App, url, path, begins string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/users/alice/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip") // as browsers do
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := io.Reader(res.Body)
	if res.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(res.Body); err != nil {
			t.Fatalf("nothing came: %v", err)
		}
	}
	lines := bufio.NewReader(body)
	await := func(text string) {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("no %q: %v", text, err)
			}
			if strings.Contains(line, text) {
				return
			}
		}
	}
	await(begins)
	for i := range 3 { // each small, and each at once
		text := fmt.Sprint("number ", i, " by ", path)
		if status, body := call(t, "POST", a.URL()+"/v1/users/alice/messages", "", fmt.Sprintf(`{"title":%q}`, text)); status != http.StatusCreated {
			t.Fatalf("publish: %d %s", status, body)
		}
		await(text)
	}
}

// startExpress starts a proxy of the kind that development servers have.
func startExpress(t *testing.T, upstream string) string {
	t.Helper()
	client, err := filepath.Abs("../../../transports/client")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here (apt-get install nodejs)")
	}
	if _, err := os.Stat(filepath.Join(client, "node_modules/express")); err != nil {
		t.Skip("the browser client's packages are not installed (make)")
	}
	cmd := exec.Command(node, "test/proxy.mjs", upstream)
	cmd.Dir, cmd.Stderr = client, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the proxy did not start: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

// startNginx starts nginx in front of the server, with its defaults but for what
// every proxy of streams has to be told.
func startNginx(t *testing.T, upstream, gzip string) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("no nginx here (apt-get install nginx-light)")
		}
	}
	addr, dir := FreeAddr(t), t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	gzip %[2]s; gzip_types *; gzip_min_length 0; gzip_proxied any;
	server { listen %[3]s; location / { proxy_pass %[4]s; proxy_http_version 1.1; proxy_set_header Host $host; } }
}`, dir, gzip, addr, upstream)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-e", "stderr", "-p", dir, "-c", conf)
	var says strings.Builder
	cmd.Stderr = &says
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return "http://" + addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not listen: %s", says.String())
		}
	}
}

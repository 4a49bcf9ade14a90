package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// get asks for a page without keeping the connection.
func get(t *testing.T, url string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestMetricsAndHealth(t *testing.T) {
	w, err := listenWeb(&settings{metricsAddr: "127.0.0.1:0", pprofAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	o := newObserver()
	o.metrics.Watch(func() control.Status { return control.Status{Concurrency: 7} })
	var ending atomic.Bool
	w.serve(o.metrics.Handler(), ending.Load, slog.New(slog.DiscardHandler))
	at := "http://" + w.metrics.Addr().String()
	if status, text := get(t, at+"/metrics"); status != 200 || !strings.Contains(text, "\ns3mpfs_concurrency 7\n") {
		t.Errorf("metrics: %d, %s", status, text)
	}
	if status, text := get(t, at+"/healthz"); status != 200 || text != "ok\n" {
		t.Errorf("health: %d, %s", status, text)
	}
	ending.Store(true)
	if status, _ := get(t, at+"/healthz"); status != 503 {
		t.Errorf("health at the end: %d", status)
	}
	if status, _ := get(t, at+"/debug/pprof/"); status != 404 {
		t.Errorf("profiles beside the metrics: %d", status)
	}
	if status, _ := get(t, "http://"+w.profiles.Addr().String()+"/debug/pprof/"); status != 200 {
		t.Errorf("profiles: %d", status)
	}
	w.close()
	if _, err := http.Get(at + "/healthz"); err == nil {
		t.Error("it answers after its end")
	}
}

func TestAddressInUse(t *testing.T) {
	w, err := listenWeb(&settings{metricsAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	_, err = listenWeb(&settings{metricsAddr: w.metrics.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "--metrics-addr") {
		t.Errorf("got %v", err)
	}
}

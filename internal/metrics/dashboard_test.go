package metrics

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// scrape is what Prometheus sees once everything has happened.
func scrape() string {
	m := New()
	for _, a := range attempts() {
		m.Observe(a)
	}
	m.messages.WithLabelValues("error").Inc()
	m.Watch(func() control.Status { return control.Status{} })
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	return r.Body.String()
}

// has tells whether page has a metric.
func has(page, name string) bool { return strings.Contains(page, "\n# TYPE "+name+" ") }

// TestDocumentedMetrics: each metric that CONFIGURATION names exists.
func TestDocumentedMetrics(t *testing.T) {
	text, err := os.ReadFile("../../docs/CONFIGURATION.md")
	if err != nil {
		t.Fatal(err)
	}
	page := scrape()
	names := regexp.MustCompile(`s3mpfs_[a-z0-9_]+`).FindAllString(string(text), -1)
	if len(names) < 10 {
		t.Errorf("only %d metrics are named", len(names))
	}
	for _, name := range names {
		if !has(page, name) {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// TestDashboardAsksForWhatIsThere: each metric that a panel names exists.
func TestDashboardAsksForWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("../../scripts/grafana/s3mpfs.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil || len(dashboard.Panels) == 0 {
		t.Fatalf("%v, %d panels", err, len(dashboard.Panels))
	}
	page := scrape()
	named := regexp.MustCompile(`(s3mpfs|process)_[a-z0-9_]+`)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			metrics := named.FindAllString(target.Expr, -1)
			if len(metrics) == 0 {
				t.Errorf("%s: no metric in %q", p.Title, target.Expr)
			}
			for _, name := range metrics {
				if !has(page, strings.TrimSuffix(name, "_bucket")) {
					t.Errorf("%s: there is no metric %s", p.Title, name)
				}
			}
		}
	}
}

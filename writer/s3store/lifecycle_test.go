package s3store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/s3mpfs/s3mpfs/writer"
)

func lifecycle(rules ...string) string {
	return "<LifecycleConfiguration>" + strings.Join(rules, "") + "</LifecycleConfiguration>"
}

// aborting is a rule that aborts uploads after so many days.
func aborting(filter string, days int) string {
	return fmt.Sprintf("<Rule><Status>Enabled</Status>%s<AbortIncompleteMultipartUpload><DaysAfterInitiation>%d"+
		"</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>", filter, days)
}

func TestAbortsUploadsAfter(t *testing.T) {
	const all = "<Filter></Filter>"
	for name, c := range map[string]struct {
		xml  string
		days int
	}{
		"for all":              {lifecycle(aborting(all, 7)), 7},
		"the first of several": {lifecycle(aborting(all, 7), aborting("<Filter><Prefix>raw/</Prefix></Filter>", 3)), 3},
		"for the prefix":       {lifecycle(aborting("<Filter><Prefix>raw/</Prefix></Filter>", 2)), 2},
		"written of old":       {lifecycle(aborting("<Prefix>ra</Prefix>", 2)), 2},
		"with a conjunction":   {lifecycle(aborting("<Filter><And><Prefix>raw/</Prefix></And></Filter>", 2)), 2},
		"for a part of it":     {lifecycle(aborting("<Filter><Prefix>raw/old/</Prefix></Filter>", 2)), 0},
		"for others":           {lifecycle(aborting("<Filter><Prefix>tmp/</Prefix></Filter>", 2)), 0},
		"switched off":         {lifecycle(strings.Replace(aborting(all, 7), "Enabled", "Disabled", 1)), 0},
		"of another kind":      {lifecycle("<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"), 0},
	} {
		s := newStub(t, map[string][]answerTo{"GetObject": {says(c.xml)}}) // the stub's name for any other GET
		got, err := s.open(t).AbortsUploadsAfter(t.Context(), "raw/")
		if want := time.Duration(c.days) * 24 * time.Hour; got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
		if !s.seen("GetObject")[0].URL.Query().Has("lifecycle") {
			t.Error("asked for something else")
		}
	}
}

func TestAbortsUploadsAfterWithoutRules(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"GetObject": {
		fails(404, "NoSuchLifecycleConfiguration", "none"),
		fails(501, "NotImplemented", "no such thing"),
		fails(403, "AccessDenied", "no"),
	}})
	store := s.open(t)
	for _, class := range []error{nil, writer.ErrUnsupported, writer.ErrAccess} {
		if got, err := store.AbortsUploadsAfter(t.Context(), ""); got != 0 || !errors.Is(err, class) {
			t.Errorf("%v, %v; want %v", got, err, class)
		}
	}
}

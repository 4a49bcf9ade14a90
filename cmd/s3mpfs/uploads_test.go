package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/s3mpfs/s3mpfs/writer"
)

// heldUploads is a store that holds uploads.
type heldUploads struct {
	uploads   []leftUpload
	object    *writer.Object // of any key
	completed writer.Completion
	aborted   []string
}

func (l *heldUploads) ListUploads(context.Context, string) (list []writer.Upload, err error) {
	for _, u := range l.uploads {
		list = append(list, u.Upload)
	}
	return list, nil
}

func (l *heldUploads) ListParts(_ context.Context, u writer.Upload) ([]writer.Part, error) {
	if u.ID == "another's" {
		return nil, writer.ErrAccess
	}
	for _, each := range l.uploads {
		if each.ID == u.ID && each.ID != "ended" {
			return each.parts, nil
		}
	}
	return nil, writer.ErrNoSuchUpload
}

func (l *heldUploads) HeadObject(context.Context, string) (writer.Object, error) {
	if l.object == nil {
		return writer.Object{}, writer.ErrNotFound
	}
	return *l.object, nil
}

func (l *heldUploads) CompleteMultipartUpload(_ context.Context, u writer.Upload, _ []writer.Part, c writer.Completion) (writer.Object, error) {
	l.completed = c
	return writer.Object{Key: u.Key, Size: c.Size, ETag: `"made"`}, nil
}

func (l *heldUploads) AbortMultipartUpload(_ context.Context, u writer.Upload) error {
	if u.ID == "stubborn" {
		return errors.New("denied")
	}
	l.aborted = append(l.aborted, u.ID)
	return nil
}

var _ uploadStore = (*heldUploads)(nil)

const mib = 1 << 20

// partsOf gives parts of these sizes in MiB; 0 leaves a gap.
func partsOf(sizes ...int64) (parts []writer.Part) {
	for i, n := range sizes {
		if n > 0 {
			parts = append(parts, writer.Part{Number: int32(i + 1), Size: n * mib})
		}
	}
	return parts
}

func upload(key, id string, age time.Duration, parts ...writer.Part) leftUpload {
	return leftUpload{Upload: writer.Upload{Key: key, ID: id, Initiated: time.Now().Add(-age)}, parts: parts}
}

func someUploads() *heldUploads {
	return &heldUploads{uploads: []leftUpload{
		upload("raw/a", "a1", time.Hour, partsOf(10, 10, 3)...),
		upload("raw/a", "a2", 48*time.Hour, partsOf(10)...),
		upload("raw/b", "b1", 72*time.Hour, partsOf(10, 0, 10)...),
		upload("raw/b", "ended", 72*time.Hour),
		upload("raw2", "c1", 72*time.Hour),
	}}
}

// newCall is a call for target as a command line without flags makes it; answer
// is what the user types, shown what he sees.
func newCall(t *testing.T, target, answer string) (u *uploadsCall, shown *bytes.Buffer) {
	t.Helper()
	u, shown = newUploadsCall(), &bytes.Buffer{}
	u.command = &cobra.Command{}
	u.command.SetIn(strings.NewReader(answer))
	u.command.SetOut(shown)
	if err := u.read(target); err != nil {
		t.Fatal(err)
	}
	return u, shown
}

func TestUploadsListShowsTheOldestFirst(t *testing.T) {
	u, shown := newCall(t, "films/raw/", "")
	if err := u.listUploads(t.Context(), someUploads()); err != nil {
		t.Fatal(err)
	}
	b1, a2, a1 := strings.Index(shown.String(), "b1"), strings.Index(shown.String(), "a2"), strings.Index(shown.String(), "a1")
	if b1 < 0 || a2 < b1 || a1 < a2 || strings.Contains(shown.String(), "c1") || strings.Contains(shown.String(), "ended") {
		t.Errorf("shown:\n%s", shown)
	}
	if !strings.Contains(shown.String(), "3 uploads, 53 MiB") {
		t.Errorf("no sum in:\n%s", shown)
	}
}

func TestUploadsListJSON(t *testing.T) {
	u, shown := newCall(t, "films/raw/b", "")
	u.json = true
	l := someUploads()
	if err := u.listUploads(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	var got uploadJSON
	if err := json.Unmarshal(shown.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	got.Initiated = got.Initiated.UTC()
	parts, bytes := 2, int64(20*mib)
	if want := (uploadJSON{"raw/b", "b1", l.uploads[2].Initiated.Round(0).UTC(), &parts, &bytes}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhichUploadsAreMeant(t *testing.T) {
	for _, c := range []struct {
		path, id  string
		olderThan time.Duration
		want      string
	}{
		{"", "", 0, "raw/b:b1 raw/b:ended raw2:c1 raw/a:a2 raw/a:a1"},
		{"raw", "", 0, "raw/b:b1 raw/b:ended raw/a:a2 raw/a:a1"},
		{"raw/", "", 0, "raw/b:b1 raw/b:ended raw/a:a2 raw/a:a1"},
		{"raw/a", "", 0, "raw/a:a2 raw/a:a1"},
		{"raw/a", "a1", 0, "raw/a:a1"},
		{"", "", 60 * time.Hour, "raw/b:b1 raw/b:ended raw2:c1"},
		{"ra", "", 0, ""},
	} {
		chosen := choiceOfUploads{"films", c.path, c.id, c.olderThan}
		list, err := chosen.list(t.Context(), someUploads())
		var got []string
		for _, u := range list {
			got = append(got, u.Key+":"+u.ID)
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%+v: %v, %v; want %s", chosen, got, err, c.want)
		}
	}
}

func TestUploadsAbort(t *testing.T) {
	for name, c := range map[string]struct {
		target, id, answer string
		olderThan          time.Duration
		yes                bool
		aborted            string
		says               string
	}{
		"a key, with yes":       {target: "films/raw/a", yes: true, aborted: "a2 a1"},
		"a key, asked":          {target: "films/raw/a", answer: "y\n", aborted: "a2 a1"},
		"a key, refused":        {target: "films/raw/a", answer: "n\n", says: "nothing was aborted"},
		"a key, nobody there":   {target: "films/raw/a", says: "nothing was aborted"},
		"one of a key":          {target: "films/raw/a", id: "a1", yes: true, aborted: "a1"},
		"an ID":                 {target: "films", id: "c1", yes: true, aborted: "c1"},
		"an age":                {target: "films", olderThan: 60 * time.Hour, yes: true, aborted: "b1 c1"},
		"a key that has none":   {target: "films/raw", yes: true, says: "no upload of films/raw"},
		"an ID that is unknown": {target: "films", id: "x", yes: true, says: "no upload with the ID x"},
		"an age that is none":   {target: "films", olderThan: 600 * time.Hour, yes: true},
		"a whole bucket":        {target: "films", yes: true, says: "--older-than"},
		"a whole folder":        {target: "films/raw/", yes: true, says: "--older-than"},
	} {
		u, _ := newCall(t, c.target, c.answer)
		u.chosen.id, u.chosen.olderThan, u.yes = c.id, c.olderThan, c.yes
		l := someUploads()
		err := u.abortUploads(t.Context(), l)
		if got := strings.Join(l.aborted, " "); got != c.aborted {
			t.Errorf("%s: aborted %q, want %q", name, got, c.aborted)
		}
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestUploadsAbortGoesOnAfterAFailure(t *testing.T) {
	l := someUploads()
	l.uploads = append(l.uploads, upload("raw/a", "stubborn", 49*time.Hour))
	u, _ := newCall(t, "films/raw/a", "")
	u.yes = true
	err := u.abortUploads(t.Context(), l)
	if err == nil || !strings.Contains(err.Error(), "stubborn: denied") || !slices.Equal(l.aborted, []string{"a2", "a1"}) {
		t.Errorf("%v, aborted %v", err, l.aborted)
	}
}

func TestRecoverable(t *testing.T) {
	for _, c := range []struct {
		sizes []int64 // MiB
		parts int
		why   string
	}{
		{nil, 0, ""},
		{[]int64{10}, 1, ""},
		{[]int64{1}, 1, ""},
		{[]int64{10, 10, 1}, 3, ""},
		{[]int64{10, 10, 0, 10}, 2, "part 3 is missing"},
		{[]int64{0, 10}, 0, "part 1 is missing"},
		{[]int64{10, 4, 10}, 2, "part 2 has 4 MiB"},
	} {
		r := recoverable(partsOf(c.sizes...))
		if len(r.parts) != c.parts || !strings.HasPrefix(r.end, c.why) || (r.end == "") != (c.why == "") {
			t.Errorf("%v: %d parts, %q", c.sizes, len(r.parts), r.end)
		}
	}
}

// TestRecoveredChecksum: the object's checksum is that of its bytes.
func TestRecoveredChecksum(t *testing.T) {
	first, second := []byte("first part"), []byte("and second")
	part := func(p []byte) writer.Part {
		return writer.Part{Size: int64(len(p)), Checksum: writer.Checksum{Algorithm: writer.CRC64NVME, Value: writer.CRC64NVME.Update(0, p)}}
	}
	r := recovery{parts: []writer.Part{part(first), part(second)}}
	want := writer.Completion{Size: 20, Checksum: writer.Checksum{
		Algorithm: writer.CRC64NVME, Value: writer.CRC64NVME.Update(0, append(first, second...)),
	}}
	if got := r.completion(writer.CRC64NVME); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.parts[1].Checksum = writer.Checksum{}
	if got := r.completion(writer.CRC64NVME); got != (writer.Completion{Size: 20}) {
		t.Errorf("with a part without checksum: %+v", got)
	}
}

func TestUploadsComplete(t *testing.T) {
	there := &writer.Object{Key: "raw/b", ETag: `"old"`, Size: 7}
	for name, c := range map[string]struct {
		target, id string
		object     *writer.Object
		yes        bool
		want       writer.Completion
		shows      string
		says       string
	}{
		"only shown":        {target: "films/raw/b", shows: "10 MiB of 1 part behind, since part 2 is missing", says: "--yes"},
		"up to the gap":     {target: "films/raw/b", yes: true, want: writer.Completion{Size: 10 * mib, Condition: writer.Condition{IfNoneMatch: true}}, shows: "completed"},
		"over an object":    {target: "films/raw/b", yes: true, object: there, want: writer.Completion{Size: 10 * mib, Condition: writer.Condition{IfMatch: `"old"`}}, shows: "replaces the object"},
		"one of several":    {target: "films/raw/a", id: "a1", yes: true, want: writer.Completion{Size: 23 * mib, Condition: writer.Condition{IfNoneMatch: true}}},
		"several":           {target: "films/raw/a", yes: true, shows: "a2", says: "--upload-id"},
		"without any part":  {target: "films/raw2", yes: true, says: "part 1 is missing"},
		"of another key":    {target: "films/raw/c", yes: true, says: "no upload of films/raw/c"},
		"of a whole folder": {target: "films/raw/", yes: true, says: "KEY is missing"},
	} {
		u, shown := newCall(t, c.target, "")
		u.chosen.id, u.yes = c.id, c.yes
		l := someUploads()
		l.object = c.object
		err := u.completeUpload(t.Context(), l)
		if l.completed != c.want || !strings.Contains(shown.String(), c.shows) {
			t.Errorf("%s: completed %+v, want %+v, and %q in:\n%s", name, l.completed, c.want, c.shows, shown)
		}
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestPrintableQuotesWhatMovesTheCursor(t *testing.T) {
	for text, want := range map[string]string{"raw/ä b": "raw/ä b", "a\x1b[2J": `"a\x1b[2J"`, "a\nb": `"a\nb"`} {
		if got := printable(text); got != want {
			t.Errorf("%q prints as %s", text, got)
		}
	}
}

// TestUploadsWhosePartsCannotBeTold are listed all the same, and the others with
// them; the exit code tells. They can be aborted, but not completed.
func TestUploadsWhosePartsCannotBeTold(t *testing.T) {
	store := someUploads()
	store.uploads = append(store.uploads, upload("raw/c", "another's", time.Hour))
	for _, json := range []bool{false, true} {
		u, shown := newCall(t, "films", "")
		u.json = json
		err := u.listUploads(t.Context(), store)
		if !errors.Is(err, writer.ErrAccess) || !strings.Contains(err.Error(), "1 upload ") || !strings.Contains(shown.String(), "a1") {
			t.Errorf("%v\n%s", err, shown)
		}
		if row := `"parts":null,"bytes":null`; json && strings.Count(shown.String(), row) != 1 {
			t.Errorf("not once %s:\n%s", row, shown)
		}
		if fields := strings.Join(strings.Fields(shown.String()), " "); !json && !strings.Contains(fields, "? ? raw/c another's") {
			t.Errorf("shown:\n%s", shown)
		}
	}
	u, _ := newCall(t, "films/raw/c", "")
	u.yes = true
	if err := u.completeUpload(t.Context(), store); !errors.Is(err, writer.ErrAccess) {
		t.Errorf("completed: %v", err)
	}
	if err := u.abortUploads(t.Context(), store); err != nil || !slices.Equal(store.aborted, []string{"another's"}) {
		t.Errorf("%v, aborted %v", err, store.aborted)
	}
}

package fs

import (
	"slices"
	"testing"
)

// table is a process table for tests: threads are numbered 10 times their
// group and up.
type table struct {
	descriptors []int       // groups that have a descriptor of the file
	children    map[int]int // one child each
	killedGroup int
}

func (p table) group(thread uint32) int { return int(thread) / 10 }
func (p table) killed(thread uint32) bool {
	return p.group(thread) == p.killedGroup && p.killedGroup != 0
}
func (p table) holds(group int, _ uint64) bool {
	for ; group != 0; group = p.children[group] {
		if slices.Contains(p.descriptors, group) {
			return true
		}
	}
	return false
}

func TestTheRuleForFlush(t *testing.T) {
	const opener, child, stranger = 1, 2, 3
	parent := map[int]int{opener: child}
	for _, c := range []struct {
		name    string
		flusher uint32 // thread
		wrote   []int
		bytes   bool
		table   table
		onKill  OnKill
		want    verdict
	}{
		{name: "the opener closes what it wrote", flusher: 10, wrote: []int{opener}, bytes: true, want: publish},
		{name: "another thread of the opener closes", flusher: 17, bytes: true, want: publish},
		{name: "a child closes what it wrote", flusher: 20, wrote: []int{child}, bytes: true, want: publish},
		{name: "a child that did not write exits", flusher: 20, wrote: []int{opener}, bytes: true, want: leave},
		{name: "a process that cannot be seen closes", flusher: 0, bytes: true, want: publish},
		{name: "touch", flusher: 10, want: publish},
		{name: "touch has a duplicate", flusher: 10, table: table{descriptors: []int{opener}}, want: leave},
		{name: "the child has inherited the empty file", flusher: 10, table: table{descriptors: []int{child}, children: parent}, want: leave},
		{name: "a stranger has the empty file", flusher: 10, table: table{descriptors: []int{stranger}, children: parent}, want: publish},
		{name: "a child that did not open closes the empty file", flusher: 20, want: leave},
		{name: "a process that cannot be seen closes the empty file", flusher: 0, want: leave},
		{name: "a killed writer", flusher: 10, bytes: true, table: table{killedGroup: opener}, want: publish},
		{name: "a killed writer, park", flusher: 10, bytes: true, table: table{killedGroup: opener}, onKill: KillPark, want: park},
		{name: "a killed writer, abort", flusher: 10, bytes: true, table: table{killedGroup: opener}, onKill: KillAbort, want: abort},
		{name: "a killed bystander", flusher: 20, bytes: true, table: table{killedGroup: child}, onKill: KillAbort, want: leave},
		{name: "an exit that is no kill", flusher: 10, bytes: true, onKill: KillAbort, want: publish},
	} {
		tree := &Tree{processes: c.table, o: Options{OnKill: c.onKill}}
		got := tree.onFlush(flushed{
			thread: c.flusher, opener: opener, bytes: c.bytes,
			wrote: func(group int) bool { return slices.Contains(c.wrote, group) },
		})
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

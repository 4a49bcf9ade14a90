package memory

import "testing"

func TestTheBudgetIsALimit(t *testing.T) {
	p, err := New(3*BlockSize + 5)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := p.TryGet(), p.TryGet(), p.TryGet()
	if a == nil || b == nil || c == nil || p.TryGet() != nil {
		t.Fatal("a budget of three blocks and a bit must give three blocks")
	}
	if p.Used() != 3*BlockSize || p.Size() != 3*BlockSize {
		t.Errorf("used %d of %d", p.Used(), p.Size())
	}
	changed := p.Changed()
	p.Put(b)
	<-changed
	if got := p.TryGet(); &got[0] != &b[0] {
		t.Error("the block given back last must be reused first")
	}
	p.Put(a, b, c)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestTrimmedBlocksAreReusedAndEmpty(t *testing.T) {
	p, err := New(BlockSize)
	if err != nil {
		t.Fatal(err)
	}
	b := p.TryGet()
	b[0], b[BlockSize-1] = 1, 1
	if err := p.Close(); err == nil {
		t.Error("closing with a block in use must fail")
	}
	p.Put(b)
	p.Trim()
	b = p.TryGet()
	if b == nil || b[0] != 0 || b[BlockSize-1] != 0 {
		t.Error("a trimmed block must be usable again and its pages gone")
	}
	p.Put(b)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestTooSmallABudgetIsRefused(t *testing.T) {
	if _, err := New(BlockSize - 1); err == nil {
		t.Error("less than a block was taken")
	}
}

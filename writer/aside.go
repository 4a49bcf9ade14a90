package writer

// SetAside tells the file that the bytes of the object it was opened on, or
// published as, are those of object from now on, because the key is about to
// lose them. Nobody reads or writes meanwhile.
func (f *File) SetAside(object Object) {
	f.op.Lock()
	defer f.op.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.object == nil || f.state == failed || f.state == closed {
		return
	}
	for i, x := range f.below {
		if x.src.same(f.object) {
			f.below[i].src = &object
		}
	}
	f.closeReader()
	f.object = &object
}

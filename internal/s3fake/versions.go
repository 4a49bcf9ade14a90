package s3fake

// remember gives an object its version, in a versioned bucket. A delete leaves
// a marker there, under which the versions stay. s.mu is held.
func (s *Store) remember(o *object) {
	if !s.versioned {
		return
	}
	o.VersionID = s.uniqueLocked()
	if s.history[o.Key] == nil {
		s.history[o.Key] = map[string]*object{}
	}
	s.history[o.Key][o.VersionID] = o
}

// Archive moves an object to a storage class from which it must be restored
// before it can be read or copied, as a lifecycle rule does.
func (s *Store) Archive(key, class string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := *s.objects[key]
	o.StorageClass = class
	s.objects[key] = &o
}

// archived refuses what needs the bytes of an object that is archived.
func (o *object) archived() error {
	if o.StorageClass == "GLACIER" || o.StorageClass == "DEEP_ARCHIVE" {
		return invalidState
	}
	return nil
}

// Lock protects an object from being deleted or replaced, as a retention does
// where a bucket policy or a store applies it to the key and not to the
// version.
func (s *Store) Lock(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked == nil {
		s.locked = map[string]bool{}
	}
	s.locked[key] = true
}

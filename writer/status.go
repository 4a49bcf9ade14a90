package writer

import "time"

// Status is a snapshot of one file for people.
type Status struct {
	Key           string
	Size          int64 // bytes
	UploadID      string
	Begun         time.Time // the upload, by the store's clock
	AbortDate     time.Time // see Upload.AbortDate
	State         string
	PartsSent     int
	PartsInFlight int
	PartsRetained int
	BytesSent     int64 // bytes that S3 has acknowledged, those sent again counted again
	BytesLeft     int64 // bytes in memory that S3 does not have: still to be sent, or on their way
	MemoryUsed    int64 // bytes of the budget
	Err           error // latched
}

// Status describes the file.
func (f *File) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{
		Key: f.key, Size: f.size, State: f.state.String(), Err: f.err, BytesSent: f.bytesSent,
		MemoryUsed: int64(len(f.blocks)) * f.engine.o.BlockSize,
	}
	for _, b := range f.blocks {
		if b.dirty || b.sending > 0 {
			s.BytesLeft += b.valid.length()
		}
	}
	if s.UploadID = f.left; f.upload == nil {
		return s
	}
	s.UploadID, s.PartsInFlight = f.upload.id.ID, f.upload.flight
	s.Begun, s.AbortDate = f.upload.id.Initiated, f.upload.id.AbortDate
	for _, p := range f.upload.parts {
		if p.state != inFlight {
			s.PartsSent++
		}
		if p.kept {
			s.PartsRetained++
		}
	}
	return s
}

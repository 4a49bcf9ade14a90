package writer

import (
	"context"
	"errors"
	"testing"

	"github.com/s3mpfs/s3mpfs/internal/panics"
)

// plainStore takes whatever it is sent.
type plainStore struct{ Store }

func (plainStore) PutObject(_ context.Context, key string, _ Attributes, body Body, _ Condition) (Object, error) {
	return Object{Key: key, ETag: "e", Size: body.Size}, nil
}

func (plainStore) CreateMultipartUpload(_ context.Context, key string, _ Attributes, _ Condition) (Upload, error) {
	return Upload{Key: key, ID: "u"}, nil
}

func (plainStore) UploadPart(_ context.Context, _ Upload, number int32, body Body) (Part, error) {
	return Part{Number: number, ETag: "e", Size: body.Size}, nil
}

func (plainStore) AbortMultipartUpload(context.Context, Upload) error { return nil }

// TestAPanicFailsItsFileAlone: where the program finds itself wrong outside of
// the store, whoever asked and in whatever goroutine, the file has an error from
// then on, and the others go on. The engine's block of zeros is taken away, so
// that whoever sends a hole stumbles.
func TestAPanicFailsItsFileAlone(t *testing.T) {
	hole := func(f *File, size int64) {
		if err := f.Truncate(size); err != nil {
			panic(err)
		}
	}
	for name, stumble := range map[string]func(f *File) error{
		"in a goroutine": func(f *File) error {
			f.engine.undertake(f, func() { panic("injected") })
			return nil
		},
		"when a small file is published": func(f *File) error {
			hole(f, 10)
			return f.Publish()
		},
		"when a part is full": func(f *File) error {
			hole(f, 15)
			_, err := f.WriteAt(make([]byte, 40), 15)
			return err
		},
		"when memory is wanted": func(f *File) error {
			hole(f, 15)
			if _, err := f.WriteAt([]byte{1}, 15); err != nil {
				return err
			}
			f.engine.askToGiveWay(f)
			return nil
		},
		"when the end is sent": func(f *File) error {
			if _, err := f.WriteAt(make([]byte, 16), 0); err != nil {
				return err
			}
			hole(f, 40)
			return f.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			limits := Limits{MaxParts: 100, MinPart: 4, MaxPart: 64, MaxCopy: 64, MinCopySource: 4, MaxObject: 4000}
			engine, err := New(plainStore{}, Options{PartSize: 16, BlockSize: 4, Memory: 64, MaxHole: 40, Limits: limits})
			if err != nil {
				t.Fatal(err)
			}
			engine.zeros = nil
			f, other := engine.Create("f", FileOptions{}), engine.Create("other", FileOptions{})
			var fault *panics.Error
			if err := stumble(f); err != nil && !errors.As(err, &fault) {
				t.Errorf("told %v", err)
			}
			engine.undertakings.Wait()
			if err := f.Publish(); !errors.As(err, &fault) {
				t.Errorf("afterwards: %v, want the panic", err)
			}
			if _, err := other.Write(make([]byte, 40)); err != nil {
				t.Error(err)
			}
			_ = f.Release()
			if err := other.Release(); err != nil {
				t.Error(err)
			}
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

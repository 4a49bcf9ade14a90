package writer_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/s3mpfs/s3mpfs/internal/s3fake"
	"github.com/s3mpfs/s3mpfs/writer"
)

// bucket stands for s3store.Open(ctx, s3store.Config{Bucket: "my-bucket"}),
// which the examples cannot reach.
func bucket() *s3fake.Store { return s3fake.New(s3fake.Options{Checksum: writer.CRC64NVME}) }

// A File is an io.WriteCloser: whatever produces bytes can be streamed into an
// object of any size. Close tells whether the object exists.
func ExampleEngine_Create() {
	store := bucket()
	engine, err := writer.New(store, writer.Options{Memory: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()

	f := engine.Create("reports/2026.txt", writer.FileOptions{
		Attributes: writer.Attributes{ContentType: "text/plain"},
	})
	if _, err := io.Copy(f, strings.NewReader("All is well.\n")); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	object, _ := f.Object()
	fmt.Println(object.Key, object.Size)
	// Output: reports/2026.txt 13
}

// A File is an io.WriterAt too: bytes may come in any order, and a header may
// be filled in at the end.
func ExampleFile_WriteAt() {
	store := bucket()
	engine, err := writer.New(store, writer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()

	f := engine.Create("takes/one.wav", writer.FileOptions{})
	f.WriteAt([]byte("????WAVE"), 0)
	f.WriteAt([]byte("samples"), 8)
	f.WriteAt([]byte("RIFF"), 0)
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	content, _ := store.Bytes("takes/one.wav")
	fmt.Printf("%s\n", content)
	// Output: RIFFWAVEsamples
}

// Open changes an object that exists. What is not touched is copied within S3,
// and if somebody else replaced the object meanwhile Close says so and leaves
// theirs.
func ExampleEngine_Open() {
	store := bucket()
	store.Set("log", []byte("first\n"), writer.Attributes{})
	engine, err := writer.New(store, writer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()

	object, err := store.HeadObject(context.Background(), "log")
	if err != nil {
		log.Fatal(err)
	}
	f := engine.Open(object, writer.FileOptions{Attributes: object.Attributes})
	f.Append([]byte("second\n"))
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	content, _ := store.Bytes("log")
	fmt.Printf("%s", content)
	// Output:
	// first
	// second
}

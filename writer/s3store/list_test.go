package s3store

import (
	"slices"
	"testing"

	"github.com/s3mpfs/s3mpfs/writer"
)

func TestListDecodesKeys(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"ListObjectsV2": {says(`<ListBucketResult>
		<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t+1</NextContinuationToken>
		<Contents><Key>d/a+b%2Bc%0A</Key><ETag>"e"</ETag><Size>5</Size><StorageClass>GLACIER</StorageClass>
			<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>
		<Contents><Key>d/100%</Key></Contents>
		<CommonPrefixes><Prefix>d/%E2%82%AC/</Prefix></CommonPrefixes></ListBucketResult>`)}})
	store := s.open(t)
	objects, prefixes, next, err := store.List(t.Context(), "d/", "/", "t0", 5000)
	if err != nil || len(objects) != 2 || next != "t+1" || !slices.Equal(prefixes, []string{"d/€/"}) {
		t.Fatalf("%+v, %q, %q, %v", objects, prefixes, next, err)
	}
	if o := objects[0]; o.Key != "d/a b+c\n" || o.ETag != `"e"` || o.Size != 5 || o.StorageClass != "GLACIER" || o.LastModified.Unix() != 1767323045 {
		t.Errorf("%+v", o)
	}
	if objects[1].Key != "d/100%" {
		t.Errorf("a key that is not encoded became %q", objects[1].Key)
	}
	q := s.seen("ListObjectsV2")[0].URL.Query()
	if q.Get("max-keys") != "1000" || q.Get("encoding-type") != "url" || q.Get("continuation-token") != "t0" || q.Get("delimiter") != "/" {
		t.Errorf("asked %v", q)
	}
}

func TestListOfAStoreThatEncodesNothing(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"ListObjectsV2": {says(
		`<ListBucketResult><Name>bucket</Name><Contents><Key>a+b%20c</Key></Contents></ListBucketResult>`)}})
	objects, _, next, err := s.open(t).List(t.Context(), "", "", "", 10)
	if err != nil || len(objects) != 1 || objects[0].Key != "a+b%20c" || next != "" {
		t.Errorf("%+v, %q, %v", objects, next, err)
	}
}

func TestListUploadsOfEveryPageUnderThePrefix(t *testing.T) {
	s := newStub(t, map[string][]answerTo{"ListMultipartUploads": {
		says(`<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
			<NextKeyMarker>p/a+1</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>
			<Upload><Key>other</Key><UploadId>u0</UploadId></Upload>
			<Upload><Key>p/a+1</Key><UploadId>u1</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated>
			<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType></Upload></ListMultipartUploadsResult>`),
		says(`<ListMultipartUploadsResult><Upload><Key>p/b</Key><UploadId>u2</UploadId>
			<ChecksumAlgorithm>CRC32C</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType></Upload></ListMultipartUploadsResult>`),
	}})
	uploads, err := s.open(t).ListUploads(t.Context(), "p/")
	if err != nil || len(uploads) != 2 {
		t.Fatalf("%+v, %v", uploads, err)
	}
	if u := uploads[0]; u.Key != "p/a 1" || u.ID != "u1" || u.Checksum != writer.CRC64NVME || u.Initiated.Unix() != 1767323045 {
		t.Errorf("%+v", u)
	}
	if u := uploads[1]; u.Key != "p/b" || u.Checksum != writer.None {
		t.Errorf("%+v", u)
	}
	second := s.seen("ListMultipartUploads")[1].URL.Query()
	if second.Get("key-marker") != "p/a 1" || second.Get("upload-id-marker") != "u1" || second.Has("prefix") {
		t.Errorf("asked %v", second)
	}
}

func TestListPartsOfEveryPage(t *testing.T) {
	sum := someBody().Checksum
	s := newStub(t, map[string][]answerTo{"ListParts": {
		says(`<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>
			<Part><PartNumber>1</PartNumber><ETag>"a"</ETag><Size>12</Size><ChecksumCRC64NVME>` + sum.Base64() + `</ChecksumCRC64NVME></Part></ListPartsResult>`),
		says(`<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>"b"</ETag><Size>3</Size></Part></ListPartsResult>`),
	}})
	parts, err := s.open(t).ListParts(t.Context(), someUpload())
	want := []writer.Part{{Number: 1, ETag: `"a"`, Size: 12, Checksum: sum}, {Number: 2, ETag: `"b"`, Size: 3}}
	if err != nil || !slices.Equal(parts, want) {
		t.Errorf("%+v, %v", parts, err)
	}
	if second := s.seen("ListParts")[1].URL.Query(); second.Get("part-number-marker") != "1" {
		t.Errorf("asked %v", second)
	}
}

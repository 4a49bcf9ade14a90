// Package writer is the multipart engine: it makes S3 objects of files that are
// written, in bounded memory and without a disk.
//
// # The model
//
// S3 takes a large object as a multipart upload: numbered parts, sent in any
// order and in parallel, put together at the end. A File is such an object in
// the making. From offset 0 up it consists of three regions:
//
//	0 ........................ cursor ...................... window end ............ size
//	|  parts of the running     |  window: blocks of memory   |  rest: ranges of      |
//	|  upload, in S3            |  that S3 does not have      |  objects, or zeros    |
//
// Everything that is written goes into blocks. As soon as the blocks behind the
// cursor make a full part they are sent, while the program goes on writing, and
// the cursor moves on. Ranges of objects that S3 holds already are never
// downloaded, they become parts by UploadPartCopy: that is how a file is
// appended to, edited in its middle, or copied from another.
//
// S3 cannot read parts back before the upload is complete. The first part and
// the most recent ones are kept in memory while there is room, since that is
// where programs go back to patch a header; such a part is sent again under its
// number. Whatever needs another part's bytes, or finds all memory taken by
// writes here and there, or all part numbers used, is served by publishing: the
// upload is completed with everything written so far, the object becomes the
// new base, and a new upload begins at cursor 0. Options.Atomic forbids that
// before Publish is called.
//
// # Promises
//
//   - Publish returns nil only when S3 has said that the object exists, whole;
//     any other outcome is an error, latched in the file.
//   - Until then an object that was there before stays as it was.
//   - Each part carries a checksum taken as the bytes were copied in, and the
//     object the checksum combined from them, which S3 verifies with the size.
//   - All content lives in Options.Memory. A writer for whom there is none
//     waits; it does not fail, and does not wait for ever.
//   - A failed file's upload is aborted, or parked on purpose and named in the
//     log.
//   - A changed object is replaced only if it is still the one that was opened.
//
// # Memory
//
// Memory is had in blocks of Options.BlockSize. A writer that finds none free
// takes, in this order: blocks whose bytes S3 has too; blocks that parts in
// flight give back; blocks of other files, the coldest first, which are sent
// early or published for the purpose; and its own. A file that was unlinked
// can be published no more: it gives its bytes up when nobody else has any to
// give, and reading them is then an error. A publish may itself need
// memory, to fetch the surroundings of small edits: a reserve of one part is
// set aside for that, and one publish at a time may use it. So somebody can
// always go on.
package writer

//! A file of text of any size, read as UTF-8.

use std::io::{Chain, Cursor, Read, Result};

use super::Encoding;

/// A file whose beginning was looked at.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads a file as UTF-8, from any encoding. Bytes of a file that seems to be UTF-8 come unchanged: the caller splits them
/// into parts, and [`decode_part`](super::decode_part) reads each, with its invalid bytes.
pub(crate) enum Utf8<R> {
    Plain(Whole<R>),
    #[cfg(feature = "encodings")]
    Decoded(Box<encoding_rs_io::DecodeReaderBytes<Whole<R>, Vec<u8>>>),
}

impl<R: Read> Utf8<R> {
    /// A file, given its beginning; and a note on its encoding.
    ///
    /// # Errors
    /// The encoding's name, if this build does not read it.
    pub(crate) fn new(head: Vec<u8>, rest: R) -> std::result::Result<(Self, Option<String>), &'static str> {
        // The beginning may end within a character.
        let whole =
            (head.len().saturating_sub(4)..=head.len()).rev().find(|&end| std::str::from_utf8(&head[..end]).is_ok());
        let found = super::encoding(&head[..whole.unwrap_or(head.len())]);
        // Each part is decoded by itself.
        if found == Encoding::Legacy && super::is_mixed(&head) {
            return Ok((Self::Plain(Cursor::new(head).chain(rest)), None));
        }
        if let Encoding::Utf8 { mark } = found {
            let mut file = Cursor::new(head);
            file.set_position(mark as u64);
            return Ok((Self::Plain(file.chain(rest)), None));
        }
        Self::decoding(found, head, rest)
    }

    #[cfg(feature = "encodings")]
    fn decoding(found: Encoding, head: Vec<u8>, rest: R) -> std::result::Result<(Self, Option<String>), &'static str> {
        use encoding_rs::{UTF_16BE, UTF_16LE};

        let (encoding, note) = match found {
            Encoding::Utf16 { big, mark } => {
                let note = (mark == 0).then(|| "UTF-16 without a byte order mark".to_owned());
                (if big { UTF_16BE } else { UTF_16LE }, note)
            }
            Encoding::Legacy => {
                let encoding = super::guess(&head);
                (encoding, Some(super::told(encoding, false)))
            }
            _ => return Ok((Self::Plain(Cursor::new(head).chain(rest)), None)),
        };
        let mut builder = encoding_rs_io::DecodeReaderBytesBuilder::new();
        let file = builder.encoding(Some(encoding)).bom_override(true);
        let buffer = vec![0; 64 << 10];
        let file = file.build_with_buffer(Cursor::new(head).chain(rest), buffer);
        let file = file.map_err(|_| "a buffer of the decoder's")?;
        Ok((Self::Decoded(Box::new(file)), note))
    }

    #[cfg(not(feature = "encodings"))]
    fn decoding(found: Encoding, head: Vec<u8>, rest: R) -> std::result::Result<(Self, Option<String>), &'static str> {
        match found {
            Encoding::Utf16 { .. } => Err("UTF-16"),
            _ => Ok((Self::Plain(Cursor::new(head).chain(rest)), None)),
        }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            #[cfg(feature = "encodings")]
            Self::Decoded(file) => file.read(buffer),
        }
    }
}

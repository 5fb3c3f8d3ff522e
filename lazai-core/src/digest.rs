//! Hashing: SHA-256 (FIPS 180-4) with a domain before every use, and canonical JSON to hash.

use serde::Serialize;
use serde_json::Value;
use sha2::Digest as _;
use thiserror::Error;

use crate::id::Digest;

/// Domain-separated SHA-256: digests made for different purposes never collide.
///
/// Every part is preceded by its length as 8 little-endian bytes; the domain is the first part.
///
/// ```
/// use lazai_core::digest::DomainHasher;
/// let one = DomainHasher::new("lazai.example.v1").part(b"ab").part(b"c").finish();
/// let two = DomainHasher::new("lazai.example.v1").part(b"a").part(b"bc").finish();
/// assert_ne!(one, two);
/// ```
#[derive(Clone)]
pub struct DomainHasher(sha2::Sha256);

impl DomainHasher {
    /// Starts a hash in a domain such as `lazai.pov.manifest.v1`.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self(sha2::Sha256::new()).part(domain.as_bytes())
    }

    /// Adds one part.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds one part of a length that is known, from a stream.
    ///
    /// # Errors
    /// The stream's error; `UnexpectedEof` if it ends earlier.
    pub fn part_from(mut self, length: u64, stream: impl std::io::Read) -> std::io::Result<Self> {
        self.0.update(length.to_le_bytes());
        let mut left = stream.take(length);
        let mut buffer = vec![0; 64 << 10];
        let mut hashed = 0;
        loop {
            match std::io::Read::read(&mut left, &mut buffer)? {
                0 if hashed == length => return Ok(self),
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => {
                    self.0.update(&buffer[..read]);
                    hashed += read as u64;
                }
            }
        }
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// The plain SHA-256 of some bytes, as `sha256sum` prints it: for files that others check too.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(sha2::Sha256::digest(bytes).into())
}

/// The plain SHA-256 of everything a reader yields, in constant memory.
///
/// # Errors
/// The reader's error.
pub fn sha256_reader(mut reader: impl std::io::Read) -> std::io::Result<Digest> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Digest::from_bytes(hasher.finalize().into())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The Keccak-256 of some bytes, as Ethereum uses it.
#[must_use]
pub fn keccak256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(sha3::Keccak256::digest(bytes).into())
}

/// A value that has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// A number with a fraction or an exponent: its text is not the same everywhere.
    #[error("number {text} is not an integer")]
    NotInteger {
        /// The number as it was written.
        text: String,
    },
    /// The type's own serialiser refused.
    #[error("not serialisable: {reason}")]
    NotSerialisable {
        /// The serialiser's error.
        reason: String,
    },
}

/// The canonical JSON of a value: RFC 8785 (JCS) restricted to integers, so that everyone hashes the same bytes.
///
/// Keys are sorted by UTF-16 code units, there is no white space, and fractions are refused.
///
/// ```
/// use lazai_core::digest::canonical_json;
/// let bytes = canonical_json(&serde_json::json!({"b": 1, "a": ["x"]}))?;
/// assert_eq!(bytes, br#"{"a":["x"],"b":1}"#);
/// # Ok::<(), lazai_core::digest::CanonicalError>(())
/// ```
///
/// # Errors
/// [`CanonicalError`] for fractions and for values that serde cannot write.
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let refused = |e: serde_json::Error| CanonicalError::NotSerialisable { reason: e.to_string() };
    let value = serde_json::to_value(value).map_err(refused)?;
    let mut out = Vec::new();
    write_canonical(&value, &mut out)?;
    Ok(out)
}

/// The digest of a value's canonical JSON in a domain.
///
/// # Errors
/// As [`canonical_json`].
pub fn canonical_digest<T: Serialize + ?Sized>(domain: &str, value: &T) -> Result<Digest, CanonicalError> {
    Ok(DomainHasher::new(domain).part(&canonical_json(value)?).finish())
}

/// The bytes whose plain SHA-256 is the [`canonical_digest`] of a value: as an object of a store, it is found by that digest.
///
/// # Errors
/// As [`canonical_json`].
pub fn canonical_preimage<T: Serialize + ?Sized>(domain: &str, value: &T) -> Result<Vec<u8>, CanonicalError> {
    let json = canonical_json(value)?;
    let mut bytes = head(domain, json.len());
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

/// The JSON in what [`canonical_preimage`] made; `None` for other bytes.
#[must_use]
pub fn json_of_preimage<'b>(domain: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let json = bytes.get(head(domain, 0).len()..)?;
    bytes.starts_with(&head(domain, json.len())).then_some(json)
}

/// What a [`DomainHasher`] is given before its only part.
fn head(domain: &str, part: usize) -> Vec<u8> {
    [&(domain.len() as u64).to_le_bytes(), domain.as_bytes(), &(part as u64).to_le_bytes()].concat()
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let text = |s: &str| serde_json::to_vec(s).expect("a string is always serialisable");
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(n) if n.is_i64() || n.is_u64() => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Number(n) => return Err(CanonicalError::NotInteger { text: n.to_string() }),
        Value::String(s) => out.extend_from_slice(&text(s)),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_canonical(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            out.push(b'{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&text(key));
                out.push(b':');
                write_canonical(item, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        assert_eq!(sha256(b"abc").to_string(), "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(
            keccak256(b"inference_calls").to_string(),
            "0xd96e32e684ea1988f1407e4e159f68fe961ca036e281381ad8f104910fc8e1e7"
        );
    }

    #[test]
    fn keys_sort_by_utf16_and_fractions_are_refused() {
        // RFC 8785, section 3.2.3: U+1F600 (surrogates D83D DE00) sorts before U+FB33.
        let value = serde_json::json!({"\u{fb33}": 1, "\u{1f600}": 2, "1": 3});
        assert_eq!(canonical_json(&value).unwrap(), "{\"1\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}".as_bytes());
        assert!(matches!(canonical_json(&0.5), Err(CanonicalError::NotInteger { .. })));
    }

    #[test]
    fn a_preimage_is_found_by_the_digest() {
        let value = serde_json::json!({"b": 1, "a": ["x"]});
        let bytes = canonical_preimage("lazai.example.v1", &value).unwrap();
        assert_eq!(sha256(&bytes), canonical_digest("lazai.example.v1", &value).unwrap());
        assert_eq!(json_of_preimage("lazai.example.v1", &bytes), Some(&br#"{"a":["x"],"b":1}"#[..]));
        assert_eq!(json_of_preimage("lazai.example.v2", &bytes), None);
        for cut in 0..bytes.len() {
            assert_eq!(json_of_preimage("lazai.example.v1", &bytes[..cut]), None, "{cut}");
        }
    }
}

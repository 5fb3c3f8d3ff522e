//! Encapsulated requests and their answers: chunked Oblivious HTTP, in one suite.
//!
//! A request is sealed to the public key that a server told before; the answer comes back under keys that only the two of them derive,
//! chunk by chunk, so that it may stream. Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. Sources: RFC 9458;
//! draft-ietf-ohai-chunked-ohttp-08, whose formats these are; RFC 9180.
//!
//! ```
//! use lazai_core::seal::UnsealingKey;
//!
//! let server = UnsealingKey::random()?;
//! let (request, secret) = server.public().encapsulate(7, b"a question")?;
//! let (asked, answering) = server.decapsulate(7, &request)?;
//! assert_eq!(&**asked, b"a question");
//!
//! let mut sealer = answering.sealer()?;
//! let answer = [sealer.begin(), sealer.seal(b"an ")?, sealer.finish(b"answer")?].concat();
//! let mut opener = secret.opener();
//! let mut heard = opener.push(&answer)?;
//! heard.extend(opener.finish()?);
//! assert_eq!(heard, b"an answer");
//! # Ok::<(), lazai_core::seal::SealError>(())
//! ```

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hpke::aead::{Aead, AeadCtxR};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use super::varint::{put, take};
use super::{DhKem, MAX_SEALED_BYTES, SealAead, SealError, SealKdf, SealingKey, TAG_BYTES, UnsealingKey, check_size};

/// The media type of an encapsulated request.
pub const REQUEST_TYPE: &str = "message/ohttp-chunked-req";
/// The media type of an encapsulated answer.
pub const ANSWER_TYPE: &str = "message/ohttp-chunked-res";
/// Most bytes of one chunk, before it is sealed: what every receiver must take.
pub const MAX_CHUNK_BYTES: usize = 1 << 14;

/// What requests, and the keys of answers, are bound to.
const REQUEST_LABEL: &[u8] = b"message/bhttp chunked request";
const ANSWER_LABEL: &[u8] = b"message/bhttp chunked response";
/// Additional data of the last chunk; that of the others is empty.
const FINAL: &[u8] = b"final";

/// Key id, KEM, KDF, AEAD.
const HEADER_BYTES: usize = 7;
const PUBLIC_BYTES: usize = 32;
/// The longer of an AEAD's key and nonce: the length of the secret that is exported, and of an answer's nonce.
const SECRET_BYTES: usize = 32;

fn header<A: Aead>(key_id: u8) -> [u8; HEADER_BYTES] {
    let [kem, kdf, aead] = [DhKem::KEM_ID, <SealKdf as hpke::kdf::Kdf>::KDF_ID, A::AEAD_ID].map(|id| id.to_be_bytes());
    [key_id, kem[0], kem[1], kdf[0], kdf[1], aead[0], aead[1]]
}

fn info(label: &[u8], header: &[u8; HEADER_BYTES]) -> Vec<u8> {
    [label, &[0], header].concat()
}

/// A receiver's context, the key that a message brought, and the sealed rest.
type Opening<'m, A> = (AeadCtxR<A, SealKdf, DhKem>, &'m [u8; PUBLIC_BYTES], &'m [u8]);

/// The context of a request that came: what it was sealed under, and what is behind its header.
fn receiver<'m, A: Aead>(
    secret: &<DhKem as Kem>::PrivateKey,
    label: &[u8],
    key_id: u8,
    message: &'m [u8],
) -> Result<Opening<'m, A>, SealError> {
    let header = header::<A>(key_id);
    let (public, chunks) =
        message.strip_prefix(&header).and_then(|rest| rest.split_first_chunk()).ok_or(SealError::NotEncapsulated)?;
    let encapsulated = <DhKem as Kem>::EncappedKey::from_bytes(public).map_err(|_| SealError::NotPublicKey)?;
    let context = hpke::setup_receiver(&OpModeR::Base, secret, &encapsulated, &info(label, &header));
    Ok((context.map_err(|_| SealError::NotAuthentic)?, public, chunks))
}

/// Key and nonce of an answer (RFC 9458, section 4.4).
fn answer_keys(public: &[u8], nonce: &[u8], secret: &[u8], key: &mut [u8]) -> Result<[u8; 12], SealError> {
    let (_, kdf) = hkdf::Hkdf::<sha2::Sha256>::extract(Some(&[public, nonce].concat()), secret);
    let mut base = [0; 12];
    let expanded = kdf.expand(b"key", key).and_then(|()| kdf.expand(b"nonce", &mut base));
    expanded.map(|()| base).map_err(|_| SealError::NotAuthentic)
}

/// The id of the key that an encapsulated request is sealed to: its first byte.
#[must_use]
pub fn key_id(message: &[u8]) -> Option<u8> {
    message.first().copied()
}

impl SealingKey {
    /// Seals a request to the holder of this key, whose id there is `key_id`. The secret opens the answer.
    ///
    /// # Errors
    /// [`SealError::TooLarge`]; [`SealError::NotPublicKey`] for bytes that are no usable public key.
    pub fn encapsulate(&self, key_id: u8, request: &[u8]) -> Result<(Vec<u8>, AnswerSecret), SealError> {
        check_size(request.len())?;
        let public = <DhKem as Kem>::PublicKey::from_bytes(self.0.as_bytes()).map_err(|_| SealError::NotPublicKey)?;
        let header = header::<SealAead>(key_id);
        let info = info(REQUEST_LABEL, &header);
        let (encapsulated, mut context) =
            hpke::setup_sender::<SealAead, SealKdf, DhKem>(&OpModeS::Base, &public, &info)
                .map_err(|_| SealError::NotPublicKey)?;
        let encapsulated: [u8; PUBLIC_BYTES] = encapsulated.to_bytes().into();
        let mut message = Vec::with_capacity(request.len() + request.len() / 256 + 128);
        message.extend_from_slice(&header);
        message.extend_from_slice(&encapsulated);
        let mut chunks = request.chunks(MAX_CHUNK_BYTES).peekable();
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let is_last = chunks.peek().is_none();
            let sealed = context.seal(chunk, if is_last { FINAL } else { b"" });
            let sealed = sealed.map_err(|_| SealError::TooLarge { bytes: request.len(), max: MAX_SEALED_BYTES })?;
            put(&mut message, if is_last { 0 } else { sealed.len() as u64 });
            message.extend_from_slice(&sealed);
            if is_last {
                break;
            }
        }
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        context.export(ANSWER_LABEL, &mut *secret).map_err(|_| SealError::NotAuthentic)?;
        Ok((message, AnswerSecret { public: encapsulated, secret }))
    }
}

impl UnsealingKey {
    /// Opens a request that was sealed to this key under this id, whole. The secret seals the answer.
    ///
    /// # Errors
    /// [`SealError::NotEncapsulated`] for another id, suite or format; [`SealError::NotAuthentic`] if anything was changed or cut off.
    pub fn decapsulate(&self, key_id: u8, message: &[u8]) -> Result<(Zeroizing<Vec<u8>>, AnswerSecret), SealError> {
        check_size(message.len())?;
        let (mut context, public, mut rest) = receiver::<SealAead>(&self.secret, REQUEST_LABEL, key_id, message)?;
        let mut request = Zeroizing::new(Vec::with_capacity(rest.len()));
        loop {
            let (length, behind) = take(rest).ok_or(SealError::NotEncapsulated)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let is_last = length == 0;
            let length = if is_last { behind.len() } else { length };
            if length > MAX_CHUNK_BYTES + TAG_BYTES {
                return Err(SealError::TooLarge { bytes: length, max: MAX_CHUNK_BYTES + TAG_BYTES });
            }
            let (sealed, behind) = behind.split_at_checked(length).ok_or(SealError::NotEncapsulated)?;
            let opened = context.open(sealed, if is_last { FINAL } else { b"" });
            request.extend_from_slice(&Zeroizing::new(opened.map_err(|_| SealError::NotAuthentic)?));
            if is_last {
                break;
            }
            rest = behind;
        }
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        context.export(ANSWER_LABEL, &mut *secret).map_err(|_| SealError::NotAuthentic)?;
        Ok((request, AnswerSecret { public: *public, secret }))
    }
}

/// What both sides of a request derive for its answer. Wiped when dropped, never printed.
pub struct AnswerSecret {
    public: [u8; PUBLIC_BYTES],
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl AnswerSecret {
    /// Seals an answer, under a fresh nonce: two answers to one request have nothing in common.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn sealer(&self) -> Result<AnswerSealer, SealError> {
        let mut nonce = [0; SECRET_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        Ok(AnswerSealer { nonce, chunks: Chunks::new(self, &nonce)? })
    }

    /// Opens the answer.
    #[must_use]
    pub fn opener(self) -> AnswerOpener {
        AnswerOpener { secret: self, chunks: None, buffer: Vec::new(), is_last: false }
    }
}

impl std::fmt::Debug for AnswerSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerSecret([redacted])")
    }
}

/// The cipher of an answer, and the number of its next chunk.
struct Chunks {
    cipher: ChaCha20Poly1305,
    base: [u8; 12],
    number: u64,
}

impl Chunks {
    fn new(of: &AnswerSecret, nonce: &[u8; SECRET_BYTES]) -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        let base = answer_keys(&of.public, nonce, &*of.secret, &mut *key)?;
        Ok(Self { cipher: ChaCha20Poly1305::new(&Key::from(*key)), base, number: 0 })
    }

    /// The nonce of the next chunk. Nobody sends 2^64 of them.
    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.base;
        nonce.iter_mut().skip(4).zip(self.number.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        self.number = self.number.wrapping_add(1);
        Nonce::from(nonce)
    }
}

/// Seals an answer as it is made.
pub struct AnswerSealer {
    nonce: [u8; SECRET_BYTES],
    chunks: Chunks,
}

impl AnswerSealer {
    /// The beginning of the answer.
    #[must_use]
    pub fn begin(&self) -> Vec<u8> {
        self.nonce.to_vec()
    }

    /// The next bytes of the answer, sealed; nothing for nothing.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], which no answer of this library reaches.
    pub fn seal(&mut self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::with_capacity(bytes.len() + 32);
        for chunk in bytes.chunks(MAX_CHUNK_BYTES) {
            let chunk = self.chunk(chunk, b"")?;
            put(&mut sealed, chunk.len() as u64);
            sealed.extend_from_slice(&chunk);
        }
        Ok(sealed)
    }

    /// The end of the answer, with the last of its bytes: without it, a reader knows that something is missing.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn finish(mut self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        let (before, last) = bytes.split_at(bytes.len().saturating_sub(MAX_CHUNK_BYTES));
        let mut sealed = self.seal(before)?;
        put(&mut sealed, 0);
        sealed.extend_from_slice(&self.chunk(last, FINAL)?);
        Ok(sealed)
    }

    fn chunk(&mut self, chunk: &[u8], aad: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = self.chunks.nonce();
        let sealed = self.chunks.cipher.encrypt(&nonce, Payload { msg: chunk, aad });
        sealed.map_err(|_| SealError::TooLarge { bytes: chunk.len(), max: MAX_CHUNK_BYTES })
    }
}

impl std::fmt::Debug for AnswerSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AnswerSealer {{ chunks: {} }}", self.chunks.number)
    }
}

/// Opens an answer as it comes.
pub struct AnswerOpener {
    secret: AnswerSecret,
    chunks: Option<Chunks>,
    /// What came of the next chunk.
    buffer: Vec<u8>,
    /// True from the mark before the last chunk on.
    is_last: bool,
}

impl AnswerOpener {
    /// Takes bytes of the answer; returns what they complete.
    ///
    /// # Errors
    /// [`SealError::NotAuthentic`] if anything was changed, left out or put in; [`SealError::TooLarge`] for a chunk that is.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        self.buffer.extend_from_slice(bytes);
        let (mut opened, mut at) = (Vec::new(), 0);
        if self.chunks.is_none() {
            let Some((nonce, _)) = self.buffer.split_first_chunk() else { return Ok(opened) };
            self.chunks = Some(Chunks::new(&self.secret, nonce)?);
            at = SECRET_BYTES;
        }
        let Some(chunks) = &mut self.chunks else { return Ok(opened) };
        while !self.is_last {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let Some((length, behind)) = take(rest) else { break };
            let prefix = rest.len().saturating_sub(behind.len());
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > MAX_CHUNK_BYTES + TAG_BYTES {
                return Err(SealError::TooLarge { bytes: length, max: MAX_CHUNK_BYTES + TAG_BYTES });
            }
            if length == 0 {
                self.is_last = true;
                at += prefix;
                break;
            }
            let Some(sealed) = behind.get(..length) else { break };
            let nonce = chunks.nonce();
            opened.extend(chunks.cipher.decrypt(&nonce, sealed).map_err(|_| SealError::NotAuthentic)?);
            at += prefix + length;
        }
        self.buffer.drain(..at);
        if self.is_last && self.buffer.len() > MAX_CHUNK_BYTES + TAG_BYTES {
            return Err(SealError::TooLarge { bytes: self.buffer.len(), max: MAX_CHUNK_BYTES + TAG_BYTES });
        }
        Ok(opened)
    }

    /// The last of the answer, once nothing more comes.
    ///
    /// # Errors
    /// [`SealError::NotAuthentic`] if the answer was cut off or changed.
    pub fn finish(self) -> Result<Vec<u8>, SealError> {
        let Some(mut chunks) = self.chunks.filter(|_| self.is_last) else { return Err(SealError::NotAuthentic) };
        let nonce = chunks.nonce();
        let last = Payload { msg: &self.buffer, aad: FINAL };
        chunks.cipher.decrypt(&nonce, last).map_err(|_| SealError::NotAuthentic)
    }
}

impl std::fmt::Debug for AnswerOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AnswerOpener {{ chunks: {:?} }}", self.chunks.as_ref().map(|chunks| chunks.number))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

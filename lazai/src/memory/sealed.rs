//! The sealed log of a memory: a header, then a frame for each entry. Layout: `docs/formats.md`.

use std::sync::Arc;

use lazai_core::digest::DomainHasher;
use lazai_core::seal::{DataKey, SealError, SealedKey, UnsealingKey};
use lazai_core::sign::{Encoder, SignerError, TypedData};
use lazai_core::{Digest, Signer};

use super::{Entry, MemoryError};

/// First bytes of every memory: format `LZM`, version 1.
pub const MEMORY_MAGIC: [u8; 4] = *b"LZM1";
/// Bytes of the header: the magic, and the data key sealed to the owner.
pub(super) const HEADER_BYTES: usize = 4 + 80;
/// Bytes before a frame's ciphertext: its length, and a check of that.
const FRAME_HEAD_BYTES: usize = 8;
/// Most bytes of a frame's ciphertext: one of the longest entry, each byte of which JSON writes as six.
const MAX_FRAME_BYTES: usize = 6 * super::MAX_TEXT_BYTES + 4_096;
/// Entries are padded to a multiple of this, so that their lengths tell little.
const PADDING_BYTES: usize = 64;
const PURPOSE: &[u8] = b"lazai.memory.v1";

/// The struct whose signature is the secret of a memory. It is sent to nobody.
struct MemoryClaim;

impl TypedData for MemoryClaim {
    const TYPE: &'static str = "MemoryKey(string purpose)";

    fn encode(&self, out: &mut Encoder) {
        out.string("Opens what you keep of your conversations. Sign this for programs that you trust to read them.");
    }
}

/// The key that opens a memory.
#[derive(Debug, Clone)]
pub struct MemoryKey(Arc<UnsealingKey>);

impl MemoryKey {
    /// The key of an account: derived of a signature that only its signer makes, the same on every device and market.
    ///
    /// # Errors
    /// The signer's error; [`SignerError::Refused`] for a signer that signs the same otherwise each time, as some key management
    /// services do: what is sealed by it could not be opened.
    pub async fn of(signer: &dyn Signer) -> Result<Self, SignerError> {
        let seed = crate::secret::secret(signer, "LazAI memory", &MemoryClaim, "lazai.memory.key.v1").await?;
        Ok(Self::from_bytes(seed.as_bytes()))
    }

    /// The key of 32 secret bytes.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(Arc::new(UnsealingKey::derive(secret)))
    }

    /// Seals a data key to the owner.
    pub(super) fn seal(&self, data: &DataKey, purpose: &[u8]) -> Result<SealedKey, SealError> {
        self.0.public().seal(data, purpose)
    }

    /// Opens a data key that was sealed to the owner.
    pub(super) fn open(&self, sealed: &SealedKey, purpose: &[u8]) -> Result<DataKey, SealError> {
        self.0.open(sealed, purpose)
    }
}

/// A sealed log that is open. Its data key is drawn afresh each time that it is written anew.
pub(super) struct Log {
    data: DataKey,
    header: [u8; HEADER_BYTES],
    frames: u64,
    /// Where the last whole frame ends.
    end: u64,
}

impl Log {
    /// An empty log.
    pub fn new(key: &MemoryKey) -> Result<Self, MemoryError> {
        let data = DataKey::random()?;
        let mut header = [0; HEADER_BYTES];
        let (magic, sealed) = header.split_at_mut(4);
        magic.copy_from_slice(&MEMORY_MAGIC);
        sealed.copy_from_slice(&key.seal(&data, PURPOSE)?.to_bytes());
        Ok(Self { data, header, frames: 0, end: HEADER_BYTES as u64 })
    }

    /// Opens the header of a log.
    pub fn open(bytes: &[u8], key: &MemoryKey) -> Result<Self, MemoryError> {
        let header: [u8; HEADER_BYTES] = bytes
            .first_chunk()
            .copied()
            .filter(|header| header.starts_with(&MEMORY_MAGIC))
            .ok_or(MemoryError::NotMemory)?;
        let sealed = SealedKey::from_bytes(&header[4..]).ok_or(MemoryError::NotMemory)?;
        let data = key.open(&sealed, PURPOSE).map_err(|_| MemoryError::OtherKey)?;
        Ok(Self { data, header, frames: 0, end: HEADER_BYTES as u64 })
    }

    pub fn header(&self) -> &[u8; HEADER_BYTES] {
        &self.header
    }

    /// Where the last whole frame ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Reads the frames that follow those read before. A last one that was not written whole is left out.
    pub fn read(&mut self, mut bytes: &[u8]) -> Result<Vec<Entry>, MemoryError> {
        let mut entries = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk::<FRAME_HEAD_BYTES>() {
            let (length, check) = head.split_at(4);
            let length = length.try_into().map_or(0, u32::from_le_bytes);
            if check != self.check(self.frames, length) {
                // A file may be longer than what reached the disk before a power cut: the rest is zeros then.
                if bytes.iter().all(|byte| *byte == 0) {
                    break;
                }
                return Err(self.damaged());
            }
            let Some((sealed, after)) = rest.split_at_checked(length as usize) else { break };
            let opened = match self.data.decrypt(sealed, self.context(self.frames).as_bytes()) {
                Ok(opened) => opened,
                Err(_) if after.is_empty() => break,
                Err(_) => return Err(self.damaged()),
            };
            entries.push(serde_json::from_slice(&opened).map_err(|_| self.damaged())?);
            self.frames += 1;
            self.end += (FRAME_HEAD_BYTES + sealed.len()) as u64;
            bytes = after;
        }
        Ok(entries)
    }

    /// The bytes of the next frames. Once they are written, [`wrote`](Self::wrote) tells so.
    pub fn frames(&self, entries: &[Entry]) -> Result<Vec<u8>, MemoryError> {
        let mut bytes = Vec::new();
        for (place, entry) in (self.frames..).zip(entries) {
            // Numbers and texts always have a form in JSON.
            let mut plain = serde_json::to_vec(entry).unwrap_or_default();
            plain.resize(plain.len().next_multiple_of(PADDING_BYTES), b' ');
            let sealed = self.data.encrypt(&plain, self.context(place).as_bytes())?;
            if sealed.len() > MAX_FRAME_BYTES {
                let (bytes, max) = (sealed.len() as u64, MAX_FRAME_BYTES as u64);
                return Err(MemoryError::TooLarge { what: "an entry", bytes, max });
            }
            let length = sealed.len() as u32;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&self.check(place, length));
            bytes.extend_from_slice(&sealed);
        }
        Ok(bytes)
    }

    /// Notes that frames were written.
    pub fn wrote(&mut self, count: usize, bytes: usize) {
        self.frames += count as u64;
        self.end += bytes as u64;
    }

    /// What a frame's ciphertext is bound to: its log and its place.
    fn context(&self, place: u64) -> Digest {
        DomainHasher::new("lazai.memory.frame.v1").part(&self.header).part(&place.to_le_bytes()).finish()
    }

    /// The check of a length: a torn frame is told from a damaged one.
    fn check(&self, place: u64, length: u32) -> [u8; 4] {
        let digest = DomainHasher::new("lazai.memory.length.v1")
            .part(self.context(place).as_bytes())
            .part(&length.to_le_bytes())
            .finish();
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    fn damaged(&self) -> MemoryError {
        MemoryError::Damaged { entry: self.frames + 1 }
    }
}

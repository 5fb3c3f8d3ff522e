//! Secrecy: the private dataset is encrypted under a fresh data key, and that key is sealed to one reader.
//!
//! The data key encrypts once (ChaCha20-Poly1305, RFC 8439); HPKE in base mode (RFC 9180: DHKEM(X25519,
//! HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305) seals it to the ExEx that a submission names. Layouts:
//! `docs/formats.md`. What goes to a server and back is [`encapsulated`];
//! files that lie on a disk are kept [`AtRest`].

pub mod encapsulated;
mod rest;
pub mod varint;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hpke::kem::X25519HkdfSha256 as DhKem;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::id::Digest;
pub use rest::{AtRest, REST_MAGIC, sealed_path};

type SealAead = hpke::aead::ChaCha20Poly1305;
type SealKdf = hpke::kdf::HkdfSha256;

/// First bytes of every ciphertext: format `LZE`, version 1.
pub const CIPHERTEXT_MAGIC: [u8; 4] = *b"LZE1";
/// Largest plaintext or ciphertext that is accepted: 1 GiB.
pub const MAX_SEALED_BYTES: usize = 1 << 30;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Why something could not be encrypted or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The bytes differ from those encrypted, or the key or the context is another one.
    #[error("ciphertext does not authenticate under this key and context")]
    NotAuthentic,
    /// Shorter than any ciphertext, or another format.
    #[error("not a ciphertext of format LZE1: {bytes} bytes")]
    NotCiphertext {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Not a request that was encapsulated in this format and suite, for this key.
    #[error("not an encapsulated request for this key")]
    NotEncapsulated,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    NoRandomness,
    /// Not a public key of X25519.
    #[error("not an X25519 public key")]
    NotPublicKey,
    /// More than [`MAX_SEALED_BYTES`].
    #[error("{bytes} bytes exceed the limit of {max}")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

/// The key of one private dataset: 32 random bytes, wiped when dropped, never printed.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| SealError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The key out of 32 secret bytes, such as a digest of something secret.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Encrypts bytes under a fresh nonce. `context` must be given again to decrypt.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], [`SealError::NoRandomness`].
    pub fn encrypt(&self, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
        check_size(plaintext.len())?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let sealed = self
            .cipher()
            .encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad: context })
            .map_err(|_| SealError::TooLarge { bytes: plaintext.len(), max: MAX_SEALED_BYTES })?;
        Ok([&CIPHERTEXT_MAGIC[..], &nonce, &sealed].concat())
    }

    /// Decrypts the result of [`DataKey::encrypt`].
    ///
    /// # Errors
    /// [`SealError`]: a wrong key, a wrong context and damaged bytes cannot be told apart.
    pub fn decrypt(&self, ciphertext: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        check_size(ciphertext.len())?;
        let not_ciphertext = SealError::NotCiphertext { bytes: ciphertext.len() };
        let body = ciphertext.strip_prefix(&CIPHERTEXT_MAGIC).ok_or(not_ciphertext.clone())?;
        if body.len() < NONCE_BYTES + TAG_BYTES {
            return Err(not_ciphertext);
        }
        let (nonce, sealed) = body.split_at(NONCE_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| not_ciphertext)?;
        self.cipher()
            .decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: context })
            .map(Zeroizing::new)
            .map_err(|_| SealError::NotAuthentic)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

fn check_size(bytes: usize) -> Result<(), SealError> {
    if bytes > MAX_SEALED_BYTES { Err(SealError::TooLarge { bytes, max: MAX_SEALED_BYTES }) } else { Ok(()) }
}

/// The public key that others seal to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealingKey(pub Digest);

/// A data key that only one reader can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKey {
    /// The encapsulated key of the KEM: an X25519 public key.
    pub encapsulated: Digest,
    /// The data key, encrypted: 32 bytes and a tag of 16, as hex.
    #[serde(with = "hex_48")]
    pub ciphertext: [u8; 48],
}

impl SealedKey {
    /// The encapsulated key, then the encrypted one: how a chain keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 80] {
        let mut bytes = [0; 80];
        bytes[..32].copy_from_slice(self.encapsulated.as_bytes());
        bytes[32..].copy_from_slice(&self.ciphertext);
        bytes
    }

    /// The key from the bytes of [`SealedKey::to_bytes`]; `None` for any other length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (encapsulated, ciphertext) = bytes.split_first_chunk::<32>()?;
        Some(Self { encapsulated: Digest::from_bytes(*encapsulated), ciphertext: ciphertext.try_into().ok()? })
    }
}

/// The key pair of a reader. The secret half is wiped when dropped and never printed.
pub struct UnsealingKey {
    secret: <DhKem as Kem>::PrivateKey,
    public: SealingKey,
}

impl UnsealingKey {
    /// A fresh key pair.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn random() -> Result<Self, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_| SealError::NoRandomness)?;
        Ok(Self::derive(&seed))
    }

    /// The key pair of RFC 9180's `DeriveKeyPair` for 32 secret bytes.
    #[must_use]
    pub fn derive(seed: &[u8; 32]) -> Self {
        let (secret, public) = DhKem::derive_keypair(seed);
        Self { secret, public: SealingKey(Digest::from_bytes(public.to_bytes().into())) }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealingKey {
        self.public
    }

    /// Opens a data key sealed to this reader for this purpose.
    ///
    /// # Errors
    /// [`SealError::NotAuthentic`] if it was sealed to another reader or for another purpose.
    pub fn open(&self, sealed: &SealedKey, info: &[u8]) -> Result<DataKey, SealError> {
        let encapsulated = <DhKem as Kem>::EncappedKey::from_bytes(sealed.encapsulated.as_bytes())
            .map_err(|_| SealError::NotPublicKey)?;
        let mut opened = hpke::single_shot_open::<SealAead, SealKdf, DhKem>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            info,
            &sealed.ciphertext,
            &[],
        )
        .map_err(|_| SealError::NotAuthentic)?;
        let key = <[u8; 32]>::try_from(opened.as_slice()).map(Zeroizing::new);
        opened.zeroize();
        key.map(DataKey).map_err(|_| SealError::NotAuthentic)
    }
}

impl std::fmt::Debug for UnsealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UnsealingKey {{ public: {}, secret: [redacted] }}", self.public.0)
    }
}

impl SealingKey {
    /// Seals a data key to the holder of this public key, for one purpose.
    ///
    /// # Errors
    /// [`SealError::NotPublicKey`] for bytes that are no usable public key.
    pub fn seal(&self, key: &DataKey, info: &[u8]) -> Result<SealedKey, SealError> {
        let public = <DhKem as Kem>::PublicKey::from_bytes(self.0.as_bytes()).map_err(|_| SealError::NotPublicKey)?;
        let (encapsulated, ciphertext) =
            hpke::single_shot_seal::<SealAead, SealKdf, DhKem>(&OpModeS::Base, &public, info, &*key.0, &[])
                .map_err(|_| SealError::NotPublicKey)?;
        let ciphertext = ciphertext.try_into().map_err(|_| SealError::NotAuthentic)?;
        Ok(SealedKey { encapsulated: Digest::from_bytes(encapsulated.to_bytes().into()), ciphertext })
    }
}

mod hex_48 {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 48], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 48], D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; 48];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(&text), &mut bytes)
            .map_err(|_| serde::de::Error::custom("sealed key: expected 48 bytes of hex"))?;
        Ok(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_reader_opens_and_every_flip_is_seen() {
        let (reader, stranger) = (UnsealingKey::random().unwrap(), UnsealingKey::random().unwrap());
        let key = DataKey::random().unwrap();
        let sealed = reader.public().seal(&key, b"submission 1").unwrap();
        let ciphertext = key.encrypt(b"private words", b"context").unwrap();

        let opened = reader.open(&sealed, b"submission 1").unwrap();
        assert_eq!(&**opened.decrypt(&ciphertext, b"context").unwrap(), b"private words");
        assert_eq!(stranger.open(&sealed, b"submission 1").unwrap_err(), SealError::NotAuthentic);
        assert_eq!(reader.open(&sealed, b"submission 2").unwrap_err(), SealError::NotAuthentic);
        assert_eq!(key.decrypt(&ciphertext, b"other").unwrap_err(), SealError::NotAuthentic);
        for i in 0..ciphertext.len() {
            let mut damaged = ciphertext.clone();
            damaged[i] ^= 1;
            assert!(key.decrypt(&damaged, b"context").is_err(), "flip at {i}");
            assert!(key.decrypt(&ciphertext[..i], b"context").is_err(), "cut at {i}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let text = format!("{:?} {:?}", DataKey::random().unwrap(), UnsealingKey::random().unwrap());
        assert_eq!(text.matches("[redacted]").count(), 2);
    }
}

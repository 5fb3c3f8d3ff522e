//! Identifiers: fixed-width bytes written as `0x…` hex, and numbers that must not be mixed up.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::DomainHasher;

/// A text that is not the hex form of an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HexError {
    /// A character outside `0-9a-fA-F`, or an odd number of digits.
    #[error("{what}: not hex: {text:?}")]
    NotHex {
        /// The identifier that was read.
        what: &'static str,
        /// The offending text, cut to 80 characters.
        text: String,
    },
    /// The right alphabet, the wrong number of bytes.
    #[error("{what}: expected {expected} bytes, found {found}")]
    Length {
        /// The identifier that was read.
        what: &'static str,
        /// Its length in bytes.
        expected: usize,
        /// The number of bytes in the text.
        found: usize,
    },
}

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// All bytes zero.
            pub const ZERO: Self = Self([0; $len]);
            /// Number of bytes.
            pub const LEN: usize = $len;

            /// Wraps raw bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                let what = stringify!($name);
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let bytes = hex::decode(digits)
                    .map_err(|_| HexError::NotHex { what, text: text.chars().take(80).collect() })?;
                let found = bytes.len();
                let bytes = bytes.try_into().map_err(|_| HexError::Length { what, expected: $len, found })?;
                Ok(Self(bytes))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $repr:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

fixed_bytes! {
    /// An account: the last 20 bytes of the Keccak-256 of its public key, as on Ethereum.
    Address, 20
}
fixed_bytes! {
    /// 32 bytes that name some content: a SHA-256, a Keccak-256 or a Poseidon root, as the place says.
    Digest, 32
}
fixed_bytes! {
    /// A ledger: on a chain, the digest of chain id and contract; else the digest of its genesis. Everything signed is
    /// bound to it.
    LedgerId, 32
}
fixed_bytes! {
    /// A dataset submitted for validation: the digest of ledger, submitter and the submitter's nonce.
    SubmissionId, 32
}
fixed_bytes! {
    /// A paid conversation: the digest of ledger, payer, the payer's nonce, consumer and offer. Never reused.
    SessionId, 32
}
number! {
    /// A class of Data Anchoring Tokens (ERC-8028): here, one character. Counted from 1.
    ClassId, u64
}
number! {
    /// A Data Anchoring Token. Counted from 1; 0 is invalid.
    TokenId, u64
}
number! {
    /// A version of a class: one adapter of the character. Counted from 1.
    VersionNumber, u32
}
number! {
    /// A version of the parameters that governance sets. Counted from 1.
    ParamsVersion, u32
}
number! {
    /// A proposal to change the parameters. Counted from 1.
    ProposalId, u64
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no randomness from the operating system")]
pub struct NoRandomness;

impl Digest {
    /// 32 bytes of the operating system's randomness.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }
}

impl SubmissionId {
    /// The id of a submitter's submission: nobody else can take it, and it means nothing on another ledger.
    #[must_use]
    pub fn derive(ledger: LedgerId, submitter: Address, nonce: u64) -> Self {
        Self(derive("lazai.submission.v1", ledger, submitter, nonce))
    }
}

fn derive(domain: &str, ledger: LedgerId, owner: Address, nonce: u64) -> [u8; 32] {
    let hasher = DomainHasher::new(domain).part(&ledger.0).part(&owner.0).part(&nonce.to_le_bytes());
    *hasher.finish().as_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip_and_errors() {
        let address: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().unwrap();
        assert_eq!(address.to_string(), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert_eq!(serde_json::from_str::<Address>(&serde_json::to_string(&address).unwrap()).unwrap(), address);
        assert!(matches!("0x12".parse::<Digest>(), Err(HexError::Length { expected: 32, found: 1, .. })));
        assert!(matches!("zz".parse::<Digest>(), Err(HexError::NotHex { .. })));
    }
}

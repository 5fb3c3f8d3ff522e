//! Signatures: EIP-712 typed data over secp256k1.
//!
//! A [`TypedData`] value and a [`Domain`] give the digest that is signed. Holders of keys are behind the [`Signer`] trait,
//! so that keys can live in a wallet, a phone's key store or a cloud's.

mod signer;
mod typed;

#[cfg(feature = "keystore")]
pub use signer::KeystoreError;
pub use signer::{
    CallbackSigner, LocalSigner, SignFuture, Signer, SignerError, SigningRequest, SigningSubject, sign, sign_request,
};
pub use typed::{Domain, Encoder, TypedData, abi_words, signing_digest, typed_data_json};

use k256::ecdsa::{RecoveryId, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::keccak256;
use crate::id::{Address, Digest};

/// Why a signature names no signer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// `s` lies in the upper half of the order: a second form of some valid signature (EIP-2).
    #[error("signature is not in its canonical low-s form")]
    HighS,
    /// `r`, `s` or the recovery byte is out of range, or no key fits.
    #[error("signature is malformed")]
    Malformed,
    /// Another account signed.
    #[error("signed by {found}, expected {expected}")]
    WrongSigner {
        /// The expected signer.
        expected: Address,
        /// The signer found.
        found: Address,
    },
}

/// A secp256k1 signature as Ethereum writes it: `r` (32 bytes), `s` (32 bytes), `v` (27 or 28).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 65]);

impl Signature {
    /// Wraps 65 bytes; they are checked when the signer is recovered.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 65]) -> Self {
        Self(bytes)
    }

    /// Reads 65 bytes, or 64 as EIP-2098 packs them. `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        if let Ok(whole) = bytes.try_into() {
            return Some(Self(whole));
        }
        let packed: [u8; 64] = bytes.try_into().ok()?;
        let mut whole = [0; 65];
        whole[..64].copy_from_slice(&packed);
        whole[32] &= 0x7f;
        whole[64] = 27 + (packed[32] >> 7);
        Some(Self(whole))
    }

    /// The signature in 64 bytes (EIP-2098). `None` where `v` is neither 27 nor 28, or `s` is high.
    #[must_use]
    pub fn packed(&self) -> Option<[u8; 64]> {
        let parity = self.0[64].checked_sub(27).filter(|parity| *parity < 2)?;
        let mut packed = [0; 64];
        packed.copy_from_slice(&self.0[..64]);
        if packed[32] & 0x80 != 0 {
            return None;
        }
        packed[32] |= parity << 7;
        Some(packed)
    }

    /// Stands where a chain checked a signature and its log does not have it: zeros, which nobody signs. Accounts that are
    /// contracts (ERC-1271) sign in ways that only the chain can check.
    pub const NOT_LOGGED: Self = Self([0; 65]);

    /// The 65 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }

    /// The account that signed a digest.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`] or [`SignatureError::HighS`].
    pub fn recover(&self, digest: Digest) -> Result<Address, SignatureError> {
        let recovery = match self.0[64] {
            v @ (27 | 28) => RecoveryId::from_byte(v - 27).ok_or(SignatureError::Malformed)?,
            _ => return Err(SignatureError::Malformed),
        };
        let signature = k256::ecdsa::Signature::from_slice(&self.0[..64]).map_err(|_| SignatureError::Malformed)?;
        if signature.normalize_s() != signature {
            return Err(SignatureError::HighS);
        }
        let key = VerifyingKey::recover_from_prehash(digest.as_bytes(), &signature, recovery)
            .map_err(|_| SignatureError::Malformed)?;
        Ok(address_of(&key))
    }

    /// Checks the signer of a typed value.
    ///
    /// # Errors
    /// [`SignatureError`] as [`Signature::recover`], or [`SignatureError::WrongSigner`].
    pub fn verify<T: TypedData>(&self, domain: &Domain, value: &T, expected: Address) -> Result<(), SignatureError> {
        let found = self.recover(signing_digest(domain, value))?;
        if found == expected { Ok(()) } else { Err(SignatureError::WrongSigner { expected, found }) }
    }
}

fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    let hash = keccak256(&point.as_bytes()[1..]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash.as_bytes()[12..]);
    Address::from_bytes(address)
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl std::str::FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 65];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
            .map_err(|_| SignatureError::Malformed)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The `exact` scheme's example of the x402 specification: an EIP-3009 transfer of Base Sepolia's USDC.
    struct TransferWithAuthorization;

    impl TypedData for TransferWithAuthorization {
        const TYPE: &'static str = "TransferWithAuthorization(address from,address to,uint256 value,\
                                    uint256 validAfter,uint256 validBefore,bytes32 nonce)";

        fn encode(&self, out: &mut Encoder) {
            out.address("0x857b06519E91e3A54538791bDbb0E22373e36b66".parse().unwrap());
            out.address("0x209693Bc6afc0C5328bA36FaF03C514EF312287C".parse().unwrap());
            out.uint(10_000);
            out.uint(1_740_672_089);
            out.uint(1_740_672_154);
            out.bytes32("0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480".parse().unwrap());
        }
    }

    fn domain(name: &str) -> Domain {
        Domain {
            name: name.into(),
            version: "2".into(),
            chain_id: 84_532,
            verifying_contract: "0x036CbD53842c5426634e7929541eC2318f3dCF7e".parse().unwrap(),
            salt: None,
        }
    }

    #[test]
    fn x402_example_hashes_and_recovers() {
        let digest = signing_digest(&domain("USDC"), &TransferWithAuthorization);
        assert_eq!(digest.to_string(), "0xf256992871671abcb27ff92885a7afa46218724e5fc0bac35d050115aa1d22e6");
        let signature: Signature = "0x2d6a7588d6acca505cbf0d9a4a227e0c52c6c34008c8e8986a1283259764173608a2ce6496642e3\
                                    77d6da8dbbf5836e9bd15092f9ecab05ded3d6293af148b571c"
            .replace(' ', "")
            .parse()
            .unwrap();
        let from: Address = "0x857b06519E91e3A54538791bDbb0E22373e36b66".parse().unwrap();
        assert_eq!(signature.recover(digest), Ok(from));
        // The token's display name gives another domain, so another signer.
        assert!(matches!(
            signature.verify(&domain("USD Coin"), &TransferWithAuthorization, from),
            Err(SignatureError::WrongSigner { .. })
        ));
    }

    #[test]
    fn malleated_and_malformed_signatures_are_refused() {
        let signer = LocalSigner::from_bytes([7; 32]).unwrap();
        let digest = keccak256(b"message");
        let signature = signer.sign_digest(digest);
        assert_eq!(signature.recover(digest), Ok(signer.address()));
        let mut high = *signature.as_bytes();
        let s: k256::NonZeroScalar = k256::ecdsa::Signature::from_slice(&high[..64]).unwrap().s();
        high[32..64].copy_from_slice(&(-*s).to_bytes());
        high[64] = 55 - high[64];
        assert_eq!(Signature::from_bytes(high).recover(digest), Err(SignatureError::HighS));
        assert_eq!(Signature::from_bytes([0; 65]).recover(digest), Err(SignatureError::Malformed));
        let packed = signature.packed().unwrap();
        assert_eq!(Signature::from_slice(&packed), Some(signature));
        assert_eq!(Signature::from_slice(signature.as_bytes()), Some(signature));
        assert_eq!(Signature::from_slice(&packed[1..]), None);
        assert_eq!(Signature::from_bytes(high).packed(), None);
        assert_eq!(Signature::from_bytes([255; 65]).recover(digest), Err(SignatureError::Malformed));
    }

    #[test]
    fn a_callback_that_signs_with_another_key_is_caught() {
        use std::sync::Arc;
        let (mine, other) = (Arc::new(LocalSigner::random().unwrap()), LocalSigner::random().unwrap().address());
        let callback = |key: Arc<LocalSigner>| {
            move |request: SigningRequest| -> SignFuture<'static> {
                let signature = key.sign_digest(request.digest);
                Box::pin(std::future::ready(Ok(signature)))
            }
        };
        let honest = CallbackSigner::new(mine.address(), callback(mine.clone()));
        let signed = pollster::block_on(sign(&honest, &domain("USDC"), &TransferWithAuthorization)).unwrap();
        assert!(signed.verify(&domain("USDC"), &TransferWithAuthorization, mine.address()).is_ok());
        let confused = CallbackSigner::new(other, callback(mine));
        let signed = pollster::block_on(sign(&confused, &domain("USDC"), &TransferWithAuthorization));
        assert!(matches!(signed, Err(SignerError::WrongSignature { .. })));
        let refusing = CallbackSigner::new(other, move |_| {
            let refused = SignerError::Refused { address: other, reason: "the user said no".into() };
            Box::pin(std::future::ready(Err(refused)))
        });
        let signed = pollster::block_on(sign(&refusing, &domain("USDC"), &TransferWithAuthorization));
        assert!(matches!(signed, Err(SignerError::Refused { .. })));
    }
}

//! Keys that sign files (ECDSA over P-256), and accounts that stand for them.

use std::path::Path;

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature as P256Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::OmsError;
use crate::digest::sha256;
use crate::file::write_privately;
use crate::id::Address;
use crate::sign::{Domain, Encoder, Signature, Signer, SignerError, TypedData, sign};

/// A key that signs files: wiped when dropped, never printed.
pub struct FileKey(SigningKey);

impl FileKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`OmsError::NoRandomness`].
    pub fn random() -> Result<Self, OmsError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(&mut *bytes).map_err(|_| OmsError::NoRandomness)?;
            // All but 2^-32 of the candidates are keys.
            if let Ok(key) = SigningKey::from_slice(&*bytes) {
                return Ok(Self(key));
            }
        }
    }

    /// The key in a file (PKCS#8, PEM), which is made for its owner alone if it is not there.
    ///
    /// # Errors
    /// [`OmsError::Key`] for a file that is there and holds none, [`OmsError::File`].
    pub fn open_or_create(path: &Path) -> Result<Self, OmsError> {
        let wrong = |reason: String| OmsError::Key { path: path.into(), reason };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let key = SigningKey::from_pkcs8_pem(&text);
                key.map(Self).map_err(|_| wrong("is no P-256 key in PKCS#8, PEM".into()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::random()?;
                let pem = key.0.to_pkcs8_pem(LineEnding::LF).map_err(|error| wrong(error.to_string()))?;
                write_privately(path, pem.as_bytes()).map_err(OmsError::file(path))?;
                Ok(key)
            }
            Err(error) => Err(OmsError::file(path)(error)),
        }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicFileKey {
        PublicFileKey(*self.0.verifying_key())
    }

    /// An ECDSA signature over SHA-256, in DER, deterministic (RFC 6979).
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: P256Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileKey {{ public: {}, secret: [redacted] }}", self.public().hint())
    }
}

/// The public half of a key that signs files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicFileKey(VerifyingKey);

impl PublicFileKey {
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(pem).map_err(|error| error.to_string())?;
        VerifyingKey::from_public_key_pem(text).map(Self).map_err(|_| "is no public key of P-256 in PEM".into())
    }

    /// The key as PEM (SubjectPublicKeyInfo): what `model_signing verify key --public_key` reads.
    ///
    /// # Panics
    /// Never: a point of the curve has an encoding.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("a point of the curve has an encoding")
    }

    /// The key's name in signatures: SHA-256 of its PEM, as hex.
    #[must_use]
    pub fn hint(&self) -> String {
        hex::encode(sha256(self.pem().as_bytes()).as_bytes())
    }

    /// The uncompressed point (SEC 1): 65 bytes.
    #[must_use]
    pub fn to_sec1_bytes(&self) -> Vec<u8> {
        self.0.to_sec1_point(false).as_bytes().to_vec()
    }

    pub(super) fn verifies(&self, message: &[u8], der: &[u8]) -> bool {
        P256Signature::from_der(der).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// An account's claim that it signs files with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKeyClaim {
    /// The public key: the uncompressed point of P-256.
    pub public_key: Vec<u8>,
}

impl TypedData for FileKeyClaim {
    const TYPE: &'static str = "FileKey(bytes publicKey)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes(&self.public_key);
    }
}

/// An account's word for a key, in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccountNote {
    /// The account.
    pub account: Address,
    /// The domain of the ledger that the account signed for.
    pub domain: Domain,
    /// The public key: the uncompressed point, as hex.
    pub public_key: String,
    /// The account's signature of the [`FileKeyClaim`].
    pub signature: Signature,
}

impl AccountNote {
    /// Has an account sign for a key.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn sign(signer: &dyn Signer, domain: Domain, key: &PublicFileKey) -> Result<Self, SignerError> {
        let claim = FileKeyClaim { public_key: key.to_sec1_bytes() };
        let signature = sign(signer, &domain, &claim).await?;
        let public_key = format!("0x{}", hex::encode(&claim.public_key));
        Ok(Self { account: signer.address(), domain, public_key, signature })
    }

    /// The account, if it stands for this key.
    ///
    /// # Errors
    /// [`OmsError::Account`].
    pub fn check(&self, key: &PublicFileKey) -> Result<Address, OmsError> {
        let claim = FileKeyClaim { public_key: key.to_sec1_bytes() };
        if self.public_key != format!("0x{}", hex::encode(&claim.public_key)) {
            return Err(OmsError::Account { reason: "the account stands for another key".into() });
        }
        let checked = self.signature.verify(&self.domain, &claim, self.account);
        checked.map(|()| self.account).map_err(|error| OmsError::Account { reason: error.to_string() })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, OmsError> {
        serde_json::from_slice(bytes).map_err(|error| OmsError::Account { reason: error.to_string() })
    }
}

//! Signers: a key in memory, in a keystore file, or behind a callback.

use std::future::Future;
use std::pin::Pin;

use k256::ecdsa::SigningKey;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Domain, Signature, TypedData, address_of, signing_digest};
use crate::id::{Address, Digest};
use crate::money::Amount;

/// Why nothing was signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// 32 bytes that are zero or not below the group order.
    #[error("not a secp256k1 secret key")]
    InvalidKey,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    NoRandomness,
    /// The holder of the key refused or could not be reached.
    #[error("signer {address} refused: {reason}")]
    Refused {
        /// The expected signer.
        address: Address,
        /// The holder's message.
        reason: String,
    },
    /// The holder answered with a signature of another account.
    #[error("signer {address} answered with a signature by {found}")]
    WrongSignature {
        /// The expected signer.
        address: Address,
        /// The signer found, if it is a signature at all.
        found: String,
    },
}

/// A request to a signer; enough for a wallet to show its user what is signed.
#[derive(Debug, Clone)]
pub struct SigningRequest {
    /// The digest to sign.
    pub digest: Digest,
    /// The subject of the digest.
    pub subject: SigningSubject,
}

/// The subject of a digest to sign.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SigningSubject {
    /// Typed data (EIP-712).
    TypedData {
        /// The domain it is for.
        domain: Domain,
        /// `encodeType` of the value, such as `Voucher(…)`.
        encode_type: &'static str,
        /// `hashStruct` of the value.
        struct_hash: Digest,
    },
    /// A transaction of a chain.
    Transaction {
        /// EIP-155 chain id.
        chain_id: u64,
        /// The contract that is called; `None` for a deployment.
        to: Option<Address>,
        /// Coins that go with it, in base units.
        value: Amount,
        /// The call.
        data: Vec<u8>,
        /// The unsigned transaction (EIP-2718), whose keccak-256 is the digest.
        encoded: Vec<u8>,
    },
}

/// The future a [`Signer`] returns.
pub type SignFuture<'a> = Pin<Box<dyn Future<Output = Result<Signature, SignerError>> + Send + 'a>>;

/// An account that can sign. It never shows its key.
///
/// Asynchronous, because a person may have to press a button first.
pub trait Signer: Send + Sync {
    /// The account.
    fn address(&self) -> Address;

    /// Signs the digest of a request.
    fn sign(&self, request: SigningRequest) -> SignFuture<'_>;
}

impl<S: Signer + ?Sized> Signer for std::sync::Arc<S> {
    fn address(&self) -> Address {
        (**self).address()
    }

    fn sign(&self, request: SigningRequest) -> SignFuture<'_> {
        (**self).sign(request)
    }
}

/// Has a typed value signed, and checks that the right account did.
///
/// # Errors
/// The signer's error, or [`SignerError::WrongSignature`].
pub async fn sign<T: TypedData>(signer: &dyn Signer, domain: &Domain, value: &T) -> Result<Signature, SignerError> {
    let subject =
        SigningSubject::TypedData { domain: domain.clone(), encode_type: T::TYPE, struct_hash: value.hash_struct() };
    sign_request(signer, SigningRequest { digest: signing_digest(domain, value), subject }).await
}

/// Has anything signed, and checks that the right account did.
///
/// # Errors
/// The signer's error, or [`SignerError::WrongSignature`].
pub async fn sign_request(signer: &dyn Signer, request: SigningRequest) -> Result<Signature, SignerError> {
    let digest = request.digest;
    let signature = signer.sign(request).await?;
    let address = signer.address();
    match signature.recover(digest) {
        Ok(found) if found == address => Ok(signature),
        Ok(found) => Err(SignerError::WrongSignature { address, found: found.to_string() }),
        Err(error) => Err(SignerError::WrongSignature { address, found: error.to_string() }),
    }
}

/// A key in this process's memory: wiped when dropped, never printed.
///
/// ```
/// use lazai_core::{LocalSigner, Signer};
/// let signer = LocalSigner::random()?;
/// assert!(format!("{signer:?}").contains("redacted"));
/// # Ok::<(), lazai_core::SignerError>(())
/// ```
pub struct LocalSigner {
    // k256 wipes its scalar on drop.
    key: SigningKey,
    address: Address,
}

impl LocalSigner {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`SignerError::NoRandomness`].
    pub fn random() -> Result<Self, SignerError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(&mut *bytes).map_err(|_| SignerError::NoRandomness)?;
            // All but 2^-128 of the candidates are keys.
            if let Ok(signer) = Self::from_slice(&*bytes) {
                return Ok(signer);
            }
        }
    }

    /// The key with these big-endian bytes.
    ///
    /// # Errors
    /// [`SignerError::InvalidKey`] for zero and for numbers not below the group order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, SignerError> {
        Self::from_slice(&*Zeroizing::new(bytes))
    }

    fn from_slice(bytes: &[u8]) -> Result<Self, SignerError> {
        let key = SigningKey::from_slice(bytes).map_err(|_| SignerError::InvalidKey)?;
        let address = address_of(key.verifying_key());
        Ok(Self { key, address })
    }

    /// Signs any digest, deterministically (RFC 6979).
    #[must_use]
    pub fn sign_digest(&self, digest: Digest) -> Signature {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest.as_bytes());
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + recovery.to_byte();
        Signature::from_bytes(bytes)
    }
}

impl Signer for LocalSigner {
    fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, request: SigningRequest) -> SignFuture<'_> {
        Box::pin(std::future::ready(Ok(self.sign_digest(request.digest))))
    }
}

impl std::fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalSigner {{ address: {}, key: [redacted] }}", self.address)
    }
}

/// Why a keystore file could not be used.
#[cfg(feature = "keystore")]
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// The file holds no secp256k1 key.
    #[error("{path}: the decrypted bytes are not a secp256k1 key")]
    InvalidKey {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The password is wrong, or the file was changed: its check sum does not tell which.
    #[error("{path}: a wrong password, or the file was changed")]
    Password {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The file is damaged, or could not be read or written.
    #[error("{path}: {reason}")]
    Unusable {
        /// The file.
        path: std::path::PathBuf,
        /// The reason.
        reason: String,
    },
}

#[cfg(feature = "keystore")]
impl LocalSigner {
    /// Reads a Web3 Secret Storage file (keystore V3), as Ethereum wallets write them.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn from_keystore(path: &std::path::Path, password: &str) -> Result<Self, KeystoreError> {
        let secret = eth_keystore::decrypt_key(path, password).map_err(|error| match error {
            eth_keystore::KeystoreError::MacMismatch => KeystoreError::Password { path: path.into() },
            error => KeystoreError::Unusable { path: path.into(), reason: error.to_string() },
        })?;
        Self::from_slice(&Zeroizing::new(secret)).map_err(|_| KeystoreError::InvalidKey { path: path.into() })
    }

    /// Writes the key to a keystore V3 file (scrypt, AES-128-CTR) in a folder, under a name; on Unix it is for the process's
    /// own user alone.
    ///
    /// # Errors
    /// [`KeystoreError::Unusable`].
    pub fn to_keystore(&self, folder: &std::path::Path, name: &str, password: &str) -> Result<(), KeystoreError> {
        let secret = Zeroizing::new(<[u8; 32]>::from(self.key.to_bytes()));
        let mut rng = rand_of_keystore();
        let path = folder.join(name);
        let unusable = |reason: String| KeystoreError::Unusable { path: path.clone(), reason };
        // A file that is there keeps its rights when it is written over.
        let partial = format!("{name}.new");
        let written = folder.join(&partial);
        crate::file::write_privately(&written, &[]).map_err(|e| unusable(e.to_string()))?;
        eth_keystore::encrypt_key(folder, &mut rng, *secret, password, Some(&partial))
            .map_err(|e| unusable(e.to_string()))?;
        std::fs::rename(&written, &path).map_err(|e| unusable(e.to_string()))?;
        crate::file::sync_folder(crate::file::folder_of(&path)).map_err(|e| unusable(e.to_string()))
    }
}

/// The generator of the `rand` release that `eth-keystore` asks for.
#[cfg(feature = "keystore")]
fn rand_of_keystore() -> impl rand08::Rng + rand08::CryptoRng {
    rand08::rngs::OsRng
}

type SignCallback = dyn Fn(SigningRequest) -> SignFuture<'static> + Send + Sync;

/// A key that lives elsewhere: a wallet, a phone's key store, a key management service.
pub struct CallbackSigner {
    address: Address,
    callback: Box<SignCallback>,
}

impl CallbackSigner {
    /// An account whose signatures come from a callback.
    pub fn new(
        address: Address,
        callback: impl Fn(SigningRequest) -> SignFuture<'static> + Send + Sync + 'static,
    ) -> Self {
        Self { address, callback: Box::new(callback) }
    }
}

impl Signer for CallbackSigner {
    fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, request: SigningRequest) -> SignFuture<'_> {
        (self.callback)(request)
    }
}

impl std::fmt::Debug for CallbackSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallbackSigner {{ address: {} }}", self.address)
    }
}

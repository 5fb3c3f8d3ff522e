//! Domains, keys, and external signers.

use std::sync::Arc;

use lazai::core::sign::{SignFuture, SigningSubject};
use lazai::core::{Address, Digest, LocalSigner, Signature, Signer as CoreSigner, SignerError};

#[cfg(feature = "native")]
use crate::FilePath;
use crate::{LazaiError, record};

record! {
    /// The scope of a signature: an EIP-712 domain, that of the ledger.
    pub struct Domain {
        /// Name of the application.
        pub name: String,
        /// Version of its signed types.
        pub version: String,
        /// EIP-155 chain id.
        pub chain_id: u64,
        /// The contract that checks the signature.
        pub verifying_contract: String,
        /// The field `salt`, if the domain has one: that of an embedded ledger does.
        pub salt: Option<String>,
    }
}

impl Domain {
    pub(crate) fn parse(&self) -> Result<lazai::core::Domain, LazaiError> {
        Ok(lazai::core::Domain {
            name: self.name.clone(),
            version: self.version.clone(),
            chain_id: self.chain_id,
            verifying_contract: self.verifying_contract.parse()?,
            salt: self.salt.as_deref().map(str::parse).transpose()?,
        })
    }
}

record! {
    /// A request to a signer; enough for a wallet to show its user what is signed.
    pub struct SigningRequest {
        /// The 32 bytes to sign, as hex: Keccak-256 of domain and struct (EIP-712).
        pub digest: String,
        /// `encodeType` of the value, such as `Voucher(bytes32 session,…)`; empty for a transaction.
        pub encode_type: String,
        /// `hashStruct` of the value; empty for a transaction.
        pub struct_hash: String,
    }
}

/// An external key: in a phone's key store, a wallet, a key management service.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait::async_trait]
pub trait Signer: Send + Sync {
    /// The account's address.
    fn address(&self) -> String;

    /// Signs the digest; returns 65 bytes `r ‖ s ‖ v` as hex, `s` in the lower half, `v` 27 or 28.
    ///
    /// # Errors
    /// The error of the key's holder, as `signer.refused`.
    async fn sign(&self, request: SigningRequest) -> Result<String, LazaiError>;
}

/// A key in this process's memory: wiped when dropped, never printed.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct LocalKey(pub(crate) LocalSigner);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl LocalKey {
    /// A fresh key.
    ///
    /// # Errors
    /// `signer.no_randomness`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn random() -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(LocalSigner::random()?)))
    }

    /// The key of these 32 bytes, as hex.
    ///
    /// # Errors
    /// `hex.…`, `signer.invalid_key`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn from_hex(secret: String) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(LocalSigner::from_bytes(*secret.parse::<Digest>()?.as_bytes())?)))
    }

    /// Its address.
    pub fn address(&self) -> String {
        self.0.address().to_string()
    }

    /// Upcasts to `Signer`, for languages without structural typing.
    pub fn signer(self: Arc<Self>) -> Arc<dyn Signer> {
        self
    }

    /// Signs any 32 bytes, as hex (RFC 6979: the same bytes get the same signature).
    ///
    /// # Errors
    /// `hex.…`.
    pub fn sign_digest(&self, digest: String) -> Result<String, LazaiError> {
        Ok(self.0.sign_digest(digest.parse()?).to_string())
    }
}

#[cfg(feature = "native")]
#[cfg_attr(feature = "uniffi", uniffi::export)]
impl LocalKey {
    /// The key in a keystore file (Web3 Secret Storage, version 3), as Ethereum wallets write them.
    ///
    /// # Errors
    /// `keystore` for a wrong password or another file.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn from_keystore(path: FilePath, password: String) -> Result<Arc<Self>, LazaiError> {
        let key = LocalSigner::from_keystore(std::path::Path::new(&path), &password);
        Ok(Arc::new(Self(key.map_err(|e| LazaiError::new("keystore", e))?)))
    }

    /// Writes the key to a keystore file in a folder, under a name; a file of that name is replaced.
    ///
    /// # Errors
    /// `keystore`.
    pub fn to_keystore(&self, folder: FilePath, name: String, password: String) -> Result<(), LazaiError> {
        let kept = self.0.to_keystore(std::path::Path::new(&folder), &name, &password);
        kept.map_err(|e| LazaiError::new("keystore", e))
    }
}

#[async_trait::async_trait]
impl Signer for LocalKey {
    fn address(&self) -> String {
        self.address()
    }

    async fn sign(&self, request: SigningRequest) -> Result<String, LazaiError> {
        self.sign_digest(request.digest)
    }
}

/// A foreign signer as the library wants it.
pub(crate) struct Foreign {
    signer: Arc<dyn Signer>,
    address: Address,
}

impl Foreign {
    pub fn new(signer: Arc<dyn Signer>) -> Result<Self, LazaiError> {
        let address = signer.address().parse()?;
        Ok(Self { signer, address })
    }
}

impl CoreSigner for Foreign {
    fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, request: lazai::core::sign::SigningRequest) -> SignFuture<'_> {
        let (encode_type, struct_hash) = match &request.subject {
            SigningSubject::TypedData { encode_type, struct_hash, .. } => {
                ((*encode_type).to_owned(), struct_hash.to_string())
            }
            _ => Default::default(),
        };
        let asked = SigningRequest { digest: request.digest.to_string(), encode_type, struct_hash };
        Box::pin(async move {
            let refused = |reason: String| SignerError::Refused { address: self.address, reason };
            let signature = self.signer.sign(asked).await.map_err(|e| refused(e.to_string()))?;
            parse_signature(&signature).map_err(|e| refused(e.to_string()))
        })
    }
}

pub(crate) fn parse_signature(text: &str) -> Result<Signature, LazaiError> {
    let malformed = |reason: &dyn std::fmt::Display| LazaiError::new("signature.malformed", reason);
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|e| malformed(&e))?;
    Signature::from_slice(&bytes).ok_or_else(|| malformed(&format!("{} bytes, expected 65 or 64", bytes.len())))
}

//! Secrets of an account: derived of a signature that only its signer makes, the same on every device.

use lazai_core::digest::DomainHasher;
#[cfg(feature = "models")]
use lazai_core::seal::{AtRest, UnsealingKey};
#[cfg(feature = "models")]
use lazai_core::sign::Encoder;
use lazai_core::sign::{self, SignerError, TypedData};
use lazai_core::{Address, Digest, Domain, Signer};

/// The secret of a claim, which is sent to nobody. `name` is the domain's; `purpose` separates what is made of the secret.
///
/// # Errors
/// The signer's error; [`SignerError::Refused`] for a signer that signs the same otherwise each time, as some key management services do:
/// what is sealed by it could not be opened.
pub(crate) async fn secret<T: TypedData>(
    signer: &dyn Signer,
    name: &str,
    claim: &T,
    purpose: &str,
) -> Result<Digest, SignerError> {
    let domain =
        Domain { name: name.into(), version: "1".into(), chain_id: 0, verifying_contract: Address::ZERO, salt: None };
    let secret = sign::sign(signer, &domain, claim).await?;
    if sign::sign(signer, &domain, claim).await? != secret {
        let reason = format!("it signs the same otherwise each time, and has no key for {name}");
        return Err(SignerError::Refused { address: signer.address(), reason });
    }
    Ok(DomainHasher::new(purpose).part(secret.as_bytes()).finish())
}

/// The struct whose signature is the secret of a node's files.
#[cfg(feature = "models")]
struct FilesClaim;

#[cfg(feature = "models")]
impl TypedData for FilesClaim {
    const TYPE: &'static str = "FilesKey(string purpose)";

    fn encode(&self, out: &mut Encoder) {
        out.string("Opens the files that this account's node keeps. Sign this for that node alone.");
    }
}

/// Files at rest that only this account's signer opens.
///
/// # Errors
/// The signer's error; [`SignerError::Refused`] for a signer that signs the same otherwise each time.
#[cfg(feature = "models")]
pub async fn at_rest(signer: &dyn Signer) -> Result<AtRest, SignerError> {
    let seed = secret(signer, "LazAI files", &FilesClaim, "lazai.files.key.v1").await?;
    Ok(AtRest::sealed(UnsealingKey::derive(seed.as_bytes())))
}

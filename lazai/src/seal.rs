//! Sealed conversations: a node signs a public key beside its offer, and consumers seal what they send to it.
//!
//! The signature is what a consumer goes by: who stands between (a relay, a proxy that ends TLS, a host of the URL) cannot put another
//! key in its place. Formats: [`wire::sealed`](crate::wire::sealed).

use lazai_core::seal::SealingKey;
use lazai_core::sign::{Encoder, SignatureError};
use lazai_core::{Address, Digest, Domain, Signature, TypedData};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::enclave::NotAttested;

/// The key that a node opens requests with. Signed by the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealTerms {
    /// The node.
    pub node: Address,
    /// The key's id at the node.
    pub key_id: u8,
    /// The public key, of the suite that [`encapsulated`](lazai_core::seal::encapsulated) names.
    pub public_key: SealingKey,
    /// Requests may be sealed to it up to this time, seconds since 1970.
    pub valid_until_s: u64,
}

impl TypedData for SealTerms {
    const TYPE: &'static str = "SealTerms(address node,uint8 keyId,bytes32 publicKey,uint64 validUntil)";

    fn encode(&self, out: &mut Encoder) {
        out.address(self.node);
        out.uint(self.key_id.into());
        out.bytes32(Digest::from_bytes(*self.public_key.0.as_bytes()));
        out.uint(self.valid_until_s.into());
    }
}

/// Seal terms with their node's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedSealTerms {
    /// The terms.
    pub terms: SealTerms,
    /// The node's signature.
    pub signature: Signature,
}

/// Why a request is not sealed, and so not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotSealed {
    /// The key is over, and the node tells no other.
    #[error("the node's key was valid until {valid_until_s}, it is {now_s} (seconds since 1970)")]
    Expired {
        /// The end of its time.
        valid_until_s: u64,
        /// The time.
        now_s: u64,
    },
    /// Nothing shows that an enclave holds the key, which is asked for.
    #[error("no attested enclave: {0}")]
    NotAttested(#[from] NotAttested),
    /// The node's list of models tells no key.
    #[error("the node tells no key, and clear text is not allowed")]
    NotOffered,
    /// The key is another node's.
    #[error("the key is of node {found}, {expected} is expected")]
    OtherNode {
        /// The node of the session.
        expected: Address,
        /// The node that the terms name.
        found: Address,
    },
    /// The node did not sign it.
    #[error("the node's key: {0}")]
    Signature(#[from] SignatureError),
    /// Nobody said whose key it has to be.
    #[error("nobody said which node's key it has to be")]
    Unexpected,
}

impl SignedSealTerms {
    /// Checks that a node signed the terms, and that they hold now.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn check(&self, domain: &Domain, node: Address, now_s: u64) -> Result<(), NotSealed> {
        if self.terms.node != node {
            return Err(NotSealed::OtherNode { expected: node, found: self.terms.node });
        }
        self.signature.verify(domain, &self.terms, node)?;
        self.check_time(now_s)
    }

    /// Checks that the terms hold now.
    ///
    /// # Errors
    /// [`NotSealed::Expired`].
    pub fn check_time(&self, now_s: u64) -> Result<(), NotSealed> {
        let valid_until_s = self.terms.valid_until_s;
        if now_s > valid_until_s { Err(NotSealed::Expired { valid_until_s, now_s }) } else { Ok(()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::seal::UnsealingKey;
    use lazai_core::{LocalSigner, Signer as _, sign};
    use pollster::block_on;

    use super::*;

    #[test]
    fn a_key_is_the_nodes_own_and_of_now() {
        let signer = |n: u8| LocalSigner::from_bytes([n; 32]).unwrap();
        let (domain, other) = (Domain::random("seal", "1").unwrap(), Domain::random("seal", "1").unwrap());
        let (node, stranger) = (signer(1), signer(2));
        let public_key = UnsealingKey::random().unwrap().public();
        let terms = SealTerms { node: node.address(), key_id: 7, public_key, valid_until_s: 100 };
        let signed = |by: &LocalSigner, terms: SealTerms| SignedSealTerms {
            signature: block_on(sign::sign(by, &domain, &terms)).unwrap(),
            terms,
        };
        let good = signed(&node, terms);
        good.check(&domain, node.address(), 100).unwrap();
        let expired = NotSealed::Expired { valid_until_s: 100, now_s: 101 };
        assert_eq!(good.check(&domain, node.address(), 101), Err(expired));
        assert!(matches!(good.check(&other, node.address(), 1), Err(NotSealed::Signature(_))));
        assert!(matches!(good.check(&domain, stranger.address(), 1), Err(NotSealed::OtherNode { .. })));
        assert!(matches!(signed(&stranger, terms).check(&domain, node.address(), 1), Err(NotSealed::Signature(_))));
        for changed in [
            SealTerms { key_id: 8, ..terms },
            SealTerms { valid_until_s: 101, ..terms },
            SealTerms { public_key: UnsealingKey::random().unwrap().public(), ..terms },
        ] {
            let forged = SignedSealTerms { terms: changed, ..good };
            assert!(matches!(forged.check(&domain, node.address(), 1), Err(NotSealed::Signature(_))), "{changed:?}");
        }
    }

    #[test]
    fn terms_are_signed_as_eth_account_signs_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/eip712.json");
        let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let all = vectors["vectors"].as_array().unwrap();
        let vector = all.iter().find(|vector| vector["type"] == SealTerms::TYPE).unwrap();
        let domain = Domain {
            name: "LazAI Market".into(),
            version: "1".into(),
            chain_id: 31_337,
            verifying_contract: Address::from_bytes([0x11; 20]),
            salt: None,
        };
        let terms = SealTerms {
            node: Address::from_bytes([0x33; 20]),
            key_id: u8::MAX,
            public_key: SealingKey(Digest::from_bytes([0xb2; 32])),
            valid_until_s: u64::MAX,
        };
        assert_eq!(vector["structHash"], terms.hash_struct().to_string());
        let signature = block_on(sign::sign(&LocalSigner::from_bytes([7; 32]).unwrap(), &domain, &terms)).unwrap();
        assert_eq!(vector["signature"], signature.to_string());
    }
}

//! Blind signatures (RFC 9474, RSABSSA-SHA384-PSS-Randomized) over numbers of 32 bytes, behind types of our own.

use blind_rsa_signatures::{
    BlindMessage, BlindSignature, BlindingResult, DefaultRng, MessageRandomizer, PSS, PublicKey, Randomized, Secret,
    SecretKey, Sha384, Signature,
};
use lazai_core::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The length of a modulus, in bits: that of Privacy Pass (RFC 9578, section 8.2.2). Longer ones cost more than a credit is worth.
const BITS: usize = 2_048;
/// The length of a blinded message, a blind signature and a signature, in bytes.
pub const BLIND_BYTES: usize = BITS / 8;
/// The public exponent of every key: 65,537. It is prime, and so large that a key whose modulus it does not fit signs next to no number: with a
/// smaller one, such as 3, a node could choose among several roots of a number, and know the credit again by its choice.
const EXPONENT: [u8; 3] = [1, 0, 1];
/// Longest public key that is read, in bytes: one of this length has 346 in DER.
const MOST_KEY_BYTES: usize = 512;

/// Why something is no key, no blinded message, or no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlindError {
    /// No RSASSA-PSS key of 2,048 bits with the exponent 65,537, in the one spelling that is read.
    #[error("it is no RSASSA-PSS key of 2048 bits with SHA-384 and the exponent 65537")]
    Key,
    /// No number below the modulus, of the modulus' length.
    #[error("it is no blinded message or blind signature of 256 bytes below the key's modulus")]
    Message,
    /// The signature is not by this key, over this number.
    #[error("the signature is not by the node's key for credits")]
    Signature,
}

/// A public key that verifies credits.
#[derive(Clone, PartialEq, Eq)]
pub struct CreditKey(PublicKey<Sha384, PSS, Randomized>);

/// A secret key that signs blinded messages.
pub struct CreditSecret(SecretKey<Sha384, PSS, Randomized>);

/// A number that is to be signed, and what blinds it. Whoever has it can link the credit to its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Blinded {
    /// The number.
    #[zeroize(skip)]
    pub number: Digest,
    /// The random prefix of the signed message.
    #[zeroize(skip)]
    pub prefix: Digest,
    /// The inverse of the blind.
    #[serde(with = "hex::serde")]
    secret: Vec<u8>,
    /// The blinded message: the node sees this alone.
    #[serde(with = "hex::serde")]
    pub message: Vec<u8>,
}

impl CreditKey {
    /// Reads the key of signed terms.
    ///
    /// # Errors
    /// [`BlindError::Key`] for anything but the one spelling of an RSASSA-PSS key of 2,048 bits with the exponent 65,537.
    pub fn read(spki: &[u8]) -> Result<Self, BlindError> {
        if spki.len() > MOST_KEY_BYTES {
            return Err(BlindError::Key);
        }
        let key = PublicKey::from_spki(spki).map_err(|_| BlindError::Key)?;
        // Parameters that the parser passes over, a longer modulus, another spelling.
        let written = key.to_spki().map_err(|_| BlindError::Key)?;
        let (n, e) = (key.components().n(), key.components().e());
        let is_long = n.len() == BLIND_BYTES && n.first().is_some_and(|first| *first >= 0x80);
        let leading = e.iter().take_while(|byte| **byte == 0).count();
        if written != spki || !is_long || e.get(leading..) != Some(&EXPONENT[..]) {
            return Err(BlindError::Key);
        }
        Ok(Self(key))
    }

    /// The key as terms have it: a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// [`BlindError::Key`], which no key that was read or made has.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BlindError> {
        self.0.to_spki().map_err(|_| BlindError::Key)
    }

    /// Blinds a message that is made of a random number.
    ///
    /// # Errors
    /// [`BlindError::Message`], which a key with small factors has.
    pub fn blind(&self, number: Digest, message: &[u8]) -> Result<Blinded, BlindError> {
        let blinded = self.0.blind(&mut DefaultRng, message).map_err(|_| BlindError::Message)?;
        let prefix = blinded.msg_randomizer.map(|prefix| Digest::from_bytes(prefix.0)).ok_or(BlindError::Message)?;
        Ok(Blinded { number, prefix, secret: blinded.secret.0, message: blinded.blind_message.0 })
    }

    /// Takes the blind off a blind signature, and verifies the signature that it leaves.
    ///
    /// # Errors
    /// [`BlindError::Signature`] if it is not by this key.
    pub fn unblind(&self, blinded: &Blinded, signed: &[u8], message: &[u8]) -> Result<Vec<u8>, BlindError> {
        let result = BlindingResult {
            blind_message: BlindMessage(blinded.message.clone()),
            secret: Secret(blinded.secret.clone()),
            msg_randomizer: Some(MessageRandomizer(*blinded.prefix.as_bytes())),
        };
        let signature = self.0.finalize(&BlindSignature(signed.to_vec()), &result, message);
        Ok(signature.map_err(|_| BlindError::Signature)?.0)
    }

    /// Tells whether bytes are a number that the key can sign.
    #[must_use]
    pub fn is_below_modulus(&self, message: &[u8]) -> bool {
        // Both are numbers of one length, the most significant byte first.
        message.len() == BLIND_BYTES && message < &self.0.components().n()[..]
    }

    /// Verifies a signature over a message with its prefix.
    ///
    /// # Errors
    /// [`BlindError::Signature`].
    pub fn verify(&self, signature: &[u8], prefix: Digest, message: &[u8]) -> Result<(), BlindError> {
        let prefix = Some(MessageRandomizer(*prefix.as_bytes()));
        let verified = self.0.verify(&Signature(signature.to_vec()), prefix, message);
        verified.map_err(|_| BlindError::Signature)
    }
}

impl CreditSecret {
    /// A new key. Takes up to seconds.
    ///
    /// # Errors
    /// [`BlindError::Key`], which no generator has.
    pub fn generate() -> Result<Self, BlindError> {
        let pair = blind_rsa_signatures::KeyPair::generate(&mut DefaultRng, BITS).map_err(|_| BlindError::Key)?;
        Ok(Self(pair.sk))
    }

    /// Reads a key that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`BlindError::Key`].
    pub fn read(der: &[u8]) -> Result<Self, BlindError> {
        Ok(Self(SecretKey::from_der(der).map_err(|_| BlindError::Key)?))
    }

    /// The key in DER (PKCS #8).
    ///
    /// # Errors
    /// [`BlindError::Key`], which no key has.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, BlindError> {
        Ok(Zeroizing::new(self.0.to_der().map_err(|_| BlindError::Key)?))
    }

    /// Its public key.
    ///
    /// # Errors
    /// [`BlindError::Key`], which no key of this length has.
    pub fn public(&self) -> Result<CreditKey, BlindError> {
        Ok(CreditKey(self.0.public_key().map_err(|_| BlindError::Key)?))
    }

    /// Signs a blinded message. The same message has the same signature.
    ///
    /// # Errors
    /// [`BlindError::Message`].
    pub fn sign(&self, blinded: &[u8]) -> Result<Vec<u8>, BlindError> {
        Ok(self.0.blind_sign(blinded).map_err(|_| BlindError::Message)?.0)
    }
}

impl std::fmt::Debug for CreditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CreditKey")
    }
}

impl std::fmt::Debug for CreditSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CreditSecret")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use blind_rsa_signatures::reexports::rsa::rand_core;
    use serde_json::Value;

    use super::*;

    /// Says what the RFC's client drew: the prefix, the salt, the blind.
    struct Drawn(Vec<Vec<u8>>);

    impl rand_core::TryCryptoRng for Drawn {}
    impl rand_core::TryRng for Drawn {
        type Error = std::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            panic!("the RFC draws bytes")
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            panic!("the RFC draws bytes")
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
            out.copy_from_slice(&self.0.remove(0));
            Ok(())
        }
    }

    #[test]
    fn blinding_signing_and_unblinding_are_those_of_rfc_9474() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/blind/rfc9474.json");
        let vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let bytes = |field: &str| hex::decode(vector[field].as_str().unwrap()).unwrap();
        assert_eq!(vector["name"], "RSABSSA-SHA384-PSS-Randomized");
        let secret = CreditSecret::read(&bytes("private_key")).unwrap();
        let key = secret.public().unwrap();
        assert_eq!(key.0.components().n(), bytes("n"));
        let mut drawn = Drawn(vec![bytes("msg_prefix"), bytes("salt"), bytes("r_little_endian")]);
        let blinding = key.0.blind(&mut drawn, bytes("msg")).unwrap();
        assert_eq!((blinding.blind_message.0, &blinding.secret.0), (bytes("blinded_msg"), &bytes("inv")));

        let prefix = Digest::from_bytes(bytes("msg_prefix").try_into().unwrap());
        let (secret_of_blind, message) = (bytes("inv"), bytes("blinded_msg"));
        let blinded = Blinded { number: Digest::ZERO, prefix, secret: secret_of_blind, message };
        let signed = secret.sign(&blinded.message).unwrap();
        assert_eq!(signed, bytes("blind_sig"));
        let signature = key.unblind(&blinded, &signed, &bytes("msg")).unwrap();
        assert_eq!(signature, bytes("sig"));
        key.verify(&signature, prefix, &bytes("msg")).unwrap();
        assert_eq!(key.verify(&signature, Digest::ZERO, &bytes("msg")), Err(BlindError::Signature));
        // The RFC's key is of 4,096 bits: it is no key for credits.
        assert_eq!(CreditKey::read(&key.to_bytes().unwrap()).unwrap_err(), BlindError::Key);
    }

    /// With the exponent 3, a node that takes primes of which a third of all numbers are cubes has nine signatures of a number to choose from, and the
    /// RFC's parser takes that key.
    #[test]
    fn a_key_with_another_exponent_is_refused() {
        use blind_rsa_signatures::reexports::crypto_bigint::BoxedUint;
        use blind_rsa_signatures::reexports::rsa::RsaPublicKey;

        let key = CreditSecret::generate().unwrap().public().unwrap();
        let n = BoxedUint::from_be_slice(&key.0.components().n(), 2_048).unwrap();
        let of = |e: u32| PublicKey::<Sha384, PSS, Randomized>::new(RsaPublicKey::new(n.clone(), e.into()).unwrap());
        let (three, usual) = (of(3).to_spki().unwrap(), of(65_537).to_spki().unwrap());
        assert!(CreditKey::read(&usual).unwrap() == key);
        assert!(PublicKey::<Sha384, PSS, Randomized>::from_spki(&three).is_ok());
        assert_eq!(CreditKey::read(&three).unwrap_err(), BlindError::Key);
    }

    #[test]
    fn a_key_has_one_spelling_and_what_is_none_is_refused() {
        let secret = CreditSecret::generate().unwrap();
        let key = secret.public().unwrap();
        let bytes = key.to_bytes().unwrap();
        assert!(CreditKey::read(&bytes).unwrap() == key);
        assert!(CreditSecret::read(&secret.to_bytes().unwrap()).unwrap().public().unwrap() == key);
        // Any changed byte is another key or none, never this one.
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(CreditKey::read(&other).map_or(true, |read| read != key), "byte {at}");
        }
        for length in 0..bytes.len() {
            assert_eq!(CreditKey::read(&bytes[..length]).unwrap_err(), BlindError::Key, "{length}");
        }
        assert_eq!(CreditKey::read(&[0x30; 4_096]).unwrap_err(), BlindError::Key);
        assert_eq!(secret.sign(&[0xff; BLIND_BYTES]), Err(BlindError::Message), "above the modulus");
        for length in [0, 1, BLIND_BYTES - 1, BLIND_BYTES + 1] {
            assert_eq!(secret.sign(&vec![0; length]), Err(BlindError::Message), "{length}");
            assert_eq!(key.verify(&vec![0; length], Digest::ZERO, b""), Err(BlindError::Signature), "{length}");
        }
    }
}

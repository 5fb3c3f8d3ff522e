//! Confidential nodes: a quote that a vendor's hardware signed says which program holds the key that a conversation is sealed to.
//!
//! A node that runs in a confidential machine (Intel TDX, AMD SEV-SNP) can have a [`Quote`] of its sealing key. The quote's report data
//! is a digest of that key ([`report_data`]), so that it is of this key and no other. A consumer checks it without a network, against roots
//! of the vendors that are compiled in, and by an [`EnclavePolicy`] of its own: which programs it accepts, by their measurements.
//!
//! What is shown: the key was in a machine of this measurement, in no debug mode, on hardware that its vendor vouches for. What that program
//! does with the words it reads is the program's matter: whoever accepts a measurement has read it, or believes somebody who has. A node
//! without a quote claims nothing, and nothing is claimed of it.
//!
//! Types are there in every build; [`EnclavePolicy::check`] needs the feature `quotes`.

mod policy;
#[cfg(feature = "quotes")]
mod snp;
#[cfg(feature = "quotes")]
mod tdx;

use std::fmt;

use lazai_core::digest::DomainHasher;
use lazai_core::sign::signing_digest;
use lazai_core::{Address, Domain};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use policy::{
    AmdRoot, EnclavePolicy, EnclaveRoots, Measurement, SnpMeasurement, SnpProduct, SnpTcb, TdxMeasurement, TdxTcb,
};

use crate::seal::SealTerms;

/// Largest quote that is read, as JSON: 256 KiB. Those of today have up to 50.
pub const MAX_QUOTE_BYTES: usize = 256 << 10;

/// The report data of a quote for a sealing key: a digest of what the node signs, in the ledger's domain, then 32 zero bytes. So a quote is
/// of one ledger, node, key and time. Layout: `docs/formats.md`.
#[must_use]
pub fn report_data(domain: &Domain, terms: &SealTerms) -> [u8; 64] {
    let signed = signing_digest(domain, terms);
    let digest = DomainHasher::new("lazai.quote.key.v1").part(signed.as_bytes()).finish();
    let mut data = [0; 64];
    data[..32].copy_from_slice(digest.as_bytes());
    data
}

/// A quote, and what its vendor signed about the hardware that it is of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Quote {
    /// Of a virtual machine under AMD SEV-SNP.
    SevSnp {
        /// The attestation report, as hex: 1184 bytes.
        #[serde(with = "hex")]
        report: Vec<u8>,
        /// The certificate of the chip's key (VCEK), in DER, as hex.
        #[serde(with = "hex")]
        vcek: Vec<u8>,
    },
    /// Of a virtual machine under Intel TDX.
    Tdx {
        /// The quote of version 4 or 5, as hex.
        #[serde(with = "hex")]
        quote: Vec<u8>,
        /// What Intel signed about such hardware, and until when that holds.
        collateral: Box<TdxCollateral>,
    },
}

/// What Intel's Provisioning Certification Service answers about a platform, in the form that Intel's tools and `dcap-qvl` write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxCollateral {
    /// Certificates of who signed `pck_crl`, in PEM.
    pub pck_crl_issuer_chain: String,
    /// Certificates that Intel's root revoked, in DER, as hex.
    #[serde(with = "hex")]
    pub root_ca_crl: Vec<u8>,
    /// Certificates of platforms that are revoked, in DER, as hex.
    #[serde(with = "hex")]
    pub pck_crl: Vec<u8>,
    /// Certificates of who signed `tcb_info`, in PEM.
    pub tcb_info_issuer_chain: String,
    /// Which versions of firmware are up to date: the JSON that is signed.
    pub tcb_info: String,
    /// Its signature, as hex.
    #[serde(with = "hex")]
    pub tcb_info_signature: Vec<u8>,
    /// Certificates of who signed `qe_identity`, in PEM.
    pub qe_identity_issuer_chain: String,
    /// Which quoting enclaves are Intel's: the JSON that is signed.
    pub qe_identity: String,
    /// Its signature, as hex.
    #[serde(with = "hex")]
    pub qe_identity_signature: Vec<u8>,
    /// The platform's own certificates in PEM, where the quote has them not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pck_certificate_chain: Option<String>,
}

/// Something that is no quote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotQuote {
    /// Not the JSON of a quote.
    #[error("not a quote: {reason}")]
    Malformed {
        /// The reason.
        reason: String,
    },
    /// More than [`MAX_QUOTE_BYTES`].
    #[error("a quote of {bytes} bytes, {MAX_QUOTE_BYTES} are read")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
    },
}

impl Quote {
    /// Reads a quote from JSON. Nothing of it is checked yet.
    ///
    /// # Errors
    /// [`NotQuote`].
    pub fn from_json(json: &[u8]) -> Result<Self, NotQuote> {
        if json.len() > MAX_QUOTE_BYTES {
            return Err(NotQuote::TooLarge { bytes: json.len() });
        }
        serde_json::from_slice(json).map_err(|e| NotQuote::Malformed { reason: lazai_core::quiet::json_error(&e) })
    }

    /// The report data that stand in it, signed or not; `None` if it is too short.
    #[must_use]
    pub fn told_report_data(&self) -> Option<[u8; 64]> {
        // AMD publication 56860, table 23; Intel's `sgx_quote_4.h` and `sgx_quote_5.h`: behind the header, and in version 5 behind type and
        // size of the body.
        let (bytes, at) = match self {
            Self::SevSnp { report, .. } => (report, 0x50),
            Self::Tdx { quote, .. } => (quote, if quote.starts_with(&[5, 0]) { 48 + 6 + 520 } else { 48 + 520 }),
        };
        bytes.get(at..at + 64)?.try_into().ok()
    }

    /// The hardware that it says to be of.
    #[must_use]
    pub fn hardware(&self) -> Hardware {
        match self {
            Self::SevSnp { .. } => Hardware::SevSnp,
            Self::Tdx { .. } => Hardware::Tdx,
        }
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self {
            Self::SevSnp { report: bytes, .. } | Self::Tdx { quote: bytes, .. } => bytes.len(),
        };
        write!(f, "Quote {{ hardware: {:?}, bytes: {bytes} }}", self.hardware())
    }
}

/// A kind of confidential hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hardware {
    /// AMD SEV-SNP.
    SevSnp,
    /// Intel TDX.
    Tdx,
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SevSnp => "AMD SEV-SNP",
            Self::Tdx => "Intel TDX",
        })
    }
}

/// What a checked quote shows of a sealing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The hardware.
    pub hardware: Hardware,
    /// The measurement of what was launched, which the policy accepts: TDX's MRTD, or SEV-SNP's launch measurement.
    pub measurement: Measurement,
    /// The state of the firmware below it, in the vendor's terms.
    pub tcb: String,
    /// The node whose key it is.
    pub node: Address,
    /// The key's id at the node.
    pub key_id: u8,
    /// The end of what was checked, in seconds since 1970: of the key, of certificates and of what the vendor signed, whichever comes first.
    pub valid_until_s: u64,
}

impl fmt::Display for Attested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hardware, measurement, tcb, key_id, .. } = self;
        write!(f, "{hardware}, key {key_id}, measurement {measurement}, firmware {tcb}")
    }
}

/// Who reads what is sent to a node: the word that users see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Reader {
    /// It is sealed to a key that a quote shows to be held by a program of the consumer's policy.
    AttestedEnclave(Attested),
    /// It is sealed to the node: nobody between reads it.
    SealedToTheNode,
    /// It goes in clear text: the node reads it, and whoever ends TLS before it, and without TLS the network.
    TheNode,
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttestedEnclave(_) => "attested enclave",
            Self::SealedToTheNode => "sealed to the node",
            Self::TheNode => "the node reads it",
        })
    }
}

/// Why nothing is shown of a sealing key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotAttested {
    /// It runs in a mode in which its host may read it: debugging, or migration by an agent that nobody measured.
    #[error("the enclave may be read by its host: {reason}")]
    Debug {
        /// The reason.
        reason: String,
    },
    /// The quote's bytes are none.
    #[error("no quote of {hardware}: {reason}")]
    Malformed {
        /// The hardware that it says to be of.
        hardware: Hardware,
        /// The reason.
        reason: String,
    },
    /// The policy accepts no such program.
    #[error("measurement {found} of {hardware} is not in the policy{because}")]
    Measurement {
        /// The hardware.
        hardware: Hardware,
        /// The launch measurement in the quote.
        found: Measurement,
        /// What differs where the launch measurement is in the policy; empty if it is not.
        because: String,
    },
    /// The node tells no quote.
    #[error("the node tells no quote")]
    NoQuote,
    /// It is of another key, node, ledger or day.
    #[error("the quote is of another key: its report data are {found}, {expected} is expected")]
    OtherKey {
        /// The report data of the key, as hex.
        expected: String,
        /// The report data in the quote, as hex.
        found: String,
    },
    /// Firmware below it is older than the policy accepts.
    #[error("the firmware is {found}, the policy accepts {accepted}")]
    Tcb {
        /// The state in the quote.
        found: String,
        /// What the policy accepts.
        accepted: String,
    },
    /// This build cannot check quotes.
    #[error("this build checks no quotes: it was built without the feature `quotes`")]
    Unsupported,
    /// What the vendor has to have signed does not hold: another root, a broken signature, or its time is over.
    #[error("what {hardware}'s vendor signs does not hold: {reason}")]
    Vendor {
        /// The hardware.
        hardware: Hardware,
        /// The reason.
        reason: String,
    },
}

/// What a vendor's part found: the facts of a quote whose signatures hold.
#[cfg(feature = "quotes")]
struct Found {
    report_data: [u8; 64],
    measurement: Measurement,
    tcb: String,
    valid_until_s: u64,
}

impl EnclavePolicy {
    /// Checks a quote for a sealing key, which is to be the node's own ([`SignedSealTerms::check`](crate::seal::SignedSealTerms::check)):
    /// what the vendor signed, that the quote is of this key in this ledger's domain, and that the policy accepts what runs there.
    ///
    /// # Errors
    /// [`NotAttested`].
    pub fn check(
        &self,
        quote: &Quote,
        terms: &SealTerms,
        domain: &Domain,
        now_s: u64,
    ) -> Result<Attested, NotAttested> {
        #[cfg(not(feature = "quotes"))]
        {
            let _ = (quote, terms, domain, now_s);
            Err(NotAttested::Unsupported)
        }
        #[cfg(feature = "quotes")]
        {
            let found = match quote {
                Quote::SevSnp { report, vcek } => snp::check(self, report, vcek, now_s)?,
                Quote::Tdx { quote, collateral } => tdx::check(self, quote, collateral, now_s)?,
            };
            let expected = report_data(domain, terms);
            if found.report_data != expected {
                let (expected, found) = (hex::encode(expected), hex::encode(found.report_data));
                return Err(NotAttested::OtherKey { expected, found });
            }
            let Found { measurement, tcb, valid_until_s, .. } = found;
            let valid_until_s = valid_until_s.min(terms.valid_until_s);
            Ok(Attested {
                hardware: quote.hardware(),
                measurement,
                tcb,
                node: terms.node,
                key_id: terms.key_id,
                valid_until_s,
            })
        }
    }
}

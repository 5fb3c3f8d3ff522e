//! The metadata of a Data Anchoring Token (ERC-8028), about the model it stands for.
//!
//! A class stands for one character; each of its versions carries one [`VersionMetadata`], which never changes after
//! minting.

use serde::{Deserialize, Serialize};

use crate::id::{Address, Digest, SubmissionId};
use crate::record::Quality;
use crate::sign::{Encoder, TypedData};

/// The model that an adapter is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseInfo {
    /// Its public name, such as `SmolLM2-135M-Instruct`.
    pub name: String,
    /// SHA-256 of its weights file.
    pub digest: Digest,
    /// SPDX identifier of its licence.
    pub licence: String,
}

/// The voice of a version: of a base voice that was trained to sound like the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceInfo {
    /// Digest of the base voice.
    pub base_digest: Digest,
    /// SHA-256 of the file that makes the voice: an adapter's weights, or pitch and pace. The training record says which.
    pub adapter_digest: Digest,
}

/// The audience of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rating {
    /// Everyone.
    General,
    /// Not for children.
    Teen,
    /// Adults only.
    Mature,
}

/// The means of payment for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Payment {
    /// AI gas tokens, by the offer's prices.
    Gas,
    /// The quota of an access token: one unit a session.
    Quota,
    /// Either, as the consumer likes.
    GasOrQuota,
}

/// The access policy of a character: its audience, and the consent to use its material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessPolicy {
    /// The audience.
    pub rating: Rating,
    /// Minimum age in years; the application that opens a session answers for it.
    pub minimum_age: u8,
    /// The means of payment for a session.
    pub payment: Payment,
    /// The consent under which real persons' words and voices are used; "none" if there are none.
    pub consent: String,
    /// The contact for reports of misuse.
    pub report_contact: String,
}

/// Everything a version of a class says. Bound by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionMetadata {
    /// The character's name.
    pub character: String,
    /// The base model.
    pub base: BaseInfo,
    /// SHA-256 of the adapter's weights (`adapter_model.safetensors`, PEFT format).
    pub adapter_digest: Digest,
    /// The voice, if one was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<VoiceInfo>,
    /// The losses on records that were held out, as the training record has them; `None` if none were. The ExEx's word, which whoever may read
    /// the dataset can repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Digest of the signed training record.
    pub record_digest: Digest,
    /// The submission that the adapter was trained on.
    pub submission: SubmissionId,
    /// The ExEx that trained it.
    pub exex: Address,
    /// The access policy.
    pub policy: AccessPolicy,
    /// The URLs that serve it; `local:` names a node in the same process.
    pub endpoints: Vec<String>,
}

impl VersionMetadata {
    /// The digest that the ledger holds: ERC-8028's `integrityHash`. It is the EIP-712 struct hash, which a contract can
    /// compute too; with a voice, that of `VoicedVersion`; with held-out losses, that of `MeasuredVersion`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Zeros are no voice, and no records no measurement, as on a chain.
        let none = VoiceInfo { base_digest: Digest::ZERO, adapter_digest: Digest::ZERO };
        let voice = self.voice.filter(|voice| *voice != none);
        match (self.quality.filter(|quality| quality.records != 0), voice) {
            (Some(quality), voice) => {
                MeasuredVersion { version: self, voice: voice.unwrap_or(none), quality }.hash_struct()
            }
            (None, Some(voice)) => VoicedVersion { version: self, voice }.hash_struct(),
            (None, None) => self.hash_struct(),
        }
    }
}

/// The type of a version's metadata, as EIP-712 writes it: by itself, and behind the structs around it.
macro_rules! version_type {
    () => {
        "VersionMetadata(string character,string baseName,bytes32 baseDigest,string baseLicence,\
         bytes32 adapter,bytes32 record,bytes32 submission,address exex,uint8 rating,\
         uint8 minimumAge,uint8 payment,string consent,string reportContact,\
         string[] endpoints)"
    };
}

/// A version with a voice. A struct around the other, so that versions without one keep their digests.
struct VoicedVersion<'a> {
    version: &'a VersionMetadata,
    voice: VoiceInfo,
}

/// A version with held-out losses, and a voice or zeros. A struct around the other, for the same reason.
struct MeasuredVersion<'a> {
    version: &'a VersionMetadata,
    voice: VoiceInfo,
    quality: Quality,
}

impl TypedData for VoicedVersion<'_> {
    const TYPE: &'static str =
        concat!("VoicedVersion(VersionMetadata version,bytes32 voiceBase,bytes32 voice)", version_type!());

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(self.version.hash_struct());
        out.bytes32(self.voice.base_digest);
        out.bytes32(self.voice.adapter_digest);
    }
}

impl TypedData for MeasuredVersion<'_> {
    const TYPE: &'static str = concat!(
        "MeasuredVersion(VersionMetadata version,bytes32 voiceBase,bytes32 voice,uint32 heldOutRecords,",
        "uint64 heldOutTokens,uint64 baseLoss,uint64 promptedLoss,uint64 tunedLoss)",
        version_type!()
    );

    fn encode(&self, out: &mut Encoder) {
        let Quality { records, tokens, base_micronats, prompted_micronats, tuned_micronats } = self.quality;
        out.bytes32(self.version.hash_struct());
        out.bytes32(self.voice.base_digest);
        out.bytes32(self.voice.adapter_digest);
        out.uint(records.into());
        // A model that is never surprised has no loss behind a card either way.
        for number in [tokens, base_micronats, prompted_micronats.unwrap_or(0), tuned_micronats] {
            out.uint(number.into());
        }
    }
}

impl TypedData for VersionMetadata {
    const TYPE: &'static str = version_type!();

    fn encode(&self, out: &mut Encoder) {
        out.string(&self.character);
        out.string(&self.base.name);
        out.bytes32(self.base.digest);
        out.string(&self.base.licence);
        out.bytes32(self.adapter_digest);
        out.bytes32(self.record_digest);
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.address(self.exex);
        out.uint(self.policy.rating.code().into());
        out.uint(self.policy.minimum_age.into());
        out.uint(self.policy.payment.code().into());
        out.string(&self.policy.consent);
        out.string(&self.policy.report_contact);
        out.strings(&self.endpoints);
    }
}

impl Rating {
    /// Its number on chain.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::General => 0,
            Self::Teen => 1,
            Self::Mature => 2,
        }
    }
}

impl Payment {
    /// Its number on chain.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Gas => 0,
            Self::Quota => 1,
            Self::GasOrQuota => 2,
        }
    }
}

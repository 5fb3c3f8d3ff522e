//! Repeating replies: whether a node made one as it signed.

use std::num::NonZeroUsize;
use std::path::Path;

use lazai::lora::WeightFormat;
use lazai::lora::recheck::{RepeatSettings, Repeated, Repeater};
use lazai::provenance::{Evidence, TrustAnchor};
use lazai::recheck::{RecheckError, ReplyEvidence, recheck};

use crate::error::passed_on;
use crate::{Domain, FilePath, JsonBytes, LazaiError, Provenance, choices, record, verify, words};

passed_on!(RecheckError);

words! {
    /// What a repeat of a reply came to.
    pub enum RepeatOutcome {
        /// All bits are the same, and so is every token.
        Same,
        /// States deviate no more than other kernels explain, and so do the tokens.
        Within,
        /// Another adapter, another base, another form of its weights, or another conversation.
        OtherScores,
        /// The words were changed, or drawn by other settings.
        OtherWords,
    }
}

choices! {
    /// How a reply is repeated; the library chooses what is left out.
    pub struct RecheckSettings {
        /// Threads; as many as the machine has cores.
        pub threads: Option<u32>,
        /// True computes the weights as 32-bit floats; else as their file has them, as nodes do.
        pub floats: Option<bool>,
        /// True computes by plain loops, which all machines share: slowly.
        pub portable: Option<bool>,
    }
}

record! {
    /// A reply that was repeated.
    pub struct RecheckedReply {
        /// What the repeat came to.
        pub outcome: RepeatOutcome,
        /// True for the same reply, or one within the tolerance.
        pub holds: bool,
        /// The outcome in words.
        pub says: String,
        /// The first token that is not what was signed, where one is.
        pub token: Option<u64>,
        /// The states' deviation, in millionths of their size, where they deviate.
        pub deviation_ppm: Option<u32>,
        /// The node that signed the reply.
        pub node: String,
        /// The session.
        pub session: String,
        /// The reply's turn in it.
        pub turn: u32,
        /// SHA-256 of the adapter, as the receipt names it.
        pub adapter: String,
        /// The kind of machine that the node says it has.
        pub machine: String,
        /// The kind of machine that repeated: only on the same kind are all bits the same.
        pub machine_here: String,
    }
}

/// Repeats a reply out of its evidence, on the base model and the adapter that its receipt names, and tells whether it was made as it was
/// signed. Signatures and digests are checked first; if a domain is given, it must be the evidence's.
///
/// # Errors
/// `consumer.receipt`, `consumer.receipt_signature` for evidence that is false, `json.malformed`, `file`, `model`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn recheck_reply(
    evidence: JsonBytes,
    base: FilePath,
    adapter: FilePath,
    settings: RecheckSettings,
    domain: Option<Domain>,
) -> Result<RecheckedReply, LazaiError> {
    let domain = domain.map(|domain| domain.parse()).transpose()?;
    recheck_evidence(&evidence, Path::new(&base), Path::new(&adapter), settings, domain.as_ref())
}

/// Checks the provenance of a reply, as [`verify_evidence`](crate::verify_evidence) does, and repeats the reply out of its own evidence: where it is
/// the same, the link of adapter and base is `repeated`, by you.
///
/// # Errors
/// As [`verify_evidence`](crate::verify_evidence) and [`recheck_reply`]; `consumer.receipt` also where the one evidence is not of the other's reply.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn verify_repeated(
    evidence: JsonBytes,
    anchor: JsonBytes,
    reply: JsonBytes,
    base: FilePath,
    adapter: FilePath,
    settings: RecheckSettings,
) -> Result<Provenance, LazaiError> {
    let anchor: TrustAnchor = serde_json::from_slice(&anchor)?;
    let evidence = Evidence::from_json(&evidence)?;
    let domain = evidence.genesis.domain.clone();
    let repeated = recheck_evidence(&reply, Path::new(&base), Path::new(&adapter), settings, Some(&domain))?;
    let receipt = ReplyEvidence::from_bytes(&reply)?.reply.receipt.receipt;
    let report = lazai::provenance::verify(&evidence, &anchor);
    let report = report.repeated_here(&evidence, &receipt, repeated.holds, &repeated.says);
    Ok(verify::told(report.map_err(|other| LazaiError::new("consumer.receipt", other))?))
}

/// As [`recheck_reply`], with the library's own domain.
///
/// # Errors
/// As [`recheck_reply`].
pub fn recheck_evidence(
    evidence: &[u8],
    base: &Path,
    adapter: &Path,
    settings: RecheckSettings,
    domain: Option<&lazai::core::Domain>,
) -> Result<RecheckedReply, LazaiError> {
    let evidence = &ReplyEvidence::from_bytes(evidence)?;
    if domain.is_some_and(|domain| *domain != evidence.domain) {
        return Err(LazaiError::new("consumer.receipt", "the evidence is of another ledger than was named"));
    }
    let threads = settings.threads.and_then(|threads| NonZeroUsize::new(usize::try_from(threads).ok()?));
    let how = RepeatSettings { threads, portable: settings.portable.unwrap_or_default() };
    let format = if settings.floats.unwrap_or_default() { WeightFormat::F32 } else { WeightFormat::AsStored };
    let mut repeater = Repeater::open(base, format, &how)?;
    let receipt = &evidence.reply.receipt.receipt;
    let found = repeater.load_adapter(adapter)?;
    if found != receipt.adapter_digest {
        let named = receipt.adapter_digest;
        return Err(LazaiError::new("model", format!("adapter {found} is here, the receipt names {named}")));
    }
    let repeated = recheck(evidence, &mut repeater)?;
    let (outcome, token, deviation_ppm) = match repeated {
        Repeated::Same => (RepeatOutcome::Same, None, None),
        Repeated::Within { worst_ppm } => (RepeatOutcome::Within, None, Some(worst_ppm)),
        Repeated::OtherScores { token, deviation_ppm } => {
            (RepeatOutcome::OtherScores, Some(token), Some(deviation_ppm))
        }
        Repeated::OtherWords { token } => (RepeatOutcome::OtherWords, Some(token), None),
        other => return Err(LazaiError::new("feature_missing", other)),
    };
    Ok(RecheckedReply {
        outcome,
        holds: repeated.holds(),
        says: repeated.to_string(),
        token: token.map(|token| token as u64),
        deviation_ppm,
        node: evidence.offer.offer.node.to_string(),
        session: receipt.session.to_string(),
        turn: receipt.turn,
        adapter: receipt.adapter_digest.to_string(),
        machine: evidence.trail()?.machine.clone(),
        machine_here: repeater.about().machine.clone(),
    })
}

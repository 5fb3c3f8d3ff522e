//! The contracts' interfaces, out of the committed artifacts, and the market's values in their types.
#![allow(missing_docs, clippy::too_many_arguments, clippy::pub_underscore_fields, reason = "what `sol!` writes")]

use alloy_primitives::{Address as EvmAddress, B256, Bytes, U256};
use alloy_sol_types::{SolInterface, decode_revert_reason, sol};
use lazai_core::dat::{AccessPolicy, BaseInfo, Payment, Rating, VersionMetadata, VoiceInfo};
use lazai_core::record::Quality;
use lazai_core::{
    Address, Amount, Asset, BasisPoints, ClassId, Digest, MoneyError, Signature, SubmissionId, VersionNumber,
};

use crate::governance::Params;
use crate::quorum::{Attestation, Verdict};
use crate::session::Offer;
use crate::split::RevenueSplit;

sol!(
    #[sol(all_derives = true)]
    DataAnchoringToken,
    "artifacts/DataAnchoringToken.json"
);
sol!(
    #[sol(all_derives = true)]
    DatasetRegistry,
    "artifacts/DatasetRegistry.json"
);
sol!(
    #[sol(all_derives = true)]
    Disputes,
    "artifacts/Disputes.json"
);
sol!(
    #[sol(all_derives = true)]
    GovernanceToken,
    "artifacts/GovernanceToken.json"
);
sol!(
    #[sol(all_derives = true)]
    MarketGovernor,
    "artifacts/MarketGovernor.json"
);
sol!(
    #[sol(all_derives = true)]
    MarketParameters,
    "artifacts/MarketParameters.json"
);
sol!(
    #[sol(all_derives = true)]
    Settlement,
    "artifacts/Settlement.json"
);
sol!(
    #[sol(all_derives = true)]
    MarketTimelock,
    "artifacts/MarketTimelock.json"
);
sol!(
    #[sol(all_derives = true)]
    Tills,
    "artifacts/Tills.json"
);
sol!(
    #[sol(all_derives = true)]
    ValidatorQuorum,
    "artifacts/ValidatorQuorum.json"
);

/// An address, as the contracts have it.
#[must_use]
pub fn to_evm(address: Address) -> EvmAddress {
    EvmAddress::from(*address.as_bytes())
}

/// An address of a contract's.
#[must_use]
pub fn from_evm(address: EvmAddress) -> Address {
    Address::from_bytes(address.into_array())
}

/// 32 bytes, as the contracts have them.
#[must_use]
pub fn word(bytes: &[u8; 32]) -> B256 {
    B256::from(*bytes)
}

/// 32 bytes of a contract's.
#[must_use]
pub fn digest(word: B256) -> Digest {
    Digest::from_bytes(word.0)
}

/// A submission's id of a contract's.
#[must_use]
pub fn submission(word: B256) -> SubmissionId {
    SubmissionId::from_bytes(word.0)
}

/// An amount of a contract's.
///
/// # Errors
/// [`MoneyError::Overflow`] beyond 2^128 - 1.
pub fn amount(value: U256) -> Result<Amount, MoneyError> {
    let fits = u128::try_from(value).map(Amount::from_base_units);
    fits.map_err(|_| MoneyError::Overflow { left: u128::MAX, operation: '+', right: 1 })
}

/// A signature in 64 bytes where it has them (EIP-2098): calldata costs.
#[must_use]
pub fn packed(signature: &Signature) -> Bytes {
    let packed = signature.packed();
    packed.map_or_else(|| Bytes::copy_from_slice(signature.as_bytes()), |short| Bytes::copy_from_slice(&short))
}

/// A signature of a contract's. That of a contract account (ERC-1271) can be anything; it is read as zeros.
#[must_use]
pub fn signature(bytes: &Bytes) -> Signature {
    Signature::from_slice(bytes).unwrap_or(Signature::NOT_LOGGED)
}

/// Parameters, as the contracts have them.
#[must_use]
pub fn params(p: &Params) -> MarketParameters::Params {
    let [creator, node, pool] = p.split.bps();
    MarketParameters::Params {
        creatorBps: creator,
        nodeBps: node,
        poolBps: pool,
        slashBps: p.slash.get(),
        challengerBps: p.challenger.get(),
        quorumBps: p.quorum.get(),
        minStake: p.min_stake.base_units(),
        challengeBond: p.challenge_bond.base_units(),
        maxPrice: p.max_price.base_units(),
        attestationWindow: p.attestation_window_s,
        challengeWindow: p.challenge_window_s,
        challengeVoteWindow: p.challenge_vote_window_s,
        unbondingWindow: p.unbonding_window_s,
        votingDelay: p.voting_delay_s,
        votingWindow: p.voting_window_s,
        maxSession: p.max_session_s,
        disputeWindow: p.dispute_window_s,
        mintWindow: p.mint_window_s,
    }
}

/// Parameters of a contract's; `None` if they break the rules that the contract keeps.
#[must_use]
pub fn params_of(p: &MarketParameters::Params) -> Option<Params> {
    Some(Params {
        split: RevenueSplit::new(p.creatorBps, p.nodeBps, p.poolBps).ok()?,
        slash: BasisPoints::new(p.slashBps).ok()?,
        challenger: BasisPoints::new(p.challengerBps).ok()?,
        quorum: BasisPoints::new(p.quorumBps).ok()?,
        min_stake: Amount::from_base_units(p.minStake),
        challenge_bond: Amount::from_base_units(p.challengeBond),
        max_price: Amount::from_base_units(p.maxPrice),
        attestation_window_s: p.attestationWindow,
        challenge_window_s: p.challengeWindow,
        challenge_vote_window_s: p.challengeVoteWindow,
        unbonding_window_s: p.unbondingWindow,
        voting_delay_s: p.votingDelay,
        voting_window_s: p.votingWindow,
        max_session_s: p.maxSession,
        dispute_window_s: p.disputeWindow,
        mint_window_s: p.mintWindow,
    })
}

/// An offer, as the contracts have it.
#[must_use]
pub fn offer(o: &Offer) -> Settlement::Offer {
    Settlement::Offer {
        node: to_evm(o.node),
        class: o.class.0,
        version: o.version.0,
        asset: to_evm(o.asset.0),
        promptPrice: o.prompt_price.base_units(),
        completionPrice: o.completion_price.base_units(),
        promptCeiling: o.prompt_ceiling,
        completionCeiling: o.completion_ceiling,
        sessionSeconds: o.session_s,
        validUntil: o.valid_until_s,
        minDeposit: o.min_deposit.base_units(),
        quotaDeposit: o.quota_deposit.base_units(),
        series: o.series,
    }
}

/// An offer of a contract's.
#[must_use]
pub fn offer_of(o: &Settlement::Offer) -> Offer {
    Offer {
        node: from_evm(o.node),
        class: ClassId(o.class),
        version: VersionNumber(o.version),
        asset: Asset(from_evm(o.asset)),
        prompt_price: Amount::from_base_units(o.promptPrice),
        completion_price: Amount::from_base_units(o.completionPrice),
        prompt_ceiling: o.promptCeiling,
        completion_ceiling: o.completionCeiling,
        session_s: o.sessionSeconds,
        valid_until_s: o.validUntil,
        min_deposit: Amount::from_base_units(o.minDeposit),
        quota_deposit: Amount::from_base_units(o.quotaDeposit),
        series: o.series,
    }
}

/// A verdict, as the contracts have it.
#[must_use]
pub fn verdict(v: &Verdict) -> ValidatorQuorum::Verdict {
    let a = &v.attestation;
    ValidatorQuorum::Verdict {
        validator: to_evm(v.validator),
        attestation: ValidatorQuorum::Attestation {
            submission: word(a.submission.as_bytes()),
            content: word(a.content.as_bytes()),
            accepted: a.accepted,
        },
        signature: packed(&v.signature),
    }
}

/// A verdict of a contract's.
#[must_use]
pub fn verdict_of(v: &ValidatorQuorum::Verdict) -> Verdict {
    let a = &v.attestation;
    let attestation =
        Attestation { submission: submission(a.submission), content: digest(a.content), accepted: a.accepted };
    Verdict { validator: from_evm(v.validator), attestation, signature: signature(&v.signature) }
}

/// What the contracts have of a version that was not measured.
const UNMEASURED: Quality =
    Quality { records: 0, tokens: 0, base_micronats: 0, prompted_micronats: None, tuned_micronats: 0 };

/// A version's metadata, as the contracts have it.
#[must_use]
pub fn metadata(m: &VersionMetadata) -> DataAnchoringToken::VersionMetadata {
    let quality = m.quality.unwrap_or(UNMEASURED);
    DataAnchoringToken::VersionMetadata {
        character: m.character.clone(),
        baseName: m.base.name.clone(),
        baseDigest: word(m.base.digest.as_bytes()),
        baseLicence: m.base.licence.clone(),
        adapter: word(m.adapter_digest.as_bytes()),
        voiceBase: m.voice.map_or(B256::ZERO, |voice| word(voice.base_digest.as_bytes())),
        voice: m.voice.map_or(B256::ZERO, |voice| word(voice.adapter_digest.as_bytes())),
        heldOutRecords: quality.records,
        heldOutTokens: quality.tokens,
        baseLoss: quality.base_micronats,
        promptedLoss: quality.prompted_micronats.unwrap_or(0),
        tunedLoss: quality.tuned_micronats,
        record: word(m.record_digest.as_bytes()),
        submission: word(m.submission.as_bytes()),
        exex: to_evm(m.exex),
        rating: m.policy.rating.code(),
        minimumAge: m.policy.minimum_age,
        payment: m.policy.payment.code(),
        consent: m.policy.consent.clone(),
        reportContact: m.policy.report_contact.clone(),
        endpoints: m.endpoints.clone(),
    }
}

/// A version's metadata of a contract's. A rating that nobody knows is read as the strictest.
#[must_use]
pub fn metadata_of(m: &DataAnchoringToken::VersionMetadata) -> VersionMetadata {
    VersionMetadata {
        character: m.character.clone(),
        base: BaseInfo { name: m.baseName.clone(), digest: digest(m.baseDigest), licence: m.baseLicence.clone() },
        adapter_digest: digest(m.adapter),
        voice: (m.voiceBase != B256::ZERO || m.voice != B256::ZERO)
            .then(|| VoiceInfo { base_digest: digest(m.voiceBase), adapter_digest: digest(m.voice) }),
        quality: (m.heldOutRecords != 0).then_some(Quality {
            records: m.heldOutRecords,
            tokens: m.heldOutTokens,
            base_micronats: m.baseLoss,
            prompted_micronats: (m.promptedLoss != 0).then_some(m.promptedLoss),
            tuned_micronats: m.tunedLoss,
        }),
        record_digest: digest(m.record),
        submission: submission(m.submission),
        exex: from_evm(m.exex),
        policy: AccessPolicy {
            rating: match m.rating {
                0 => Rating::General,
                1 => Rating::Teen,
                _ => Rating::Mature,
            },
            minimum_age: m.minimumAge,
            payment: match m.payment {
                0 => Payment::Gas,
                1 => Payment::Quota,
                _ => Payment::GasOrQuota,
            },
            consent: m.consent.clone(),
            report_contact: m.reportContact.clone(),
        },
        endpoints: m.endpoints.clone(),
    }
}

/// The reason of a contract's revert, in words.
#[must_use]
pub fn refusal(data: &[u8]) -> String {
    fn of<E: SolInterface + std::fmt::Debug>(data: &[u8]) -> Option<String> {
        let error = format!("{:?}", E::abi_decode(data).ok()?);
        // `SessionRunning(SessionRunning { … })`: once is enough.
        Some(error.split_once('(').map_or(error.clone(), |(_, rest)| rest.trim_end_matches(')').to_owned()))
    }
    let known = of::<Settlement::SettlementErrors>(data)
        .or_else(|| of::<ValidatorQuorum::ValidatorQuorumErrors>(data))
        .or_else(|| of::<DatasetRegistry::DatasetRegistryErrors>(data))
        .or_else(|| of::<DataAnchoringToken::DataAnchoringTokenErrors>(data))
        .or_else(|| of::<MarketGovernor::MarketGovernorErrors>(data))
        .or_else(|| of::<MarketParameters::MarketParametersErrors>(data))
        .or_else(|| of::<MarketTimelock::MarketTimelockErrors>(data))
        .or_else(|| of::<Tills::TillsErrors>(data))
        .or_else(|| of::<Disputes::DisputesErrors>(data));
    // `Error(string)` and `Panic(uint256)`; anything else it would take for text.
    let standard = data.starts_with(&[0x08, 0xc3, 0x79, 0xa0]) || data.starts_with(&[0x4e, 0x48, 0x7b, 0x71]);
    let told = known.or_else(|| decode_revert_reason(data).filter(|_| standard));
    told.unwrap_or_else(|| format!("0x{}", hex::encode(data)))
}

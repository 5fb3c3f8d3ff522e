//! Encodes market transactions as calls of its contracts.

use alloy_primitives::{Address as EvmAddress, Bytes, U256, Uint, keccak256};
use alloy_sol_types::SolCall;
use lazai_core::pov::PublicPart;
use lazai_core::{Address, Asset, ClassId, Digest, SessionId, Signature, SubmissionId, TokenId};

use super::abi::{
    DataAnchoringToken, DatasetRegistry, MarketParameters, Settlement, ValidatorQuorum, from_evm, metadata, offer,
    packed, params, to_evm, verdict, word,
};
use super::deploy::Contracts;
use super::disputes;
use crate::governance::Measure;
use crate::market::{Market, MarketError, Submission, Transaction};
use crate::session::{Offer, SessionPayment, Voucher};

/// A call of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The contract.
    pub to: EvmAddress,
    /// Coins that go with it, in base units.
    pub value: u128,
    /// The calldata.
    pub data: Bytes,
}

pub(super) fn call(to: EvmAddress, value: u128, call: &impl SolCall) -> Call {
    Call { to, value, data: call.abi_encode().into() }
}

/// The call for a sender's transaction. Stakes, bonds and settled revenue are paid with coins of the sender's wallet; so is
/// the part of a deposit that the sender's balance in the market does not cover. Proposals and votes are the governor's:
/// see [`EvmLedger`](super::EvmLedger).
///
/// # Errors
/// [`MarketError`] if the market does not know something that the call needs.
pub fn transaction(
    contracts: &Contracts,
    market: &Market,
    sender: Address,
    transaction: &Transaction,
) -> Result<Call, MarketError> {
    let (token, quorum) = (to_evm(contracts.token), to_evm(contracts.quorum));
    let (registry, settlement) = (to_evm(contracts.registry), to_evm(contracts.settlement));
    Ok(match transaction {
        Transaction::ApproveForClass { class, operator, approved } => {
            let (operator, approved) = (to_evm(*operator), *approved);
            call(token, 0, &DataAnchoringToken::approveForClassCall { classId: number(class.0), operator, approved })
        }
        Transaction::Attest(verdicts) => {
            let id = verdicts.first().ok_or(MarketError::NoVerdicts)?.attestation.submission;
            let verdicts = verdicts.iter().map(verdict).collect();
            call(quorum, 0, &ValidatorQuorum::attestCall { id: id32(id), verdicts })
        }
        Transaction::Challenge { submission, validator } => {
            let state = market.submission(*submission);
            let state = state.ok_or(MarketError::UnknownSubmission { submission: *submission })?;
            let bond = market.params_of(state.params).map_or(0, |p| p.challenge_bond.base_units());
            call(quorum, bond, &ValidatorQuorum::challengeCall { id: id32(*submission), validator: to_evm(*validator) })
        }
        Transaction::Claim { token: id, asset } => {
            let (asset, to) = (to_evm(asset.0), to_evm(sender));
            call(token, 0, &DataAnchoringToken::claimCall { tokenId: token_id(*id), asset, to })
        }
        Transaction::CloseSession { session } => {
            let Named { payer, nonce, consumer, offer } = named(market, *session)?;
            call(settlement, 0, &Settlement::closeCall { payer, nonce, consumer, offer })
        }
        Transaction::CloseTogether { session, release } => {
            let (Named { payer, nonce, consumer, offer }, release) = (named(market, *session)?, packed(release));
            call(settlement, 0, &Settlement::closeTogetherCall { payer, nonce, consumer, offer, release })
        }
        Transaction::CreateClass => call(
            token,
            0,
            &DataAnchoringToken::createClassCall {
                metadataURI: String::new(),
                integrityHash: Default::default(),
                unitDecimals: 0,
                policyURI: String::new(),
            },
        ),
        Transaction::LapseChallenge { submission, validator } => {
            let validator = to_evm(*validator);
            call(quorum, 0, &ValidatorQuorum::lapseChallengeCall { id: id32(*submission), validator })
        }
        Transaction::Mint { metadata: m, record_signature } => call(
            token,
            0,
            &DataAnchoringToken::mintVersionCall {
                metadata: metadata(m),
                recordSignature: packed(record_signature),
                metadataURI: by_digest(m.record_digest),
            },
        ),
        Transaction::MintToken { class, to, value, shares, expire_at_s } => call(
            token,
            0,
            &DataAnchoringToken::mintCall {
                classId: number(class.0),
                to: to_evm(*to),
                value: number(*value),
                shareRatio: number(*shares),
                expireAt: *expire_at_s,
            },
        ),
        Transaction::OpenSession { nonce, consumer, offer: o, offer_signature, payment } => {
            let (deposit, token_id) = match payment {
                SessionPayment::Deposit(deposit) => (deposit.base_units(), U256::ZERO),
                SessionPayment::Quota(token) => (0, token_id(*token)),
            };
            let value = lacking(market, sender, o.asset, deposit);
            let deposit = ninety_six_bits(deposit)?;
            let opening =
                Settlement::Opening { nonce: *nonce, consumer: to_evm(*consumer), deposit, tokenId: token_id };
            let offer_signature = packed(offer_signature);
            call(settlement, value, &Settlement::openCall { opening, offer: offer(o), offerSignature: offer_signature })
        }
        Transaction::RecordUsage { token: id, metric, amount } => call(
            token,
            0,
            &DataAnchoringToken::recordUsageCall {
                tokenId: token_id(*id),
                metricType: word(metric.as_bytes()),
                amount: number(*amount),
            },
        ),
        Transaction::Redeem { voucher, signature } => redeem(contracts, market, &[(*voucher, *signature)])?,
        Transaction::Refuse { submission, reason } => {
            call(registry, 0, &DatasetRegistry::refuseCall { id: id32(*submission), reason: reason.clone() })
        }
        Transaction::RevokeOffers => call(settlement, 0, &Settlement::revokeOffersCall {}),
        Transaction::Pay { node, class, version, asset, amount } => {
            let (node, asset, amount) = (to_evm(*node), to_evm(asset.0), amount.base_units());
            call(settlement, 0, &Settlement::payCall { node, class: class.0, version: version.0, asset, amount })
        }
        Transaction::PassRevenue { class, version, asset } => {
            let (class, version, asset) = (number(class.0), version.0, to_evm(asset.0));
            call(token, 0, &DataAnchoringToken::passCall { classId: class, version, asset })
        }
        Transaction::SettleRevenue { class, version, asset, amount } => {
            let (class, version) = (number(class.0), version.map_or(0, |v| v.0));
            if *asset == Asset::NATIVE {
                let settle = DataAnchoringToken::settleRevenueETH_0Call { classId: class, version };
                call(token, amount.base_units(), &settle)
            } else {
                let (asset, amount) = (to_evm(asset.0), U256::from(amount.base_units()));
                call(token, 0, &DataAnchoringToken::settleRevenueERC20_0Call { classId: class, version, asset, amount })
            }
        }
        Transaction::SlashEquivocation { one, other } => {
            call(quorum, 0, &ValidatorQuorum::slashEquivocationCall { a: verdict(one), b: verdict(other) })
        }
        Transaction::Sponsor { class, asset, amount, per_unit } => {
            let (class, asset) = (number(class.0), to_evm(asset.0));
            let (amount, per_unit) = (amount.base_units(), per_unit.base_units());
            call(settlement, 0, &Settlement::sponsorCall { class, asset, amount, perUnit: per_unit })
        }
        Transaction::Stake { amount } => call(quorum, amount.base_units(), &ValidatorQuorum::stakeCall {}),
        Transaction::Submit(submission) => call(registry, 0, &submit(market, sender, submission)?),
        Transaction::TopUp { session, amount } => {
            let Named { nonce, consumer, offer, .. } = named(market, *session)?;
            let value = lacking(market, sender, Asset(from_evm(offer.asset)), amount.base_units());
            let amount = ninety_six_bits(amount.base_units())?;
            call(settlement, value, &Settlement::topUpCall { nonce, consumer, offer, amount })
        }
        Transaction::Transfer { to, asset, amount } => {
            let (to, asset, amount) = (to_evm(*to), to_evm(asset.0), U256::from(amount.base_units()));
            call(settlement, 0, &Settlement::transferCall { to, asset, amount })
        }
        Transaction::TransferToken { token: id, to } => {
            call(token, 0, &DataAnchoringToken::transferTokenCall { tokenId: token_id(*id), to: to_evm(*to) })
        }
        Transaction::TransferValue { from, to, value } => call(
            token,
            0,
            &DataAnchoringToken::transferValueCall {
                fromTokenId: token_id(*from),
                toTokenId: token_id(*to),
                value: number(*value),
            },
        ),
        Transaction::Unsponsor { class, asset, amount } => {
            let (class, asset, amount) = (number(class.0), to_evm(asset.0), amount.base_units());
            call(settlement, 0, &Settlement::unsponsorCall { class, asset, amount })
        }
        Transaction::Unstake { amount } => {
            call(quorum, 0, &ValidatorQuorum::requestUnstakeCall { amount: amount.base_units() })
        }
        Transaction::VoteOnChallenge { submission, validator, upheld } => {
            let (id, validator, upheld) = (id32(*submission), to_evm(*validator), *upheld);
            call(quorum, 0, &ValidatorQuorum::voteOnChallengeCall { id, validator, upheld })
        }
        Transaction::WithdrawStake => call(quorum, 0, &ValidatorQuorum::withdrawStakeCall {}),
        Transaction::WithdrawVersion { class, version } => {
            let (class, version) = (number(class.0), version.0);
            call(token, 0, &DataAnchoringToken::withdrawVersionCall { classId: class, version })
        }
        Transaction::Execute { proposal } | Transaction::Vote { proposal, .. } => {
            return Err(MarketError::UnknownProposal { proposal: *proposal });
        }
        Transaction::Propose(m) => measure(contracts, m),
        Transaction::DisputeTraining { .. }
        | Transaction::LapseDispute { .. }
        | Transaction::LeaveBond { .. }
        | Transaction::OpenDispute { .. }
        | Transaction::PostBond { .. }
        | Transaction::TakeBond
        | Transaction::VoteOnDispute { .. } => disputes::transaction(contracts.disputes, market, transaction)?,
    })
}

/// One transaction for vouchers of a node's sessions, offer by offer: one that is not good is passed over by the contract.
///
/// # Errors
/// [`MarketError::UnknownSession`]; for no vouchers at all, that of session zero.
pub fn redeem(contracts: &Contracts, market: &Market, vouchers: &[(Voucher, Signature)]) -> Result<Call, MarketError> {
    let mut under: Vec<(&Offer, Vec<Settlement::Claim>)> = Vec::new();
    for (voucher, signature) in vouchers {
        let id = voucher.session;
        let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
        let herself = session.consumer == session.payer;
        let claim = Settlement::Claim {
            payer: to_evm(session.payer),
            nonce: session.nonce,
            // Zeros cost less.
            consumer: if herself { EvmAddress::ZERO } else { to_evm(session.consumer) },
            cumulative: voucher.cumulative.base_units(),
            signature: packed(signature),
        };
        match under.iter_mut().find(|(offer, _)| *offer == &session.offer) {
            Some((_, claims)) => claims.push(claim),
            None => under.push((&session.offer, vec![claim])),
        }
    }
    if under.is_empty() {
        return Err(MarketError::UnknownSession { session: SessionId::ZERO });
    }
    let batches = under.into_iter().map(|(under, claims)| Settlement::Claims { offer: offer(under), claims });
    Ok(call(to_evm(contracts.settlement), 0, &Settlement::redeemCall { batches: batches.collect() }))
}

/// The fields that identify a session to the contract, which stores only its money.
pub(super) struct Named {
    pub payer: EvmAddress,
    pub nonce: u64,
    pub consumer: EvmAddress,
    pub offer: Settlement::Offer,
}

pub(super) fn named(market: &Market, id: SessionId) -> Result<Named, MarketError> {
    let session = market.session(id).ok_or(MarketError::UnknownSession { session: id })?;
    let (payer, consumer) = (to_evm(session.payer), to_evm(session.consumer));
    Ok(Named { payer, nonce: session.nonce, consumer, offer: offer(&session.offer) })
}

/// The coins that a call must carry because the balance lacks them; 0 for other assets.
fn lacking(market: &Market, sender: Address, asset: Asset, wanted: u128) -> u128 {
    let missing = wanted.saturating_sub(market.balance(sender, asset).base_units());
    if asset == Asset::NATIVE { missing } else { 0 }
}

pub(super) fn ninety_six_bits(deposit: u128) -> Result<Uint<96, 2>, MarketError> {
    Uint::try_from(deposit).map_err(|_| MarketError::TooMany { what: "base units of a deposit" })
}

fn submit(market: &Market, sender: Address, s: &Submission) -> Result<DatasetRegistry::submitCall, MarketError> {
    let id = SubmissionId::derive(market.ledger(), sender, s.nonce);
    let public = PublicPart::from_bytes(s.public_part.as_bytes()).map_err(MarketError::PublicPart)?;
    let (expected, found) = (public.contributors.len(), s.shares.len());
    if expected != found {
        return Err(MarketError::ContributorsMismatch { expected, found });
    }
    if market.submission(id).is_some() {
        return Err(MarketError::Exists { what: "submission", id: Digest::from_bytes(*id.as_bytes()) });
    }
    let shares = s.shares.iter().zip(&public.contributors).map(|(share, contributor)| DatasetRegistry::Share {
        contributor: to_evm(share.contributor),
        tokens: share.tokens,
        root: word(share.root.as_bytes()),
        licence: keccak256(&contributor.licence),
        consent: keccak256(&contributor.consent),
        signature: packed(&share.consent),
    });
    let (class, after, keep) = s.lineage.numbers();
    let dataset = DatasetRegistry::Submission {
        nonce: s.nonce,
        statement: word(s.statement.as_bytes()),
        root: word(s.root.as_bytes()),
        proof: word(s.proof.as_bytes()),
        ciphertext: word(s.ciphertext.as_bytes()),
        pointer: by_digest(s.ciphertext),
        sealedKey: Bytes::copy_from_slice(&s.sealed_key.to_bytes()),
        exex: to_evm(s.exex),
        class,
        afterVersion: after,
        keepBps: keep,
        shares: shares.collect(),
    };
    Ok(DatasetRegistry::submitCall { dataset, publicPart: s.public_part.clone().into_bytes().into() })
}

/// The timelock's call for a voted measure.
#[must_use]
pub fn measure(contracts: &Contracts, measure: &Measure) -> Call {
    let (parameters, quorum, settlement) =
        (to_evm(contracts.parameters), to_evm(contracts.quorum), to_evm(contracts.settlement));
    match measure {
        Measure::AcceptAsset { asset } => {
            call(parameters, 0, &MarketParameters::acceptAssetCall { asset: to_evm(asset.0) })
        }
        Measure::ApplyParameters(next) => {
            call(parameters, 0, &MarketParameters::applyParametersCall { next: params(next) })
        }
        Measure::SetValidator { validator, weight } => {
            call(quorum, 0, &ValidatorQuorum::setMemberCall { member: to_evm(*validator), weight: *weight })
        }
        Measure::Spend { to, asset, amount } => {
            let (to, asset, amount) = (to_evm(*to), to_evm(asset.0), U256::from(amount.base_units()));
            call(settlement, 0, &Settlement::transferCall { to, asset, amount })
        }
    }
}

/// The measure that a call of the timelock is, if it is one.
#[must_use]
pub fn measure_of(contracts: &Contracts, to: EvmAddress, data: &[u8]) -> Option<Measure> {
    use super::abi::{amount, params_of};
    use MarketParameters::MarketParametersCalls as P;
    use Settlement::SettlementCalls as S;
    use ValidatorQuorum::ValidatorQuorumCalls as Q;
    use alloy_sol_types::SolInterface;
    if to == to_evm(contracts.parameters) {
        return match P::abi_decode(data).ok()? {
            P::acceptAsset(c) => Some(Measure::AcceptAsset { asset: Asset(from_evm(c.asset)) }),
            P::applyParameters(c) => params_of(&c.next).map(Measure::ApplyParameters),
            _ => None,
        };
    }
    if to == to_evm(contracts.quorum) {
        return match Q::abi_decode(data).ok()? {
            Q::setMember(c) => Some(Measure::SetValidator { validator: from_evm(c.member), weight: c.weight }),
            _ => None,
        };
    }
    if to == to_evm(contracts.settlement)
        && let S::transfer(c) = S::abi_decode(data).ok()?
    {
        return Some(Measure::Spend {
            to: from_evm(c.to),
            asset: Asset(from_evm(c.asset)),
            amount: amount(c.amount).ok()?,
        });
    }
    None
}

/// A URI for an object kept by its SHA-256.
fn by_digest(digest: Digest) -> String {
    format!("sha256:{}", hex::encode(digest.as_bytes()))
}

fn number(value: u64) -> U256 {
    U256::from(value)
}

fn token_id(id: TokenId) -> U256 {
    U256::from(id.0)
}

fn id32(id: SubmissionId) -> alloy_primitives::B256 {
    word(id.as_bytes())
}

/// A class that a contract names; they are numbered from 1, so none has more than 64 bits.
#[must_use]
pub(super) fn class(id: U256) -> ClassId {
    ClassId(u64::try_from(id).unwrap_or(u64::MAX))
}

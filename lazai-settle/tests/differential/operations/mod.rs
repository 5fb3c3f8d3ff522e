//! Random operations, each done by both.

mod disputes;
mod opened;
mod sales;
mod sessions;
mod tokens;
mod validation;

pub use disputes::*;
pub use opened::*;
pub use sales::*;
pub use sessions::*;
pub use tokens::*;
pub use validation::*;

use alloy_sol_types::SolCall;
use lazai_core::dat::{AccessPolicy, BaseInfo, Payment, Rating, VersionMetadata, VoiceInfo};
use lazai_core::digest::{keccak256, sha256};
use lazai_core::record::RecordClaim;
use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::ledger::evm::abi;
use lazai_settle::market::{Crossing, Event, SubmissionStatus, Transaction};
use lazai_settle::quorum::{Attestation, Verdict};
use lazai_settle::session::{SessionPayment, SessionRelease, session_id};
use revm::primitives::{B256, Bytes, U256};

use super::chain::*;
use super::world::*;

/// What was tried, and whether each did it.
#[derive(Debug)]
pub struct Told {
    pub kind: &'static str,
    pub done: bool,
    pub done_on_chain: bool,
}

fn told(kind: &'static str, done: bool, done_on_chain: bool) -> Told {
    Told { kind, done, done_on_chain }
}

pub fn b(digest: Digest) -> B256 {
    B256::from(*digest.as_bytes())
}

pub fn id32(bytes: &[u8; 32]) -> B256 {
    B256::from(*bytes)
}

pub fn bytes(signature: Signature) -> Bytes {
    Bytes::copy_from_slice(signature.as_bytes())
}

/// A market in which something can happen: everybody has money, validators have stakes, five models are minted, as
/// classes or after versions of them.
pub fn found(w: &mut World) {
    w.careful = true;
    for who in 0..PEOPLE {
        for native in [true, false] {
            let asset = w.chain.asset(native);
            let told = deposit_of(w, who, asset, 1_000_000_000);
            assert!(told.done && told.done_on_chain, "{told:?}");
        }
    }
    for who in 0..VALIDATORS {
        let told = stake_of(w, who, 5_000);
        assert!(told.done && told.done_on_chain, "{told:?}");
    }
    for _ in 0..5 {
        let id = accepted(w);
        let told = mint_of(w, id);
        assert!(told.done && told.done_on_chain, "{told:?}");
    }
    w.careful = false;
}

/// A submission that is accepted for good.
pub fn accepted(w: &mut World) -> SubmissionId {
    let told = submit(w);
    assert!(told.done && told.done_on_chain, "{told:?}");
    let id = *w.submissions.last().unwrap();
    let verdicts = (0..VALIDATORS).map(|who| verdict(w, who, id)).collect();
    let told = bring(w, id, verdicts);
    assert!(told.done && told.done_on_chain, "{told:?}");
    w.now_s += 1_800;
    let now_s = w.now_s;
    w.chain.at(now_s);
    id
}

/// The ExEx's refusal, whose reason is whatever bytes.
pub fn refuse_in_bytes(w: &mut World, id: SubmissionId, reason: &[u8]) -> Result<(), Bytes> {
    let placeholder = "?".repeat(reason.len());
    let mut call = DatasetRegistry::refuseCall { id: id32(id.as_bytes()), reason: placeholder.clone() }.abi_encode();
    let at = call.windows(reason.len()).position(|bytes| bytes == placeholder.as_bytes()).unwrap();
    call[at..at + reason.len()].copy_from_slice(reason);
    let registry = w.chain.registry;
    w.chain.send_bytes(w.address(EXEX), registry, call).map(|_| ())
}

pub fn random(w: &mut World) -> Told {
    match w.below(68) {
        0 => deposit(w),
        1 => withdraw(w),
        2 => transfer(w),
        3 | 4 => submit(w),
        5..=8 => attest(w),
        9..=11 => mint(w),
        12..=15 => create_or_mint_token(w),
        16..=20 => open(w),
        21..=27 => redeem(w),
        28 | 29 | 48 => close(w),
        49 => close_together(w),
        50 | 51 => top_up(w),
        52 => sponsor(w),
        53 if w.one_in(8) => revoke_offers(w),
        54 | 55 => pay(w),
        56 | 57 => pay_till(w),
        58 | 59 => open_for(w),
        60..=62 => bond(w),
        63..=67 => dispute(w),
        30..=32 => claim(w),
        33 => sell(w),
        34 | 35 => move_value(w),
        36 => use_quota(w),
        37 | 38 => settle(w),
        39 | 40 => stake(w),
        41 => slash(w),
        42 | 43 => challenge(w),
        44 => govern(w),
        45 => withdraw_version(w),
        46 | 47 => pass_on(w),
        _ => pass(w),
    }
}

/// Applies a transaction to the Rust market.
fn act(w: &mut World, who: usize, transaction: &Transaction) -> Option<Vec<Event>> {
    let sender = w.address(who);
    let before = w.market.clone();
    let result = w.market.apply_as(w.now_s, sender, transaction);
    assert!(result.is_ok() || w.market == before, "an error changed the market: {transaction:?}");
    result.ok()
}

fn pass(w: &mut World) -> Told {
    let seconds = match w.below(10) {
        0 => 40 * 86_400,
        1 => 4_000,
        _ => w.below(1_000),
    };
    w.now_s += seconds;
    let now_s = w.now_s;
    w.chain.at(now_s);
    told("time", true, true)
}

/// A transaction whose money comes with the call on chain: into the account first, and back if it is refused.
fn paid(w: &mut World, who: usize, asset: Asset, amount: Amount, transaction: &Transaction) -> Option<Vec<Event>> {
    let account = w.address(who);
    w.market.cross(Crossing::Deposit { account, asset, amount }).unwrap();
    let done = act(w, who, transaction);
    if done.is_none() {
        w.market.cross(Crossing::Withdraw { account, asset, amount }).unwrap();
    }
    done
}

fn govern(w: &mut World) -> Told {
    let (governance, parameters, settlement) = (w.governance, w.chain.parameters, w.chain.settlement);
    match w.below(3) {
        0 => {
            let Some(next) = w.other_params() else { return told("no parameters", true, true) };
            let call = MarketParameters::applyParametersCall { next: abi::params(&next) };
            let on_chain = w.chain.send(governance, parameters, 0, &call).is_ok();
            told("parameters", w.market.enact(&Measure::ApplyParameters(next)).is_ok(), on_chain)
        }
        1 => {
            let (who, weight) = (w.below(VALIDATORS as u64 + 1) as usize, w.below(4));
            let validator = w.address(who);
            let quorum = w.chain.quorum;
            let call = ValidatorQuorum::setMemberCall { member: to_evm(validator), weight };
            let on_chain = w.chain.send(governance, quorum, 0, &call).is_ok();
            told("validator", w.market.enact(&Measure::SetValidator { validator, weight }).is_ok(), on_chain)
        }
        _ => {
            let (who, native, units) = (w.anyone(), w.one_in(2), w.amount() / 1_000);
            let (to, asset) = (w.address(who), w.chain.asset(native));
            let call = Settlement::transferCall { to: to_evm(to), asset: to_evm(asset.0), amount: U256::from(units) };
            let on_chain = w.chain.send(governance, settlement, 0, &call).is_ok();
            let measure = Measure::Spend { to, asset, amount: Amount::from_base_units(units) };
            told("spend", w.market.enact(&measure).is_ok(), on_chain)
        }
    }
}

//! Gas of the market's operations: each is a transaction of its own, its calldata included, in a market that has been
//! used before (the first payment to an account costs 17,100 more: its slot is new).

use lazai::core::{Amount, ClassId, TokenId, VersionNumber};
use lazai::settle::session::{Offer, session_id};
use lazai_settle::ledger::evm::abi;
use revm::primitives::U256;

use super::chain::{DataAnchoringToken, Settlement, to_evm};
use super::operations::{bring, bytes, found, mint_of, submit, verdict};
use super::world::{NODES, VALIDATORS, World};

const PAYER: usize = 9;
const BATCH: u64 = 100;
const OFFERS: u64 = 10;

/// Gas by operation.
pub(super) fn all() -> Vec<(&'static str, u64)> {
    let mut w = World::new(1);
    found(&mut w);
    w.careful = true;
    let mut gas = Vec::new();
    submit(&mut w);
    gas.push(("gas_submit", w.chain.gas));
    let id = w.submissions.last().copied().expect("one was submitted");
    let verdicts = (0..VALIDATORS).map(|who| verdict(&mut w, who, id)).collect();
    bring(&mut w, id, verdicts);
    gas.push(("gas_attest_quorum", w.chain.gas));
    w.now_s += 1_800;
    let now_s = w.now_s;
    w.chain.at(now_s);
    mint_of(&mut w, id);
    gas.push(("gas_mint", w.chain.gas));

    let first = offer(&w, 0);
    for nonce in 0..BATCH + 2 {
        open(&mut w, &first, nonce);
    }
    gas.push(("gas_open", w.chain.gas));
    redeem(&mut w, vec![(first.clone(), 0..1)]);
    redeem(&mut w, vec![(first.clone(), 1..2)]);
    gas.push(("gas_one_tx_per_request", w.chain.gas));
    redeem(&mut w, vec![(first.clone(), 2..BATCH + 2)]);
    gas.push(("gas_per_session_batch100", w.chain.gas / BATCH));
    // A front signs its terms anew every five minutes: sessions are seldom of one offer.
    let many: Vec<_> = (1..=OFFERS).map(|n| (offer(&w, n), 0..BATCH / OFFERS)).collect();
    for (offer, nonces) in &many {
        nonces.clone().for_each(|nonce| open(&mut w, offer, nonce));
    }
    redeem(&mut w, many);
    gas.push(("gas_per_session_batch100_of_10_offers", w.chain.gas / BATCH));
    top_up(&mut w, &first, 0);
    gas.push(("gas_top_up", w.chain.gas));
    close(&mut w, &first, 0);
    gas.push(("gas_close_asked", w.chain.gas));
    w.now_s += 3_601;
    let now_s = w.now_s;
    w.chain.at(now_s);
    close(&mut w, &first, 0);
    gas.push(("gas_close_final", w.chain.gas));
    let owner = w.market.token(TokenId(1)).expect("a share token").owner;
    let (token, native) = (w.chain.token, to_evm(w.chain.asset(true).0));
    let claim = DataAnchoringToken::claimCall { tokenId: U256::from(1), asset: native, to: to_evm(owner) };
    w.chain.must(owner, token, 0, &claim);
    gas.push(("gas_claim", w.chain.gas));
    gas
}

/// The node's offer of some five minutes.
fn offer(w: &World, n: u64) -> Offer {
    Offer {
        node: w.address(NODES[0]),
        class: ClassId(1),
        version: VersionNumber(1),
        asset: w.chain.asset(true),
        prompt_price: Amount::from_base_units(1),
        completion_price: Amount::from_base_units(2),
        prompt_ceiling: 1_000,
        completion_ceiling: 100,
        session_s: 3_600,
        valid_until_s: w.now_s + 3_600 + 300 * n,
        min_deposit: Amount::ZERO,
        quota_deposit: Amount::ZERO,
        series: 0,
    }
}

fn open(w: &mut World, offer: &Offer, nonce: u64) {
    let opening = Settlement::Opening {
        nonce,
        consumer: to_evm(w.address(PAYER)),
        deposit: 1_000_000_u64.try_into().expect("it has 96 bits"),
        tokenId: U256::ZERO,
    };
    let offer_signature = bytes(w.signed(NODES[0], offer));
    let call = Settlement::openCall { opening, offer: abi::offer(offer), offerSignature: offer_signature };
    let settlement = w.chain.settlement;
    w.chain.must(w.address(PAYER), settlement, 0, &call);
}

/// One transaction for sessions under some offers, by their numbers.
fn redeem(w: &mut World, batches: Vec<(Offer, std::ops::Range<u64>)>) {
    let payer = w.address(PAYER);
    let claim = |offer: &Offer, nonce: u64| {
        let voucher = offer.voucher(
            session_id(w.market.ledger(), payer, nonce, payer, offer),
            Amount::from_base_units(123_457 + u128::from(nonce)),
        );
        let signature = w.signed(PAYER, &voucher);
        // In 64 bytes (EIP-2098).
        let mut short = signature.as_bytes()[..64].to_vec();
        short[32] |= (signature.as_bytes()[64] - 27) << 7;
        Settlement::Claim {
            payer: to_evm(payer),
            nonce,
            consumer: Default::default(),
            cumulative: voucher.cumulative.base_units(),
            signature: short.into(),
        }
    };
    let sessions: u64 = batches.iter().map(|(_, nonces)| nonces.end - nonces.start).sum();
    let under = |(offer, nonces): (Offer, std::ops::Range<u64>)| Settlement::Claims {
        offer: abi::offer(&offer),
        claims: nonces.map(|nonce| claim(&offer, nonce)).collect(),
    };
    let call = Settlement::redeemCall { batches: batches.into_iter().map(under).collect() };
    let settlement = w.chain.settlement;
    let redeemed = w.chain.must(w.address(NODES[0]), settlement, 0, &call);
    assert_eq!(redeemed, U256::from(sessions), "vouchers redeemed");
}

fn top_up(w: &mut World, offer: &Offer, nonce: u64) {
    let (payer, settlement) = (w.address(PAYER), w.chain.settlement);
    let amount = 1_000_u64.try_into().expect("it has 96 bits");
    let call = Settlement::topUpCall { nonce, consumer: to_evm(payer), offer: abi::offer(offer), amount };
    w.chain.must(payer, settlement, 0, &call);
}

fn close(w: &mut World, offer: &Offer, nonce: u64) {
    let (payer, settlement) = (w.address(PAYER), w.chain.settlement);
    let (account, offer) = (to_evm(payer), abi::offer(offer));
    w.chain.must(payer, settlement, 0, &Settlement::closeCall { payer: account, nonce, consumer: account, offer });
}

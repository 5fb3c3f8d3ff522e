//! Gas of the market's operations: each is a transaction of its own, its calldata included, in a market that has been
//! used before (the first payment to an account costs 17,100 more: its slot is new).

use lazai::core::{Amount, ClassId, TokenId, VersionNumber};
use lazai::settle::session::{Offer, session_id};
use lazai_settle::ledger::evm::abi;
use revm::primitives::U256;

use super::chain::{DataAnchoringToken, Settlement, evm};
use super::operations::{bring, bytes, found, mint_of, submit, verdict};
use super::world::{NODES, VALIDATORS, World};

const PAYER: usize = 9;
const BATCH: u64 = 100;

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
    mint_of(&mut w, id, None);
    gas.push(("gas_mint", w.chain.gas));

    let offer = offer(&w);
    for nonce in 0..BATCH + 2 {
        open(&mut w, &offer, nonce);
    }
    gas.push(("gas_open", w.chain.gas));
    redeem(&mut w, &offer, 0..1);
    redeem(&mut w, &offer, 1..2);
    gas.push(("gas_one_tx_per_request", w.chain.gas));
    redeem(&mut w, &offer, 2..BATCH + 2);
    gas.push(("gas_per_session_batch100", w.chain.gas / BATCH));
    let owner = w.market.token(TokenId(1)).expect("a share token").owner;
    let (token, native) = (w.chain.token, evm(w.chain.asset(true).0));
    let claim = DataAnchoringToken::claimCall { tokenId: U256::from(1), asset: native, to: evm(owner) };
    w.chain.must(owner, token, 0, &claim);
    gas.push(("gas_claim", w.chain.gas));
    gas
}

fn offer(w: &World) -> Offer {
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
        valid_until_s: w.now_s + 3_600,
    }
}

fn open(w: &mut World, offer: &Offer, nonce: u64) {
    let opening = Settlement::Opening {
        nonce,
        consumer: evm(w.address(PAYER)),
        deposit: 1_000_000_u64.try_into().expect("it has 96 bits"),
        tokenId: U256::ZERO,
    };
    let offer_signature = bytes(w.signed(NODES[0], offer));
    let call = Settlement::openCall { opening, offer: abi::offer(offer), offerSignature: offer_signature };
    let settlement = w.chain.settlement;
    w.chain.must(w.address(PAYER), settlement, 0, &call);
}

fn redeem(w: &mut World, offer: &Offer, nonces: std::ops::Range<u64>) {
    let claim = |nonce: u64| {
        let payer = w.address(PAYER);
        let voucher = offer.voucher(
            session_id(w.market.ledger(), payer, nonce, payer, offer),
            Amount::from_base_units(123_457 + u128::from(nonce)),
        );
        let signature = w.signed(PAYER, &voucher);
        // In 64 bytes (EIP-2098).
        let mut short = signature.as_bytes()[..64].to_vec();
        short[32] |= (signature.as_bytes()[64] - 27) << 7;
        Settlement::Claim {
            payer: evm(payer),
            nonce,
            consumer: Default::default(),
            cumulative: voucher.cumulative.base_units(),
            signature: short.into(),
        }
    };
    let claims: Vec<_> = nonces.clone().map(claim).collect();
    let call = Settlement::redeemCall { offer: abi::offer(offer), claims };
    let settlement = w.chain.settlement;
    let redeemed = w.chain.must(w.address(NODES[0]), settlement, 0, &call);
    assert_eq!(redeemed, U256::from(nonces.end - nonces.start), "vouchers redeemed");
}

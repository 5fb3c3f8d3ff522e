//! Sessions that their payer signed for, and anyone opens.

use lazai_core::sign::signing_digest;
use lazai_settle::till::DepositAuthorization;

use super::*;

/// One signature: the deposit's transfer, whose number is the session's id.
pub fn open_for(w: &mut World) -> Told {
    let (node, mut offer) = w.offer();
    let native = w.below(10) == 0;
    offer.asset = w.chain.asset(native);
    let (payer, consumer, sender) = (w.anyone(), w.anyone(), w.anyone());
    w.nonce += u64::from(!w.one_in(10));
    let nonce = w.nonce;
    let signer = if w.one_in(25) { w.anyone() } else { node };
    let offer_signature = w.signed(signer, &offer);
    let deposit = Amount::from_base_units(u128::from(w.below(1_000_000)));
    let id = session_id(w.market.ledger(), w.address(payer), nonce, w.address(consumer), &offer);
    let (asset, settlement) = (offer.asset, w.chain.settlement);
    let (valid_after_s, valid_before_s) = (0, w.now_s + u64::from(!w.one_in(10)));
    let (from, to) = (w.address(payer), from_evm(settlement));
    let signed = DepositAuthorization { from, to, value: deposit, valid_after_s, valid_before_s, session: id };
    let domain = dollars(asset);
    let giver = w.mostly(payer);
    let signature = w.signers[giver].sign_digest(signing_digest(&domain, &signed));
    let opening = Settlement::Opening {
        nonce,
        consumer: to_evm(w.address(consumer)),
        deposit: deposit.base_units().try_into().unwrap(),
        tokenId: U256::ZERO,
    };
    let transfer = Balances::SignedTransfer {
        validAfter: U256::from(valid_after_s),
        validBefore: U256::from(valid_before_s),
        signature: bytes(signature),
    };
    let call = Settlement::openForCall {
        payer: to_evm(from),
        opening,
        offer: abi::offer(&offer),
        offerSignature: bytes(offer_signature),
        transfer_: transfer,
    };
    let on_chain = w.chain.send(w.address(sender), settlement, 0, &call).is_ok();
    let good = giver == payer && valid_before_s > w.now_s && asset == w.chain.asset(false);
    let mut market = w.market.clone();
    let brought = market.cross(Crossing::Deposit { account: from, asset, amount: deposit });
    let payment = SessionPayment::Deposit(deposit);
    let (consumer_address, under) = (w.address(consumer), offer.clone());
    let open = Transaction::OpenSession { nonce, consumer: consumer_address, offer: under, offer_signature, payment };
    let done = good && brought.is_ok() && market.apply_as(w.now_s, from, &open).is_ok();
    if done {
        w.market = market;
        w.tried.push(id);
        w.sessions.entry(id).or_insert(Tried { payer, nonce, consumer, offer });
    }
    told("open for", done, on_chain)
}

/// The domain in which the market's dollars are signed for.
pub fn dollars(asset: Asset) -> Domain {
    let (name, version) = ("Dollar".into(), "1".into());
    Domain { name, version, chain_id: CHAIN_ID, verifying_contract: asset.0, salt: None }
}

//! Replies that are paid at once, by a wallet that knows nothing of the market: whatever breaks off, nobody pays twice, and
//! nobody is served for nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;
use lazai::core::message::{Message, Role};
use lazai::core::sign::signing_digest;
use lazai::core::{Address, Amount, ClassId, Digest, Domain, Signature, TypedData, VersionNumber};
use lazai::node::{NodeError, ReplySettings};
use lazai::provider::{OfferTerms, Provider, SaleError, SaleRequest, Sold};
use lazai::settle::Ledger;
use lazai::settle::ledger::evm::abi::to_evm;
use lazai::settle::ledger::evm::{EvmLedger, Pace};
use lazai::settle::market::Event;
use lazai::settle::notice::Cursor;
use lazai::settle::session::Offer;
use lazai::settle::till::{Authorization, Sale, SignedAuthorization, SignedOpening};
use pollster::block_on;

use super::acts;
use super::chain::CHAIN_ID;
use super::network::made_up;
use super::node::{Life, Served};
use super::world::{Dollar, Process, World, address, signer};

pub(super) const PURSE: u128 = 1_000_000;

pub(super) fn units(amount: u128) -> Amount {
    Amount::from_base_units(amount)
}

/// A founded market, and a payer with dollars.
pub(super) fn founded(mut w: World) -> World {
    acts::found(&mut w);
    let give = Dollar::giveCall { to: to_evm(address("consumer")), amount: U256::from(PURSE) };
    tell(&w, "deployer", give.abi_encode().into());
    while purse(&w) == 0 {
        w.chain.lock().unwrap().tick();
    }
    // So deep that it stays.
    for _ in 0..30 {
        w.chain.lock().unwrap().tick();
    }
    w
}

/// A transaction to the asset, of somebody's own wallet.
fn tell(w: &World, name: &str, data: Bytes) {
    w.chain.lock().unwrap().send(&signer(name), Some(to_evm(w.dollar.0)), data);
}

pub(super) fn held(w: &World, account: Address) -> u128 {
    let asked = Dollar::balanceOfCall { account: to_evm(account) }.abi_encode();
    let told = w.chain.lock().unwrap().ask(to_evm(w.dollar.0), asked.into()).unwrap();
    Dollar::balanceOfCall::abi_decode_returns(&told).unwrap().to()
}

pub(super) fn purse(w: &World) -> u128 {
    held(w, address("consumer"))
}

fn words(n: u64) -> Vec<Message> {
    vec![Message::new(Role::User, format!("Number {n}?"))]
}

fn offer(w: &World) -> Offer {
    Offer {
        node: address("node"),
        class: ClassId(1),
        version: VersionNumber(1),
        asset: w.dollar,
        prompt_price: units(3),
        completion_price: units(5),
        prompt_ceiling: 100,
        completion_ceiling: 10,
        session_s: 3_600,
        valid_until_s: u64::MAX,
        min_deposit: Amount::ZERO,
        quota_deposit: Amount::ZERO,
        series: 0,
    }
}

/// What the words cost: eleven tokens, and ten of the reply.
const PRICE: u128 = 3 * 11 + 5 * 10;

fn till(w: &World) -> Address {
    let ledger = EvmLedger::open(w.line(), &w.deployment, None, w.pace).unwrap();
    let Offer { node, class, version, asset, .. } = offer(w);
    block_on(ledger.signed_transfers().unwrap().till(Sale { node, class, version, asset })).unwrap().address
}

fn authorization(w: &World, n: u64, value: u128) -> Authorization {
    let now_s = w.chain.lock().unwrap().time_s();
    let valid_before_s = now_s + 1_000_000_000;
    let nonce = made_up("payment", n);
    Authorization {
        from: address("consumer"),
        to: till(w),
        value: units(value),
        valid_after_s: 0,
        valid_before_s,
        nonce,
    }
}

/// What somebody signs in the asset's own domain.
fn by<T: TypedData>(w: &World, name: &str, value: &T) -> Signature {
    let (dollar, version) = ("Dollar".into(), "1".into());
    let domain = Domain { name: dollar, version, chain_id: CHAIN_ID, verifying_contract: w.dollar.0, salt: None };
    signer(name).sign_digest(signing_digest(&domain, value))
}

fn signed(w: &World, name: &str, authorization: Authorization) -> SignedAuthorization {
    let signature = by(w, name, &authorization).as_bytes().to_vec();
    SignedAuthorization { authorization, signature }
}

fn request(w: &World, n: u64) -> SaleRequest {
    let payment = signed(w, "consumer", authorization(w, n, PRICE));
    SaleRequest {
        offer: offer(w),
        least: Amount::ZERO,
        messages: words(n),
        settings: ReplySettings::default(),
        payment,
    }
}

/// The same transfer, as somebody else sends it.
fn sent_by(w: &World, name: &str, payment: &SignedAuthorization) {
    let a = &payment.authorization;
    let call = Dollar::transferWithAuthorization_0Call {
        from: to_evm(a.from),
        to: to_evm(a.to),
        value: U256::from(a.value.base_units()),
        validAfter: U256::from(a.valid_after_s),
        validBefore: U256::from(a.valid_before_s),
        nonce: a.nonce.as_bytes().into(),
        signature: payment.signature.clone().into(),
    };
    tell(w, name, call.abi_encode().into());
}

fn sell(provider: &Provider, request: &SaleRequest) -> Result<Sold, SaleError> {
    block_on(provider.sell(request, &|| true))
}

/// Asks until the reply is there, however often the node dies.
fn bought(w: &mut World, request: &SaleRequest, mortal: bool) -> Sold {
    let mut last = String::new();
    for _ in 0..400 {
        if mortal && w.dice.one_in(3) {
            w.doom_within(Process::Node, 40);
        }
        match w.node("node").live(|provider| sell(provider, request)) {
            Some(Ok(sold)) => return sold,
            // It is dead, or does not know yet.
            None => {}
            Some(Err(error @ (SaleError::Pending | SaleError::Node(_)))) => last = error.to_string(),
            Some(Err(error)) => {
                last = error.to_string();
                assert!(mortal, "{last}");
            }
        }
        w.chain.lock().unwrap().tick();
    }
    panic!("it was never served: {last}");
}

/// What was paid at once, by the market's own history.
fn paid(w: &mut World) -> u128 {
    let ledger = w.refresh(Process::People);
    let mut sum = 0;
    for notice in block_on(ledger.notices(&Cursor::new())).unwrap() {
        let (_, Some(new)) = notice.parts() else { continue };
        for event in new.entries.iter().flat_map(|entry| &entry.events) {
            if let Event::Paid { amount, node, split, .. } = event {
                let parts = [split.creator, split.node, split.pool].map(Amount::base_units);
                assert_eq!((*node, parts.iter().sum::<u128>()), (address("node"), amount.base_units()));
                sum += amount.base_units();
            }
        }
    }
    sum
}

#[test]
fn in_a_storm_each_reply_is_paid_once() {
    let (mut crashes, mut reorganised) = (0, 0);
    for seed in 0..12 {
        let mut w = founded(World::undeceived(seed));
        for n in 0..4 {
            let request = request(&w, n);
            if w.dice.one_in(3) {
                // Whoever sees the transfer sends it first, past the market.
                sent_by(&w, "cheat", &request.payment);
            }
            let sold = bought(&mut w, &request, true);
            assert_eq!(sold.reply.receipt.receipt.cumulative, units(PRICE));
            let again = bought(&mut w, &request, true);
            assert_eq!((again.reply, again.transaction), (sold.reply, sold.transaction), "seed {seed}, reply {n}");
            let other = SaleRequest { messages: words(n + 100), ..request };
            let refused = loop {
                match w.node("node").live(|provider| sell(provider, &other)) {
                    Some(Err(SaleError::AnotherRequest)) => break true,
                    Some(Ok(_)) => break false,
                    _ => w.chain.lock().unwrap().tick(),
                }
            };
            assert!(refused, "seed {seed}: two replies for one payment");
        }
        w.spare(Process::Node);
        w.chain.lock().unwrap().deepest = 0;
        for _ in 0..2 * w.pace.depth {
            w.chain.lock().unwrap().tick();
        }
        assert_eq!(PURSE - purse(&w), 4 * PRICE, "seed {seed}: what was paid for four replies");
        let waits = held(&w, till(&w));
        assert_eq!(paid(&mut w) + waits, 4 * PRICE, "seed {seed}: what was split, and what waits for the next payment");
        crashes += w.crashes;
        reorganised += w.chain.lock().unwrap().reorganised;
    }
    assert!(crashes > 12 && reorganised > 12, "{crashes} crashes, {reorganised} reorganisations");
}

#[test]
fn what_does_not_pay_is_refused_before_a_reply_is_made() {
    let mut w = founded(World::calm());
    let good = authorization(&w, 1, PRICE);
    let now_s = w.refresh(Process::Node).now_s();
    let paying = |payment| SaleRequest { payment, ..request(&w, 1) };
    let cases = [
        ("value_mismatch", signed(&w, "consumer", Authorization { value: units(PRICE - 1), ..good })),
        ("value_mismatch", signed(&w, "consumer", Authorization { value: units(PRICE + 1), ..good })),
        ("recipient_mismatch", signed(&w, "consumer", Authorization { to: address("node"), ..good })),
        ("valid_before", signed(&w, "consumer", Authorization { valid_before_s: now_s + 5, ..good })),
        ("payload_signature", signed(&w, "consumer", Authorization { valid_after_s: now_s + 900, ..good })),
        ("payload_signature", signed(&w, "cheat", good)),
        ("insufficient_funds", signed(&w, "cheat", Authorization { from: address("cheat"), ..good })),
    ];
    let requests: Vec<_> = cases.into_iter().map(|(reason, payment)| (reason, paying(payment))).collect();
    let node = w.node("node");
    for (reason, request) in requests {
        let refused = sell(&node.provider, &request).map(|sold| sold.reply.text);
        let Err(SaleError::Unpaid { reason: told }) = refused else { panic!("{reason}: {refused:?}") };
        assert!(told.contains(reason), "{told}, not {reason}");
    }
    assert!(block_on(node.provider.sessions()).unwrap().is_empty(), "nothing was made");
    // One number serves for one transfer: here it went elsewhere.
    let request = request(&w, 1);
    sent_by(&w, "cheat", &signed(&w, "consumer", Authorization { to: address("cheat"), ..good }));
    w.chain.lock().unwrap().tick();
    let refused = sell(&node.provider, &request).map(|sold| sold.reply.text);
    assert!(matches!(&refused, Err(SaleError::Unpaid { reason }) if reason.contains("already_used")), "{refused:?}");
    assert_eq!(purse(&w), PURSE - PRICE);
}

#[test]
fn one_payment_for_two_requests_at_once_serves_one() {
    let mut w = founded(World::calm());
    let one = request(&w, 1);
    let other = SaleRequest { messages: words(2), ..one.clone() };
    let node = w.node("node");
    let told = node.slowly(|provider| {
        std::thread::scope(|scope| {
            let asked = [&one, &other, &one].map(|request| scope.spawn(move || sell(provider, request)));
            asked.map(|asking| asking.join().unwrap())
        })
    });
    let served: Vec<&Sold> = told.iter().filter_map(|sold| sold.as_ref().ok()).collect();
    assert!(!served.is_empty() && served.iter().all(|sold| sold.reply == served[0].reply), "{told:?}");
    for refused in told.iter().filter_map(|sold| sold.as_ref().err()) {
        assert!(matches!(refused, SaleError::AnotherRequest), "{refused}");
    }
    assert_eq!(purse(&w), PURSE - PRICE);
}

/// A node whose patience with the chain ends before the payment is confirmed.
#[test]
fn a_payment_that_takes_long_is_waited_for_by_asking_again() {
    let w = founded(World::calm());
    let request = request(&w, 1);
    let folder = tempfile::tempdir().unwrap();
    let pace = Pace { depth: 12, patience: 2, ..w.pace };
    let ledger = EvmLedger::open(w.line(), &w.deployment, Some(&folder.path().join("outbox")), pace).unwrap();
    let life = Life(Arc::new(AtomicI64::new(-1)));
    let node = Served::open("node", ledger, life, folder.path());
    let mut pending = 0;
    let sold = loop {
        match sell(&node.provider, &request) {
            Ok(sold) => break sold,
            Err(SaleError::Pending) => pending += 1,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(pending > 1, "{pending}");
    assert_eq!(purse(&w), PURSE - PRICE);
    assert_eq!(sell(&node.provider, &request).unwrap().transaction, sold.transaction);
    assert_ne!(sold.transaction, Digest::ZERO);
}

/// The chain's node is away: nothing is taken, nothing is told; later the same request is served.
#[test]
fn while_the_chain_does_not_answer_nothing_is_sold() {
    let w = founded(World::calm());
    let request = request(&w, 1);
    let folder = tempfile::tempdir().unwrap();
    let line = w.line();
    let ledger = EvmLedger::open(line.clone(), &w.deployment, Some(&folder.path().join("outbox")), w.pace).unwrap();
    let node = Served::open("node", ledger, Life(Arc::new(AtomicI64::new(-1))), folder.path());
    line.fuse.store(0, std::sync::atomic::Ordering::SeqCst);
    let refused = sell(&node.provider, &request).map(|sold| sold.reply.text);
    assert!(matches!(refused, Err(SaleError::Node(_))), "{refused:?}");
    assert_eq!(purse(&w), PURSE);
    line.fuse.store(-1, std::sync::atomic::Ordering::SeqCst);
    sell(&node.provider, &request).unwrap();
    assert_eq!(purse(&w), PURSE - PRICE);
}

/// Terms in another asset, or in coins, are not sold at once.
#[test]
fn only_what_takes_signed_transfers_is_sold_at_once() {
    let mut w = founded(World::calm());
    let node = w.node("node");
    let dollars = OfferTerms { asset: w.dollar, ..OfferTerms::free(ClassId(1), VersionNumber(1)) };
    for (terms, sold) in [(dollars, true), (OfferTerms::free(ClassId(1), VersionNumber(1)), false)] {
        let offer = block_on(node.provider.offer(&terms, u64::MAX)).unwrap().offer;
        assert_eq!(block_on(node.provider.till(&offer)).unwrap().map(|till| till.address), sold.then(|| till(&w)));
    }
}

/// The payer signs once, has no coins for gas, and the node opens the session.
#[test]
fn a_session_is_opened_by_one_signature() {
    let mut w = founded(World::calm());
    let node = w.node("node");
    let offer = offer(&w);
    let offer_signature = acts::signed(&w, "node", &offer);
    let mut opening = SignedOpening {
        payer: address("consumer"),
        nonce: 77,
        consumer: address("second account"),
        deposit: units(5_000),
        offer,
        offer_signature,
        valid_after_s: 0,
        valid_before_s: u64::MAX,
        signature: String::new(),
    };
    let (ledger, settlement) = (w.deployment.ledger(), w.deployment.contracts.settlement);
    opening.signature = by(&w, "consumer", &opening.authorization(ledger, settlement)).to_string();
    // With another deposit or consumer it is another opening, which nobody signed for.
    for other in [
        SignedOpening { deposit: units(4_999), ..opening.clone() },
        SignedOpening { consumer: address("cheat"), ..opening.clone() },
    ] {
        let refused = block_on(node.provider.open_for(&other));
        assert!(matches!(refused, Err(NodeError::NotServed { .. })), "{refused:?}");
    }
    assert_eq!(purse(&w), PURSE);
    let id = block_on(node.provider.open_for(&opening)).unwrap();
    assert_eq!(id, opening.session(ledger));
    assert_eq!(block_on(node.provider.open_for(&opening)).unwrap(), id);
    let market = w.refresh(Process::Node).market();
    let session = market.session(id).unwrap();
    assert_eq!((session.payer, session.deposit), (address("consumer"), units(5_000)));
    assert_eq!(purse(&w), PURSE - 5_000);
}

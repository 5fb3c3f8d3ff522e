//! The market's rules: each breach has its own error, and changes nothing (the world checks that).
#![allow(clippy::unwrap_used)]

mod world;

use lazai_core::digest::sha256;
use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::market::{POOL, SubmissionStatus};
use lazai_settle::quorum::Attestation;
use lazai_settle::session::{SessionPayment, SessionRelease, Voucher};
use lazai_settle::split::{RevenueSplit, SplitError};
use lazai_settle::{Market, MarketError, Params, Transaction};
use world::*;

macro_rules! refused {
    ($result:expr, $error:pat) => {
        let result = $result;
        assert!(matches!(result, Err($error)), "{result:?}");
    };
}

#[test]
fn two_thirds_accept_and_late_or_foreign_attestations_do_not_count() {
    let mut world = World::new();
    let id = world.submit(1);
    refused!(world.attest(STRANGER, id), MarketError::NotAllowed { .. });
    world.attest(VALIDATORS[0], id).unwrap();
    // One that is counted already is passed over.
    assert_eq!(world.attest(VALIDATORS[0], id).unwrap(), []);
    world.attest(VALIDATORS[1], id).unwrap();
    assert_eq!(world.market.submission(id).unwrap().status, SubmissionStatus::Pending);
    world.attest(VALIDATORS[2], id).unwrap();
    assert_eq!(world.market.submission(id).unwrap().status, SubmissionStatus::Accepted);

    let late = world.submit(2);
    world.now_s = world.market.submission(late).unwrap().deadline_s;
    world.attest(VALIDATORS[0], late).unwrap();
    world.now_s += 1;
    refused!(world.attest(VALIDATORS[1], late), MarketError::AttestationTooLate { .. });
    assert!(world.market.submission(late).unwrap().has_lapsed(world.now_s));
    refused!(world.mint_by(EXEX, late), MarketError::SubmissionStatus { .. });
}

#[test]
fn attestations_and_submissions_are_of_what_was_submitted() {
    let mut world = World::new();
    let id = world.submit(1);
    let other = Attestation { content: sha256(b"other"), ..world.attestation(id) };
    let verdict = world.verdict(VALIDATORS[0], other);
    refused!(world.act(STRANGER, Transaction::Attest(vec![verdict])), MarketError::AttestationMismatch { .. });
    let again = world.submission(1);
    refused!(world.act(CREATOR, Transaction::Submit(again)), MarketError::Exists { .. });
    let mut forged = world.submission(2);
    forged.shares[0].consent = forged.shares[1].consent;
    refused!(world.act(CREATOR, Transaction::Submit(forged)), MarketError::Signature { .. });
    let mut fewer = world.submission(2);
    fewer.shares.pop();
    refused!(world.act(CREATOR, Transaction::Submit(fewer)), MarketError::ContributorsMismatch { .. });
    let mut large = world.submission(2);
    large.public_part = "x".repeat(33 * 1024);
    refused!(world.act(CREATOR, Transaction::Submit(large)), MarketError::PublicPart(_));
    // A consent is for one submission: somebody else cannot submit the same records.
    let stolen = world.submission(3);
    refused!(world.act(STRANGER, Transaction::Submit(stolen)), MarketError::Signature { .. });
}

#[test]
fn minting_needs_quorum_and_the_named_exex_and_happens_once() {
    let mut world = World::new();
    let pending = world.submit(1);
    refused!(world.mint_by(EXEX, pending), MarketError::SubmissionStatus { .. });
    let id = world.accepted(2);
    refused!(world.mint_by(STRANGER, id), MarketError::NotAllowed { .. });
    world.mint_by(EXEX, id).unwrap();
    refused!(world.mint_by(EXEX, id), MarketError::AlreadyMinted { .. });
    let shares: Vec<u64> = world.market.tokens_of(ClassId(1)).map(|(_, t)| t.shares).collect();
    assert_eq!(shares, [70, 30]);

    let refusal = world.accepted(3);
    world.act(EXEX, Transaction::Refuse { submission: refusal, reason: "garbage".into() }).unwrap();
    refused!(world.mint_by(EXEX, refusal), MarketError::SubmissionStatus { .. });
}

#[test]
fn revenue_is_split_claimed_and_refunded() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(1_000)).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 1_000);
    let voucher = world.voucher(session, NODE, 109);
    world.redeem(NODE, voucher).unwrap();
    // 20 % and 10 % of 109 are floored; the class gets the rest.
    assert_eq!((world.balance(NODE), world.market.balance(POOL, Asset::NATIVE).base_units()), (21, 10));
    world.act(NODE, Transaction::CloseSession { session }).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 109);
    // 78 among 70 and 30 shares is 54.6 and 23.4: what is floored stays theirs.
    for (writer, token, earned) in [(WRITERS[0], 1, 54), (WRITERS[1], 2, 23)] {
        world.act(writer, Transaction::Claim { token: TokenId(token), asset: Asset::NATIVE }).unwrap();
        assert_eq!(world.balance(writer), earned);
    }
    let session = world.open(NODE, 2, deposit(1_000)).unwrap();
    let voucher = world.voucher(session, NODE, 1_003);
    refused!(world.redeem(NODE, voucher), MarketError::DepositExceeded { .. });
    world.redeem(NODE, world.voucher(session, NODE, 1_000)).unwrap();
    for (writer, token, earned) in [(WRITERS[0], 1, 544), (WRITERS[1], 2, 233)] {
        world.act(writer, Transaction::Claim { token: TokenId(token), asset: Asset::NATIVE }).unwrap();
        assert_eq!(world.balance(writer), earned);
    }
    refused!(
        world.act(STRANGER, Transaction::Claim { token: TokenId(1), asset: Asset::NATIVE }),
        MarketError::NotAllowed { .. }
    );
}

#[test]
fn sessions_need_funds_and_vouchers_must_grow_within_the_deposit() {
    let mut world = World::minted();
    refused!(world.open(NODE, 1, deposit(FUNDS + 1)), MarketError::InsufficientFunds { .. });
    let session = world.open(NODE, 1, deposit(500)).unwrap();
    refused!(world.open(NODE, 1, deposit(1)), MarketError::Exists { .. });
    refused!(world.redeem(NODE, world.voucher(session, NODE, 501)), MarketError::DepositExceeded { .. });
    let voucher = world.voucher(session, NODE, 200);
    world.redeem(NODE, voucher).unwrap();
    refused!(world.redeem(NODE, voucher), MarketError::VoucherNotIncreasing { .. });
    refused!(world.redeem(NODE, world.voucher(session, NODE, 199)), MarketError::VoucherNotIncreasing { .. });
    refused!(
        world.redeem(NODE, Voucher { class: ClassId(2), ..world.voucher(session, NODE, 300) }),
        MarketError::VoucherMismatch { field: "class", .. }
    );
    refused!(
        world.redeem(NODE, Voucher { version: VersionNumber(2), ..world.voucher(session, NODE, 300) }),
        MarketError::VoucherMismatch { field: "version", .. }
    );
    refused!(
        world.redeem(NODE, world.voucher(session, OTHER_NODE, 300)),
        MarketError::VoucherMismatch { field: "node", .. }
    );
    let voucher = world.voucher(session, NODE, 300);
    let signature = world.signed(STRANGER, &voucher);
    refused!(world.act(NODE, Transaction::Redeem { voucher, signature }), MarketError::Signature { .. });
    world.act(NODE, Transaction::CloseSession { session }).unwrap();
    refused!(world.redeem(NODE, voucher), MarketError::SessionClosed { .. });
    refused!(world.act(NODE, Transaction::CloseSession { session }), MarketError::SessionClosed { .. });
}

#[test]
fn a_voucher_means_nothing_on_another_ledger() {
    let (mut one, mut other) = (World::minted(), World::minted());
    let session = one.open(NODE, 1, deposit(500)).unwrap();
    let mine = other.open(NODE, 1, deposit(500)).unwrap();
    let voucher = one.voucher(session, NODE, 100);
    let signature = one.signed(SESSION_KEY, &voucher);
    refused!(other.act(NODE, Transaction::Redeem { voucher, signature }), MarketError::UnknownSession { .. });
    // Nor if the ids were the same: the domain differs.
    let voucher = Voucher { session: mine, ..voucher };
    let signature = one.signed(SESSION_KEY, &voucher);
    refused!(other.act(NODE, Transaction::Redeem { voucher, signature }), MarketError::Signature { .. });
    // Nor does a whole transaction.
    let signed = one.sign(CONSUMER, Digest::ZERO, transfer(NODE, 1));
    refused!(other.market.apply(START_S, &signed), MarketError::Signature { .. });
}

fn transfer(to: u8, amount: u128) -> Transaction {
    Transaction::Transfer { to: address(to), asset: Asset::NATIVE, amount: Amount::from_base_units(amount) }
}

#[test]
fn a_deposit_is_spent_at_one_node_only() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(FUNDS)).unwrap();
    refused!(world.open(OTHER_NODE, 2, deposit(1)), MarketError::InsufficientFunds { .. });
    let voucher = world.voucher(session, NODE, 100);
    let signature = world.signed(SESSION_KEY, &voucher);
    refused!(world.act(OTHER_NODE, Transaction::Redeem { voucher, signature }), MarketError::NotAllowed { .. });
}

#[test]
fn deposits_come_back_without_the_node_when_it_had_its_time() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(500)).unwrap();
    let close = || Transaction::CloseSession { session };
    refused!(world.act(STRANGER, close()), MarketError::NotAllowed { .. });
    world.act(CONSUMER, close()).unwrap();
    refused!(world.act(CONSUMER, close()), MarketError::SessionRunning { .. });
    refused!(world.act(CONSUMER, top_up(session, 1)), MarketError::DepositRefused { .. });
    world.now_s = world.market.session(session).unwrap().final_at_s.unwrap();
    // In the last second what was promised is still paid.
    world.redeem(NODE, world.voucher(session, NODE, 200)).unwrap();
    refused!(world.act(STRANGER, close()), MarketError::NotAllowed { .. });
    world.now_s += 1;
    world.act(STRANGER, close()).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 200);
    refused!(world.act(CONSUMER, close()), MarketError::SessionClosed { .. });
}

#[test]
fn both_together_end_a_session_at_once() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(500)).unwrap();
    let released = |world: &World, who, redeemed| {
        let redeemed = Amount::from_base_units(redeemed);
        Transaction::CloseTogether { session, release: world.signed(who, &SessionRelease { session, redeemed }) }
    };
    refused!(world.act(CONSUMER, released(&world, CONSUMER, 0)), MarketError::Signature { .. });
    world.redeem(NODE, world.voucher(session, NODE, 200)).unwrap();
    refused!(world.act(CONSUMER, released(&world, NODE, 0)), MarketError::Signature { .. });
    refused!(world.act(STRANGER, released(&world, NODE, 200)), MarketError::NotAllowed { .. });
    world.act(CONSUMER, released(&world, NODE, 200)).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 200);
}

fn top_up(session: SessionId, amount: u128) -> Transaction {
    Transaction::TopUp { session, amount: Amount::from_base_units(amount) }
}

#[test]
fn deposits_grow_until_the_deadline() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(500)).unwrap();
    refused!(world.act(STRANGER, top_up(session, 1)), MarketError::NotAllowed { .. });
    refused!(world.act(CONSUMER, top_up(session, FUNDS)), MarketError::InsufficientFunds { .. });
    refused!(world.act(CONSUMER, top_up(session, (1 << 96) - 1)), MarketError::DepositRefused { .. });
    world.act(CONSUMER, top_up(session, 100)).unwrap();
    world.redeem(NODE, world.voucher(session, NODE, 600)).unwrap();
    world.now_s += 601;
    refused!(world.act(CONSUMER, top_up(session, 1)), MarketError::DepositRefused { .. });
}

#[test]
fn a_class_pays_for_its_quota_what_the_offer_says() {
    let mut world = World::minted();
    let (class, asset, to) = (ClassId(1), Asset::NATIVE, address(CONSUMER));
    world.act(CREATOR, Transaction::MintToken { class, to, value: 9, shares: 0, expire_at_s: 0 }).unwrap();
    world.act(CONSUMER, transfer(CREATOR, 100)).unwrap();
    let quota = SessionPayment::Quota(TokenId(3));
    let amount = Amount::from_base_units;
    let sponsor =
        |units, per_unit| Transaction::Sponsor { class, asset, amount: amount(units), per_unit: amount(per_unit) };
    refused!(world.open(NODE, 1, quota), MarketError::QuotaTooDear { .. });
    refused!(world.act(STRANGER, sponsor(1, 1)), MarketError::NotAllowed { .. });
    world.act(CREATOR, sponsor(15, 9)).unwrap();
    refused!(world.open(NODE, 1, quota), MarketError::QuotaTooDear { .. });
    world.act(CREATOR, sponsor(0, 10)).unwrap();
    let session = world.open(NODE, 1, quota).unwrap();
    refused!(world.open(NODE, 2, quota), MarketError::InsufficientFund { .. });
    refused!(world.act(CONSUMER, top_up(session, 1)), MarketError::DepositRefused { .. });
    // Ten units are worth what they are worth to everybody: node, pool and shares.
    world.redeem(NODE, world.voucher(session, NODE, 10)).unwrap();
    assert_eq!((world.balance(NODE), world.market.balance(POOL, asset)), (2, amount(1)));
    world.act(CREATOR, sponsor(10, 10)).unwrap();
    let session = world.open(NODE, 3, quota).unwrap();
    world.act(NODE, Transaction::CloseSession { session }).unwrap();
    assert_eq!(world.market.fund(class, asset).amount, amount(15), "unused quota goes back to the fund");
    refused!(
        world.act(CREATOR, Transaction::Unsponsor { class, asset, amount: amount(16) }),
        MarketError::InsufficientFund { .. }
    );
    world.act(CREATOR, Transaction::Unsponsor { class, asset, amount: amount(15) }).unwrap();
    assert_eq!(world.balance(CREATOR), 90);
}

#[test]
fn offers_are_revoked_together() {
    let mut world = World::minted();
    world.act(NODE, Transaction::RevokeOffers).unwrap();
    refused!(world.open(NODE, 1, deposit(1)), MarketError::OfferRevoked { series: 0, current: 1 });
    world.open(OTHER_NODE, 1, deposit(1)).unwrap();
}

#[test]
fn quota_expires_and_moves_within_a_class() {
    let mut world = World::minted();
    let to = address(CONSUMER);
    let mint = |value, expire_at_s| Transaction::MintToken { class: ClassId(1), to, value, shares: 0, expire_at_s };
    refused!(world.act(STRANGER, mint(1, 0)), MarketError::NotAllowed { .. });
    world.act(CREATOR, mint(1, world.now_s + 10)).unwrap();
    world.act(CREATOR, mint(5, 0)).unwrap();
    let (expiring, lasting) = (TokenId(3), TokenId(4));
    let quota = SessionPayment::Quota;
    world.act(CONSUMER, transfer(CREATOR, 100)).unwrap();
    let (amount, per_unit) = (Amount::from_base_units(100), Amount::from_base_units(10));
    world.act(CREATOR, Transaction::Sponsor { class: ClassId(1), asset: Asset::NATIVE, amount, per_unit }).unwrap();
    world.open(NODE, 1, quota(expiring)).unwrap();
    refused!(world.open(NODE, 2, quota(expiring)), MarketError::InsufficientValue { .. });
    world.act(CONSUMER, Transaction::TransferValue { from: lasting, to: expiring, value: 2 }).unwrap();
    world.now_s += 11;
    refused!(world.open(NODE, 2, quota(expiring)), MarketError::TokenExpired { .. });
    refused!(
        world.act(CONSUMER, Transaction::TransferValue { from: lasting, to: expiring, value: 1 }),
        MarketError::TokenExpired { .. }
    );
    let usage = Transaction::RecordUsage { token: lasting, metric: sha256(b"m"), amount: 1 };
    refused!(world.act(STRANGER, usage.clone()), MarketError::NotAllowed { .. });
    let approve = Transaction::ApproveForClass { class: ClassId(1), operator: address(STRANGER), approved: true };
    world.act(CONSUMER, approve).unwrap();
    world.act(STRANGER, usage).unwrap();
    assert_eq!(world.market.token(lasting).unwrap().value, 2);
}

#[test]
fn withdrawn_versions_take_no_sessions_and_void_no_voucher() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(500)).unwrap();
    let withdraw = Transaction::WithdrawVersion { class: ClassId(1), version: VersionNumber(1) };
    refused!(world.act(STRANGER, withdraw.clone()), MarketError::NotAllowed { .. });
    world.act(CREATOR, withdraw).unwrap();
    refused!(world.open(NODE, 2, deposit(1)), MarketError::VersionWithdrawn { .. });
    // The payer asks for the end at once, and what was served before can still be redeemed.
    world.act(CONSUMER, Transaction::CloseSession { session }).unwrap();
    world.redeem(NODE, world.voucher(session, NODE, 100)).unwrap();
    world.act(NODE, Transaction::CloseSession { session }).unwrap();
    assert_eq!(world.balance(CONSUMER), FUNDS - 100);
    // A second version opens the class again; the first stays where it was.
    world.mint_next(2, [70, 30], 0);
    assert_eq!(world.market.class(ClassId(1)).unwrap().versions.len(), 2);
}

#[test]
fn a_sold_token_leaves_its_revenue_with_the_seller() {
    let mut world = World::minted();
    let session = world.open(NODE, 1, deposit(1_000)).unwrap();
    world.redeem(NODE, world.voucher(session, NODE, 1_000)).unwrap();
    let sale = Transaction::TransferToken { token: TokenId(1), to: address(STRANGER) };
    refused!(world.act(STRANGER, sale.clone()), MarketError::NotAllowed { .. });
    world.act(WRITERS[0], sale).unwrap();
    assert_eq!(world.balance(WRITERS[0]), 490);
    assert_eq!(world.market.pending_revenue(TokenId(1), Asset::NATIVE).unwrap(), Amount::ZERO);
}

#[test]
fn offers_are_signed_and_end() {
    let mut world = World::minted();
    let offer = world.offer(NODE);
    let forged = world.signed(STRANGER, &offer);
    let open = |offer, offer_signature| Transaction::OpenSession {
        nonce: 9,
        consumer: address(CONSUMER),
        offer,
        offer_signature,
        payment: deposit(1),
    };
    refused!(world.act(CONSUMER, open(offer.clone(), forged)), MarketError::Signature { .. });
    let signature = world.signed(NODE, &offer);
    world.now_s += 101;
    refused!(world.act(CONSUMER, open(offer, signature)), MarketError::OfferExpired { .. });
}

#[test]
fn votes_change_the_split_of_later_sessions_only() {
    let mut world = World::minted();
    let before = world.open(NODE, 1, deposit(10_000)).unwrap();
    assert_eq!(RevenueSplit::new(7_000, 2_000, 1_001), Err(SplitError::Sum { sum: 10_001 }));
    assert!(matches!(RevenueSplit::new(4_999, 5_001, 0), Err(SplitError::CreatorBelowMinimum { .. })));
    let propose = |c, n, p| {
        let split = RevenueSplit::new(c, n, p).unwrap();
        Transaction::Propose(Measure::ApplyParameters(Params { split, ..Params::default() }))
    };
    let short = Params { voting_window_s: 1, ..Params::default() };
    refused!(world.act(VOTERS[0], Transaction::Propose(Measure::ApplyParameters(short))), MarketError::Params(_));
    refused!(world.act(STRANGER, propose(6_000, 3_000, 1_000)), MarketError::NotAllowed { .. });
    world.act(VOTERS[0], propose(6_000, 3_000, 1_000)).unwrap();
    let proposal = ProposalId(1);
    let vote = Transaction::Vote { proposal, in_favour: true };
    world.act(VOTERS[0], vote.clone()).unwrap();
    refused!(world.act(VOTERS[0], vote.clone()), MarketError::AlreadyVoted { .. });
    refused!(world.act(VOTERS[0], Transaction::Execute { proposal }), MarketError::ProposalNotPassed { .. });
    world.act(VOTERS[1], vote.clone()).unwrap();
    world.act(VOTERS[0], Transaction::Execute { proposal }).unwrap();
    refused!(world.act(VOTERS[0], Transaction::Execute { proposal }), MarketError::ProposalExecuted { .. });
    let after = world.open(NODE, 2, deposit(10_000)).unwrap();
    world.redeem(NODE, world.voucher(before, NODE, 10_000)).unwrap();
    assert_eq!(world.balance(NODE), 2_000);
    world.redeem(NODE, world.voucher(after, NODE, 10_000)).unwrap();
    assert_eq!(world.balance(NODE), 5_000);
    world.now_s += 4_000;
    refused!(world.act(VOTERS[2], vote), MarketError::VotingClosed { .. });
}

#[test]
fn keys_are_applied_once() {
    let mut world = World::minted();
    let signed = world.sign(CONSUMER, sha256(b"key"), transfer(NODE, 5));
    world.market.apply(START_S, &signed).unwrap();
    refused!(world.market.apply(START_S, &signed), MarketError::AlreadyApplied);
    let other = world.sign(CONSUMER, sha256(b"key"), transfer(NODE, 6));
    refused!(world.market.apply(START_S, &other), MarketError::KeyReused);
    refused!(world.act(STRANGER, transfer(NODE, 1)), MarketError::InsufficientFunds { .. });
    world.act(CONSUMER, transfer(CONSUMER, 7)).unwrap();
}

#[test]
fn genesis_cannot_hand_out_more_than_there_is() {
    let mut genesis = genesis();
    genesis.balances = vec![(address(1), Asset::NATIVE, Amount::MAX), (address(2), Asset::NATIVE, Amount::MAX)];
    assert!(matches!(Market::new(&genesis), Err(MarketError::Money(_))));
}

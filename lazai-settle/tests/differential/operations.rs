//! Random operations, each done by both.

use lazai_core::dat::{AccessPolicy, BaseModel, Payment, Rating, VersionMetadata};
use lazai_core::digest::{keccak256, sha256};
use lazai_core::pov::PublicPart;
use lazai_core::record::RecordClaim;
use lazai_core::*;
use lazai_settle::governance::Measure;
use lazai_settle::market::{Crossing, Event, SubmissionStatus, Transaction};
use lazai_settle::quorum::{Attestation, GOVERNANCE_WINDOW_S, Verdict};
use lazai_settle::session::{SessionPayment, session_id};
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

/// A market in which something can happen: everybody has money, validators have stakes, two classes are minted.
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
    for _ in 0..2 {
        let told = submit(w);
        assert!(told.done && told.done_on_chain, "{told:?}");
        let id = *w.submissions.last().unwrap();
        let verdicts = (0..VALIDATORS).map(|who| verdict(w, who, id)).collect();
        let told = bring(w, id, verdicts);
        assert!(told.done && told.done_on_chain, "{told:?}");
        w.now_s += 1_800;
        let now_s = w.now_s;
        w.chain.at(now_s);
        let told = mint_of(w, id, None);
        assert!(told.done && told.done_on_chain, "{told:?}");
    }
    w.careful = false;
}

pub fn random(w: &mut World) -> Told {
    match w.below(48) {
        0 => deposit(w),
        1 => withdraw(w),
        2 => transfer(w),
        3 | 4 => submit(w),
        5..=8 => attest(w),
        9..=11 => mint(w),
        12..=15 => create_or_mint_token(w),
        16..=20 => open(w),
        21..=27 => redeem(w),
        28 | 29 => close(w),
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

fn deposit(w: &mut World) -> Told {
    let (who, native, amount) = (w.anyone(), w.one_in(2), w.amount());
    let asset = if w.one_in(30) { Asset(w.address(1)) } else { w.chain.asset(native) };
    deposit_of(w, who, asset, amount)
}

fn deposit_of(w: &mut World, who: usize, asset: Asset, amount: u128) -> Told {
    let value = if asset == Asset::NATIVE { amount } else { 0 };
    let call = Settlement::depositCall { asset: evm(asset.0), amount: U256::from(amount) };
    let to = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), to, value, &call).is_ok();
    let account = w.address(who);
    let done = w.market.cross(Crossing::Deposit { account, asset, amount: Amount::from_base_units(amount) }).is_ok();
    told("deposit", done, on_chain)
}

fn withdraw(w: &mut World) -> Told {
    let (who, native, amount) = (w.anyone(), w.one_in(2), w.amount());
    let (account, asset) = (w.address(who), w.chain.asset(native));
    let to = w.chain.settlement;
    let call = Settlement::withdrawCall { asset: evm(asset.0), to: evm(account), amount: U256::from(amount) };
    let on_chain = w.chain.send(account, to, 0, &call).is_ok();
    let amount = Amount::from_base_units(amount);
    told("withdraw", w.market.cross(Crossing::Withdraw { account, asset, amount }).is_ok(), on_chain)
}

fn transfer(w: &mut World) -> Told {
    let (who, other, native, amount) = (w.anyone(), w.anyone(), w.one_in(2), w.amount());
    let (to, asset) = (w.address(other), w.chain.asset(native));
    let call = Settlement::transferCall { to: evm(to), asset: evm(asset.0), amount: U256::from(amount) };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), settlement, 0, &call).is_ok();
    let done = act(w, who, &Transaction::Transfer { to, asset, amount: Amount::from_base_units(amount) });
    told("transfer", done.is_some(), on_chain)
}

pub fn submit(w: &mut World) -> Told {
    let creator = CREATORS[w.below(2) as usize];
    let (id, submission) = w.submission(creator);
    let shares = submission.shares.iter().map(|s| DatasetRegistry::Share {
        contributor: evm(s.contributor),
        tokens: s.tokens,
        root: b(s.root),
        licence: b(keccak256(b"CC0-1.0")),
        consent: b(keccak256(b"yes")),
        signature: bytes(s.consent),
    });
    let dataset = DatasetRegistry::Submission {
        nonce: submission.nonce,
        statement: b(submission.statement),
        root: b(submission.root),
        proof: b(submission.proof),
        ciphertext: b(submission.ciphertext),
        pointer: String::new(),
        sealedKey: [&submission.sealed_key.encapsulated.as_bytes()[..], &submission.sealed_key.ciphertext].concat().into(),
        exex: evm(submission.exex),
        shares: shares.collect(),
    };
    let call = DatasetRegistry::submitCall { dataset, publicPart: submission.public_part.clone().into_bytes().into() };
    let registry = w.chain.registry;
    let answer = w.chain.send(w.address(creator), registry, 0, &call);
    if let Ok(found) = &answer {
        assert_eq!(found, &id32(id.as_bytes()), "the submission's id");
    }
    let done = act(w, creator, &Transaction::Submit(submission)).is_some();
    if done {
        w.submissions.push(id);
    }
    told("submit", done, answer.is_ok())
}

fn some_submission(w: &mut World) -> Option<SubmissionId> {
    let recent = w.submissions.len().min(3) as u64;
    let back = w.below(recent.max(1)) as usize + 1;
    w.submissions.len().checked_sub(back).map(|i| w.submissions[i])
}

fn attestation(w: &mut World, id: SubmissionId) -> Attestation {
    let submitted = w.market.submission(id).unwrap().submission.clone();
    let accepted = !w.one_in(10);
    let statement = if w.one_in(60) { sha256(b"other") } else { submitted.statement };
    Attestation {
        submission: id,
        statement,
        public_part: PublicPart::digest(submitted.public_part.as_bytes()),
        ciphertext: submitted.ciphertext,
        accepted,
    }
}

pub fn verdict(w: &mut World, who: usize, id: SubmissionId) -> Verdict {
    let attestation = attestation(w, id);
    let signer = if w.one_in(60) { w.anyone() } else { who };
    Verdict { validator: w.address(who), attestation, signature: w.signed(signer, &attestation) }
}

fn on_chain_verdict(v: &Verdict) -> ValidatorQuorum::Verdict {
    let a = &v.attestation;
    ValidatorQuorum::Verdict {
        validator: evm(v.validator),
        attestation: ValidatorQuorum::Attestation {
            submission: id32(a.submission.as_bytes()),
            statement: b(a.statement),
            publicPart: b(a.public_part),
            ciphertext: b(a.ciphertext),
            accepted: a.accepted,
        },
        signature: bytes(v.signature),
    }
}

fn attest(w: &mut World) -> Told {
    let Some(id) = some_submission(w) else { return told("attest nothing", true, true) };
    let mut verdicts = Vec::new();
    for validator in 0..VALIDATORS {
        if w.one_in(3) {
            continue;
        }
        let who = if w.one_in(60) { w.anyone() } else { validator };
        verdicts.push(verdict(w, who, id));
    }
    if verdicts.is_empty() {
        return told("attest nothing", true, true);
    }
    bring(w, id, verdicts)
}

pub fn bring(w: &mut World, id: SubmissionId, verdicts: Vec<Verdict>) -> Told {
    let on_chain = verdicts.iter().map(on_chain_verdict).collect();
    let call = ValidatorQuorum::attestCall { id: id32(id.as_bytes()), verdicts: on_chain };
    let (quorum, stranger) = (w.chain.quorum, w.address(13));
    let on_chain = w.chain.send(stranger, quorum, 0, &call).is_ok();
    told("attest", act(w, 13, &Transaction::Attest(verdicts)).is_some(), on_chain)
}

fn mint(w: &mut World) -> Told {
    let Some(id) = some_submission(w) else { return told("mint nothing", true, true) };
    let class = if w.one_in(3) { Some(ClassId(1 + w.below(4))) } else { None };
    mint_of(w, id, class)
}

pub fn mint_of(w: &mut World, id: SubmissionId, class: Option<ClassId>) -> Told {
    let exex = w.mostly(EXEX);
    if w.one_in(10) {
        let call = DatasetRegistry::refuseCall { id: id32(id.as_bytes()), reason: "no".into() };
        let registry = w.chain.registry;
        let on_chain = w.chain.send(w.address(exex), registry, 0, &call).is_ok();
        let done = act(w, exex, &Transaction::Refuse { submission: id, reason: "no".into() });
        return told("refuse", done.is_some(), on_chain);
    }
    let payments = [Payment::Gas, Payment::Quota, Payment::GasOrQuota, Payment::GasOrQuota];
    let payment = if w.careful { Payment::GasOrQuota } else { payments[w.below(4) as usize] };
    let policy = AccessPolicy {
        rating: Rating::General,
        minimum_age: 0,
        payment,
        consent: "all".into(),
        report_contact: "none".into(),
    };
    let metadata = VersionMetadata {
        character: "Ada".into(),
        base: BaseModel { name: "base".into(), digest: sha256(b"base"), licence: "MIT".into() },
        adapter_digest: sha256(b"adapter"),
        record_digest: sha256(b"record"),
        submission: id,
        exex: w.address(exex),
        policy,
        endpoints: vec!["local:a".into(), String::new()],
    };
    let claim = RecordClaim { submission: id, record: metadata.record_digest };
    let signer = if w.one_in(20) { w.anyone() } else { exex };
    let record_signature = w.signed(signer, &claim);
    let call = DataAnchoringToken::mintVersionCall {
        metadata: DataAnchoringToken::VersionMetadata {
            character: "Ada".into(),
            baseName: "base".into(),
            baseDigest: b(sha256(b"base")),
            baseLicence: "MIT".into(),
            adapter: b(metadata.adapter_digest),
            record: b(metadata.record_digest),
            submission: id32(id.as_bytes()),
            exex: evm(metadata.exex),
            rating: 0,
            minimumAge: 0,
            payment: payment.code(),
            consent: "all".into(),
            reportContact: "none".into(),
            endpoints: metadata.endpoints.clone(),
        },
        recordSignature: bytes(record_signature),
        classId: U256::from(class.map_or(0, |c| c.0)),
        metadataURI: String::new(),
    };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(exex), token, 0, &call).is_ok();
    let done = act(w, exex, &Transaction::Mint { metadata, record_signature, class });
    told("mint", done.is_some(), on_chain)
}

/// A class, mostly one that there is.
fn some_class(w: &mut World) -> ClassId {
    let count = (1..).take_while(|&n| w.market.class(ClassId(n)).is_some()).count() as u64;
    ClassId(if w.one_in(20) { count + w.below(2) } else { 1 + w.below(count) })
}

fn owner_of(w: &mut World, class: ClassId) -> usize {
    let owner = w.market.class(class).and_then(|c| w.person(c.owner));
    owner.map_or(0, |owner| w.mostly(owner))
}

fn create_or_mint_token(w: &mut World) -> Told {
    let token = w.chain.token;
    if w.one_in(8) {
        let who = w.anyone();
        let call = DataAnchoringToken::createClassCall {
            metadataURI: String::new(),
            integrityHash: B256::ZERO,
            unitDecimals: 0,
            policyURI: String::new(),
        };
        let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
        return told("create class", act(w, who, &Transaction::CreateClass).is_some(), on_chain);
    }
    let class = some_class(w);
    let (who, to) = (owner_of(w, class), w.anyone());
    let anchored = w.market.class(class).is_some_and(|c| c.anchored);
    let shares = match w.below(8) {
        0 => w.below(u64::MAX),
        1 | 2 => 0,
        _ if anchored => 0,
        _ => w.below(50),
    };
    let value = if w.one_in(10) { u64::MAX - w.below(2) } else { w.below(5) };
    let expire_at_s = match w.below(4) {
        0 => w.now_s - w.below(2),
        1 => 0,
        _ => w.now_s + w.below(4_000),
    };
    let to = w.address(to);
    let call = DataAnchoringToken::mintCall {
        classId: U256::from(class.0),
        to: evm(to),
        value: U256::from(value),
        shareRatio: U256::from(shares),
        expireAt: expire_at_s,
    };
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    let done = act(w, who, &Transaction::MintToken { class, to, value, shares, expire_at_s });
    told("mint token", done.is_some(), on_chain)
}

fn open(w: &mut World) -> Told {
    let (node, offer) = w.offer();
    let (payer, consumer) = (w.anyone(), w.anyone());
    w.nonce += u64::from(!w.one_in(10));
    let nonce = w.nonce;
    let signer = if w.one_in(25) { w.anyone() } else { node };
    let offer_signature = w.signed(signer, &offer);
    let balance = w.market.balance(w.address(payer), offer.asset).base_units();
    let payment = if w.one_in(4) {
        let own = (1..200).map(TokenId).filter(|&t| {
            w.market.token(t).is_some_and(|t| t.owner == w.address(payer) && t.class == offer.class && t.value > 0)
        });
        SessionPayment::Quota(own.last().unwrap_or(TokenId(1)))
    } else {
        let large = w.one_in(20);
        let part = u128::from(w.below(1_000));
        let deposit = if large { balance + 1 } else { balance / 1_000 * part };
        SessionPayment::Deposit(Amount::from_base_units(deposit.min((1 << 96) - 1)))
    };
    let opening = Settlement::Opening {
        nonce,
        consumer: evm(w.address(consumer)),
        deposit: match payment {
            SessionPayment::Deposit(d) => d.base_units().try_into().unwrap(),
            SessionPayment::Quota(_) => Default::default(),
        },
        tokenId: match payment {
            SessionPayment::Deposit(_) => U256::ZERO,
            SessionPayment::Quota(token) => U256::from(token.0),
        },
    };
    let call = Settlement::openCall { opening, offer: on_chain_offer(&offer), offerSignature: bytes(offer_signature) };
    let settlement = w.chain.settlement;
    let answer = w.chain.send(w.address(payer), settlement, 0, &call);
    let id = session_id(w.market.ledger(), w.address(payer), nonce, w.address(consumer), &offer);
    if let Ok(found) = &answer {
        assert_eq!(found, &id32(id.as_bytes()), "the session's id");
    }
    let transaction = Transaction::OpenSession {
        nonce,
        consumer: w.address(consumer),
        offer: offer.clone(),
        offer_signature,
        payment,
    };
    let done = act(w, payer, &transaction).is_some();
    w.tried.push(id);
    w.sessions.entry(id).or_insert(Tried { payer, nonce, consumer, offer });
    told("open", done, answer.is_ok())
}

pub fn on_chain_offer(o: &lazai_settle::session::Offer) -> Settlement::Offer {
    Settlement::Offer {
        node: evm(o.node),
        class: o.class.0,
        version: o.version.0,
        asset: evm(o.asset.0),
        promptPrice: o.prompt_price.base_units(),
        completionPrice: o.completion_price.base_units(),
        promptCeiling: o.prompt_ceiling,
        completionCeiling: o.completion_ceiling,
        sessionSeconds: o.session_s,
        validUntil: o.valid_until_s,
    }
}

fn some_session(w: &mut World) -> Option<SessionId> {
    let opened: Vec<SessionId> = w.tried.iter().rev().take(20).copied().collect();
    let open: Vec<SessionId> =
        opened.iter().filter(|&&id| w.market.session(id).is_some_and(|s| !s.closed)).copied().collect();
    let pick = if open.is_empty() || w.one_in(8) { opened } else { open };
    let at = w.below(pick.len() as u64) as usize;
    pick.get(at).copied()
}

/// A batch under one offer; each voucher is good or not by itself.
fn redeem(w: &mut World) -> Told {
    let Some(first) = some_session(w) else { return told("redeem nothing", true, true) };
    let offer = w.sessions[&first].offer.clone();
    let node = w.person(offer.node).map_or(0, |node| w.mostly(node));
    let same = |w: &World, id: &SessionId| w.sessions[id].offer == offer;
    let mut ids = vec![first];
    ids.extend(w.tried.iter().rev().take(10).filter(|id| same(w, id)).copied());
    let (mut claims, mut redeemed) = (Vec::new(), 0);
    for id in ids {
        let before = w.market.session(id).map_or(0, |s| s.redeemed.base_units());
        let deposit = w.market.session(id).map_or(10, |s| s.deposit().base_units());
        let more = u128::from(w.below(1_000)) * (deposit - before.min(deposit)) / 900;
        let cumulative = Amount::from_base_units(if w.one_in(10) { before } else { before + more });
        let (payer, nonce, consumer) = (w.sessions[&id].payer, w.sessions[&id].nonce, w.sessions[&id].consumer);
        let voucher = offer.voucher(id, cumulative);
        let signer = if w.one_in(15) { w.anyone() } else { consumer };
        let signature = w.signed(signer, &voucher);
        let herself = payer == consumer && w.one_in(2);
        claims.push(Settlement::Claim {
            payer: evm(w.address(payer)),
            nonce,
            consumer: if herself { Default::default() } else { evm(w.address(consumer)) },
            cumulative: cumulative.base_units(),
            signature: bytes(signature),
        });
        redeemed += u64::from(act(w, node, &Transaction::Redeem { voucher, signature }).is_some());
    }
    let call = Settlement::redeemCall { offer: on_chain_offer(&offer), claims };
    let settlement = w.chain.settlement;
    let answer = w.chain.send(w.address(node), settlement, 0, &call);
    let on_chain = answer.map_or(0, |count| count.to::<u64>());
    assert_eq!(redeemed, on_chain, "vouchers redeemed of a batch");
    told("redeem", redeemed > 0, on_chain > 0)
}

fn close(w: &mut World) -> Told {
    let Some(id) = some_session(w) else { return told("close nothing", true, true) };
    let tried = &w.sessions[&id];
    let (payer, consumer, nonce, offer) = (tried.payer, tried.consumer, tried.nonce, tried.offer.clone());
    let node = w.person(offer.node).unwrap_or(0);
    let who = if w.one_in(2) { payer } else { node };
    let who = w.mostly(who);
    let call = Settlement::closeCall {
        payer: evm(w.address(payer)),
        nonce,
        consumer: evm(w.address(consumer)),
        offer: on_chain_offer(&offer),
    };
    let settlement = w.chain.settlement;
    let on_chain = w.chain.send(w.address(who), settlement, 0, &call).is_ok();
    told("close", act(w, who, &Transaction::CloseSession { session: id }).is_some(), on_chain)
}

fn tokens(w: &World) -> u64 {
    (1..).take_while(|&n| w.market.token(TokenId(n)).is_some()).count() as u64
}

/// A token, mostly one that there is, and mostly who has it.
fn some_token(w: &mut World) -> (TokenId, usize) {
    let count = tokens(w);
    let id = TokenId(if w.one_in(20) { w.below(count + 2) } else { 1 + w.below(count) });
    let owner = w.market.token(id).and_then(|t| w.person(t.owner)).unwrap_or(0);
    (id, w.mostly(owner))
}

fn claim(w: &mut World) -> Told {
    let ((id, who), native) = (some_token(w), w.one_in(2));
    let (account, asset) = (w.address(who), w.chain.asset(native));
    let call = DataAnchoringToken::claimCall { tokenId: U256::from(id.0), asset: evm(asset.0), to: evm(account) };
    let token = w.chain.token;
    let answer = w.chain.send(account, token, 0, &call);
    let events = act(w, who, &Transaction::Claim { token: id, asset });
    // On chain it is paid out at once.
    if let Some([Event::Claimed { amount, .. }]) = events.as_deref() {
        assert_eq!(answer.as_ref().ok(), Some(&U256::from(amount.base_units())), "what was claimed");
        w.market.cross(Crossing::Withdraw { account, asset, amount: *amount }).unwrap();
    }
    told("claim", events.is_some(), answer.is_ok())
}

fn sell(w: &mut World) -> Told {
    let ((id, who), to) = (some_token(w), w.anyone());
    let to = w.address(to);
    let call = DataAnchoringToken::transferTokenCall { tokenId: U256::from(id.0), to: evm(to) };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    told("transfer token", act(w, who, &Transaction::TransferToken { token: id, to }).is_some(), on_chain)
}

fn move_value(w: &mut World) -> Told {
    let ((from, who), (to, _)) = (some_token(w), some_token(w));
    let value = if w.one_in(6) { u64::MAX - 3 } else { w.below(4) };
    let call = DataAnchoringToken::transferValueCall {
        fromTokenId: U256::from(from.0),
        toTokenId: U256::from(to.0),
        value: U256::from(value),
    };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    let done = act(w, who, &Transaction::TransferValue { from, to, value });
    told("transfer value", done.is_some(), on_chain)
}

fn use_quota(w: &mut World) -> Told {
    let ((id, who), amount) = (some_token(w), w.below(3));
    let token = w.chain.token;
    if w.one_in(3) {
        let (class, other, approved) = (some_class(w), w.anyone(), !w.one_in(3));
        let operator = w.address(other);
        let call =
            DataAnchoringToken::approveForClassCall { classId: U256::from(class.0), operator: evm(operator), approved };
        let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
        let done = act(w, who, &Transaction::ApproveForClass { class, operator, approved });
        return told("approve", done.is_some(), on_chain);
    }
    let metric = sha256(b"metric");
    let call = DataAnchoringToken::recordUsageCall {
        tokenId: U256::from(id.0),
        metricType: b(metric),
        amount: U256::from(amount),
    };
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    told("usage", act(w, who, &Transaction::RecordUsage { token: id, metric, amount }).is_some(), on_chain)
}

fn settle(w: &mut World) -> Told {
    let (who, class, native, units) = (w.anyone(), some_class(w), w.one_in(2), w.amount());
    let (account, asset, amount) = (w.address(who), w.chain.asset(native), Amount::from_base_units(units));
    let token = w.chain.token;
    let on_chain = if native {
        let call = DataAnchoringToken::settleRevenueETHCall { classId: U256::from(class.0) };
        w.chain.send(account, token, units, &call).is_ok()
    } else {
        let (class, asset) = (U256::from(class.0), evm(asset.0));
        let call = DataAnchoringToken::settleRevenueERC20Call { classId: class, asset, amount: U256::from(units) };
        w.chain.send(account, token, 0, &call).is_ok()
    };
    let done = paid(w, who, asset, amount, &Transaction::SettleRevenue { class, asset, amount });
    told("settle revenue", done.is_some(), on_chain)
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

fn stake(w: &mut World) -> Told {
    let (who, units) = (w.below(VALIDATORS as u64 + 1) as usize, u128::from(w.below(5_000)));
    let (quorum, account, amount) = (w.chain.quorum, w.address(who), Amount::from_base_units(units));
    match w.below(4) {
        0 => {
            let call = ValidatorQuorum::requestUnstakeCall { amount: units };
            let on_chain = w.chain.send(account, quorum, 0, &call).is_ok();
            told("unstake", act(w, who, &Transaction::Unstake { amount }).is_some(), on_chain)
        }
        1 => {
            let on_chain = w.chain.send(account, quorum, 0, &ValidatorQuorum::withdrawStakeCall {}).is_ok();
            told("withdraw stake", act(w, who, &Transaction::WithdrawStake).is_some(), on_chain)
        }
        _ => stake_of(w, who, units),
    }
}

fn stake_of(w: &mut World, who: usize, units: u128) -> Told {
    let (quorum, account, amount) = (w.chain.quorum, w.address(who), Amount::from_base_units(units));
    let on_chain = w.chain.send(account, quorum, units, &ValidatorQuorum::stakeCall {}).is_ok();
    told("stake", paid(w, who, Asset::NATIVE, amount, &Transaction::Stake { amount }).is_some(), on_chain)
}

fn slash(w: &mut World) -> Told {
    let Some(id) = some_submission(w) else { return told("slash nothing", true, true) };
    let who = w.below(VALIDATORS as u64 + 1) as usize;
    let (one, mut other) = (verdict(w, who, id), verdict(w, who, id));
    if !w.one_in(4) {
        other.attestation.accepted = !one.attestation.accepted;
        other.signature = w.signed(who, &other.attestation);
    }
    let call = ValidatorQuorum::slashEquivocationCall { a: on_chain_verdict(&one), b: on_chain_verdict(&other) };
    let (quorum, reporter) = (w.chain.quorum, w.anyone());
    let on_chain = w.chain.send(w.address(reporter), quorum, 0, &call).is_ok();
    told("slash", act(w, reporter, &Transaction::SlashEquivocation { one, other }).is_some(), on_chain)
}

fn challenge(w: &mut World) -> Told {
    let Some(submission) = some_submission(w) else { return told("challenge nothing", true, true) };
    let state = w.market.submission(submission).unwrap();
    let doubted = state.challenges.iter().find(|(_, c)| c.open).map(|(v, _)| *v);
    let deadline_s = doubted.map_or(0, |v| state.challenges[&v].deadline_s);
    let accepting = state.verdicts.iter().find(|(v, yes)| **yes && !state.challenges.contains_key(v)).map(|(v, _)| *v);
    let somebody = if w.one_in(6) { None } else { accepting };
    let validator = doubted.or(somebody).unwrap_or(w.address(w.nonce as usize % VALIDATORS));
    let (id, address, quorum) = (id32(submission.as_bytes()), evm(validator), w.chain.quorum);
    let upheld = w.one_in(2);
    match (doubted.is_some(), w.below(6)) {
        (true, 0..=2) => {
            let who = w.below(VALIDATORS as u64 + 1) as usize;
            let call = ValidatorQuorum::voteOnChallengeCall { id, validator: address, upheld };
            let on_chain = w.chain.send(w.address(who), quorum, 0, &call).is_ok();
            let done = act(w, who, &Transaction::VoteOnChallenge { submission, validator, upheld });
            told("vote on challenge", done.is_some(), on_chain)
        }
        (true, 3) => {
            // Nobody waits a month by chance.
            let ends_s = deadline_s + GOVERNANCE_WINDOW_S + w.below(2);
            w.now_s = if w.one_in(3) { w.now_s } else { w.now_s.max(ends_s) };
            let now_s = w.now_s;
            w.chain.at(now_s);
            let call = ValidatorQuorum::lapseChallengeCall { id, validator: address };
            let on_chain = w.chain.send(w.address(13), quorum, 0, &call).is_ok();
            let done = act(w, 13, &Transaction::LapseChallenge { submission, validator });
            told("lapse challenge", done.is_some(), on_chain)
        }
        (true, 4) => {
            let call = ValidatorQuorum::resolveChallengeCall { id, validator: address, upheld };
            let on_chain = w.chain.send(w.governance, quorum, 0, &call).is_ok();
            let done = w.market.enact(w.now_s, &Measure::ResolveChallenge { submission, validator, upheld });
            told("resolve challenge", done.is_ok(), on_chain)
        }
        _ => {
            let params = w.market.params_of(state_params(w, submission)).unwrap().clone();
            let (who, bond) = (w.anyone(), params.challenge_bond);
            let call = ValidatorQuorum::challengeCall { id, validator: address };
            let on_chain = w.chain.send(w.address(who), quorum, bond.base_units(), &call).is_ok();
            let done = paid(w, who, Asset::NATIVE, bond, &Transaction::Challenge { submission, validator });
            told("challenge", done.is_some(), on_chain)
        }
    }
}

fn state_params(w: &World, id: SubmissionId) -> ParamsVersion {
    w.market.submission(id).unwrap().params
}

fn govern(w: &mut World) -> Told {
    let (governance, parameters, settlement) = (w.governance, w.chain.parameters, w.chain.settlement);
    match w.below(3) {
        0 => {
            let Some(next) = w.other_params() else { return told("no parameters", true, true) };
            let call = MarketParameters::applyParametersCall { next: on_chain(&next) };
            let on_chain = w.chain.send(governance, parameters, 0, &call).is_ok();
            told("parameters", w.market.enact(w.now_s, &Measure::ApplyParameters(next)).is_ok(), on_chain)
        }
        1 => {
            let (who, weight) = (w.below(VALIDATORS as u64 + 1) as usize, w.below(4));
            let validator = w.address(who);
            let quorum = w.chain.quorum;
            let call = ValidatorQuorum::setMemberCall { member: evm(validator), weight };
            let on_chain = w.chain.send(governance, quorum, 0, &call).is_ok();
            told("validator", w.market.enact(w.now_s, &Measure::SetValidator { validator, weight }).is_ok(), on_chain)
        }
        _ => {
            let (who, native, units) = (w.anyone(), w.one_in(2), w.amount() / 1_000);
            let (to, asset) = (w.address(who), w.chain.asset(native));
            let call = Settlement::transferCall { to: evm(to), asset: evm(asset.0), amount: U256::from(units) };
            let on_chain = w.chain.send(governance, settlement, 0, &call).is_ok();
            let measure = Measure::Spend { to, asset, amount: Amount::from_base_units(units) };
            told("spend", w.market.enact(w.now_s, &measure).is_ok(), on_chain)
        }
    }
}

fn withdraw_version(w: &mut World) -> Told {
    // Seldom: what is withdrawn opens no sessions any more.
    if !w.one_in(4) {
        return pass(w);
    }
    let class = some_class(w);
    let (who, version) = (owner_of(w, class), VersionNumber(w.below(3) as u32));
    let call = DataAnchoringToken::withdrawVersionCall { classId: U256::from(class.0), version: version.0 };
    let token = w.chain.token;
    let on_chain = w.chain.send(w.address(who), token, 0, &call).is_ok();
    told("withdraw version", act(w, who, &Transaction::WithdrawVersion { class, version }).is_some(), on_chain)
}

/// How far a submission is, as both say it.
pub fn status(w: &World, id: SubmissionId) -> u8 {
    match w.market.submission(id).unwrap().status {
        SubmissionStatus::Pending => 1,
        SubmissionStatus::Rejected => 3,
        _ => 2,
    }
}

//! What people and programs do in the simulated market, honest or not.

use std::sync::Arc;

use lazai::core::character::Character;
use lazai::core::dat::{AccessPolicy, BaseInfo, Payment, Rating, VersionMetadata, VoiceInfo};
use lazai::core::digest::sha256;
use lazai::core::pov::{Contributor, PublicPart};
use lazai::core::record::RecordClaim;
use lazai::core::seal::{SealedKey, UnsealingKey};
use lazai::core::sign::signing_digest;
use lazai::core::{Amount, BasisPoints, ClassId, Digest, Signature, SubmissionId, TokenId, TypedData, VersionNumber};
use lazai::exex::{ExEx, ExExError};
use lazai::settle::governance::{Measure, Params};
use lazai::settle::market::{Class, ContributorShare, Event, Submission, SubmissionStatus, Transaction};
use lazai::settle::quorum::{Attestation, ContributorConsent, Verdict};
use lazai::settle::split::RevenueSplit;
use lazai::settle::{Ledger, Lineage, MarketError};
use lazai::store::FolderStore;
use pollster::block_on;

use super::network::{COIN, made_up};
use super::world::{HONEST, Process, Refusal, VALIDATORS, VOTERS, World, address, params, signer};
use super::{crowd, garbage, quarrels, talk, villains};

/// What every validator puts at stake at first.
pub const STAKE: u128 = 5_000;

pub fn units(amount: u128) -> Amount {
    Amount::from_base_units(amount)
}

pub fn signed<T: TypedData>(w: &World, name: &str, value: &T) -> Signature {
    signer(name).sign_digest(signing_digest(&w.deployment.domain(), value))
}

/// Validators put something at stake, and a first character is minted.
pub fn found(w: &mut World) {
    for name in VALIDATORS {
        w.must(Process::People, name, "stake", &Transaction::Stake { amount: units(STAKE) });
    }
    submit(w, true);
    w.chain.lock().unwrap().leap(4_000);
    for _ in 0..40 {
        w.chain.lock().unwrap().tick();
        work(w);
        if w.refresh(Process::People).market().class(ClassId(1)).is_some() {
            return;
        }
    }
    panic!("nothing was minted");
}

pub fn random(w: &mut World) {
    for process in super::world::PROCESSES {
        if w.dice.one_in(12) {
            w.doom(process);
        }
    }
    match w.dice.below(29) {
        0 | 1 => {
            let good = !w.dice.one_in(3);
            submit(w, good);
        }
        2..=4 => work(w),
        5..=8 => talk::talk(w),
        9 | 10 => talk::redeem(w),
        11 | 12 => villains::steal(w),
        13 => villains::overspend(w),
        14 | 15 => claim_or_sell(w),
        16 => {
            let depth = 1 + w.dice.below(w.pace.depth);
            w.chain.lock().unwrap().reorganise(depth);
        }
        17 if w.dice.one_in(4) => govern(w),
        20 | 21 => villains::leave(w),
        22 if w.dice.one_in(2) => villains::mint_quota(w),
        23 | 24 => crowd::ask_at_once(w),
        25 | 26 => garbage::throw(w),
        27 | 28 => quarrels::quarrel(w),
        _ => {
            let seconds = w.dice.below(4_000);
            w.chain.lock().unwrap().leap(seconds);
        }
    }
}

/// A class of its own, or a further version of one that there is, after any of its versions, with what that one keeps.
fn lineage(w: &mut World) -> Lineage {
    // What is deep: a reorganisation must not take the class or the version back that was signed for.
    let market = w.ledger(Process::People).market();
    let (classes, _) = market.counts();
    if classes == 0 || w.dice.one_in(2) {
        return Lineage::NEW_CLASS;
    }
    let keep = BasisPoints::new(w.dice.below(5_001) as u16).unwrap();
    let class = ClassId(1 + w.dice.below(classes));
    let last = market.class(class).and_then(Class::last_version).unwrap();
    let after = VersionNumber(1 + w.dice.below(last.0.into()) as u32);
    Lineage::next(class, after, keep).unwrap()
}

/// A dataset is submitted and judged: honest validators by what it is, the liar by the contrary.
fn submit(w: &mut World, good: bool) {
    let n = w.number();
    let id = SubmissionId::derive(w.deployment.ledger(), address("creator"), n);
    let names = ["creator", "writer"];
    let (licence, consent) = ("CC0-1.0", "yes");
    let contributor = |name: &str| Contributor {
        address: address(name),
        name: name.into(),
        licence: licence.into(),
        consent: consent.into(),
    };
    let card = br#"{"spec":"chara_card_v2","data":{"name":"Ada","description":"counts"}}"#;
    let profile = Character::from_bytes(card).unwrap().profile();
    let public = PublicPart::new(profile, vec!["hi".into()], names.map(contributor).to_vec(), "");
    let lineage = lineage(w);
    let tokens = 3 + n % 5;
    let share = |name: &str| {
        let (root, total) = (made_up(name, n), 2 * tokens);
        let consent = ContributorConsent { submission: id, root, licence, consent, tokens, total, lineage };
        let consent = signed(w, name, &consent);
        ContributorShare { contributor: address(name), tokens, root, consent }
    };
    let submission = Submission {
        nonce: n,
        statement: made_up("statement", n),
        root: made_up("root", n),
        proof: made_up("proof", n),
        ciphertext: made_up("ciphertext", n),
        sealed_key: SealedKey { encapsulated: Digest::ZERO, ciphertext: [0; 48] },
        exex: address("exex"),
        lineage,
        public_part: String::from_utf8(public.to_bytes().unwrap()).unwrap(),
        shares: names.map(share).to_vec(),
    };
    let attestation = |accepted| Attestation { submission: id, content: submission.content(), accepted };
    let verdict = |w: &World, name: &str, accepted| {
        let attestation = attestation(accepted);
        Verdict { validator: address(name), attestation, signature: signed(w, name, &attestation) }
    };
    w.must(Process::People, "creator", &format!("submit {n}"), &Transaction::Submit(submission.clone()));
    w.submissions.insert(id, good);
    let liar = VALIDATORS[HONEST];
    let mut verdicts = vec![verdict(w, liar, !good)];
    verdicts.extend(VALIDATORS[..HONEST].iter().map(|name| verdict(w, name, good)));
    let first = 1 + w.dice.below(HONEST as u64) as usize;
    let late = verdicts.split_off(first);
    w.must(Process::People, "reporter", &format!("attest {n}"), &Transaction::Attest(verdicts));
    // Once it is rejected, later verdicts are refused.
    let second = w.send(Process::People, "reporter", &format!("attest late {n}"), &Transaction::Attest(late));
    assert!(second.is_ok() || !good, "verdicts for a good dataset were refused: {second:?}");
    let market = w.ledger(Process::People).market();
    let status = market.submission(id).map(|s| s.status.clone());
    let expected = if good { SubmissionStatus::Accepted } else { SubmissionStatus::Rejected };
    assert_eq!(status, Some(expected), "submission {n}");
    if good && w.dice.one_in(2) {
        slander(w, id, n);
    }
    if w.dice.one_in(3) {
        let (one, other) = (verdict(w, liar, !good), verdict(w, liar, good));
        let show = Transaction::SlashEquivocation { one, other };
        w.must(Process::People, "reporter", &format!("show {n}"), &show);
        let again = w.send(Process::People, "reporter", &format!("show again {n}"), &show);
        assert!(again.is_err(), "an equivocation was punished twice");
        // Otherwise its weight would not count any more, and with it the liar.
        let stake = Transaction::Stake { amount: units(3_000) };
        w.must(Process::People, liar, &format!("stake {n}"), &stake);
    }
}

/// Who attested nothing doubts honest verdicts with a second account, and upholds that together with the liar. Some of the
/// honest vote, some of them only; where it is not decided, its time is left to pass.
fn slander(w: &mut World, id: SubmissionId, n: u64) {
    let accused = w.dice.below(HONEST as u64) as usize;
    let (validator, submission) = (address(VALIDATORS[accused]), id);
    let challenge = Transaction::Challenge { submission, validator };
    match w.send(Process::People, "second account", &format!("doubt {n}"), &challenge) {
        // The window was over before it came through.
        Err(_) => return,
        Ok(entry) => assert!(entry.events.iter().any(|e| matches!(e, Event::Challenged { .. }))),
    }
    let vote = |w: &mut World, name: &str, upheld| {
        let vote = Transaction::VoteOnChallenge { submission, validator, upheld };
        // Too late, or decided before.
        let _ = w.send(Process::People, name, &format!("vote on {n}"), &vote);
    };
    for name in &VALIDATORS[HONEST..] {
        vote(w, name, true);
    }
    for (i, name) in VALIDATORS[..HONEST].iter().enumerate() {
        if i != accused && w.dice.one_in(2) {
            vote(w, name, false);
        }
    }
    let open = |w: &mut World| {
        let market = w.refresh(Process::People).market();
        market.submission(id).and_then(|s| s.challenges.get(&validator).cloned()).filter(|c| c.open)
    };
    while let Some(challenge) = open(w) {
        let now_s = w.ledger(Process::People).now_s();
        w.chain.lock().unwrap().leap(challenge.deadline_s.saturating_sub(now_s) + 1);
        w.chain.lock().unwrap().tick();
        let lapse = Transaction::LapseChallenge { submission, validator };
        let tries = w.number();
        let _ = w.send(Process::People, "reporter", &format!("lapse {tries}"), &lapse);
    }
    let market = w.refresh(Process::People).market();
    let stake = market.stake_of(validator).bonded;
    assert_eq!(stake, units(STAKE), "{} was slashed for an honest verdict", VALIDATORS[accused]);
    let status = market.submission(id).map(|s| s.status.clone());
    assert_eq!(status, Some(SubmissionStatus::Accepted), "a few had dataset {n} rejected");
}

pub fn exex(w: &mut World) -> ExEx {
    let (account, folder) = (w.account(Process::ExEx, "exex"), w.folder(Process::ExEx));
    let store = Arc::new(FolderStore::new(folder.join("store")));
    ExEx::new(account, UnsealingKey::derive(&[7; 32]), store, folder)
}

pub fn follow(w: &mut World) -> Vec<SubmissionId> {
    let followed = w.persist(Process::ExEx, |w| {
        let exex = exex(w);
        match block_on(exex.follow()) {
            Ok(waiting) => Ok(waiting),
            Err(ExExError::Ledger(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    });
    followed.unwrap()
}

/// The ExEx does what waits: training takes a while, and stops when the chain takes the submission back.
fn work(w: &mut World) {
    for id in follow(w) {
        let steps = w.dice.below(2 * w.pace.depth + 4);
        let mut taken_back = false;
        for _ in 0..steps {
            w.chain.lock().unwrap().tick();
            if !follow(w).contains(&id) {
                taken_back = true;
                break;
            }
        }
        if !taken_back {
            mint(w, id);
        }
    }
}

fn mint(w: &mut World, id: SubmissionId) {
    let ledger = w.refresh(Process::ExEx);
    // Nothing is minted that is not as deep as was set, nor before it is final.
    if !ledger.market().is_final(ledger.now_s(), id) {
        return;
    }
    let claim = RecordClaim { submission: id, record: sha256(id.as_bytes()) };
    let metadata = VersionMetadata {
        character: "Ada".into(),
        base: BaseInfo { name: "base".into(), digest: sha256(b"base"), licence: "MIT".into() },
        adapter_digest: sha256(b"adapter"),
        voice: Some(VoiceInfo { base_digest: sha256(b"base voice"), adapter_digest: sha256(b"voice") }),
        quality: None,
        record_digest: claim.record,
        submission: id,
        exex: address("exex"),
        policy: AccessPolicy {
            rating: Rating::General,
            minimum_age: 0,
            payment: Payment::GasOrQuota,
            consent: "none".into(),
            report_contact: "none".into(),
        },
        endpoints: Vec::new(),
    };
    let record_signature = signed(w, "exex", &claim);
    let wanted = Transaction::Mint { metadata, record_signature };
    let entry = match w.send(Process::ExEx, "exex", &format!("mint {id}"), &wanted) {
        // A reorganisation took time back: it is a moment too early again.
        Err(Refusal::Market(MarketError::NotFinal { .. })) => return,
        minted => minted.unwrap_or_else(|e| panic!("mint: {e:?}")),
    };
    assert!(entry.events.iter().any(|e| matches!(e, Event::VersionMinted { submission, .. } if *submission == id)));
}

fn claim_or_sell(w: &mut World) {
    let market = w.refresh(Process::People).market();
    let (_, tokens) = market.counts();
    let token = TokenId(1 + w.dice.below(tokens));
    let owner = market.token(token).expect("tokens are numbered from 1").owner;
    let (name, other) = if owner == address("creator") { ("creator", "writer") } else { ("writer", "creator") };
    if owner != address(name) {
        // The cheat's quota earns nothing.
        return;
    }
    let n = w.number();
    let wanted = if w.dice.one_in(3) {
        Transaction::TransferToken { token, to: address(other) }
    } else {
        Transaction::Claim { token, asset: COIN }
    };
    w.must(Process::People, name, &format!("token {n}"), &wanted);
}

/// The DAO votes another split. Where the vote takes too long, it fails, and nothing happens.
fn govern(w: &mut World) {
    let n = w.number();
    let node = 1_000 + w.dice.below(20) as u16 * 100;
    let split = RevenueSplit::new(9_000 - node, node, 1_000).unwrap();
    let measure = Measure::ApplyParameters(Params { split, ..params() });
    let entry = w.must(Process::People, VOTERS[0], &format!("propose {n}"), &Transaction::Propose(measure));
    let proposal = entry.events.iter().find_map(|event| match event {
        Event::Proposed { proposal, .. } => Some(*proposal),
        _ => None,
    });
    let proposal = proposal.expect("it was proposed");
    let votes = VOTERS.map(|name| {
        w.send(Process::People, name, &format!("vote {n}"), &Transaction::Vote { proposal, in_favour: true }).is_ok()
    });
    let executed = w.send(Process::People, VOTERS[2], &format!("execute {n}"), &Transaction::Execute { proposal });
    assert_eq!(executed.is_ok(), votes.contains(&true), "{votes:?}: {executed:?}");
    if executed.is_ok() {
        assert_eq!(w.ledger(Process::People).market().params().1.split, split);
    }
}

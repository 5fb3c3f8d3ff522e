//! What evidence says of a reply, and what nobody can make it say.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use lazai::consumer::Conversation;
use lazai::core::pov::PublicPart;
use lazai::core::{Amount, Asset, Digest, Signature};
use lazai::dispute::Disputes;
use lazai::governor::Governor;
use lazai::provenance::{
    CollectError, Evidence, ReplyProvenance, Trust, TrustAnchor, Words, WordsError, collect, verify,
};
use lazai::settle::governance::Measure;
use lazai::settle::market::{Event, Submission, Transaction};
use lazai::settle::notice::{Action, Entry, Origin};
use lazai::settle::quorum::{ValidatorSet, validator_change_digest, validator_set_digest};
use lazai_examples::Stage;
use lazai_examples::home::{VALIDATORS, VOTERS};
use lazai_examples::stage::deposit;
use pollster::block_on;

/// A conversation of two turns that was redeemed, evidence of it without words, and an anchor to hold it to.
fn sold() -> &'static (Evidence, Conversation, TrustAnchor) {
    static SOLD: OnceLock<(Evidence, Conversation, TrustAnchor)> = OnceLock::new();
    SOLD.get_or_init(|| block_on(sell()).unwrap())
}

async fn sell() -> anyhow::Result<(Evidence, Conversation, TrustAnchor)> {
    let stage = Stage::new()?;
    let minted = stage.minted().await?;
    let (node, consumer) = (stage.provider("node", &minted)?, stage.consumer()?);
    let offer = stage.offer(&node, &minted).await?;
    let mut conversation = consumer.open(1, &offer, deposit(2_000)).await?;
    for text in ["hi", "and?"] {
        consumer.say(&mut conversation, &node, text, &mut |_| {}).await?;
    }
    node.redeem(conversation.session).await?;
    let (ledger, store) = (stage.home.ledger(), stage.home.store());
    let evidence = collect(&*ledger, stage.home.genesis(), &*store, &minted.record, &conversation).await?;
    Ok((evidence, conversation, TrustAnchor::of(&*ledger, stage.base.digest())))
}

/// Evidence of a reply that its consumer doubted and so many validators voted on.
async fn doubted(same: bool, votes: usize) -> anyhow::Result<(Evidence, TrustAnchor)> {
    let stage = Stage::new()?;
    let minted = stage.minted().await?;
    let (node, consumer) = (stage.provider("node", &minted)?, stage.consumer()?);
    let offer = stage.offer(&node, &minted).await?;
    let mut conversation = consumer.open(1, &offer, deposit(2_000)).await?;
    consumer.say(&mut conversation, &node, "hi", &mut |_| {}).await?;
    node.redeem(conversation.session).await?;
    let account = |name: &str| stage.home.account(name);
    let (asset, amount) = (Asset::NATIVE, Amount::from_base_units(1_000));
    account("consumer").send("gift", Transaction::Transfer { to: stage.home.address("node"), asset, amount }).await?;
    Disputes::new(account("node")).post_bond("first", amount).await?;
    let receipt = &conversation.receipts.last().unwrap().receipt;
    let dispute = Disputes::new(account("consumer")).open(receipt, Amount::from_base_units(100)).await?;
    for validator in &VALIDATORS[..votes] {
        Disputes::new(account(validator)).vote(dispute, same).await?;
    }
    let (ledger, store) = (stage.home.ledger(), stage.home.store());
    let evidence = collect(&*ledger, stage.home.genesis(), &*store, &minted.record, &conversation).await?;
    Ok((evidence, TrustAnchor::of(&*ledger, stage.base.digest())))
}

fn trust(report: &ReplyProvenance, link: &str) -> Trust {
    report.links.iter().find(|l| l.name == link).unwrap().trust
}

const MADE: &str = "adapter and base";

#[test]
fn a_reply_that_two_thirds_repeated_says_by_whom_and_how_many_of_how_many() {
    let (evidence, anchor) = block_on(doubted(true, 3)).unwrap();
    let report = verify(&evidence, &anchor);
    assert!(report.holds() && trust(&report, MADE) == Trust::Repeated, "{report:?}");
    let says = says(&report, MADE);
    assert!(says.contains("repeated by 3 validators with 3 of 4, on 20"), "{says}");
    // A vote that nobody signed is not told.
    let mut forged = evidence.clone();
    let origin = forged.entries.iter_mut().rev().find_map(|included| match &mut included.entry.origin {
        Origin::Signed { signature, .. } => Some(signature),
        _ => None,
    });
    *origin.unwrap() = Signature::NOT_LOGGED;
    assert_eq!(broken(&verify(&forged, &anchor)), ["inclusion", MADE]);
    // Somebody who leaves the set of validators out is found out.
    let mut fewer = evidence.clone();
    fewer.genesis.validators.pop_last();
    assert!(broken(&verify(&fewer, &anchor)).contains(&MADE));
}

#[test]
fn a_reply_that_two_thirds_did_not_get_again_is_broken_and_an_undecided_one_is_claimed() {
    let (evidence, anchor) = block_on(doubted(false, 3)).unwrap();
    let report = verify(&evidence, &anchor);
    assert_eq!(broken(&report), [MADE]);
    assert!(says(&report, MADE).contains("did not get the same: 3 validators with 3 of 4"), "{report:?}");
    let (evidence, anchor) = block_on(doubted(false, 2)).unwrap();
    let report = verify(&evidence, &anchor);
    assert!(report.holds() && trust(&report, MADE) == Trust::Claimed, "{report:?}");
    assert!(says(&report, MADE).ends_with("disputed, and not decided yet"), "{report:?}");
}

#[test]
fn who_repeated_a_reply_tells_the_report_so() {
    let (good, conversation, anchor) = sold();
    let receipt = &conversation.receipts.last().unwrap().receipt.receipt;
    let told = |holds, says| verify(good, anchor).repeated_here(good, receipt, holds, says);
    let report = told(true, "repeated: the same, bit by bit").unwrap();
    assert!(report.holds() && trust(&report, MADE) == Trust::Repeated, "{report:?}");
    assert!(says(&report, MADE).ends_with("; repeated: the same, bit by bit, by you"), "{report:?}");
    assert_eq!(broken(&told(false, "other words").unwrap()), [MADE]);
    let first = &conversation.receipts[0].receipt.receipt;
    assert!(verify(good, anchor).repeated_here(good, first, true, "repeated").is_err());
}

fn broken(report: &ReplyProvenance) -> Vec<&str> {
    report.links.iter().filter(|l| l.trust == Trust::Broken).map(|l| l.name.as_str()).collect()
}

fn says<'a>(report: &'a ReplyProvenance, link: &str) -> &'a str {
    &report.links.iter().find(|l| l.name == link).unwrap().says
}

/// The submission of some evidence, to be changed.
fn submission(evidence: &mut Evidence) -> &mut Submission {
    let actions = evidence.entries.iter_mut().map(|included| &mut included.entry.action);
    let submitted = actions.filter_map(|action| match action {
        Action::Transaction(Transaction::Submit(submission)) => Some(submission),
        _ => None,
    });
    submitted.last().unwrap()
}

#[test]
fn evidence_is_of_the_words_that_are_added_or_says_that_none_are() {
    let (silent, conversation, anchor) = sold();
    let words = &conversation.messages.last().unwrap().content;
    let report = verify(silent, anchor);
    assert!(report.holds() && says(&report, "receipt").contains("of which words, is not said"), "{report:?}");
    // Who has it can try no words: neither they nor what they are salted with is in it.
    let json = serde_json::to_string(silent).unwrap();
    for received in &conversation.receipts {
        assert!(!json.contains(&received.salt.to_string()), "a salt is in evidence without words");
    }
    let good = silent.clone().with_words(conversation).unwrap();
    assert_eq!(Evidence::from_json(&serde_json::to_vec(&good).unwrap()).unwrap(), good, "words travel as JSON");
    let report = verify(&good, anchor);
    assert!(report.holds() && says(&report, "receipt").contains(&format!("{words:?}")), "{report:?}");

    type Change = fn(&mut Words);
    let changes: [(bool, Change); 6] = [
        (false, |w| w.text.push('!')),
        (false, |w| w.tokens[0] += 1),
        (true, |w| w.messages[0].content.push('!')),
        (true, |w| w.messages.truncate(1)),
        (true, |w| w.settings.seed = Some(9)),
        (true, |w| w.salt = Digest::from_bytes([1; 32])),
    ];
    for (i, (of_request, change)) in changes.into_iter().enumerate() {
        let mut other = good.clone();
        change(other.words.as_mut().unwrap());
        match Evidence::from_json(&serde_json::to_vec(&other).unwrap()) {
            Err(CollectError::Words(WordsError::Request { .. })) => assert!(of_request, "change {i}"),
            Err(CollectError::Words(WordsError::Reply { .. })) => assert!(!of_request, "change {i}"),
            found => panic!("change {i}: {found:?}"),
        }
        // Whoever puts evidence together in memory gets no further.
        assert_eq!(broken(&verify(&other, anchor)), ["receipt"], "change {i}");
    }
    let mut earlier = conversation.clone();
    assert!(earlier.receipts[0].tokens.is_empty(), "tokens are kept of the last reply alone");
    earlier.receipts[0].tokens = earlier.receipts.pop().unwrap().tokens;
    earlier.messages.truncate(2);
    let refused = silent.clone().with_words(&earlier);
    assert!(matches!(refused, Err(CollectError::Words(_))), "words of another turn: {refused:?}");
    earlier.receipts.clear();
    let refused = silent.clone().with_words(&earlier);
    assert!(matches!(refused, Err(CollectError::Missing { .. })), "no words: {refused:?}");
}

#[test]
fn a_voucher_promises_and_only_the_ledger_shows_what_is_paid() {
    let (good, conversation, anchor) = sold();
    let owed = conversation.owed();
    let report = verify(good, anchor);
    assert!(report.holds(), "{report:?}");
    assert!(says(&report, "voucher and price").starts_with(&format!("{owed} promised by ")), "{report:?}");
    assert!(says(&report, "split").starts_with(&format!("{owed} paid, split ")), "{report:?}");

    let mut promised = good.clone();
    promised.entries.retain(|i| !matches!(i.entry.transaction(), Some(Transaction::Redeem { .. })));
    let report = verify(&promised, anchor);
    assert_eq!(broken(&report), ["split"]);
    assert_eq!(says(&report, "split"), format!("promised and not paid: 0 of {owed} is redeemed"));
    assert!(!says(&report, "voucher and price").contains("paid"), "{report:?}");

    // What was redeemed once does not count twice.
    let redeemed = good.entries.iter().find(|i| matches!(i.entry.transaction(), Some(Transaction::Redeem { .. })));
    let mut twice = good.clone();
    twice.entries.push(redeemed.unwrap().clone());
    assert_eq!(broken(&verify(&twice, anchor)), ["inclusion"]);
}

#[test]
fn on_a_chain_signatures_have_the_domain_of_the_contracts() {
    let (good, _, anchor) = sold();
    let mut here = good.clone();
    here.genesis.domain.salt = None;
    let ledger = here.genesis.ledger_id().unwrap();
    let mut anchor = TrustAnchor { ledger, ..*anchor };
    anchor.checkpoint.ledger = ledger;
    assert!(!broken(&verify(&here, &anchor)).contains(&"ledger"));
    // The id of the ledger is the same under each of these.
    for (name, version) in [("LazAI Markets", "1"), ("LazAI Market", "2")] {
        let mut elsewhere = here.clone();
        (elsewhere.genesis.domain.name, elsewhere.genesis.domain.version) = (name.into(), version.into());
        assert_eq!(elsewhere.genesis.ledger_id().unwrap(), ledger);
        assert!(broken(&verify(&elsewhere, &anchor)).contains(&"ledger"), "{name} {version}");
    }
}

#[test]
fn the_public_part_is_what_the_proof_is_bound_to() {
    let (good, _, anchor) = sold();
    type Change = fn(&mut PublicPart);
    let changes: [(&str, &str, Change); 4] = [
        ("proof", "the public part has other prompts", |p| p.prompts[0].push('!')),
        ("proof", "contributors signed other licences", |p| p.contributors[0].licence = "MIT".into()),
        ("dataset", "the consent is of", |p| p.contributors[0].address = p.contributors[1].address),
        ("dataset", "consent of", |p| p.contributors[0].consent.push('!')),
    ];
    for (link, reason, change) in changes {
        let mut other = good.clone();
        let submission = submission(&mut other);
        let mut public = PublicPart::from_bytes(submission.public_part.as_bytes()).unwrap();
        change(&mut public);
        submission.public_part = String::from_utf8(public.to_bytes().unwrap()).unwrap();
        let report = verify(&other, anchor);
        assert!(broken(&report).contains(&link) && says(&report, link).contains(reason), "{report:?}");
    }
    // A name stands beside the address that it is held to.
    let mut other = good.clone();
    let public = PublicPart::from_bytes(submission(&mut other).public_part.as_bytes()).unwrap();
    for contributor in &public.contributors {
        let named = format!("{:?} ({})", contributor.name, contributor.address);
        assert!(says(&verify(good, anchor), "dataset").contains(&named), "{named}");
    }
}

#[test]
fn of_accounts_that_are_contracts_evidence_says_why_it_cannot_tell() {
    let (good, _, anchor) = sold();
    // What a chain's log gives of such an account.
    let mut silent = good.clone();
    submission(&mut silent).shares[0].consent = Signature::NOT_LOGGED;
    let of_contracts = "is a contract (ERC-1271)";
    // An embedded ledger takes no such account: there it is a bad signature as any other.
    assert!(!says(&verify(&silent, anchor), "dataset").contains(of_contracts));
    silent.genesis.domain.salt = None;
    let report = verify(&silent, anchor);
    assert!(broken(&report).contains(&"dataset") && says(&report, "dataset").contains(of_contracts), "{report:?}");

    for included in &mut silent.entries {
        if let Action::Transaction(Transaction::Attest(verdicts)) = &mut included.entry.action {
            verdicts.iter_mut().for_each(|verdict| verdict.signature = Signature::NOT_LOGGED);
        }
    }
    // A chain's log begins with its validators.
    let (mut first, mut validator_set) = (silent.entries[0].clone(), validator_set_digest(&ValidatorSet::new()));
    first.entry.events.clear();
    for (&validator, &weight) in &silent.genesis.validators {
        first.entry.action = Action::Enacted(Measure::SetValidator { validator, weight });
        first.entry.events.push(Event::ValidatorSet { validator, weight });
        validator_set = validator_change_digest(validator_set, validator, weight);
    }
    first.entry.index = u64::MAX;
    silent.entries.insert(0, first);
    let report = verify(&silent, &TrustAnchor { validator_set, ..*anchor });
    assert!(says(&report, "quorum").contains("are contracts (ERC-1271)"), "{report:?}");
}

/// Some leave, others come, and what they attested before stays attested; what comes later is held to who was there then.
#[test]
fn replies_hold_when_the_validators_are_others() {
    let stage = Stage::new().unwrap();
    let minted = block_on(stage.minted()).unwrap();
    let (node, consumer) = (stage.provider("node", &minted).unwrap(), stage.consumer().unwrap());
    let offer = block_on(stage.offer(&node, &minted)).unwrap();
    let mut conversation = block_on(consumer.open(1, &offer, deposit(2_000))).unwrap();
    block_on(consumer.say(&mut conversation, &node, "hi", &mut |_| {})).unwrap();
    block_on(node.redeem(conversation.session)).unwrap();
    let set = |name: &str, weight: u64| {
        let voters = VOTERS.map(|voter| Governor::new(stage.home.account(voter)));
        let measure = Measure::SetValidator { validator: stage.home.address(name), weight };
        let proposal = block_on(voters[0].propose(&format!("{name} has {weight}"), measure)).unwrap().unwrap();
        voters.iter().for_each(|voter| block_on(voter.vote(proposal, true)).unwrap());
        block_on(voters[0].execute(proposal)).unwrap();
    };
    // More than half of them leave, and one comes who outweighs all others.
    VALIDATORS[1..].iter().for_each(|name| set(name, 0));
    set("newcomer", 100);
    let (ledger, store) = (stage.home.ledger(), stage.home.store());
    let gathered = collect(&*ledger, stage.home.genesis(), &*store, &minted.record, &conversation);
    let (evidence, anchor) = (block_on(gathered).unwrap(), TrustAnchor::of(&*ledger, stage.base.digest()));
    let report = verify(&evidence, &anchor);
    assert!(report.holds(), "{report:?}");
    assert_eq!(says(&report, "quorum"), "4 validators with 4 of 4");
    // A change that is left out, or shown at another place, is none that the caller knows.
    let changes = |entry: &Entry| entry.events.iter().any(|event| matches!(event, Event::ValidatorSet { .. }));
    let places: Vec<_> = (0..evidence.entries.len()).filter(|i| changes(&evidence.entries[*i].entry)).collect();
    assert_eq!(places.len(), 4);
    for place in places {
        let mut other = evidence.clone();
        let left_out = other.entries.remove(place);
        assert_eq!(broken(&verify(&other, &anchor)), ["quorum"]);
        other.entries.insert(0, left_out);
        assert!(broken(&verify(&other, &anchor)).contains(&"inclusion"));
    }
}

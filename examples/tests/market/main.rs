//! The roles against each other: whoever does not keep to the rules gets a typed error, and nothing changes.
#![allow(clippy::unwrap_used)]

mod provenance;

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, OnceLock};

use lazai::consumer::{Conversation, ReceivedReply};
use lazai::core::message::{Message, Role};
use lazai::core::pov::PovFile;
use lazai::core::seal::{DataKey, UnsealingKey};
use lazai::core::{Amount, Asset, Digest, LocalSigner, SessionId, Signer, SubmissionId};
use lazai::creator::{CreatorError, ExExContact, Proved};
use lazai::exex::{ExExError, Minted, RefusalReason};
use lazai::lora::Generator;
use lazai::models::DatasetBuilder;
use lazai::node::{
    ChatRequest, Moderator, Node, NodeError, ReplySettings, RequestClaim, SignedVoucher, request_digest,
};
use lazai::provenance::{Evidence, ReplyProvenance, Trust, TrustAnchor, collect, verify};
use lazai::provider::{OfferTerms, Provider};
use lazai::settle::MarketError;
use lazai::settle::market::{Submission, SubmissionStatus, Transaction};
use lazai::settle::session::SessionPayment;
use lazai::store::Store;
use lazai::validator::{ValidationError, Validator};
use lazai_examples::Stage;
use lazai_examples::stage::deposit;
use pollster::block_on;

/// One minted market for all tests of sessions; each takes session numbers of its own.
fn minted() -> MutexGuard<'static, (Stage, Minted)> {
    static MINTED: OnceLock<Mutex<(Stage, Minted)>> = OnceLock::new();
    let make = || {
        let stage = Stage::new().unwrap();
        let minted = block_on(stage.minted()).unwrap();
        Mutex::new((stage, minted))
    };
    MINTED.get_or_init(make).lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

macro_rules! refused {
    ($result:expr, $error:pat) => {
        let result = $result;
        assert!(matches!(result, Err($error)), "{result:?}");
    };
}

// Behind the macro that it uses.
mod recorded;

/// A request as the consumer's app would sign it, or as somebody else would.
fn request(stage: &Stage, signer: &dyn Signer, session: SessionId, turn: u32, text: &str) -> ChatRequest {
    let messages = vec![Message::new(Role::User, text)];
    let salt = Digest::from_bytes([7; 32]);
    let claim = RequestClaim { session, turn, request: request_digest(salt, &messages, &ReplySettings::default()) };
    let domain = stage.home.ledger().market().domain().clone();
    let signature = block_on(lazai::core::sign::sign(signer, &domain, &claim)).unwrap();
    ChatRequest { session, turn, messages, settings: ReplySettings::default(), salt, signature }
}

fn voucher(stage: &Stage, signer: &dyn Signer, conversation: &Conversation, cumulative: u128) -> SignedVoucher {
    let voucher = conversation.offer.offer.voucher(conversation.session, Amount::from_base_units(cumulative));
    let domain = stage.home.ledger().market().domain().clone();
    let signature = block_on(lazai::core::sign::sign(signer, &domain, &voucher)).unwrap();
    SignedVoucher { voucher, signature }
}

fn open(stage: &Stage, minted: &Minted, node: &Provider, nonce: u64, payment: SessionPayment) -> Conversation {
    let offer = block_on(stage.offer(node, minted)).unwrap();
    block_on(stage.consumer().unwrap().open(nonce, &offer, payment)).unwrap()
}

fn chat(node: &Provider, request: &ChatRequest) -> Result<lazai::node::ChatReply, NodeError> {
    block_on(node.chat(request, &mut |_| {}))
}

#[test]
fn a_node_serves_step_by_step_and_only_who_pays() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let node = stage.provider("node", minted).unwrap();
    let app = stage.home.signer("consumer's app");
    let conversation = open(stage, minted, &node, 100, deposit(350));
    let session = conversation.session;

    // Only the consumer's key may ask, and only for the next reply.
    let stranger = LocalSigner::random().unwrap();
    refused!(
        chat(&node, &request(stage, &stranger, session, 1, "hi")),
        NodeError::Market(MarketError::Signature { .. })
    );
    refused!(chat(&node, &request(stage, &*app, session, 2, "hi")), NodeError::TurnOutOfOrder { asked: 2, next: 1 });
    let long = "word ".repeat(300);
    refused!(chat(&node, &request(stage, &*app, session, 1, &long)), NodeError::PromptTooLong { ceiling: 200, .. });

    let first = request(stage, &*app, session, 1, "hi");
    let reply = chat(&node, &first).unwrap();
    assert_eq!(chat(&node, &first).unwrap(), reply, "asked again, the same reply comes and nothing more is owed");
    let owed = reply.receipt.receipt.cumulative.base_units();
    let second = request(stage, &*app, session, 2, "and?");
    refused!(chat(&node, &second), NodeError::NotPaid { .. });

    let pay = |amount| block_on(node.pay(&voucher(stage, &*app, &conversation, amount)));
    refused!(pay(owed - 1), NodeError::VoucherNotExact { .. });
    refused!(pay(owed + 1), NodeError::VoucherNotExact { .. });
    refused!(pay(351), NodeError::Market(MarketError::DepositExceeded { .. }));
    let forged = voucher(stage, &stranger, &conversation, owed);
    refused!(block_on(node.pay(&forged)), NodeError::Market(MarketError::Signature { .. }));
    pay(owed).unwrap();
    pay(owed).unwrap();
    refused!(pay(owed - 1), NodeError::Market(MarketError::VoucherNotIncreasing { .. }));
    let reply = chat(&node, &second).unwrap();
    let owed = reply.receipt.receipt.cumulative.base_units();
    pay(owed).unwrap();

    // A reply may cost 240: more than is left of 350 after two.
    refused!(chat(&node, &request(stage, &*app, session, 3, "more")), NodeError::DepositExhausted { .. });
    block_on(node.redeem(session)).unwrap();
    block_on(node.close(session)).unwrap();
    refused!(chat(&node, &request(stage, &*app, session, 3, "more")), NodeError::NotServed { .. });
    refused!(pay(owed + 5), NodeError::Market(MarketError::SessionClosed { .. }));
}

#[test]
fn a_deposit_with_one_node_buys_nothing_at_another() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let (node, other) = (stage.provider("node", minted).unwrap(), stage.provider("other node", minted).unwrap());
    let conversation = open(stage, minted, &node, 200, deposit(700));
    let app = stage.home.signer("consumer's app");
    let asked = request(stage, &*app, conversation.session, 1, "hi");
    refused!(chat(&other, &asked), NodeError::NotServed { .. });
    let paper = voucher(stage, &*app, &conversation, 100);
    let redeem = Transaction::Redeem { voucher: paper.voucher, signature: paper.signature };
    let redeemed = block_on(stage.home.account("other node").send("theft", redeem));
    assert!(redeemed.unwrap_err().to_string().contains("is not the session's node"));
    let nowhere = request(stage, &*app, SessionId::ZERO, 1, "hi");
    refused!(chat(&node, &nowhere), NodeError::Market(MarketError::UnknownSession { .. }));
}

#[test]
fn quota_is_worth_what_the_offer_says_and_paid_by_the_class() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let node = stage.provider("node", minted).unwrap();
    let (creator, consumer) = (stage.home.account("creator"), stage.consumer().unwrap());
    let (to, class, asset) = (stage.home.address("consumer"), minted.class, Asset::NATIVE);
    let mint = Transaction::MintToken { class, to, value: 2, shares: 0, expire_at_s: 0 };
    block_on(creator.send("quota test", mint)).unwrap();
    let (token, _) = stage.home.ledger().market().tokens_of(class).last().unwrap();
    let quota = SessionPayment::Quota(token);
    let offer = block_on(stage.offer(&node, minted)).unwrap();
    let refused = block_on(consumer.open(300, &offer, quota)).unwrap_err().to_string();
    assert!(refused.contains("not paid by quota"), "{refused}");

    let units = Amount::from_base_units;
    let gift = Transaction::Transfer { to: creator.address(), asset, amount: units(500) };
    block_on(stage.home.account("consumer").send("quota gift", gift)).unwrap();
    let sponsor = Transaction::Sponsor { class, asset, amount: units(500), per_unit: units(350) };
    block_on(creator.send("quota fund", sponsor)).unwrap();
    let terms = OfferTerms { quota_deposit: units(350), ..Stage::offer_terms(minted) };
    let offer = block_on(node.offer(&terms, stage.home.ledger().now_s() + 600)).unwrap();
    let mut conversation = block_on(consumer.open(301, &offer, quota)).unwrap();
    let reply = block_on(consumer.say(&mut conversation, &node, "hi", &mut |_| {})).unwrap();
    let owed = reply.receipt.receipt.cumulative;
    assert!(owed > Amount::ZERO, "a reply by quota has its price");
    block_on(node.redeem(conversation.session)).unwrap();
    block_on(node.close(conversation.session)).unwrap();
    let left = stage.home.ledger().market().fund(class, asset).amount;
    assert_eq!(left, units(500).checked_sub(owed).unwrap(), "the class paid what was said, and no more");

    // Evidence says who promised and out of what, and that it was paid.
    let (ledger, store) = (stage.home.ledger(), stage.home.store());
    let gathered = collect(&*ledger, stage.home.genesis(), &*store, &minted.record, &conversation);
    let report = verify(&block_on(gathered).unwrap(), &TrustAnchor::of(&*ledger, stage.base.digest()));
    assert!(report.holds(), "{report:?}");
    let says = |link: &str| report.links.iter().find(|l| l.name == link).unwrap().says.as_str();
    assert!(says("voucher and price").starts_with(&format!("{owed} promised by ")), "{report:?}");
    assert!(says("voucher and price").ends_with(&format!("for a unit of token {token}")), "{report:?}");
    assert!(says("split").starts_with(&format!("{owed} paid, split ")), "{report:?}");
}

struct NoLamps;

impl Moderator for NoLamps {
    fn before(&self, messages: &[Message]) -> Option<String> {
        messages.iter().any(|m| m.content.contains("lamp")).then(|| "lamps".into())
    }

    fn after(&self, reply: &str) -> Option<String> {
        (!reply.is_empty()).then(|| "speech".into())
    }
}

#[test]
fn a_moderated_request_costs_nothing() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let node = stage.provider("strict node", minted).unwrap().with_moderator(NoLamps);
    let conversation = open(stage, minted, &node, 400, deposit(700));
    let app = stage.home.signer("consumer's app");
    for (text, why) in [("a lamp", "lamps"), ("hi", "speech")] {
        let moderated = chat(&node, &request(stage, &*app, conversation.session, 1, text));
        assert!(matches!(&moderated, Err(NodeError::Moderated { reason }) if reason == why), "{moderated:?}");
    }
    // Nothing is owed: the next request is still the first.
    block_on(node.close(conversation.session)).unwrap();
    assert_eq!(stage.home.ledger().market().session(conversation.session).unwrap().redeemed, Amount::ZERO);
}

/// What stands twice in the files stands once in the dataset, and the report says so: two alike cannot be proved.
#[test]
fn repeated_dialogues_are_dropped() {
    let stage = Stage::new().unwrap();
    let twice: Vec<_> = stage.diva.dialogues.iter().take(3).chain(stage.diva.dialogues.first()).cloned().collect();
    let contributors = stage.packed().unwrap().1.contributors;
    let builder = DatasetBuilder::new(stage.base.tokenizer(), stage.base.template()).with_contributors(contributors);
    let (dataset, report) = builder.clone().build(&twice).unwrap();
    assert_eq!((dataset.records().len(), report.kept, report.dropped), (3, 3, 1));
    lazai::zk::Commitment::of(&dataset).unwrap();

    // So it is in a file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dataset.safetensors");
    let (_, report) = builder.write(&path, twice.into_iter().map(Ok), NonZeroUsize::MIN).unwrap();
    assert_eq!((report.kept, report.dropped), (3, 1));
    lazai::zk::Commitment::of(&PovFile::open(&path).unwrap()).unwrap();
}

/// Submits what no honest creator would: a sealed submission, changed.
fn submit_lie(stage: &Stage, proved: &Proved, lie: impl FnOnce(&mut Submission)) -> SubmissionId {
    let mut submission = block_on(proved.seal(stage.exex().contact(), &stage.contributors())).unwrap();
    lie(&mut submission);
    block_on(stage.creator().send(submission)).unwrap()
}

/// Two market participants who lie: garbage under a valid proof, and other data than was proved.
#[test]
fn the_exex_refuses_what_does_not_open_or_is_not_what_was_proved() {
    let stage = Stage::new().unwrap();
    let (exex, store, model) = (stage.exex(), stage.home.store(), stage.model.clone());
    let put = |bytes: Vec<u8>| block_on(store.put(&bytes)).unwrap();

    // The key is sealed to somebody else: a valid proof, a ciphertext that nobody named can open.
    let first = stage.proved(1).unwrap();
    let stranger = UnsealingKey::random().unwrap();
    let contact = ExExContact { sealing_key: stranger.public(), ..exex.contact() };
    let garbage = block_on(first.submit(contact, &stage.contributors())).unwrap();
    block_on(stage.attest(garbage)).unwrap();
    let refusal = block_on(exex.open(garbage, model.clone())).unwrap_err();
    assert!(matches!(&refusal, ExExError::Refused(RefusalReason::Ciphertext(_))), "{refusal}");

    // The proof is of these records, the ciphertext holds others (the same words under other salts).
    let second = stage.proved(2).unwrap();
    let swapped = submit_lie(&stage, &second, |submission| {
        let (id, key) = (second.id(), DataKey::random().unwrap());
        let (other, _) = stage.packed().unwrap();
        submission.ciphertext = put(key.encrypt(&other.to_bytes().unwrap(), id.as_bytes()).unwrap());
        submission.sealed_key = exex.contact().sealing_key.seal(&key, id.as_bytes()).unwrap();
    });
    block_on(stage.attest(swapped)).unwrap();
    let error = block_on(exex.open(swapped, model.clone())).unwrap_err();
    assert!(matches!(&error, ExExError::Refused(RefusalReason::Root { .. })), "{error}");

    // The reason goes on the ledger, signed.
    assert_eq!(block_on(exex.follow()).unwrap(), [garbage, swapped]);
    let ExExError::Refused(reason) = error else { unreachable!("checked above") };
    block_on(exex.refuse(swapped, &reason)).unwrap();
    let market = stage.home.ledger().market();
    let status = &market.submission(swapped).unwrap().status;
    assert!(matches!(status, SubmissionStatus::Refused { reason } if reason.contains("root")), "{status:?}");
    assert_eq!(block_on(exex.follow()).unwrap(), [garbage]);

    // What was refused is not minted, whatever was trained before.
    let third = stage.proved(3).unwrap();
    let honest = block_on(third.submit(exex.contact(), &stage.contributors())).unwrap();
    block_on(stage.attest(honest)).unwrap();
    let training = block_on(exex.open(honest, model)).unwrap().with_config(stage.training());
    let trained = training.run(|_| true).unwrap();
    block_on(exex.refuse(honest, &reason)).unwrap();
    let minted = block_on(exex.mint(&trained, stage.terms()));
    assert!(minted.unwrap_err().to_string().contains("expected accepted"));

    // A proof of another dataset, or for another submission, convinces no validator; a creator finds it out as well.
    let fourth = stage.proved(4).unwrap();
    let id = submit_lie(&stage, &fourth, |submission| submission.proof = third.proof().digest());
    let verify = |id| {
        let validator = Validator::new(stage.home.account("validator 1"), &stage.home.path("signed"));
        block_on(validator.verify(id, &*stage.home.store()))
    };
    refused!(verify(id), ValidationError::Proof(lazai::zk::VerifyError::Rejected { .. }));
    let fifth = stage.proved(5).unwrap();
    let id = submit_lie(&stage, &fifth, |submission| {
        submission.statement = first.statement().digest();
        submission.proof = first.proof().digest();
    });
    refused!(verify(id), ValidationError::StatementMismatch { field: "ledger or submission" });
    // A bound on records that no dataset's statement has: found before the proof is looked at. And tokens of another model.
    let sixth = stage.proved(6).unwrap();
    let id = submit_lie(&stage, &sixth, |submission| {
        let mut statement = sixth.statement().clone();
        statement.proved.max_record_tokens = 3_000;
        submission.statement = put(statement.to_bytes());
    });
    refused!(verify(id), ValidationError::StatementMismatch { field: "longest record" });
    let (tokenizer, size) = (third.statement().declared.tokenizer, third.statement().proved.vocab_size);
    let knows = |tokenizer, size| {
        let validator = Validator::new(stage.home.account("validator 1"), &stage.home.path("signed"));
        block_on(validator.tokenizers([(tokenizer, size)]).verify(honest, &*stage.home.store()))
    };
    refused!(knows(first.statement().digest(), size), ValidationError::StatementMismatch { field: "tokenizer" });
    refused!(knows(tokenizer, size + 1), ValidationError::StatementMismatch { field: "vocabulary" });
    knows(tokenizer, size).unwrap();
    let (dataset, public) = stage.packed().unwrap();
    let draft = stage.creator().draft(7, dataset, public).unwrap();
    refused!(draft.with_proof(fifth.proof().clone()), lazai::zk::VerifyError::Rejected { .. });
}

/// A node that asks for more than it served.
struct Greedy<'a>(&'a Provider, &'a Stage);

impl Node for Greedy<'_> {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> lazai::node::NodeFuture<'a, lazai::node::ChatReply> {
        Box::pin(async move {
            let mut reply = self.0.chat(request, on_text).await?;
            reply.receipt.receipt.prompt_tokens += 10;
            reply.receipt.receipt.cumulative = Amount::from_base_units(150);
            reply.receipt.signature = self.1.home.account("node").sign(&reply.receipt.receipt).await?;
            Ok(reply)
        })
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> lazai::node::NodeFuture<'a, ()> {
        self.0.pay(voucher)
    }
}

#[test]
fn the_consumer_recounts_and_does_not_pay_for_more() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let node = stage.provider("node", minted).unwrap();
    let mut conversation = open(stage, minted, &node, 700, deposit(700));
    let consumer = stage.consumer().unwrap();
    let greedy = Greedy(&node, stage);
    let said = block_on(consumer.say(&mut conversation, &greedy, "hi", &mut |_| {}));
    assert!(said.unwrap_err().to_string().starts_with("receipt: prompt tokens"));
    assert_eq!(conversation.receipts, Vec::<ReceivedReply>::new());
    assert_eq!(conversation.owed(), Amount::ZERO);
}

/// A consumer that does not know the card, or a node that leaves it out, is found out by the count.
#[test]
fn the_card_is_in_every_prompt_and_counted() {
    let stage = Stage::new().unwrap().behind_the_card();
    let minted = block_on(stage.minted()).unwrap();
    assert_eq!(minted.record.prompt, "card.v1");
    let (node, consumer) = (stage.provider("node", &minted).unwrap(), stage.consumer().unwrap());
    let terms = OfferTerms { prompt_ceiling: 1_000, ..Stage::offer_terms(&minted) };
    let offer = block_on(node.offer(&terms, stage.home.ledger().now_s() + 600)).unwrap();
    let mut conversation = block_on(consumer.open(1, &offer, deposit(20_000))).unwrap();
    let checked = block_on(consumer.say(&mut conversation, &node, "Who are you?", &mut |_| {})).unwrap();
    assert_eq!(checked.checked.tokens, lazai::consumer::TokenCheck::Counted);
    let asked = [Message::new(Role::User, "Who are you?")];
    let prompt = conversation.prompt(&asked).unwrap();
    assert!(prompt[0].content.contains("Kestrel Hill") && prompt[1] == asked[0], "{prompt:?}");
    let tokens = |messages: &[Message]| stage.model.prompt_tokens(messages).unwrap();
    assert_eq!(checked.receipt.receipt.prompt_tokens, tokens(&prompt));
    assert!(tokens(&prompt) > tokens(&asked) + 200);

    let mut unaware = conversation.clone();
    unaware.public_part = None;
    let talker = consumer.talker();
    let messages = [&conversation.messages[..], &asked].concat();
    let request = block_on(talker.ask(&unaware, messages, ReplySettings::default())).unwrap();
    let reply = chat(&node, &request).unwrap();
    let refused = block_on(talker.take(&mut unaware, &request, &reply)).unwrap_err().to_string();
    assert!(refused.starts_with("receipt: prompt tokens"), "{refused}");
    block_on(talker.take(&mut conversation, &request, &reply)).unwrap();

    // Dataset and public part of one submission cannot name different cards.
    let (dataset, mut public) = stage.packed().unwrap();
    public.prompt = None;
    refused!(stage.creator().draft(2, dataset, public).map(|_| ()), CreatorError::Card(_));
}

#[test]
fn a_store_that_lies_is_caught() {
    let guard = minted();
    let (stage, minted) = &*guard;
    let store = stage.home.store();
    let digest = block_on(store.put(b"truth")).unwrap();
    std::fs::write(store.path(digest), b"lies!").unwrap();
    let error = block_on(store.get(digest, 1 << 20)).unwrap_err();
    assert!(error.to_string().contains("object has digest"), "{error}");
    let total = stage.home.ledger().market().total(Asset::NATIVE).unwrap();
    assert_eq!(total.base_units(), lazai_examples::home::CONSUMER_FUNDS);
    assert!(minted.record.readers.contains(&stage.home.address("exex")), "the record says who could read");
}

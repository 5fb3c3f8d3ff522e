//! What a node does to a consumer who cannot count tokens, and to one who can.

use std::sync::Arc;

use lazai::consumer::ConsumerError;
use lazai::conversation::{Checked, NamedModel, TokenCheck, TokenCounter};
use lazai::node::{ChatReply, ChatRequest, ReplySettings, SignedReceipt, reply_digest};
use lazai_core::Digest;
use lazai_core::digest::sha256;
use lazai_core::reply::{ReplyNotes, ResponseFormat};
use lazai_core::tokenizer::Counter;
use lazai_settle::session::Receipt;

use super::stage::Stage;
use super::world::{NODE, signer};

/// What a node claims of a reply to "hi".
#[derive(Clone, Copy)]
struct Claim<'a> {
    text: &'a str,
    tokens: &'a [u32],
    prompt_tokens: u64,
    tokenizer: Digest,
    model: NamedModel,
}

const NO_MODEL: NamedModel = NamedModel { base: Digest::ZERO, adapter: Digest::ZERO };

/// What a consumer says to a claim that the node signed.
fn said_to(stage: &mut Stage, claim: Claim<'_>, counter: Option<&dyn TokenCounter>) -> Result<Checked, ConsumerError> {
    said_under(stage, claim, ReplySettings::default(), counter)
}

/// The same, if the consumer asked under these settings.
fn said_under(
    stage: &mut Stage,
    claim: Claim<'_>,
    settings: ReplySettings,
    counter: Option<&dyn TokenCounter>,
) -> Result<Checked, ConsumerError> {
    let request = ChatRequest { settings, ..stage.ask("hi") };
    let Claim { text, tokens, prompt_tokens, tokenizer, model } = claim;
    let completion_tokens = tokens.len() as u64;
    let receipt = Receipt {
        session: request.session,
        turn: 1,
        request_digest: request.digest(),
        reply_digest: reply_digest(request.salt, tokens, text),
        prompt_tokens,
        completion_tokens,
        tokenizer_digest: tokenizer,
        temperature_milli: 0,
        top_p_milli: 0,
        seed: 0,
        base_digest: model.base,
        adapter_digest: model.adapter,
        cumulative: stage.conversation.offer.offer.price(prompt_tokens, completion_tokens).unwrap(),
    };
    let signature = pollster::block_on(lazai_core::sign::sign(&signer(NODE), &stage.domain, &receipt)).unwrap();
    let receipt = SignedReceipt { receipt, signature };
    let reply = ChatReply {
        text: text.into(),
        tokens: tokens.into(),
        receipt,
        notes: ReplyNotes::default(),
        trail: None,
        enclave: None,
    };
    stage.conversation.accept(&stage.domain, &request, &reply, counter)
}

/// What a consumer without a counter says to a receipt of so many prompt tokens.
fn claimed(stage: &mut Stage, prompt_tokens: u64) -> Result<Checked, ConsumerError> {
    let (text, tokens) = ("hello, you", &[1; 10]);
    said_to(stage, Claim { text, tokens, prompt_tokens, tokenizer: sha256(b"tok"), model: NO_MODEL }, None)
}

fn refused_for(answer: Result<Checked, ConsumerError>) -> &'static str {
    match answer {
        Err(ConsumerError::Receipt { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_receipt_does_not_take_the_whole_deposit() {
    let mut stage = Stage::new(0, 0);
    let ceiling = u64::from(stage.conversation.offer.offer.prompt_ceiling);
    assert_eq!(refused_for(claimed(&mut stage, 970)), "prompt ceiling");
    assert_eq!(refused_for(claimed(&mut stage, ceiling + 1)), "prompt ceiling");
    let checked = claimed(&mut stage, 5).unwrap();
    assert_eq!(checked, Checked { tokens: TokenCheck::Bounded, model: false });
}

#[test]
fn no_receipt_has_more_tokens_than_the_words_can_have() {
    let mut stage = Stage::new(0, 0);
    stage.conversation.offer.offer.prompt_ceiling = 10_000;
    assert_eq!(refused_for(claimed(&mut stage, 5_000)), "prompt tokens of these words");
    let silent = Claim { text: "hello", tokens: &[1; 8], prompt_tokens: 5, tokenizer: Digest::ZERO, model: NO_MODEL };
    assert_eq!(refused_for(said_to(&mut stage, silent, None)), "completion tokens of these words");
}

/// A counter without weights, and what it says of "hi".
fn counter() -> (Arc<Counter>, u64) {
    let file = |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3");
        std::fs::read(folder.join(name)).unwrap()
    };
    let counter = Counter::from_json(&file("tokenizer.json"), &file("tokenizer_config.json"), None).unwrap();
    let messages = [lazai_core::message::Message::new(lazai_core::message::Role::User, "hi")];
    let counted = counter.prompt_tokens(&messages).unwrap();
    (Arc::new(counter), counted)
}

/// A tokenizer with one token for any run of spaces, as large ones have them.
struct Merging(Arc<Counter>);

impl TokenCounter for Merging {
    fn digest(&self) -> Digest {
        self.0.digest()
    }

    fn prompt_tokens(&self, messages: &[lazai_core::message::Message]) -> Option<u64> {
        TokenCounter::prompt_tokens(&*self.0, messages)
    }

    fn text(&self, tokens: &[u32]) -> Option<String> {
        self.0.text(tokens)
    }

    fn tokens(&self, text: &str) -> Option<u64> {
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        TokenCounter::tokens(&*self.0, &words.join(" "))
    }
}

#[test]
fn a_consumer_who_counts_pays_for_no_token_that_was_not_there() {
    let mut stage = Stage::new(0, 0);
    let (counter, counted) = counter();
    let reply = counter.encode("hush<|im_end|>");
    let honest =
        Claim { text: "hush", tokens: &reply, prompt_tokens: counted, tokenizer: counter.digest(), model: NO_MODEL };
    // A token that says nothing, twice; one that is none; one that is not what was said.
    let silent = [counter.encode("hush<|im_end|><|im_end|>"), vec![u32::MAX], counter.encode("hus")];
    let mut answer = |claim| said_to(&mut stage, claim, Some(&*counter));
    for prompt_tokens in [counted - 1, counted + 1] {
        assert_eq!(refused_for(answer(Claim { prompt_tokens, ..honest })), "prompt tokens");
    }
    assert_eq!(refused_for(answer(Claim { tokenizer: sha256(b"tok"), ..honest })), "tokenizer");
    for tokens in &silent {
        assert_eq!(refused_for(answer(Claim { tokens, ..honest })), "reply text");
    }
    // The words as they are, letter by letter: all of it was said, for several times the price.
    let text = " with that";
    let letters: Vec<u32> = text.chars().flat_map(|letter| counter.encode(&letter.to_string())).collect();
    assert_eq!(counter.text(&letters).as_deref(), Some(text));
    assert_eq!(refused_for(answer(Claim { text, tokens: &letters, ..honest })), "completion tokens of this text");
    let form = || ReplySettings { response_format: Some(ResponseFormat::JsonObject), ..ReplySettings::default() };
    // In a form, white space is said space by space; words are not split for all that.
    let spaced = format!("{{{}}}", " ".repeat(40));
    let words = format!("{{\"a\": \"{}\"}}", "with that ".repeat(20));
    for (text, expected) in [(spaced, None), (words, Some("completion tokens of this text"))] {
        let tokens: Vec<u32> = text.chars().flat_map(|letter| counter.encode(&letter.to_string())).collect();
        let claim = Claim { text: &text, tokens: &tokens, ..honest };
        let mut stage = Stage::new(0, 0);
        stage.conversation.offer.offer.completion_ceiling = 1_000;
        let said = said_under(&mut stage, claim, form(), Some(&Merging(counter.clone())));
        assert_eq!(said.err().map(|error| refused_for(Err(error))), expected, "{text:?}");
    }
    assert_eq!(answer(honest).unwrap().tokens, TokenCheck::Counted);
}

#[test]
fn a_receipt_of_another_model_than_the_ledgers_is_refused() {
    let mut stage = Stage::new(0, 0);
    let (class, version) = (stage.conversation.offer.offer.class, stage.conversation.offer.offer.version);
    let named = NamedModel::of(&stage.world.market, class, version).unwrap();
    stage.conversation.model = Some(named);
    let honest = Claim { text: "hush", tokens: &[1], prompt_tokens: 5, tokenizer: Digest::ZERO, model: named };
    let mut answer = |model| said_to(&mut stage, Claim { model, ..honest }, None);
    assert_eq!(refused_for(answer(NamedModel { adapter: sha256(b"cheaper"), ..named })), "adapter");
    assert_eq!(refused_for(answer(NamedModel { base: sha256(b"smaller"), ..named })), "base model");
    assert!(answer(named).unwrap().model);
}

/// What was cut off was said, up to the stop string; nothing after it is paid.
#[test]
fn no_token_hides_behind_a_stop() {
    let mut stage = Stage::new(0, 0);
    stage.conversation.offer.offer.completion_ceiling = 40;
    let (counter, prompt_tokens) = counter();
    let stop = ReplySettings { stop: vec![", h".into(), "x".repeat(40)], ..ReplySettings::default() };
    let (said, more) = (counter.encode("hush, hus"), counter.encode("hush, hush and much more than that"));
    let honest = Claim { text: "hush", tokens: &said, prompt_tokens, tokenizer: counter.digest(), model: NO_MODEL };
    let mut answer =
        |claim, settings: &ReplySettings, counter| said_under(&mut stage, claim, settings.clone(), counter);
    let counted = Some(&*counter as &dyn TokenCounter);
    assert_eq!(refused_for(answer(Claim { tokens: &more, ..honest }, &stop, counted)), "end at a stop string");
    let other = ReplySettings { stop: vec!["hus".into(), "x".repeat(40)], ..ReplySettings::default() };
    assert_eq!(refused_for(answer(honest, &other, counted)), "reply text");
    let short = ReplySettings { stop: vec![", h".into()], ..ReplySettings::default() };
    let silent = Claim { tokens: &[1; 11], ..honest };
    assert_eq!(refused_for(answer(silent, &short, None)), "completion tokens of these words");
    // A stop token ends the reply, and there is one.
    let (closing, twice) = (counter.encode("hush~"), counter.encode("hu~sh~"));
    let stop_token = ReplySettings { stop_token_ids: closing.last().copied().into_iter().collect(), ..stop.clone() };
    let early = Claim { text: "hu~sh", tokens: &twice, ..honest };
    assert_eq!(refused_for(answer(early, &stop_token, None)), "end at a stop token");
    let yes = ReplySettings { response_format: Some(ResponseFormat::JsonObject), ..ReplySettings::default() };
    let whole = counter.encode("hush");
    assert_eq!(refused_for(answer(Claim { tokens: &whole, ..honest }, &yes, None)), "form of the reply");
    answer(Claim { tokens: &closing, ..honest }, &stop_token, counted).unwrap();
}

#[test]
fn a_reply_that_was_stopped_is_paid() {
    let mut stage = Stage::new(0, 0);
    let (counter, prompt_tokens) = counter();
    let stop = ReplySettings { stop: vec![", h".into()], ..ReplySettings::default() };
    let said = counter.encode("hush, hus");
    let honest = Claim { text: "hush", tokens: &said, prompt_tokens, tokenizer: counter.digest(), model: NO_MODEL };
    assert_eq!(said_under(&mut stage, honest, stop, Some(&*counter)).unwrap().tokens, TokenCheck::Counted);
}

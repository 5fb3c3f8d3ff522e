//! What a node does to a consumer who cannot count tokens.

use lazai::consumer::ConsumerError;
use lazai::node::{ChatReply, SignedReceipt, reply_digest};
use lazai_core::digest::sha256;
use lazai_settle::session::Receipt;

use super::stage::Stage;
use super::world::{NODE, signer};

/// What a consumer without a counter says to a receipt of so many prompt tokens.
fn claimed(stage: &mut Stage, prompt_tokens: u64) -> Result<(), ConsumerError> {
    let request = stage.ask("hi");
    let (price, tokens) = (stage.conversation.offer.offer.price(prompt_tokens, 10).unwrap(), vec![1_u32; 10]);
    let receipt = Receipt {
        session: request.session,
        turn: 1,
        request_digest: request.digest(),
        reply_digest: reply_digest(request.salt, &tokens, "hello"),
        prompt_tokens,
        completion_tokens: 10,
        tokenizer_digest: sha256(b"tok"),
        temperature_milli: 0,
        top_p_milli: 0,
        seed: 0,
        base_digest: sha256(b"base"),
        adapter_digest: sha256(b"adapter"),
        cumulative: price,
    };
    let signature = pollster::block_on(lazai_core::sign::sign(&signer(NODE), &stage.domain, &receipt)).unwrap();
    let reply = ChatReply { text: "hello".into(), tokens, receipt: SignedReceipt { receipt, signature } };
    stage.conversation.accept(&stage.domain, &request, &reply, None)
}

fn refused_for(answer: Result<(), ConsumerError>) -> &'static str {
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
    claimed(&mut stage, 5).unwrap();
}

#[test]
fn no_receipt_has_more_tokens_than_the_words_can_have() {
    let mut stage = Stage::new(0, 0);
    stage.conversation.offer.offer.prompt_ceiling = 10_000;
    assert_eq!(refused_for(claimed(&mut stage, 5_000)), "prompt tokens of these words");
}

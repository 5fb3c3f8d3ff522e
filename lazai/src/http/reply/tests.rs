use axum::body::to_bytes;
use lazai_core::reply::{FinishReason, ScoredToken, TokenLogprobs};
use lazai_core::{Amount, Digest, SessionId, Signature};
use lazai_settle::session::Receipt;

use super::*;
use crate::node::SignedReceipt;

fn made(notes: ReplyNotes) -> Made {
    let receipt = Receipt {
        session: SessionId::from_bytes([1; 32]),
        turn: 1,
        request_digest: Digest::ZERO,
        reply_digest: Digest::ZERO,
        prompt_tokens: 3,
        completion_tokens: 4,
        tokenizer_digest: Digest::ZERO,
        temperature_milli: 0,
        top_p_milli: 0,
        seed: 0,
        base_digest: Digest::ZERO,
        adapter_digest: Digest::ZERO,
        cumulative: Amount::ZERO,
    };
    let receipt = SignedReceipt { receipt, signature: Signature::from_bytes([1; 65]) };
    let (adapter, device) = ("claimed".into(), "cpu".into());
    Made { details: ReplyDetails { receipt, tokens: Vec::new(), text: None, adapter, device, checked: None }, notes }
}

/// What a client gets for a reply of these pieces: the choice of a whole answer, or the choices of all pieces.
fn answered(extra: &str, pieces: &'static [&'static str], notes: ReplyNotes) -> Vec<Value> {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{extra}}}"#);
    let asked = CompletionRequest::parse(body.as_bytes()).unwrap();
    let make = |mut sink: Pieces| async move {
        pieces.iter().for_each(|piece| sink.text(piece));
        Ok(made(notes))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bytes = runtime.block_on(async { to_bytes(answer(&asked, make).await.unwrap().into_body(), 1 << 20).await });
    let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let events: Vec<&str> = if asked.stream {
        text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).filter(|event| *event != "[DONE]").collect()
    } else {
        vec![&text]
    };
    events.iter().map(|event| serde_json::from_str::<Value>(event).unwrap()["choices"][0].clone()).collect()
}

const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"sing"}}]"#;
const CALL: &[&str] =
    &["I sing.", "\n<too", "l_call>\n{\"name\": \"sing\", \"argu", "ments\": {\"of\": \"ä\"}}\n</tool_call>"];

#[test]
fn calls_are_told_as_calls() {
    let whole = answered(TOOLS, CALL, ReplyNotes::default()).remove(0);
    assert_eq!((&whole["message"]["content"], &whole["finish_reason"]), (&json!("I sing."), &json!("tool_calls")));
    let call = &whole["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "sing", "arguments": "{\"of\":\"ä\"}"}));
    assert!(call["id"].as_str().unwrap().starts_with("call_"));

    let pieces = answered(&format!(r#"{TOOLS},"stream":true"#), CALL, ReplyNotes::default());
    let text = |field: &dyn Fn(&Value) -> Option<&str>| pieces.iter().filter_map(field).collect::<String>();
    assert_eq!(text(&|piece| piece["delta"]["content"].as_str()), "I sing.");
    let function = |piece: &Value, field: &str| -> Option<String> {
        Some(piece["delta"]["tool_calls"][0]["function"][field].as_str()?.to_owned())
    };
    assert_eq!(pieces.iter().filter_map(|piece| function(piece, "name")).collect::<String>(), "sing");
    assert_eq!(pieces.iter().filter_map(|piece| function(piece, "arguments")).collect::<String>(), "{\"of\":\"ä\"}");
    assert_eq!(pieces.last().unwrap()["finish_reason"], "tool_calls");

    // Without tools these are words, and so is what calls nothing that was given.
    let whole = answered("", CALL, ReplyNotes::default()).remove(0);
    assert_eq!((&whole["message"]["content"], &whole["finish_reason"]), (&json!(CALL.concat()), &json!("stop")));
    let other = r#","tools":[{"type":"function","function":{"name":"dance"}}],"stream":true"#;
    let pieces = answered(other, CALL, ReplyNotes::default());
    let heard: String = pieces.iter().filter_map(|piece| piece["delta"]["content"].as_str()).collect();
    assert_eq!((heard, &pieces.last().unwrap()["finish_reason"]), (CALL.concat(), &json!("stop")));
}

#[test]
fn the_end_and_probabilities_are_told() {
    let scored = |token, text: &str| ScoredToken { token, text: text.into(), logprob_micro: -500_000 };
    let logprobs = vec![TokenLogprobs { chosen: scored(1, "a"), top: vec![scored(1, "a"), scored(2, "b")] }];
    let notes = ReplyNotes { finish_reason: FinishReason::Length, logprobs: Some(logprobs) };
    let whole = answered("", &["a"], notes.clone()).remove(0);
    assert_eq!(whole["finish_reason"], "length");
    let expected = json!([{"token": "a", "token_id": 1, "logprob": -0.5, "bytes": [97], "top_logprobs": [
        {"token": "a", "token_id": 1, "logprob": -0.5, "bytes": [97]},
        {"token": "b", "token_id": 2, "logprob": -0.5, "bytes": [98]},
    ]}]);
    assert_eq!(whole["logprobs"]["content"], expected);
    let pieces = answered(r#","stream":true"#, &["a"], notes);
    let told: Vec<&Value> = pieces.iter().map(|piece| &piece["logprobs"]["content"]).filter(|v| !v.is_null()).collect();
    assert_eq!(told, [&expected]);
    assert_eq!(pieces.last().unwrap()["finish_reason"], "length");
}

/// Several choices are told one after another, with the tokens of all; those that were made are told if another fails.
#[test]
fn choices_are_told_one_by_one() {
    let tell = |extra: &str, fails: bool| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],"n":3{extra}}}"#);
        let asked = CompletionRequest::parse(body.as_bytes()).unwrap();
        let make = move |choice: u32, mut sink: Pieces| async move {
            if fails && choice == 2 {
                return Err(ApiError::new(402, "loopback.budget", "nothing is left"));
            }
            sink.text(&format!("choice {choice}"));
            Ok(made(ReplyNotes::default()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let response = runtime.block_on(async {
            let response = answer_choices(&asked, make).await.unwrap();
            to_bytes(response.into_body(), 1 << 20).await
        });
        String::from_utf8(response.unwrap().to_vec()).unwrap()
    };
    let whole: Value = serde_json::from_str(&tell("", false)).unwrap();
    let told: Vec<_> =
        whole["choices"].as_array().unwrap().iter().map(|c| (&c["index"], &c["message"]["content"])).collect();
    assert_eq!(
        told,
        [(&json!(0), &json!("choice 0")), (&json!(1), &json!("choice 1")), (&json!(2), &json!("choice 2"))]
    );
    assert_eq!(whole["usage"], json!({"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}));
    assert!(whole["choices"][1]["lazai"]["receipt"].is_object(), "each has its receipt");

    let whole: Value = serde_json::from_str(&tell("", true)).unwrap();
    assert_eq!(
        (whole["choices"].as_array().unwrap().len(), &whole["lazai_missing"]["code"]),
        (2, &json!("loopback.budget"))
    );

    let options = r#","stream":true,"stream_options":{"include_usage":true}"#;
    let text = tell(options, false);
    assert!(text.trim_end().ends_with("data: [DONE]"));
    let events: Vec<Value> =
        text.split("\n\n").filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok()).collect();
    let of = |choice: u32, field: &dyn Fn(&Value) -> Option<String>| -> String {
        let choices = events.iter().map(|event| &event["choices"][0]).filter(|c| c["index"] == choice);
        choices.filter_map(field).collect()
    };
    for choice in 0..3 {
        assert_eq!(of(choice, &|c| Some(c["delta"]["content"].as_str()?.to_owned())), format!("choice {choice}"));
        assert_eq!(of(choice, &|c| Some(c["delta"]["role"].as_str()?.to_owned())), "assistant");
        assert_eq!(of(choice, &|c| Some(c["finish_reason"].as_str()?.to_owned())), "stop");
    }
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 12);
    let failed = tell(options, true);
    assert!(failed.contains("loopback.budget") && failed.contains("choice 1"), "{failed}");
}

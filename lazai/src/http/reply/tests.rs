use axum::body::to_bytes;
use lazai_core::reply::{FinishReason, ScoredToken, TokenLogprobs};
use lazai_core::{Amount, Digest, SessionId, Signature};
use lazai_settle::session::Receipt;
use serde_json::{Value, json};

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
    Made {
        details: ReplyDetails {
            receipt,
            tokens: Vec::new(),
            text: None,
            trail: None,
            adapter,
            device,
            payment: None,
            checked: None,
        },
        notes,
        spoken: None,
    }
}

/// What a client gets for a reply of these pieces: the choice of a whole answer, or the choices of all pieces.
fn answered(extra: &str, pieces: &'static [&'static str], notes: ReplyNotes) -> Vec<Value> {
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let told = answered_by(Api::Chat, &format!("{messages}{extra}"), pieces, notes);
    told.into_iter().map(|(_, body)| body["choices"][0].clone()).collect()
}

/// What a client gets by an API: the whole answer, or all events with their names.
fn answered_by(api: Api, asked: &str, pieces: &'static [&'static str], notes: ReplyNotes) -> Vec<(String, Value)> {
    let asked = api.read(format!(r#"{{"model":"m",{asked}}}"#).as_bytes()).unwrap();
    let make = |mut sink: Pieces| async move {
        pieces.iter().for_each(|piece| sink.text(piece));
        Ok(made(notes))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bytes = runtime.block_on(async { to_bytes(answer(&asked, make).await.unwrap().into_body(), 1 << 20).await });
    let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    if asked.request.stream { events(&text) } else { vec![(String::new(), serde_json::from_str(&text).unwrap())] }
}

/// The names of a stream's events, and their JSON.
fn events(text: &str) -> Vec<(String, Value)> {
    let event = |event: &str| {
        let (name, data) = match event.split_once("\ndata: ") {
            Some(named) => named,
            None => ("", event.strip_prefix("data: ")?),
        };
        Some((name.trim_start_matches("event: ").to_owned(), serde_json::from_str(data).ok()?))
    };
    text.split("\n\n").filter_map(event).collect()
}

const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"sing"}}]"#;
const CALL: &[&str] =
    &["I sing.", "\n<too", "l_call>\n{\"name\": \"sing\", \"argu", "ments\": {\"of\": \"ä\"}}\n</tool_call>"];

/// Clients that take one call a turn and cannot ask for one: what came before the cut is theirs.
#[test]
fn a_reply_that_was_cut_has_the_calls_before_the_cut_and_says_so() {
    const CUT: &[&str] = &["<tool_call>\n{\"name\": \"sing\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"na"];
    let notes = || ReplyNotes { finish_reason: FinishReason::Length, ..ReplyNotes::default() };
    let whole = answered(TOOLS, CUT, notes()).remove(0);
    let calls = whole["message"]["tool_calls"].as_array().unwrap();
    assert_eq!((calls.len(), &calls[0]["function"]["name"]), (1, &json!("sing")));
    assert_eq!((&whole["message"]["content"], &whole["finish_reason"]), (&Value::Null, &json!("length")));
    let pieces = answered(&format!(r#"{TOOLS},"stream":true"#), CUT, notes());
    assert!(pieces.iter().all(|piece| piece["delta"]["content"].as_str().unwrap_or_default().is_empty()));
    assert_eq!(pieces.last().unwrap()["finish_reason"], "length");
}

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

    // So are those of other dialects, whatever the model.
    const MISTRAL: &[&str] = &["I sing.", "[TOOL", "_CALLS][{\"name\": \"sing\", \"argu", "ments\": {\"of\": \"ä\"}}]"];
    const LLAMA: &[&str] = &["{\"name\": \"si", "ng\", \"parameters\": {\"of\": \"ä\"}}"];
    for (pieces, words) in [(MISTRAL, "I sing."), (LLAMA, "")] {
        let pieces = answered(&format!(r#"{TOOLS},"stream":true"#), pieces, ReplyNotes::default());
        let told: String = pieces.iter().filter_map(|piece| piece["delta"]["content"].as_str()).collect();
        let arguments: String = pieces.iter().filter_map(|piece| function(piece, "arguments")).collect();
        assert_eq!((told.as_str(), arguments.as_str()), (words, "{\"of\":\"ä\"}"));
        assert_eq!(pieces.last().unwrap()["finish_reason"], "tool_calls");
    }

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
        let asked = Api::Chat.read(body.as_bytes()).unwrap();
        let make = move |choice: u32, mut sink: Pieces| async move {
            if fails && choice == 2 {
                return Err(ApiError::new(402, "loopback.budget", "nothing is left"));
            }
            sink.text(&format!("choice {choice}"));
            Ok(made(ReplyNotes::default()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let response = runtime.block_on(async {
            let response = answer_choices(&asked, Mark::new(), make).await.unwrap();
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
    let events: Vec<Value> = events(&text).into_iter().map(|(_, event)| event).collect();
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

#[test]
fn a_completion_is_a_text() {
    let scored = |token, text: &str| ScoredToken { token, text: text.into(), logprob_micro: -500_000 };
    let logprobs = ["ä", "b"].map(|text| TokenLogprobs { chosen: scored(1, text), top: vec![scored(1, text)] });
    let notes = ReplyNotes { finish_reason: FinishReason::Length, logprobs: Some(logprobs.into()) };
    let expected = json!({
        "tokens": ["ä", "b"], "token_logprobs": [-0.5, -0.5], "top_logprobs": [{"ä": -0.5}, {"b": -0.5}], "text_offset": [0, 1],
    });
    let (_, whole) = answered_by(Api::Completions, r#""prompt":"hi""#, &["ä", "b"], notes.clone()).remove(0);
    assert_eq!((&whole["object"], &whole["usage"]["total_tokens"]), (&json!("text_completion"), &json!(7)));
    assert_eq!(whole["choices"], json!([{"text": "äb", "index": 0, "logprobs": expected, "finish_reason": "length"}]));
    assert!(whole["lazai"]["receipt"].is_object() && whole["id"].as_str().unwrap().starts_with("cmpl-"));

    let asked = r#""prompt":"hi","stream":true,"stream_options":{"include_usage":true}"#;
    let pieces = answered_by(Api::Completions, asked, &["ä", "b"], notes);
    assert!(pieces.iter().all(|(_, piece)| piece["object"] == "text_completion" && piece["id"] == pieces[0].1["id"]));
    let text: String = pieces.iter().filter_map(|(_, piece)| piece["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, "äb");
    let end = &pieces[pieces.len() - 2].1;
    assert_eq!((&end["choices"][0]["finish_reason"], &end["choices"][0]["logprobs"]), (&json!("length"), &expected));
    assert!(end["lazai"]["receipt"].is_object());
    assert_eq!(pieces.last().unwrap().1["usage"]["prompt_tokens"], 3);
}

const FLAT: &str = r#""input":"hi","tools":[{"type":"function","name":"sing"}]"#;

#[test]
fn a_response_is_items() {
    let (_, whole) = answered_by(Api::Responses, FLAT, CALL, ReplyNotes::default()).remove(0);
    assert_eq!(
        (&whole["object"], &whole["status"], &whole["store"]),
        (&json!("response"), &json!("completed"), &json!(false))
    );
    let usage = json!({
        "input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7,
    });
    assert_eq!((&whole["usage"], &whole["temperature"]), (&usage, &json!(0.0)));
    let (message, call) = (&whole["output"][0], &whole["output"][1]);
    assert_eq!((&message["type"], &message["content"][0]["text"]), (&json!("message"), &json!("I sing.")));
    assert_eq!(
        (&call["type"], &call["name"], &call["arguments"]),
        (&json!("function_call"), &json!("sing"), &json!("{\"of\":\"ä\"}"))
    );
    assert!(call["call_id"].as_str().unwrap().starts_with("call_") && whole["lazai"]["receipt"].is_object());
    assert_eq!(whole["tools"], json!([{"type": "function", "name": "sing"}]));

    let cut = ReplyNotes { finish_reason: FinishReason::Length, logprobs: None };
    let (_, whole) = answered_by(Api::Responses, r#""input":"hi""#, &["a"], cut).remove(0);
    assert_eq!(
        (&whole["status"], &whole["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!((&whole["output"][0]["status"], &whole["output"].as_array().unwrap().len()), (&json!("incomplete"), &1));
}

/// The events that clients wait for, in their order, with the same items as the whole answer.
#[test]
fn a_response_is_streamed_item_by_item() {
    let told = answered_by(Api::Responses, &format!(r#"{FLAT},"stream":true"#), CALL, ReplyNotes::default());
    let mut names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    for (number, (name, event)) in told.iter().enumerate() {
        assert_eq!((&event["type"], &event["sequence_number"]), (&json!(name), &json!(number)));
    }
    let of =
        |kind: &str| -> Vec<&Value> { told.iter().filter(|(name, _)| name == kind).map(|(_, event)| event).collect() };
    let deltas: String = of("response.output_text.delta").iter().filter_map(|event| event["delta"].as_str()).collect();
    let response = &of("response.completed")[0]["response"];
    assert_eq!(deltas, response["output"][0]["content"][0]["text"]);
    let items: Vec<&Value> = of("response.output_item.done").iter().map(|event| &event["item"]).collect();
    assert_eq!(items, response["output"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(of("response.created")[0]["response"]["id"], response["id"]);
    assert!(response["lazai"]["receipt"].is_object());

    // A reply without words has an empty message all the same.
    let told = answered_by(Api::Responses, r#""input":"hi","stream":true"#, &[], ReplyNotes::default());
    assert_eq!(told.last().unwrap().1["response"]["output"][0]["content"][0]["text"], "");
    assert_eq!(told.len(), 8);
}

/// A reply that waits for long begins its stream before it says a word; what fails then is an event.
#[test]
fn a_silent_reply_begins_its_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (api, asked, kind) in [
        (Api::Chat, r#""messages":[{"role":"user","content":"hi"}]"#, ""),
        (Api::Completions, r#""prompt":"hi""#, ""),
        (Api::Responses, r#""input":"hi""#, "response.failed"),
    ] {
        let asked = api.read(format!(r#"{{"model":"m","stream":true,{asked}}}"#).as_bytes()).unwrap();
        let (heard, waits) = tokio::sync::oneshot::channel::<()>();
        let text = runtime.block_on(async {
            let make = |_: Pieces| async move {
                let _ = waits.await;
                Err(ApiError::new(503, "node.busy", "too many wait"))
            };
            let response = answer(&asked, make).await.unwrap();
            assert_eq!(response.status(), 200);
            heard.send(()).unwrap();
            to_bytes(response.into_body(), 1 << 20).await.unwrap()
        });
        let told = events(std::str::from_utf8(&text).unwrap());
        let (name, last) = told.last().unwrap();
        let error = if kind.is_empty() { &last["error"] } else { &last["response"]["error"] };
        assert_eq!((name.as_str(), &error["code"]), (kind, &json!("node.busy")));
    }
}

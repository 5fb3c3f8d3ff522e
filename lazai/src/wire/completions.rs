//! OpenAI's legacy completions: a prompt in place of messages. The prompt is one message of the user, since characters talk.
//!
//! Source: OpenAI's API reference, "Completions (legacy)".

use lazai_core::message::{Message, Role};
use serde_json::{Map, Value};

use super::openai::{BadRequest, CompletionRequest, object};
use super::settings;
use super::settings::unsupported::{Parameter, is_false, is_nothing};

/// Most probabilities a token, as OpenAI has it here.
const LOGPROBS: u64 = 5;

/// Reads a request for a completion.
pub(crate) fn read(bytes: &[u8]) -> Result<CompletionRequest, BadRequest> {
    let mut body = object(bytes)?;
    let prompt = prompt(&body)?;
    for (name, harmless) in UNSUPPORTED {
        if let Some(value) = body.get(*name).filter(|value| !harmless(value)) {
            let reason = if *name == "tools" { "are of chats: ask /v1/chat/completions" } else { "is not supported" };
            return Err(BadRequest::new(*name, format!("{reason} (found {:.40})", value.to_string())));
        }
    }
    logprobs(&mut body)?;
    let settings = settings::read(bytes, &body)?;
    CompletionRequest::of(&body, vec![Message::new(Role::User, prompt)], settings)
}

/// What would make another reply.
const UNSUPPORTED: &[Parameter] = &[("echo", is_false), ("suffix", is_nothing), ("tools", is_nothing)];

fn prompt(body: &Map<String, Value>) -> Result<String, BadRequest> {
    let bad = |reason: &str| Err(BadRequest::new("prompt", reason));
    match body.get("prompt") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(list)) => match list.as_slice() {
            [Value::String(text)] => Ok(text.clone()),
            [Value::String(_), ..] => bad("has several texts: ask once for each"),
            // Ids of tokens are those of another tokenizer: clients know OpenAI's only.
            _ => bad("is no list of one text"),
        },
        _ => bad("is neither a text nor a list of one"),
    }
}

/// Puts OpenAI's number of probabilities into the fields that chats have for it.
fn logprobs(body: &mut Map<String, Value>) -> Result<(), BadRequest> {
    body.remove("top_logprobs");
    match body.remove("logprobs") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(()),
        Some(value) => {
            let most = value.as_u64().filter(|most| *most <= LOGPROBS);
            let most = most.ok_or_else(|| BadRequest::new("logprobs", format!("is no number up to {LOGPROBS}")))?;
            body.insert("logprobs".into(), true.into());
            body.insert("top_logprobs".into(), most.into());
            Ok(())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(extra: &str) -> Result<CompletionRequest, BadRequest> {
        read(format!(r#"{{"model":"m",{extra}}}"#).as_bytes())
    }

    #[test]
    fn a_prompt_is_a_message_of_the_user() {
        let one = asked(r#""prompt":"Once","max_tokens":5,"stop":"\n","logprobs":2,"n":2,"user":"me""#).unwrap();
        assert_eq!(one.messages, [Message::new(Role::User, "Once")]);
        assert_eq!((one.settings.max_tokens, one.settings.top_logprobs, one.choices), (Some(5), Some(2), 2));
        let listed = asked(r#""prompt":["Once"],"echo":false,"suffix":null,"logprobs":null,"best_of":1,"stream":true"#);
        let listed = listed.unwrap();
        assert_eq!((listed.messages, listed.settings.is_default(), listed.stream), (one.messages, true, true));
    }

    #[test]
    fn what_no_character_completes_is_refused_by_name() {
        for (extra, parameter) in [
            (r#""messages":[]"#, "prompt"),
            (r#""prompt":[]"#, "prompt"),
            (r#""prompt":["a","b"]"#, "prompt"),
            (r#""prompt":[1,2]"#, "prompt"),
            (r#""prompt":"a","echo":true"#, "echo"),
            (r#""prompt":"a","suffix":"b""#, "suffix"),
            (r#""prompt":"a","best_of":2"#, "best_of"),
            (r#""prompt":"a","logprobs":6"#, "logprobs"),
            (r#""prompt":"a","logprobs":true"#, "logprobs"),
            (r#""prompt":"a","tools":[{"type":"function","function":{"name":"f"}}]"#, "tools"),
        ] {
            assert_eq!(asked(extra).unwrap_err().parameter, parameter, "{extra}");
        }
        assert_eq!(read(br#"{"prompt":"a"}"#).unwrap_err().parameter, "model");
    }
}

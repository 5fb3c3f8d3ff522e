//! Probabilities of tokens, in OpenAI's form. Each token has its id as well.

use lazai_core::reply::{ScoredToken, TokenLogprobs};
use serde_json::{Value, json};

/// The `logprobs` of a choice.
#[must_use]
pub fn write(logprobs: &[TokenLogprobs]) -> Value {
    let token = |TokenLogprobs { chosen, top }: &TokenLogprobs| {
        let mut token = scored(chosen);
        token["top_logprobs"] = top.iter().map(scored).collect();
        token
    };
    json!({"content": logprobs.iter().map(token).collect::<Vec<_>>(), "refusal": null})
}

fn scored(ScoredToken { token, text, logprob_micro }: &ScoredToken) -> Value {
    // What is no text by itself has no bytes here: they are a part of a character's.
    let bytes = (!text.contains('\u{fffd}')).then_some(text.as_bytes());
    #[allow(clippy::cast_precision_loss, reason = "at most 10^10")]
    let logprob = *logprob_micro as f64 / 1e6;
    json!({"token": text, "token_id": token, "logprob": logprob, "bytes": bytes})
}

/// Reads what [`write`] wrote.
pub(super) fn read(logprobs: &Value) -> Option<Vec<TokenLogprobs>> {
    let token = |token: &Value| {
        let top = token["top_logprobs"].as_array()?.iter().map(read_scored).collect::<Option<_>>()?;
        Some(TokenLogprobs { chosen: read_scored(token)?, top })
    };
    logprobs["content"].as_array()?.iter().map(token).collect()
}

fn read_scored(value: &Value) -> Option<ScoredToken> {
    let logprob = value["logprob"].as_f64().filter(|logprob| logprob.abs() < 1e6)?;
    #[allow(clippy::cast_possible_truncation, reason = "less than 10^12")]
    let logprob_micro = (logprob * 1e6).round() as i64;
    let token = value["token_id"].as_u64().and_then(|id| u32::try_from(id).ok())?;
    Some(ScoredToken { token, text: value["token"].as_str()?.to_owned(), logprob_micro })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let scored = |token, text: &str, logprob_micro| ScoredToken { token, text: text.into(), logprob_micro };
        let (one, two) = (scored(5, "ä", -1_234_567), scored(6, "\u{fffd}", -9_999_000_000));
        let tokens = vec![
            TokenLogprobs { chosen: two.clone(), top: vec![one.clone(), two] },
            TokenLogprobs { chosen: one, top: vec![] },
        ];
        let written = write(&tokens);
        assert_eq!(written["content"][0]["top_logprobs"][0]["bytes"], json!([0xc3, 0xa4]));
        assert_eq!(written["content"][0]["bytes"], Value::Null);
        assert_eq!(read(&written).unwrap(), tokens);
    }
}

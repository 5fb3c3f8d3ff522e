//! OpenAI's embeddings. Source: OpenAI's API reference, "Embeddings".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai_lora::Embedding;
use serde_json::{Map, Value, json};

use super::openai::BadRequest;

/// Most texts of a request, as OpenAI has it.
const TEXTS: usize = 2_048;

/// A request for the embeddings of texts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EmbeddingRequest {
    pub(crate) model: String,
    pub(crate) input: Vec<String>,
    dimensions: Option<u64>,
    /// True for values as base64 of little-endian 32-bit floats.
    is_packed: bool,
}

impl EmbeddingRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let body: Map<String, Value> = serde_json::from_slice(body).map_err(|e| BadRequest::new("body", e))?;
        let model = body.get("model").and_then(Value::as_str);
        let model = model.ok_or_else(|| BadRequest::new("model", "is not a string"))?.to_owned();
        let text = |(place, value): (usize, &Value)| match value.as_str() {
            Some("") => Err(BadRequest::new(format!("input[{place}]"), "is empty")),
            Some(text) => Ok(text.to_owned()),
            // Ids of tokens are those of another tokenizer: clients know OpenAI's only.
            None => Err(BadRequest::new(format!("input[{place}]"), "is no text")),
        };
        let input = match body.get("input") {
            Some(value @ Value::String(_)) => vec![text((0, value))?],
            Some(Value::Array(values)) => values.iter().enumerate().map(text).collect::<Result<_, _>>()?,
            _ => return Err(BadRequest::new("input", "is neither a text nor a list of texts")),
        };
        if input.is_empty() || input.len() > TEXTS {
            return Err(BadRequest::new("input", format!("{} texts, from 1 to {TEXTS} are read", input.len())));
        }
        let dimensions = match body.get("dimensions") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let most = value.as_u64().ok_or_else(|| BadRequest::new("dimensions", "is not a whole number"))?;
                Some(most)
            }
        };
        let is_packed = match body.get("encoding_format").map(Value::as_str) {
            None | Some(Some("float")) => false,
            Some(Some("base64")) => true,
            _ if body["encoding_format"].is_null() => false,
            _ => return Err(BadRequest::new("encoding_format", "is neither float nor base64")),
        };
        Ok(Self { model, input, dimensions, is_packed })
    }

    /// Holds the request to what a model gives.
    pub(crate) fn check(&self, dimensions: usize) -> Result<(), BadRequest> {
        match self.dimensions {
            Some(wanted) if wanted != dimensions as u64 => {
                Err(BadRequest::new("dimensions", format!("the model has {dimensions}")))
            }
            _ => Ok(()),
        }
    }

    /// The answer. Texts that were longer than the model reads are named by their places, under `lazai.truncated`.
    pub(crate) fn answer(&self, embeddings: &[Embedding]) -> Value {
        let tokens: usize = embeddings.iter().map(|embedding| embedding.tokens).sum();
        let truncated = embeddings.iter().enumerate().filter(|(_, embedding)| embedding.truncated);
        let truncated: Vec<usize> = truncated.map(|(place, _)| place).collect();
        let values = |vector: &[f32]| {
            if !self.is_packed {
                return json!(vector);
            }
            STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).into()
        };
        let data = embeddings.iter().enumerate();
        let data: Vec<Value> = data
            .map(|(index, embedding)| {
                json!({"object": "embedding", "index": index, "embedding": values(&embedding.vector)})
            })
            .collect();
        let mut answer = json!({
            "object": "list", "data": data, "model": self.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        });
        if !truncated.is_empty() {
            answer["lazai"] = json!({"truncated": truncated});
        }
        answer
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_or_refused_by_name() {
        let asked = |body: &str| EmbeddingRequest::parse(body.as_bytes());
        let one = asked(r#"{"model":"m","input":"hi","encoding_format":null}"#).unwrap();
        assert_eq!((one.input.len(), one.is_packed, one.check(8)), (1, false, Ok(())));
        let two =
            asked(r#"{"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":8,"user":"me"}"#).unwrap();
        assert_eq!((two.input.len(), two.is_packed, two.check(8)), (2, true, Ok(())));
        assert_eq!(two.check(9).unwrap_err().parameter, "dimensions");
        let many = format!(r#"{{"model":"m","input":{}}}"#, json!(vec!["a"; TEXTS + 1]));
        for (body, parameter) in [
            ("[]", "body"),
            (r#"{"input":"hi"}"#, "model"),
            (r#"{"model":"m"}"#, "input"),
            (r#"{"model":"m","input":[]}"#, "input"),
            (r#"{"model":"m","input":["a",""]}"#, "input[1]"),
            (r#"{"model":"m","input":[[1,2]]}"#, "input[0]"),
            (r#"{"model":"m","input":[1,2]}"#, "input[0]"),
            (r#"{"model":"m","input":"a","dimensions":"8"}"#, "dimensions"),
            (r#"{"model":"m","input":"a","encoding_format":"int8"}"#, "encoding_format"),
            (&many, "input"),
        ] {
            assert_eq!(asked(body).unwrap_err().parameter, parameter, "{body:.60}");
        }
    }
}

//! Random schemas: whatever a model of random weights answers is JSON that another program finds valid.
//!
//! The shapes are those of the JSON Schema Test Suite, of the words that are supported.

use std::collections::BTreeMap;
use std::time::Instant;

use lazai_core::reply::{FinishReason, ResponseFormat};
use lazai_lora::Generator;
use lazai_lora::generate::Sampler;
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

use super::{base, engine, job};

struct Schemas(ChaCha8Rng);

impl Schemas {
    fn below(&mut self, n: u32) -> u32 {
        self.0.next_u32() % n
    }

    fn one(&mut self) -> Value {
        let mut schema = self.value(3);
        if let Some(fields) = schema.as_object_mut() {
            fields.insert(
                "$defs".into(),
                json!({"leaf": self.value(0), "other": {"type": "array", "items": self.value(0), "maxItems": 3}}),
            );
        }
        schema
    }

    fn value(&mut self, depth: u32) -> Value {
        let least = self.below(4);
        match self.below(if depth == 0 { 10 } else { 17 }) {
            0 => json!({"type": "string", "minLength": least, "maxLength": least + self.below(9)}),
            1 => {
                let patterns = ["^[a-c]{2,6}$", "^(a|bc)+d?$", "^[0-9]{3}-[A-Z]$", "^\\S{1,5}$"];
                json!({"type": "string", "pattern": patterns[self.below(4) as usize]})
            }
            2 => {
                json!({"type": "integer", "minimum": i64::from(self.below(500)) - 250, "maximum": 250 + self.below(5_000)})
            }
            3 => json!({"type": "number", "minimum": -3.5, "exclusiveMaximum": 17.25}),
            4 => json!({"type": "boolean"}),
            5 => json!({"type": ["null", "integer"]}),
            6 => json!({"enum": ["red", 4, null, {"a": [1]}, "ä\n\"", true]}),
            7 => {
                let values = [json!({"b": 1.5, "a": "x"}), json!("\u{1f3b5}"), json!({})];
                json!({"const": values[self.below(3) as usize]})
            }
            8 => {
                // Not dates and times: the grammar knows their digits, not which years and minutes leap.
                json!({"type": "string", "format": if self.below(2) == 0 { "uuid" } else { "ipv4" }})
            }
            9 => json!({"type": "number", "multipleOf": 5, "minimum": 0, "maximum": 100}),
            10 => json!({"$ref": if self.below(2) == 0 { "#/$defs/leaf" } else { "#/$defs/other" }}),
            11 => {
                json!({"type": "array", "items": self.value(depth - 1), "minItems": least, "maxItems": least + self.below(3)})
            }
            12 => {
                let first: Vec<Value> = (0..=self.below(3)).map(|_| self.value(depth - 1)).collect();
                json!({"type": "array", "minItems": first.len(), "prefixItems": first, "items": false})
            }
            13 => {
                let any: Vec<Value> = (0..2 + self.below(2)).map(|_| self.value(depth - 1)).collect();
                json!({"anyOf": any})
            }
            _ => self.object(depth),
        }
    }

    fn object(&mut self, depth: u32) -> Value {
        let names: Vec<&str> =
            ["name", "b", "a", "ä ö", "x\"y", ""].into_iter().filter(|_| self.below(2) == 0).collect();
        let fields: BTreeMap<&str, Value> = names.iter().map(|name| (*name, self.value(depth - 1))).collect();
        let required: Vec<&str> = names.iter().copied().filter(|_| self.below(2) == 0).collect();
        let more = match self.below(4) {
            0 => json!({"type": "integer", "minimum": 0, "maximum": 9}),
            1 => json!(true),
            _ => json!(false),
        };
        json!({"type": "object", "properties": fields, "required": required, "additionalProperties": more})
    }
}

/// The model is random: tokens that close something are made likelier, so that replies end.
fn closing() -> BTreeMap<u32, i32> {
    let base = base();
    let text = |token: u32| base.tokenizer().decode(&[token]).unwrap_or_default();
    let biased = (0..384).filter_map(|token| match text(token).trim() {
        "\"" => Some((token, 9_000)),
        "}" | "]" => Some((token, 12_000)),
        "," => Some((token, 4_000)),
        _ => None,
    });
    biased.collect()
}

fn answers(schemas: u64, from: u64) {
    let (engine, closing) = (engine(), closing());
    let begun = Instant::now();
    let asked: Vec<(Value, _)> = (from..from + schemas)
        .map(|seed| {
            let schema = Schemas(ChaCha8Rng::seed_from_u64(seed)).one();
            let format = Some(ResponseFormat::JsonSchema(schema.to_string()));
            let sampler = Sampler {
                format,
                max_tokens: 200,
                temperature_milli: 1_500,
                top_p_milli: 1_000,
                logit_bias_milli: closing.clone(),
                ..Sampler::default()
            };
            (schema, job(sampler, seed))
        })
        .collect();
    let mut whole = 0;
    // Side by side, as many as an engine lets wait.
    for some in asked.chunks(64) {
        let running: Vec<_> = some.iter().map(|(_, job)| engine.generate(job.clone())).collect();
        for ((schema, _), running) in some.iter().zip(running) {
            let reply = block_on(running.reply()).unwrap_or_else(|e| panic!("{schema}: {e}"));
            if reply.notes.finish_reason == FinishReason::Length {
                continue;
            }
            let value: Value =
                serde_json::from_str(&reply.text).unwrap_or_else(|e| panic!("{schema}\n{}\n{e}", reply.text));
            let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
            assert!(validator.is_valid(&value), "{schema}\n{}\n{:?}", reply.text, validator.validate(&value));
            whole += 1;
        }
    }
    let seconds = begun.elapsed().as_secs_f32();
    assert!(whole * 4 >= schemas * 3, "{whole} of {schemas} replies came to their end in {seconds} s");
}

#[test]
fn answers_are_valid() {
    answers(200, 0);
}

#[test]
#[ignore = "minutes"]
fn many_answers_are_valid() {
    answers(20_000, 1_000);
}

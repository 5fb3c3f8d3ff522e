//! Tools by the form of each template: prompts as `transformers` makes them, replies of models that must call, and both recounted.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use lazai_core::reply::FinishReason;
use lazai_core::tokenizer::{ChatTemplate, Counter};
use lazai_core::tools::Dialect;
use lazai_lora::generate::{Sampler, generate, prompt_tokens};
use lazai_lora::{BaseModel, Compute, WeightFormat};
use serde_json::{Value, json};

use super::calls;
use super::tests::asked;
use crate::wire::openai::CompletionRequest;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

fn template(name: &str) -> String {
    std::fs::read_to_string(vectors().join("tools").join(format!("{name}.jinja"))).unwrap()
}

#[test]
fn prompts_are_those_of_transformers() {
    let made: Value = serde_json::from_slice(&std::fs::read(vectors().join("tools/expected.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cases = made["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 30);
    for case in cases {
        let said = format!("{} of {}", case["conversation"], case["template"]);
        let template =
            ChatTemplate::new(&template(case["template"].as_str().unwrap()), text(&made["bos"]), text(&made["eos"]))
                .unwrap();
        let body = json!({"model": "m", "messages": case["messages"], "tools": case["tools"]});
        let asked = CompletionRequest::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(template.prompt(&asked.messages).unwrap(), text(&case["text"]), "{said}");
        // Over the wire go words: whoever gets them makes the same of them.
        let again = CompletionRequest::parse(asked.body().to_string().as_bytes()).unwrap();
        assert_eq!(again.messages, asked.messages, "{said}");
    }
}

/// A model of random weights, with a template and, in place of a control token, the one that opens its calls.
fn model(template: &str, opener: &str) -> (tempfile::TempDir, BaseModel, Counter) {
    let (from, to) = (vectors().join("models/llama3"), tempfile::tempdir().unwrap());
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        let bytes = std::fs::read(from.join(name)).unwrap();
        let bytes = match name {
            "tokenizer.json" => String::from_utf8(bytes).unwrap().replace("<|end|>", opener).into_bytes(),
            // A prompt with tools is longer than these models are made for.
            "config.json" => {
                let mut config: Value = serde_json::from_slice(&bytes).unwrap();
                config["max_position_embeddings"] = 4_096.into();
                config.to_string().into_bytes()
            }
            "tokenizer_config.json" => {
                let mut config: Value = serde_json::from_slice(&bytes).unwrap();
                config["chat_template"] = template.into();
                config.to_string().into_bytes()
            }
            _ => bytes,
        };
        std::fs::write(to.path().join(name), bytes).unwrap();
    }
    let read = |name: &str| std::fs::read(to.path().join(name)).unwrap();
    let counter = Counter::from_json(&read("tokenizer.json"), &read("tokenizer_config.json"), None).unwrap();
    let base = BaseModel::open(to.path(), &Compute::cpu(), WeightFormat::F32).unwrap();
    (to, base, counter)
}

/// A model that must call, calls: what is forced is what is found, and what is recounted.
#[test]
fn forced_calls_are_calls() {
    let plain = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
    for (name, dialect, opener) in [
        ("", None, "<|end|>"),
        ("hermes", Some(Dialect::Hermes), "<|end|>"),
        ("llama", Some(Dialect::Llama), "<|python_tag|>"),
        ("mistral", Some(Dialect::Mistral), "[TOOL_CALLS]"),
        ("granite", Some(Dialect::Granite), "<|tool_call|>"),
    ] {
        let source = if name.is_empty() { plain.to_owned() } else { template(name) };
        let (_folder, base, counter) = model(&source, opener);
        assert_eq!(base.template().dialect(), dialect);
        let id = base.tokenizer().encode(opener).unwrap();
        // What opens a call is likelier, and what closes something still more: the reply is to end.
        let likelier = (0..base.tokenizer().vocab_size() as u32).filter_map(|token| {
            let text = base.tokenizer().decode(&[token]).unwrap();
            let closes = matches!(text.trim(), "}" | "}}" | "]");
            (closes || id == [token]).then_some((token, if closes { 20_000 } else { 9_000 }))
        });
        let usual = Sampler { max_tokens: 200, logit_bias_milli: likelier.collect(), ..Sampler::default() };
        let (mut found, mut opened) = (0, 0);
        for seed in 0..6 {
            let choice =
                [r#","tool_choice":"required""#, r#","tool_choice":{"type":"function","function":{"name":"two"}}"#];
            let asked = asked(choice[seed as usize % 2]).unwrap();
            let bias = usual.logit_bias_milli.clone();
            let sampler = Sampler { logit_bias_milli: bias, ..asked.settings.sampler(&usual) };
            let mut heard = String::new();
            let on_text = |piece: &str| {
                heard += piece;
                true
            };
            let reply = generate(&base, None, &asked.messages, &sampler, seed, on_text).unwrap();
            // The consumer counts the same, without the model.
            assert_eq!(counter.prompt_tokens(&asked.messages).unwrap(), reply.prompt_tokens, "{name}");
            assert_eq!(counter.text(&reply.tokens).as_ref(), Some(&reply.text), "{name}");
            let plain = base.tokenizer().encode(&base.template().render(&asked.messages, true).unwrap()).unwrap();
            let told = prompt_tokens(base.tokenizer(), base.template(), &asked.messages).unwrap();
            assert_eq!(told == plain, dialect.is_none(), "{name}");
            if reply.notes.finish_reason == FinishReason::Length {
                continue;
            }
            assert_eq!(heard, reply.text, "{name}");
            let (words, calls) = calls(&reply.text, &asked.tools);
            assert!(words.is_empty() && !calls.is_empty(), "{name} {:?}", reply.text);
            assert!(seed % 2 == 0 || (calls.len() == 1 && calls[0].name == "two"), "{name} {calls:?}");
            found += 1;
            opened += usize::from(reply.tokens.iter().any(|token| id == [*token]));
        }
        assert!(found >= 3, "{name} {found}");
        // The token itself opens calls, where the dialect has one.
        let has_opener = matches!(dialect, Some(Dialect::Mistral | Dialect::Granite));
        assert!(!has_opener || opened > 0, "{name} {opened} of {found}");
    }
}

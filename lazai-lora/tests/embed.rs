//! Embeddings: a tiny encoder beside `sentence-transformers` (`vectors/embed/make.py`), independence of the batch, and files that
//! are not what they should be. By hand, `all-MiniLM-L6-v2` itself beside vectors that `sentence-transformers` made of it.
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lazai_lora::embed::{MAX_TEXT_BYTES, by_base};
use lazai_lora::{BaseModel, Compute, Embedding, Encoder, ModelError, WeightFormat};
use serde_json::{Value, json};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/embed/tiny-bert")
}

fn open(folder: &Path) -> Result<Encoder, ModelError> {
    Encoder::open(folder, &Compute::cpu())
}

#[derive(serde::Deserialize)]
struct Expected {
    #[serde(default)]
    max_tokens: usize,
    texts: Vec<String>,
    mean: Vec<Vec<f32>>,
    #[serde(default)]
    cls: Vec<Vec<f32>>,
    tokens: Vec<usize>,
}

fn expected(path: &Path) -> Expected {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn greatest_difference(found: &[Embedding], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected).flat_map(|(found, expected)| {
        assert_eq!(found.vector.len(), expected.len());
        found.vector.iter().zip(expected)
    });
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn bits(embeddings: &[Embedding]) -> Vec<Vec<u32>> {
    embeddings.iter().map(|e| e.vector.iter().map(|x| x.to_bits()).collect()).collect()
}

/// A copy of the tiny encoder, to be damaged.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
        let written = ["modules.json", "1_Pooling/config.json"];
        std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        for name in files.iter().chain(&written) {
            std::fs::write(folder.path().join(name), std::fs::read(tiny().join(name)).unwrap()).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.path().join(name), value.to_string()).unwrap();
    }

    /// Changes one field.
    fn set(&self, name: &str, field: &str, value: Value) {
        let mut file: Value = serde_json::from_slice(&std::fs::read(tiny().join(name)).unwrap()).unwrap();
        file[field] = value;
        self.write(name, &file);
    }
}

#[test]
fn a_tiny_encoder_is_that_of_sentence_transformers() {
    let expected = expected(&tiny().join("expected.json"));
    let mean = open(&tiny()).unwrap();
    assert_eq!((mean.dimensions(), mean.max_tokens()), (32, expected.max_tokens));
    let found = mean.encode(&expected.texts).unwrap();
    let difference = greatest_difference(&found, &expected.mean);
    assert!(difference < 2e-6, "greatest difference {difference}");
    assert_eq!(found.iter().map(|e| e.tokens).collect::<Vec<_>>(), expected.tokens);
    let cut: Vec<usize> = (0..found.len()).filter(|i| found[*i].truncated).collect();
    assert_eq!(cut, [found.len() - 1], "the last but one is as long as the model reads");
    assert!(expected.tokens.iter().any(|n| (65..expected.max_tokens).contains(n)), "more than a tile");

    // As older files say it.
    let older = Copy::new();
    older.write(
        "1_Pooling/config.json",
        &json!({"word_embedding_dimension": 32, "pooling_mode_cls_token": true,
        "pooling_mode_mean_tokens": false}),
    );
    older.set("tokenizer_config.json", "model_max_length", json!(1e30));
    older.write("sentence_bert_config.json", &json!({"max_seq_length": expected.max_tokens, "do_lower_case": false}));
    let cls = open(older.path()).unwrap();
    let difference = greatest_difference(&cls.encode(&expected.texts).unwrap(), &expected.cls);
    assert!(difference < 2e-6, "greatest difference {difference}");
    assert_ne!(cls.digest(), mean.digest(), "another pooling");
}

#[test]
fn vectors_have_a_length_of_one() {
    let found = open(&tiny()).unwrap().encode(&["rain", "night", "RAIN"]).unwrap();
    for embedding in &found {
        let length: f64 = embedding.vector.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((length - 1.0).abs() < 1e-6);
    }
    assert!((found[0].cosine(&found[2]).unwrap() - 1.0).abs() < 1e-6, "the tokenizer lowers letters");
    assert!(found[0].cosine(&found[1]).unwrap() < 0.999);
    let mut other = found[0].clone();
    other.vector.pop();
    assert_eq!(found[0].cosine(&other), None);
}

/// Texts of every length, alone and beside others, by one thread and by several: the same bits.
fn independent(folder: &Path, texts: &[String]) {
    let encoder = Encoder::open(folder, &Compute::cpu_threads(NonZeroUsize::MIN).unwrap()).unwrap();
    let alone: Vec<_> = texts.iter().flat_map(|text| bits(&encoder.encode(&[text]).unwrap())).collect();
    let mut reversed: Vec<&String> = texts.iter().rev().collect();
    for threads in [1, 2, 3, 8] {
        let compute = Compute::cpu_threads(NonZeroUsize::new(threads).unwrap()).unwrap();
        let encoder = Encoder::open(folder, &compute).unwrap();
        assert_eq!(bits(&encoder.encode(texts).unwrap()), alone, "{threads} threads");
        let mut backwards = bits(&encoder.encode(&reversed).unwrap());
        backwards.reverse();
        assert_eq!(backwards, alone, "{threads} threads, backwards");
        for (text, alone) in texts.iter().zip(&alone) {
            // Fewer texts than threads: a text by several of them.
            assert_eq!(&bits(&encoder.encode(&[text]).unwrap())[0], alone, "{threads} threads, alone");
            let pair = bits(&encoder.encode(&["", text]).unwrap());
            assert_eq!(&pair[1], alone, "{threads} threads, beside an empty text");
        }
    }
    reversed.clear();
    assert!(encoder.encode(&reversed).unwrap().is_empty());
}

fn texts_up_to(words: usize) -> Vec<String> {
    (0..words).map(|n| vec!["rain"; n].join(" ")).collect()
}

#[test]
fn a_text_has_the_same_bits_in_every_batch() {
    independent(&tiny(), &texts_up_to(50));
}

#[test]
fn a_digest_is_of_all_that_counts() {
    let digest = open(&tiny()).unwrap().digest();
    let copy = Copy::new();
    assert_eq!(open(copy.path()).unwrap().digest(), digest);
    copy.set("tokenizer_config.json", "model_max_length", json!(79));
    assert_ne!(open(copy.path()).unwrap().digest(), digest);
}

#[test]
fn other_models_are_refused_by_name() {
    for (file, field, value, named) in [
        ("config.json", "model_type", json!("roberta"), "model_type"),
        ("config.json", "hidden_act", json!("relu"), "hidden_act"),
        ("config.json", "position_embedding_type", json!("relative_key"), "position_embedding_type"),
        ("config.json", "is_decoder", json!(true), "is_decoder"),
        ("1_Pooling/config.json", "pooling_mode", json!("max"), "pooling_mode"),
        ("1_Pooling/config.json", "pooling_mode", json!(["cls", "mean"]), "pooling_mode"),
    ] {
        let copy = Copy::new();
        copy.set(file, field, value);
        let error = open(copy.path()).unwrap_err();
        assert!(matches!(error, ModelError::Unsupported { what, .. } if what == named), "{field}: {error}");
    }
    let module = |kind: &str, path: &str| json!({"type": format!("sentence_transformers.models.{kind}"), "path": path});
    let pooling = [module("Transformer", ""), module("Pooling", "1_Pooling")];
    for (name, value, named) in [
        ("sentence_bert_config.json", json!({"do_lower_case": true}), "do_lower_case"),
        ("config_sentence_transformers.json", json!({"default_prompt_name": "query"}), "default_prompt_name"),
        ("modules.json", json!([pooling[0], pooling[1], module("Dense", "2_Dense")]), "modules"),
        ("modules.json", json!([pooling[1]]), "modules"),
        ("modules.json", json!({}), "modules"),
    ] {
        let copy = Copy::new();
        copy.write(name, &value);
        let error = open(copy.path()).unwrap_err();
        assert!(matches!(error, ModelError::Unsupported { what, .. } if what == named), "{name}: {error}");
    }
}

#[test]
fn sizes_that_are_not_those_of_the_weights_are_refused() {
    for (file, field, value) in [
        ("config.json", "hidden_size", json!(64)),
        ("config.json", "hidden_size", json!(1_u64 << 40)),
        ("config.json", "hidden_size", json!(-1)),
        ("config.json", "intermediate_size", json!(63)),
        ("config.json", "intermediate_size", json!(u64::MAX)),
        ("config.json", "num_hidden_layers", json!(3)),
        ("config.json", "num_hidden_layers", json!(0)),
        ("config.json", "num_hidden_layers", json!(u32::MAX)),
        ("config.json", "num_attention_heads", json!(5)),
        ("config.json", "num_attention_heads", json!(0)),
        ("config.json", "max_position_embeddings", json!(95)),
        ("config.json", "max_position_embeddings", json!(1_u64 << 32)),
        ("config.json", "type_vocab_size", json!(1)),
        ("config.json", "type_vocab_size", json!(0)),
        ("config.json", "vocab_size", json!(319)),
        ("config.json", "vocab_size", json!("many")),
        ("config.json", "layer_norm_eps", json!(0.0)),
        ("config.json", "layer_norm_eps", json!(-1e-12)),
        ("config.json", "layer_norm_eps", json!(null)),
        ("tokenizer_config.json", "model_max_length", json!(2)),
        ("tokenizer_config.json", "model_max_length", json!("long")),
        ("tokenizer_config.json", "cls_token", json!(null)),
        ("tokenizer_config.json", "cls_token", json!("rain")),
        ("tokenizer_config.json", "sep_token", json!("nowhere")),
        ("tokenizer.json", "post_processor", json!(null)),
        ("1_Pooling/config.json", "embedding_dimension", json!(31)),
    ] {
        let copy = Copy::new();
        copy.set(file, field, value.clone());
        let error = open(copy.path()).unwrap_err();
        assert!(matches!(error, ModelError::Malformed { .. }), "{field} of {value}: {error}");
    }
    let copy = Copy::new();
    let away = json!([{"type": "Transformer", "path": ""}, {"type": "Pooling", "path": "../1_Pooling"}]);
    copy.write("modules.json", &away);
    assert!(matches!(open(copy.path()), Err(ModelError::Malformed { .. })), "a path out of the folder");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json"]
    {
        let copy = Copy::new();
        std::fs::remove_file(copy.path().join(name)).unwrap();
        assert!(matches!(open(copy.path()), Err(ModelError::File { .. })), "without {name}");
    }
}

/// The tensors of the tiny encoder without one of them, or with other values in it.
fn with_tensor(copy: &Copy, name: &str, change: impl Fn(&mut Vec<u8>) -> bool) {
    let bytes = std::fs::read(tiny().join("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let parts = tensors.tensors().into_iter().filter_map(|(key, view)| {
        let mut data = view.data().to_vec();
        let kept = key != name || change(&mut data);
        kept.then(|| (key, view.dtype(), view.shape().to_vec(), data))
    });
    let parts: Vec<_> = parts.collect();
    let views = parts.iter().map(|(key, dtype, shape, data)| {
        (key.clone(), safetensors::tensor::TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(copy.path().join("model.safetensors"), bytes).unwrap();
}

#[test]
fn missing_tensors_and_values_that_are_no_numbers_are_refused() {
    let copy = Copy::new();
    for name in [
        "embeddings.word_embeddings.weight",
        "embeddings.LayerNorm.bias",
        "encoder.layer.1.attention.self.key.bias",
        "encoder.layer.1.output.dense.weight",
    ] {
        with_tensor(&copy, name, |_| false);
        let error = open(copy.path()).unwrap_err();
        assert!(matches!(&error, ModelError::Malformed { what, .. } if what == name), "{name}: {error}");
    }
    for value in [f32::NAN, f32::INFINITY] {
        with_tensor(&copy, "encoder.layer.0.output.dense.bias", |data| {
            data[..4].copy_from_slice(&value.to_le_bytes());
            true
        });
        let error = open(copy.path()).unwrap().encode(&["rain"]).unwrap_err();
        assert!(matches!(&error, ModelError::Malformed { what, .. } if what == "embedding"), "{error}");
    }
}

#[test]
fn damaged_files_are_errors_or_encoders() {
    let copy = Copy::new();
    let mut random = 5_u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % end
    };
    let files = [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "modules.json",
        "1_Pooling/config.json",
    ];
    let mut taken = 0;
    for name in files {
        let whole = std::fs::read(tiny().join(name)).unwrap();
        for _ in 0..80 {
            let mut bytes = whole.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len().min(6_000));
                match below(3) {
                    0 => bytes[at] ^= 1 << below(8),
                    1 => bytes[at] = b"0919-.eE\"[{"[below(11)],
                    _ => bytes.truncate(at.max(1)),
                }
            }
            std::fs::write(copy.path().join(name), bytes).unwrap();
            if let Ok(encoder) = open(copy.path()) {
                taken += 1;
                let _ = encoder.encode(&["the rain", ""]);
            }
        }
        std::fs::write(copy.path().join(name), whole).unwrap();
    }
    assert!((1..480).contains(&taken), "{taken} were taken");
}

#[test]
fn a_text_that_is_too_large_is_refused() {
    let encoder = open(&tiny()).unwrap();
    let most = "a ".repeat(MAX_TEXT_BYTES / 2);
    let found = encoder.encode(&[&most]).unwrap();
    assert!(found[0].truncated && found[0].tokens == encoder.max_tokens());
    let error = encoder.encode(&["fine", &(most + "a")]).unwrap_err();
    assert!(matches!(&error, ModelError::Malformed { what, .. } if what == "text"), "{error}");
}

#[test]
fn a_base_model_embeds_too() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/qwen3");
    let base = BaseModel::open(&path, &Compute::cpu(), WeightFormat::F32).unwrap();
    let texts = ["the rain is early", "the rain", "night"];
    let found = by_base(&base, &texts, 64).unwrap();
    assert!(found.iter().all(|e| e.vector.len() == base.config().hidden && !e.truncated));
    for (i, text) in texts.iter().enumerate() {
        assert_eq!(by_base(&base, &[text], 64).unwrap()[0], found[i], "alone");
    }
    // What a token sees stands before it: cut, a text is its beginning.
    let tokens = base.tokenizer().encode(texts[0]).unwrap();
    let beginning = base.tokenizer().decode(&tokens[..3]).unwrap();
    assert_eq!(base.tokenizer().encode(&beginning).unwrap(), tokens[..3]);
    let cut = &by_base(&base, &[texts[0]], 3).unwrap()[0];
    assert!(cut.truncated && cut.tokens == 3);
    assert_eq!(cut.vector, by_base(&base, &[beginning], 64).unwrap()[0].vector);
    assert!(cut.cosine(&found[0]).unwrap() < 0.9999);
    for (text, most) in [("", 64), ("rain", 0)] {
        assert!(matches!(by_base(&base, &[text], most), Err(ModelError::Malformed { .. })));
    }
}

/// A folder with a whole encoder and an `expected.json` with `texts`, `mean` and `tokens`, as `vectors/embed/beside.py` writes
/// it: `LAZAI_ENCODER=folder cargo test -p lazai-lora --test embed -- --ignored --nocapture`.
#[test]
#[ignore = "needs a folder with a whole encoder"]
#[allow(clippy::print_stdout)]
fn a_whole_encoder_is_that_of_sentence_transformers() {
    let folder = PathBuf::from(std::env::var_os("LAZAI_ENCODER").unwrap());
    let expected = expected(&folder.join("expected.json"));
    let encoder = open(&folder).unwrap();
    let found = encoder.encode(&expected.texts).unwrap();
    let difference = greatest_difference(&found, &expected.mean);
    println!("{encoder:?}, {} texts: greatest difference {difference:e}", found.len());
    assert_eq!(found.iter().map(|e| e.tokens).collect::<Vec<_>>(), expected.tokens);
    assert!(difference < 1e-5);
    let long = [99, 150, 191, 200, 254, 400].map(|words| vec!["rain"; words].join(" "));
    independent(&folder, &[texts_up_to(40), long.to_vec()].concat());
    for (words, count) in [(10, 256), (60, 64), (250, 16)] {
        let texts = vec![vec!["rain"; words].join(" "); count];
        let tokens = (count * (words + 2)) as f64;
        let run = || {
            let start = std::time::Instant::now();
            encoder.encode(&texts).unwrap();
            tokens / start.elapsed().as_secs_f64()
        };
        let best = (0..7).map(|_| run()).fold(0.0, f64::max);
        println!("{count} texts of {} tokens: {best:.0} tokens/s", words + 2);
    }
}

use std::fs;

use lazai_core::message::{Message, Role};

use super::*;
use crate::generate::{GenerateJob, Generator as _, Sampler};
use crate::{Engine, EngineSettings};

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models").join(name)
}

/// The only file in a folder.
fn only(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn is_mapped(model: &Model) -> bool {
    model.packed().into_iter().all(Packed::is_mapped)
}

fn same(one: &Model, other: &Model) {
    let (one, other) = (one.packed(), other.packed());
    assert_eq!(one.len(), other.len());
    for (one, other) in one.into_iter().zip(other) {
        assert_eq!(one.matrix(), other.matrix());
        assert!(one.panels_bytes() == other.panels_bytes());
    }
}

#[test]
fn what_is_mapped_is_what_was_laid_out() {
    let ggufs = fs::read_dir(vector("gguf")).unwrap().map(|entry| entry.unwrap().path());
    let ggufs = ggufs.filter(|path| path.extension().is_some_and(|end| end == "gguf"));
    let folders = ["llama3", "qwen2", "phi3", "gemma3"].map(vector);
    let mut tried = 0;
    for path in ggufs.chain(folders) {
        for format in [WeightFormat::AsStored, WeightFormat::Bf16] {
            let Ok(mut base) = BaseModel::open(&path, &Compute::cpu(), format) else { continue };
            let memory = Model::take(&mut base).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let (first, laid_out) = open(&path, format, &folder.path().join("a/b")).unwrap();
            let written = fs::metadata(only(&folder.path().join("a/b"))).unwrap().modified().unwrap();
            let (second, mapped) = open(&path, format, &folder.path().join("a/b")).unwrap();
            assert_eq!(written, fs::metadata(only(&folder.path().join("a/b"))).unwrap().modified().unwrap());
            assert!(!is_mapped(&memory) && is_mapped(&laid_out) && is_mapped(&mapped));
            same(&memory, &laid_out);
            same(&memory, &mapped);
            assert_eq!(memory.bytes(), mapped.bytes());
            assert_eq!((memory.output_norm, memory.layers.len()), (mapped.output_norm, mapped.layers.len()));
            for (one, other) in memory.layers.iter().zip(&mapped.layers) {
                assert_eq!(
                    (&one.attention_norm, &one.feed_forward_norm),
                    (&other.attention_norm, &other.feed_forward_norm)
                );
                assert_eq!((&one.head_norms, &one.after_norms), (&other.head_norms, &other.after_norms));
                assert!(one.linear.iter().zip(&other.linear).all(|(one, other)| one.bias == other.bias));
            }
            assert_eq!((first.digest(), second.digest()), (base.digest(), base.digest()));
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn replies_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let reply = |weights: Option<PathBuf>| {
        let settings = EngineSettings { weights, ..EngineSettings::default() };
        let engine = Engine::open(&vector("gguf/qwen2-q4_0.gguf"), WeightFormat::AsStored, settings).unwrap();
        let sampler = Sampler { max_tokens: 24, ..Sampler::default() };
        let job = GenerateJob {
            adapter: None,
            conversation: None,
            shared: Vec::new(),
            messages: vec![Message::new(Role::User, "hi")],
            sampler,
            seed: 7,
            patience: GenerateJob::PATIENCE,
        };
        pollster::block_on(engine.generate(job).reply()).unwrap().tokens
    };
    let memory = reply(None);
    assert!(!memory.is_empty());
    for _ in 0..2 {
        assert_eq!(reply(Some(folder.path().to_owned())), memory);
    }
}

#[test]
fn a_damaged_file_is_laid_out_anew() {
    let (path, format) = (vector("gguf/qwen2-q4_0.gguf"), WeightFormat::AsStored);
    let folder = tempfile::tempdir().unwrap();
    let (_, model) = open(&path, format, folder.path()).unwrap();
    let place = only(folder.path());
    let good = fs::read(&place).unwrap();
    let length = u64::from_le_bytes(good[8..16].try_into().unwrap()) as usize;
    // A head that is whole, but says something else.
    let with_head = |from: &str, to: &str| {
        let head = String::from_utf8(good[PREFIX..PREFIX + length].to_vec()).unwrap();
        assert!(head.contains(from), "{head}");
        let mut bytes = good.clone();
        let other = head.replacen(from, to, 1);
        assert_eq!(other.len(), length);
        bytes[PREFIX..PREFIX + length].copy_from_slice(other.as_bytes());
        bytes[16..PREFIX].copy_from_slice(sha256_reader(other.as_bytes()).unwrap().as_bytes());
        bytes
    };
    let (_, header) = checked(&place).unwrap();
    let model_key = header.key;
    let first = model.packed()[0].matrix();
    let (rows, columns) = (format!("\"rows\":{}", first.rows), format!("\"columns\":{}", first.columns));
    // As many bytes, in another shape.
    let turned = format!("{rows},{columns}");
    let (one, other) = (first.rows.to_string(), first.columns.to_string());
    assert_eq!(one.len() + other.len(), (first.rows / 2).to_string().len() + (first.columns * 2).to_string().len());
    let turned_to = format!("\"rows\":{},\"columns\":{}", first.rows / 2, first.columns * 2);
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("a part of its head", good[..40].to_vec()),
        ("its head alone", good[..PREFIX + length].to_vec()),
        ("a byte less", good[..good.len() - 1].to_vec()),
        ("a byte more", [&good[..], &[0]].concat()),
        ("another mark", flipped(0)),
        ("another length", flipped(8)),
        ("a head without end", {
            let mut bytes = good.clone();
            bytes[8..16].fill(0xff);
            bytes
        }),
        ("a damaged head", flipped(PREFIX + length / 2)),
        ("another model", with_head(&model_key.to_string(), &Digest::ZERO.to_string())),
        ("another shape", with_head(&turned, &turned_to)),
        ("a form that is none", with_head("\"zero\":8", "\"zero\":9")),
    ] {
        // Another file by that name: the one that is mapped must not change.
        fs::remove_file(&place).unwrap();
        fs::write(&place, &bytes).unwrap();
        let (_, again) = open(&path, format, folder.path()).unwrap();
        same(&model, &again);
        assert!(is_mapped(&again) && fs::read(only(folder.path())).unwrap() == good, "{what}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_costs_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let (_, model) = open(&vector("gguf/qwen2-q4_0.gguf"), WeightFormat::AsStored, &file).unwrap();
    assert!(!is_mapped(&model));
}

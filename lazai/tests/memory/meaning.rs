//! Finding by meaning: what shares no word with a question, and the sealed file of vectors beside a memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lazai::memory::{Meaning, Memory, MemoryError, Query};
use lazai_core::Digest;
use lazai_core::digest::sha256;

use super::key;

/// Words that mean alike, a line each.
const ALIKE: [&[&str]; 3] =
    [&["clocks", "living", "profession"], &["cello", "instrument", "music"], &["tea", "drink", "coffee"]];
const QUESTION: &str = "What is her profession?";

/// A model of three meanings that counts what it is asked for.
struct Concepts {
    name: &'static str,
    asked: AtomicUsize,
}

impl Concepts {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

impl Meaning for Concepts {
    fn digest(&self) -> Digest {
        sha256(self.name.as_bytes())
    }

    fn vectors(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, MemoryError> {
        self.asked.fetch_add(texts.len(), Ordering::SeqCst);
        let of = |text: &&str| {
            let has = |words: &&[&str]| f32::from(u8::from(words.iter().any(|word| text.contains(word))));
            let mut vector: Vec<f32> = ALIKE.iter().map(has).collect();
            vector.push(if vector.iter().sum::<f32>() == 0.0 { 1.0 } else { 0.0 });
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vector.iter().map(|value| value / length).collect()
        };
        Ok(texts.iter().map(of).collect())
    }
}

fn recalled(memory: &Memory, question: &str) -> Vec<String> {
    let recall = memory.recall(&Query::new(question, 400)).unwrap();
    recall.lines.into_iter().map(|line| line.line).collect()
}

fn opened(path: &Path, model: &Arc<Concepts>) -> Memory {
    let memory = Memory::open(path, key(1)).unwrap();
    memory.find_by_meaning(model.clone());
    memory
}

#[test]
fn what_shares_no_word_is_found_by_meaning() {
    let memory = Memory::new(key(1));
    for note in ["Clara mends old clocks.", "Clara plays the cello.", "Rent: due on Friday."] {
        memory.note(note, 0).unwrap();
    }
    assert_eq!(recalled(&memory, QUESTION), [""; 0], "no word of it was said");
    memory.find_by_meaning(Concepts::new("concepts"));
    assert_eq!(recalled(&memory, QUESTION), ["- Note: Clara mends old clocks."]);
    // Words count as before.
    assert!(recalled(&memory, "When must the rent be paid?").contains(&"- Note: Rent: due on Friday.".to_owned()));
}

#[test]
fn vectors_are_made_once_and_kept_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.lzm");
    let file = folder.path().join("memory.lzm.meaning");
    let model = Concepts::new("concepts");
    let memory = opened(&path, &model);
    for number in 0..40 {
        memory.note(&format!("Note number {number} is about tea."), 0).unwrap();
    }
    let clocks = memory.note("Clara mends old clocks.", 0).unwrap();
    assert!(!recalled(&memory, QUESTION).is_empty());
    assert_eq!(model.asked(), 42, "each passage and the question");
    recalled(&memory, QUESTION);
    assert_eq!(model.asked(), 1, "the question alone");

    let again = opened(&path, &model);
    recalled(&again, QUESTION);
    assert_eq!(model.asked(), 1, "the vectors are in the file");
    let bytes = std::fs::read(&file).unwrap();
    let digest = model.digest();
    assert!(!bytes.windows(8).any(|window| digest.as_bytes().starts_with(window)), "not even the model is in clear");

    // Another model, another key and damage only cost time.
    let other = Concepts::new("another");
    let with_other = opened(&path, &other);
    assert!(!recalled(&with_other, QUESTION).is_empty());
    assert_eq!(other.asked(), 42);
    for wrong in [&bytes[..200], &[], &[0; 4_000], &[&bytes[..bytes.len() - 1], &[1]].concat()] {
        std::fs::write(&file, wrong).unwrap();
        let memory = opened(&path, &model);
        assert!(!recalled(&memory, QUESTION).is_empty());
        assert_eq!(model.asked(), 42);
    }

    // What is forgotten has no vector in the file, whoever forgets it.
    let whole = std::fs::metadata(&file).unwrap().len();
    let memory = opened(&path, &model);
    memory.forget(&[clocks]).unwrap();
    let vector = 16 + ALIKE.len() as u64 + 1;
    assert_eq!(std::fs::metadata(&file).unwrap().len(), whole - vector);
    assert!(!recalled(&memory, QUESTION).iter().any(|line| line.contains("clocks")));
    let without_model = Memory::open(&path, key(1)).unwrap();
    let first = without_model.entries().unwrap()[0].id;
    without_model.forget(&[first]).unwrap();
    assert!(!file.exists());
}

//! Tokenizers of strangers: an error or a counter, never a panic. (That counts are right is held to other people's programs in
//! `lazai-lora` and in the scenarios.)
#![cfg(feature = "tokenizer")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Read;
use std::path::{Path, PathBuf};

use lazai_core::message::{Message, Role};
use lazai_core::tokenizer::{Counter, TokenizerError};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models")
}

fn gguf() -> Vec<u8> {
    std::fs::read(vectors().join("gguf/qwen2-q4_0.gguf")).unwrap()
}

fn json() -> [Vec<u8>; 2] {
    ["tokenizer.json", "tokenizer_config.json"].map(|name| std::fs::read(vectors().join("qwen2").join(name)).unwrap())
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Some bytes changed, cut out or filled.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len());
            match self.below(4) {
                0 => out[at] ^= 1 << self.below(8),
                1 => out.truncate(at.max(1)),
                2 => drop(out.drain(at..(at + 1 + self.below(16)).min(out.len()))),
                _ => {
                    let end = (at + 8).min(out.len());
                    out[at..end].fill([0, 0x7f, 0xff][self.below(3)]);
                }
            }
            if out.is_empty() {
                out.push(0);
            }
        }
        out
    }
}

#[test]
fn damaged_files_are_refused_or_count() {
    let mut random = Random(1);
    let said = [Message::new(Role::User, "who are you?")];
    let (gguf, [tokenizer, config]) = (gguf(), json());
    let (mut taken, mut refused) = (0, 0);
    let mut tried = |counter: Result<Counter, TokenizerError>| match counter {
        Ok(counter) => {
            let _ = (counter.prompt_tokens(&said), counter.text(&counter.encode("hush, <|im_end|> darling")));
            taken += 1;
        }
        Err(_) => refused += 1,
    };
    for _ in 0..400 {
        // The header is the first seven thousand bytes.
        tried(Counter::from_gguf(&random.damage(&gguf[..8_000])));
        tried(Counter::from_json(&random.damage(&tokenizer), &config, None));
        tried(Counter::from_json(&tokenizer, &random.damage(&config), None));
    }
    assert!(taken > 50 && refused > 300, "{taken} taken, {refused} refused");
}

/// The header alone is read, and less than all of it is told apart from something else.
#[test]
fn a_header_is_enough_and_half_of_it_is_not() {
    struct Counted<'a>(&'a [u8], usize);
    impl Read for Counted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1 += count;
            Ok(count)
        }
    }
    let file = gguf();
    let mut counted = Counted(&file, 0);
    let whole = Counter::read_gguf(&mut counted).unwrap();
    let header = counted.1;
    assert!(header < file.len() / 2, "{header} of {} bytes", file.len());
    assert_eq!(Counter::from_gguf(&file[..header]).unwrap().digest(), whole.digest());
    for end in (0..header).step_by(97) {
        let short = Counter::from_gguf(&file[..end]);
        assert!(matches!(short, Err(TokenizerError::Incomplete { .. })), "{end}: {short:?}");
    }
    let [tokenizer, config] = json();
    assert_eq!(Counter::from_json(&tokenizer, &config, None).unwrap().digest(), whole.digest());
}

/// Lengths that are claimed and do not come allocate nothing.
#[test]
fn lengths_are_not_believed() {
    let begun = |rest: &[u8]| {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend([0_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat());
        file.extend(rest);
        Counter::from_gguf(&file)
    };
    let key = |name: &str, kind: u32| {
        let mut out = (name.len() as u64).to_le_bytes().to_vec();
        out.extend(name.as_bytes());
        out.extend(kind.to_le_bytes());
        out
    };
    let large = [u64::MAX.to_le_bytes().as_slice(), &[0; 64]].concat();
    for rest in [
        large.clone(),
        [key("a", 8), large.clone()].concat(),
        [key("a", 9), 5_u32.to_le_bytes().to_vec(), large.clone()].concat(),
        [key("tokenizer.ggml.tokens", 9), 8_u32.to_le_bytes().to_vec(), large].concat(),
    ] {
        assert!(matches!(begun(&rest), Err(TokenizerError::TooLarge { .. })), "{rest:?}");
    }
    // Arrays in arrays in arrays.
    let mut deep = key("a", 9);
    for _ in 0..10_000 {
        deep.extend([9_u32.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat());
    }
    assert!(matches!(begun(&deep), Err(TokenizerError::Malformed { .. })));
}

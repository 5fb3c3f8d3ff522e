//! A fixed-seed slice of what the fuzzer does without end: seeds of the corpus, damaged in the ways that find faults.
#![allow(clippy::unwrap_used)]

mod parsers;

use std::path::{Path, PathBuf};

use parsers::{TARGETS, Target};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let vectors = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters"));
    let mut files: Vec<PathBuf> = target
        .seeds
        .iter()
        .flat_map(|folder| std::fs::read_dir(vectors.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = [0, 0xff, b'{', b'"', b'\n', b'['][random.below(6)],
            // A length, small or huge.
            3 if bytes.len() > at + 4 => {
                bytes[at..at + 4].copy_from_slice(&[[0xff; 4], [0; 4], [0, 0, 0, 1]][random.below(3)])
            }
            4 => bytes.splice(at..at, other.iter().copied().take(random.below(200))).for_each(drop),
            5 => {
                let end = (at + random.below(50)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => bytes.extend_from_slice(&other[random.below(other.len())..]),
            _ => {
                let end = (at + random.below(100)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

#[test]
fn damaged_files_are_no_surprise() {
    for target in &TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{}", target.name);
        let mut random = Random(7);
        seeds.iter().for_each(|seed| (target.check)(seed));
        for run in 0..target.runs {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            let other = &seeds[random.below(seeds.len())];
            damage(&mut bytes, other, &mut random);
            let result = std::panic::catch_unwind(|| (target.check)(&bytes));
            if result.is_err() {
                let file = std::env::temp_dir().join(format!("{}-{run}.bin", target.name));
                std::fs::write(&file, &bytes).unwrap();
                panic!("{} run {run}: see {}", target.name, file.display());
            }
        }
    }
}

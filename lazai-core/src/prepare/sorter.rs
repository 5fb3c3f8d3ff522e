//! Sorting pairs of numbers that do not fit into memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::temporary;

/// Pairs that are sorted in memory: 4 MiB.
const RUN: usize = 1 << 18;
/// Runs that are merged into one.
const MAX_RUNS: usize = 64;

/// A key and its owner.
pub(super) type Pair = (u64, u64);

/// Collects pairs, and returns them sorted.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    folder: Option<PathBuf>,
    pairs: Vec<Pair>,
    runs: Vec<NamedTempFile>,
}

impl Sorter {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    pub(super) fn add(&mut self, pair: Pair) -> std::io::Result<()> {
        if self.pairs.capacity() == 0 {
            self.pairs.reserve_exact(RUN);
        }
        self.pairs.push(pair);
        if self.pairs.len() == RUN {
            self.pairs.sort_unstable();
            let run = write_run(self.folder.as_deref(), self.pairs.drain(..).map(Ok))?;
            self.runs.push(run);
            if self.runs.len() == MAX_RUNS {
                let merged =
                    write_run(self.folder.as_deref(), Merged::new(std::mem::take(&mut self.runs), Vec::new())?)?;
                self.runs.push(merged);
            }
        }
        Ok(())
    }

    pub(super) fn sorted(mut self) -> std::io::Result<Merged> {
        self.pairs.sort_unstable();
        Merged::new(self.runs, self.pairs)
    }
}

fn write_run(
    folder: Option<&Path>,
    pairs: impl Iterator<Item = std::io::Result<Pair>>,
) -> std::io::Result<NamedTempFile> {
    let mut out = BufWriter::with_capacity(64 << 10, temporary(folder)?);
    for pair in pairs {
        let (key, value) = pair?;
        out.write_all(&key.to_le_bytes())?;
        out.write_all(&value.to_le_bytes())?;
    }
    out.into_inner().map_err(std::io::IntoInnerError::into_error)
}

/// Sorted pairs out of several sorted runs.
pub(super) struct Merged {
    sources: Vec<Source>,
    heads: BinaryHeap<Reverse<(Pair, usize)>>,
}

enum Source {
    Memory(std::vec::IntoIter<Pair>),
    File(BufReader<NamedTempFile>),
}

impl Source {
    fn next(&mut self) -> std::io::Result<Option<Pair>> {
        match self {
            Self::Memory(pairs) => Ok(pairs.next()),
            Self::File(file) => {
                let mut bytes = [0; 16];
                match file.read_exact(&mut bytes) {
                    Ok(()) => {
                        let number = |i: usize| u64::from_le_bytes(*bytes[i..].first_chunk().unwrap_or(&[0; 8]));
                        Ok(Some((number(0), number(8))))
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

impl Merged {
    fn new(runs: Vec<NamedTempFile>, pairs: Vec<Pair>) -> std::io::Result<Self> {
        let mut sources = vec![Source::Memory(pairs.into_iter())];
        for mut run in runs {
            run.seek(SeekFrom::Start(0))?;
            sources.push(Source::File(BufReader::with_capacity(32 << 10, run)));
        }
        let mut merged = Self { sources, heads: BinaryHeap::new() };
        for i in 0..merged.sources.len() {
            merged.advance(i)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, source: usize) -> std::io::Result<()> {
        if let Some(pair) = self.sources[source].next()? {
            self.heads.push(Reverse((pair, source)));
        }
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = std::io::Result<Pair>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((pair, source)) = self.heads.pop()?;
        Some(self.advance(source).map(|()| pair))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn several_runs_come_out_sorted() {
        let mut sorter = Sorter::default();
        let count = RUN as u64 * 2 + 17;
        for i in 0..count {
            sorter.add((i.wrapping_mul(0x9e37_79b9_7f4a_7c15), i)).unwrap();
        }
        let sorted: Vec<Pair> = sorter.sorted().unwrap().map(Result::unwrap).collect();
        assert_eq!(sorted.len() as u64, count);
        assert!(sorted.is_sorted());
        let mut values: Vec<u64> = sorted.into_iter().map(|(_, value)| value).collect();
        values.sort_unstable();
        assert!(values.into_iter().eq(0..count));
    }
}

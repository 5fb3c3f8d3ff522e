//! Sources of records, and the commitment to them: one pass gives it.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_core::pov::{Clip, Dataset, Manifest, PovError, PovFile, Record};
use thiserror::Error;

use crate::commitment::{Leaf, MAX_TREE_RECORDS, MAX_VOCAB_SIZE, TableEntry, Tree, dataset_root, tokens_per_element};
use crate::poseidon::{HashOut, RATE};
use crate::statement::{
    Binding, Declared, LICENCES, MAX_RECORD_TOKENS, Prompts, Proved, Share, Statement, StatementError, Voice,
};

/// A dataset whose records can be visited as often as needed: in memory, or a file that is streamed.
pub trait RecordSource {
    /// The dataset's manifest.
    fn manifest(&self) -> &Manifest;

    /// Gives every record with its number and salt, in order, until `each` breaks off.
    ///
    /// # Errors
    /// [`PovError`] if a file cannot be read.
    fn records(&self, each: &mut dyn FnMut(u64, Record, Digest) -> bool) -> Result<(), PovError>;

    /// Gives every clip, in order.
    ///
    /// # Errors
    /// [`PovError`] if a file cannot be read.
    fn clips(&self, each: &mut dyn FnMut(&Clip)) -> Result<(), PovError>;

    /// The salt of the clips' digest. It is in the private part, so every reader of the clips has it.
    ///
    /// # Errors
    /// [`PovError`] if a file cannot be read.
    fn voice_salt(&self) -> Result<Digest, PovError>;
}

impl RecordSource for Dataset {
    fn manifest(&self) -> &Manifest {
        Self::manifest(self)
    }

    fn records(&self, each: &mut dyn FnMut(u64, Record, Digest) -> bool) -> Result<(), PovError> {
        let records = Self::records(self).iter().enumerate();
        let _ = records.map(|(i, r)| (i, r.clone())).all(|(i, record)| each(i as u64, record, self.salt(i)));
        Ok(())
    }

    fn clips(&self, each: &mut dyn FnMut(&Clip)) -> Result<(), PovError> {
        Self::clips(self).iter().for_each(each);
        Ok(())
    }

    fn voice_salt(&self) -> Result<Digest, PovError> {
        Ok(Self::voice_salt(self))
    }
}

impl RecordSource for PovFile {
    fn manifest(&self) -> &Manifest {
        Self::manifest(self)
    }

    fn records(&self, each: &mut dyn FnMut(u64, Record, Digest) -> bool) -> Result<(), PovError> {
        let salts = self.salts()?;
        for (i, record) in self.iter_records()?.enumerate() {
            if !each(i as u64, record?, salts.salt(i as u64)) {
                break;
            }
        }
        Ok(())
    }

    fn clips(&self, each: &mut dyn FnMut(&Clip)) -> Result<(), PovError> {
        for clip in self.iter_clips()? {
            each(&clip?);
        }
        Ok(())
    }

    fn voice_salt(&self) -> Result<Digest, PovError> {
        Ok(self.salts()?.voice_salt())
    }
}

/// Why a dataset cannot be committed to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// It cannot be read.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// Two records have the same tokens.
    #[error("records {first} and {second} have the same tokens")]
    Duplicate {
        /// Number of the one.
        first: u64,
        /// Number of the other.
        second: u64,
    },
    /// A contributor's licence is not among those allowed.
    #[error("contributor {contributor} declares licence {licence:?}, allowed are {allowed:?}")]
    Licence {
        /// The contributor's number.
        contributor: usize,
        /// The declared licence.
        licence: String,
        /// The allowed licences.
        allowed: Vec<String>,
    },
    /// Two records with different tokens whose digests begin with the same 64 bits, which a proof tells records apart by: no
    /// dataset that holds both can be proved. It does not happen by chance; whoever made the two of them searched for it.
    #[error("records {first} and {second} differ, but their digests begin alike: one of them must change or go")]
    Collision {
        /// Number of the one.
        first: u64,
        /// Number of the other.
        second: u64,
    },
    /// More records of one contributor than a tree takes.
    #[error("contributor {contributor} has {records} records, at most {MAX_TREE_RECORDS} can be proved")]
    TooManyRecords {
        /// The contributor's number.
        contributor: usize,
        /// The number of records.
        records: u64,
    },
    /// A vocabulary that no circuit knows.
    #[error("vocabulary of {vocab_size} tokens, at most {MAX_VOCAB_SIZE} can be proved")]
    Vocabulary {
        /// Its size.
        vocab_size: u32,
    },
    /// A part that no statement can have.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// A dataset committed to: all that a statement and a proof need besides the records.
#[derive(Debug, Clone)]
pub struct Commitment {
    /// One entry per contributor with records.
    pub entries: Vec<TableEntry>,
    /// The root over them.
    pub root: HashOut,
    /// First element of each content's digest, sorted.
    #[cfg_attr(not(any(feature = "p3", feature = "plonky2")), expect(dead_code, reason = "only proving needs them"))]
    pub(crate) keys: Vec<u64>,
    /// Permutations that a proof goes through.
    pub(crate) rows: usize,
    /// Tokens of the longest record.
    longest: usize,
    licences: Vec<String>,
    shares: Vec<Share>,
}

/// The bound on records' lengths that a statement has of a dataset: a power of two, which tells little of its longest record.
/// Up to 256 tokens it is 256, as in all statements before records could be longer.
#[must_use]
pub fn record_bound(longest: usize) -> u32 {
    let longest = u32::try_from(longest).unwrap_or(u32::MAX).min(MAX_RECORD_TOKENS);
    longest.next_power_of_two().clamp(LEAST_BOUND, MAX_RECORD_TOKENS)
}

const LEAST_BOUND: u32 = 256;

impl Commitment {
    /// Reads a dataset once and commits to it, with the default [`LICENCES`] allowed.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn of(source: &dyn RecordSource) -> Result<Self, CommitError> {
        Self::with_licences(source, &LICENCES.map(String::from))
    }

    /// The same with other licences allowed.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn with_licences(source: &dyn RecordSource, allowed: &[String]) -> Result<Self, CommitError> {
        let mut licences = allowed.to_vec();
        licences.sort_unstable();
        licences.dedup();
        let manifest = source.manifest();
        if manifest.vocab_size > MAX_VOCAB_SIZE {
            return Err(CommitError::Vocabulary { vocab_size: manifest.vocab_size });
        }
        let packed = tokens_per_element(manifest.vocab_size);
        let mut parts = Vec::with_capacity(manifest.contributors.len());
        for (contributor, c) in manifest.contributors.iter().enumerate() {
            let place = licences.iter().position(|l| *l == c.licence).and_then(|i| u8::try_from(i).ok());
            let licence = place.ok_or_else(|| CommitError::Licence {
                contributor,
                licence: c.licence.clone(),
                allowed: licences.clone(),
            })?;
            parts.push((Tree::default(), 0u64, licence));
        }
        let mut keys = Vec::new();
        let (mut rows, mut longest) = (0, 0);
        source.records(&mut |number, record, salt| {
            // A checked dataset names only contributors that it has.
            let Some((tree, tokens, licence)) = parts.get_mut(usize::from(record.contributor)) else { return false };
            let leaf = Leaf::new(&record, salt);
            let content = leaf.content(packed);
            tree.push(leaf.digest(content, record.contributor, *licence));
            *tokens += record.tokens.len() as u64;
            longest = longest.max(record.tokens.len());
            // Its tokens, its leaf, its key, the subtrees it completes.
            rows += record.tokens.len().div_ceil(RATE * packed) + 2 + tree.leaves().trailing_zeros() as usize;
            keys.push((content.0[0], number));
            true
        })?;
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(alike(source, pair[0].1, pair[1].1)?);
        }
        let (mut entries, mut shares) = (Vec::new(), Vec::new());
        for (contributor, (tree, tokens, licence)) in parts.iter().enumerate() {
            let records = tree.leaves();
            if records > MAX_TREE_RECORDS {
                return Err(CommitError::TooManyRecords { contributor, records });
            }
            rows += records.count_ones() as usize;
            let root = tree.root();
            if let Some(root) = root {
                // At most MAX_CONTRIBUTORS of them.
                let contributor = contributor as u8;
                entries.push(TableEntry { root, records, tokens: *tokens, contributor, licence: *licence });
            }
            let root = root.map_or(Digest::ZERO, HashOut::to_digest);
            shares.push(Share { records, tokens: *tokens, root, licence: *licence });
        }
        let root = dataset_root(&entries);
        let keys = keys.into_iter().map(|(key, _)| key).collect();
        Ok(Self { entries, root, rows, longest, keys, licences, shares })
    }

    /// The root as a digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.root.to_digest()
    }

    /// The size of a proof: its number of Poseidon permutations.
    #[must_use]
    pub fn permutations(&self) -> usize {
        self.rows
    }

    /// The dataset's share of each contributor.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// The statement that is true of the dataset.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn statement(
        &self,
        source: &dyn RecordSource,
        prompts: Prompts,
        binding: Binding,
    ) -> Result<Statement, CommitError> {
        let manifest = source.manifest();
        let declared = Declared {
            tokenizer: manifest.tokenizer_digest,
            licences: self.licences.clone(),
            prompts,
            voice: voice(source)?,
            contributors: manifest.contributors.iter().map(|c| c.address).collect(),
        };
        let proved = Proved {
            vocab_size: manifest.vocab_size,
            max_record_tokens: record_bound(self.longest),
            shares: self.shares.clone(),
            root: self.digest(),
        };
        Ok(Statement::new(binding, declared, proved)?)
    }
}

/// What two records of one key are: repetitions, or made to look so.
fn alike(source: &dyn RecordSource, first: u64, second: u64) -> Result<CommitError, PovError> {
    let mut found: Vec<Vec<u32>> = Vec::with_capacity(2);
    source.records(&mut |number, record, _| {
        if number == first || number == second {
            found.push(record.tokens);
        }
        found.len() < 2
    })?;
    let same = found.first() == found.get(1);
    Ok(if same { CommitError::Duplicate { first, second } } else { CommitError::Collision { first, second } })
}

/// Salted digest and number of the frames of all clips.
///
/// # Errors
/// [`PovError`] if a file cannot be read.
pub fn voice(source: &dyn RecordSource) -> Result<Voice, PovError> {
    let bands = u64::from(source.manifest().mel.bands);
    let mut hasher = Some(DomainHasher::new("lazai.zk.voice.v2").part(source.voice_salt()?.as_bytes()));
    let mut frames = 0;
    source.clips(&mut |clip| {
        let bytes: Vec<u8> = clip.log_mel.iter().flat_map(|x| x.to_le_bytes()).collect();
        frames += clip.log_mel.len() as u64 / bands;
        hasher = hasher.take().map(|h| h.part(&bytes));
    })?;
    let digest = hasher.map_or(Digest::ZERO, DomainHasher::finish);
    Ok(Voice { digest, frames })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::Address;
    use lazai_core::pov::Contributor;

    use super::*;

    #[test]
    fn bounds_are_powers_of_two_that_hold_every_record() {
        let of = [0, 1, 255, 256, 257, 512, 3_000, 32_768, 32_769, 65_535, 70_000].map(record_bound);
        assert_eq!(of, [256, 256, 256, 256, 512, 512, 4_096, 32_768, 65_535, 65_535, 65_535]);
    }

    /// Keys of 64 bits are made alike in hours; who looks at the tokens is not misled.
    #[test]
    fn only_repetitions_are_called_so() {
        let contributor = Contributor {
            address: Address::from_bytes([1; 20]),
            name: "one".into(),
            licence: "MIT".into(),
            consent: "training".into(),
        };
        let record = |tokens: Vec<u32>| Record { contributor: 0, loss_mask: vec![true; tokens.len()], tokens };
        let records = vec![record(vec![1, 2]), record(vec![3]), record(vec![1, 2])];
        let dataset = Dataset::new(vec![contributor], Digest::ZERO, 64, 0, records, vec![]).unwrap();
        assert!(matches!(Commitment::of(&dataset), Err(CommitError::Duplicate { first: 0, second: 2 })));
        assert!(matches!(alike(&dataset, 0, 2).unwrap(), CommitError::Duplicate { first: 0, second: 2 }));
        assert!(matches!(alike(&dataset, 0, 1).unwrap(), CommitError::Collision { first: 0, second: 1 }));
        // A source that gives other records the second time gives no pair to accuse.
        assert!(matches!(alike(&dataset, 1, 9).unwrap(), CommitError::Collision { .. }));
    }
}

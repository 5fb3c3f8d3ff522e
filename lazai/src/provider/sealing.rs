//! The keys that a node opens sealed requests with: a new one each day, and none of those before.
//!
//! The seed of a day's key is the digest of the day before's, which is then overwritten: who takes the file learns what is sealed from
//! that day on, and nothing that was sealed before. Replicas with copies of one file have the same keys.
//!
//! A node that tells quotes has no such file: a host could give one to the machine whose keys it knows. Its keys are made in the machine, and
//! end with it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lazai_core::digest::DomainHasher;
use lazai_core::file::write_privately;
use lazai_core::seal::encapsulated::{AnswerSecret, key_id};
use lazai_core::seal::{SealError, UnsealingKey};
use lazai_core::{Digest, SignerError};
use thiserror::Error;
use zeroize::Zeroizing;

use super::Provider;
use super::page::lock;
use crate::seal::{SealTerms, SignedSealTerms};

/// The time for which a key is told, in seconds: a day.
pub const SEAL_PERIOD_S: u64 = 86_400;
/// The time for which a key is open after that, in seconds: requests may be under way.
pub const SEAL_OVERLAP_S: u64 = 3_600;

/// First bytes of the file: format `LZS`, version 1. The day and its seed follow.
const MAGIC: [u8; 4] = *b"LZS1";
const FILE_BYTES: usize = 4 + 8 + 32;
/// A clock that jumps further than so many days gets a new seed.
const MOST_DAYS: u64 = 36_500;

/// Why a sealed request is not opened, or no key is told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The file of the keys cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The key of this id is not open here, or no longer.
    #[error("key {found} is not open here, or no longer: key {open} is, and the node's list of models tells it")]
    Key {
        /// The id in the request.
        found: u8,
        /// The id of the present key.
        open: u8,
    },
    /// This node takes no sealed requests.
    #[error("this node takes no sealed requests")]
    Off,
    /// It does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The node's signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// The seed of a day's key.
struct Seed {
    day: u64,
    seed: Zeroizing<[u8; 32]>,
}

impl Seed {
    fn random(day: u64) -> Result<Self, SealError> {
        let random = Digest::random().map_err(|_| SealError::NoRandomness)?;
        Ok(Self { day, seed: Zeroizing::new(*random.as_bytes()) })
    }

    /// The next day's. Nobody gets back from it.
    fn next(&self) -> Self {
        let next = DomainHasher::new("lazai.seal.next.v1").part(&*self.seed).finish();
        Self { day: self.day.saturating_add(1), seed: Zeroizing::new(*next.as_bytes()) }
    }

    fn key(&self) -> UnsealingKey {
        let seed = DomainHasher::new("lazai.seal.key.v1").part(&*self.seed).finish();
        UnsealingKey::derive(&Zeroizing::new(*seed.as_bytes()))
    }

    /// The id of a day's key.
    fn id(&self) -> u8 {
        (self.day % 256) as u8
    }
}

/// A node's keys.
pub(super) struct Sealing {
    path: PathBuf,
    is_off: bool,
    /// True if nothing is read or written: keys end with the process.
    is_in_memory: bool,
    /// The oldest seed whose key is open.
    oldest: Mutex<Option<Seed>>,
    /// Signing may cost: a key is signed once.
    signed: Mutex<Option<SignedSealTerms>>,
}

impl Sealing {
    pub(super) fn new(folder: &Path) -> Self {
        let (oldest, signed) = (Mutex::default(), Mutex::default());
        Self { path: folder.join("seal"), is_off: false, is_in_memory: false, oldest, signed }
    }

    pub(super) fn keep_in_memory(&mut self) {
        self.is_in_memory = true;
    }

    fn failed(&self, reason: impl std::fmt::Display) -> UnsealError {
        UnsealError::File { path: self.path.clone(), reason: reason.to_string() }
    }

    fn read(&self, day: u64) -> Result<Seed, UnsealError> {
        if self.is_in_memory {
            return Ok(Seed::random(day)?);
        }
        match std::fs::read(&self.path).map(Zeroizing::new) {
            Ok(bytes) => {
                let parts = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.split_first_chunk::<8>());
                let seed = parts.and_then(|(day, seed)| Some((u64::from_be_bytes(*day), seed.try_into().ok()?)));
                let (day, seed) = seed.ok_or_else(|| self.failed("holds no keys: remove it, and others are made"))?;
                Ok(Seed { day, seed: Zeroizing::new(seed) })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.begin(&Seed::random(day)?)?;
                self.read(day)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Makes the file, unless another replica on the folder made one at the same moment: then that one counts.
    fn begin(&self, seed: &Seed) -> Result<(), UnsealError> {
        let random = Digest::random().map_err(|_| SealError::NoRandomness)?;
        let apart = self.path.with_file_name(format!("seal-{}", hex::encode(&random.as_bytes()[..8])));
        self.write(&apart, seed)?;
        let begun = std::fs::hard_link(&apart, &self.path);
        std::fs::remove_file(&apart).map_err(|e| self.failed(e))?;
        match begun {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn write(&self, path: &Path, seed: &Seed) -> Result<(), UnsealError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&seed.day.to_be_bytes());
        bytes.extend_from_slice(&*seed.seed);
        write_privately(path, &bytes).map_err(|e| self.failed(e))
    }

    /// The seeds whose keys are open now: that of the present day last. Older ones are overwritten on the way.
    fn open(&self, now_s: u64) -> Result<Vec<Seed>, UnsealError> {
        let day = now_s / SEAL_PERIOD_S;
        let first = now_s.saturating_sub(SEAL_OVERLAP_S) / SEAL_PERIOD_S;
        let mut kept = lock(&self.oldest);
        let mut oldest = match kept.take() {
            Some(seed) => seed,
            None => self.read(day)?,
        };
        let before = oldest.day;
        if first.saturating_sub(oldest.day) > MOST_DAYS {
            oldest = Seed::random(day)?;
        }
        while oldest.day < first {
            oldest = oldest.next();
        }
        if oldest.day != before && !self.is_in_memory {
            self.write(&self.path, &oldest)?;
        }
        let copy = |seed: &Seed| Seed { day: seed.day, seed: seed.seed.clone() };
        let mut seeds = vec![copy(&oldest)];
        if oldest.day < day {
            seeds.push(oldest.next());
        }
        *kept = Some(oldest);
        Ok(seeds)
    }
}

impl Provider {
    /// Takes no sealed requests: what consumers send can be read by whoever ends TLS before this node.
    #[must_use]
    pub fn without_sealing(mut self) -> Self {
        self.sealing.is_off = true;
        self
    }

    /// The key that consumers seal to now, signed; `None` if this node takes no sealed requests.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub async fn seal_terms(&self) -> Result<Option<SignedSealTerms>, UnsealError> {
        if self.sealing.is_off {
            return Ok(None);
        }
        let terms = {
            let seeds = self.sealing.open(self.ledger().now_s())?;
            let Some(seed) = seeds.last() else { return Ok(None) };
            let end_s = seed.day.saturating_add(1).saturating_mul(SEAL_PERIOD_S);
            SealTerms {
                node: self.address(),
                key_id: seed.id(),
                public_key: seed.key().public(),
                valid_until_s: end_s.saturating_add(SEAL_OVERLAP_S),
            }
        };
        let known = *lock(&self.sealing.signed);
        if let Some(signed) = known.filter(|signed| signed.terms == terms) {
            return Ok(Some(signed));
        }
        let signature = self.account.sign(&terms).await?;
        let signed = SignedSealTerms { terms, signature };
        *lock(&self.sealing.signed) = Some(signed);
        Ok(Some(signed))
    }

    /// Opens a sealed request: its bytes, and what seals the answer. May wait for the disk, once a day.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal(&self, message: &[u8]) -> Result<(Zeroizing<Vec<u8>>, AnswerSecret), UnsealError> {
        if self.sealing.is_off {
            return Err(UnsealError::Off);
        }
        let found = key_id(message).ok_or(SealError::NotEncapsulated)?;
        let seeds = self.sealing.open(self.ledger().now_s())?;
        match seeds.iter().find(|seed| seed.id() == found) {
            Some(seed) => Ok(seed.key().decapsulate(found, message)?),
            None => Err(UnsealError::Key { found, open: seeds.last().map_or(found, Seed::id) }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOON: u64 = 20_000 * SEAL_PERIOD_S + SEAL_PERIOD_S / 2;

    fn publics(seeds: &[Seed]) -> Vec<Digest> {
        seeds.iter().map(|seed| seed.key().public().0).collect()
    }

    #[test]
    fn a_key_is_open_for_its_day_and_the_overlap_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let sealing = Sealing::new(folder.path());
        let at = |now_s| publics(&sealing.open(now_s).unwrap());
        let first = at(NOON);
        assert_eq!(first.len(), 1);
        let midnight = 20_001 * SEAL_PERIOD_S;
        let both = at(midnight);
        assert_eq!((both.len(), both[0]), (2, first[0]));
        assert_eq!(at(midnight + SEAL_OVERLAP_S - 1), both);
        let alone = at(midnight + SEAL_OVERLAP_S);
        assert_eq!(alone, both[1..]);
        // A clock that is set back opens nothing again.
        assert_eq!(at(NOON), alone);
    }

    #[test]
    fn replicas_that_start_at_once_on_one_folder_have_one_key() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let together = std::sync::Barrier::new(8);
            let open = || {
                together.wait();
                publics(&Sealing::new(folder.path()).open(NOON).unwrap())
            };
            let keys: Vec<_> = std::thread::scope(|scope| {
                let started: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                started.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|one| *one == keys[0]));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        }
    }

    #[test]
    fn a_restart_and_a_replica_go_on_with_the_same_keys_and_yesterdays_are_gone() {
        let [mine, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let open = |folder: &Path, now_s| publics(&Sealing::new(folder).open(now_s).unwrap());
        let first = open(mine.path(), NOON);
        let seed = std::fs::read(mine.path().join("seal")).unwrap();
        std::fs::write(other.path().join("seal"), &seed).unwrap();
        assert_eq!(open(mine.path(), NOON), first);
        let later = NOON + 9 * SEAL_PERIOD_S;
        assert_eq!(open(mine.path(), later), open(other.path(), later));
        let kept = std::fs::read(mine.path().join("seal")).unwrap();
        assert_eq!(kept.len(), FILE_BYTES);
        assert!(!kept.windows(32).any(|part| seed.windows(32).skip(12).any(|old| old == part)));
        // Nobody waits for a clock of another age.
        assert_eq!(open(mine.path(), u64::MAX).len(), 1);
        std::fs::write(mine.path().join("seal"), b"LZS1 what is this?").unwrap();
        assert!(Sealing::new(mine.path()).open(NOON).is_err_and(|e| e.to_string().contains("holds no keys")));
    }
}

//! Proves a dataset of one chunk: returns one masked proof of its statement.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lazai_core::pov::PovError;
use p3_batch_stark::{ProverData, StarkInstance, prove_batch};
use p3_field::PrimeCharacteristicRing;
use p3_goldilocks::Goldilocks;
use p3_matrix::dense::RowMajorMatrix;
use thiserror::Error;

use super::air::Chunk;
use super::bytes;
use super::config::{Config, config};
use crate::chunk::{Bounds, State, Trace};
use crate::commitment::{Leaf, tokens_per_element};
use crate::proof::Proof;
use crate::source::{CommitError, Commitment, RecordSource};
use crate::statement::{PUBLIC_INPUTS, Statement, StatementError};
use crate::whole::{CUBES, Layout, PUBLIC_VALUES, ROWS_LOG, StarkVerifier};

/// Why there is no proof.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StarkError {
    /// The dataset cannot be committed to.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The statement is about another dataset than the one committed to.
    #[error("the statement has another {field} than the dataset")]
    OtherDataset {
        /// The field.
        field: &'static str,
    },
    /// The dataset cannot be read.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// The system gives no random numbers for masks.
    #[error("no random numbers: {reason}")]
    Random {
        /// The system's error.
        reason: String,
    },
    /// The statement is one that no proof can have.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The thread pool could not be started.
    #[error("{threads} threads: {reason}")]
    Threads {
        /// The number of threads requested.
        threads: usize,
        /// The reason.
        reason: String,
    },
    /// More than one STARK takes: plonky2's prover joins several.
    #[error("{permutations} permutations, at most {most} fit into one proof")]
    TooLarge {
        /// The permutations that the dataset takes.
        permutations: usize,
        /// The most.
        most: usize,
    },
    /// The records break a rule, or are not those committed to: no proof exists.
    #[error("no proof: {reason}")]
    Unprovable {
        /// The backend's message.
        reason: String,
    },
}

/// A prover of datasets of up to about 1.2 million tokens, on plain stable Rust. Its proofs are larger than those of plonky2 and made
/// faster; nothing in them is recursive.
///
/// ```no_run
/// # use lazai_zk::{Binding, Commitment, Proof, StarkError, StarkProver, statement::Prompts};
/// # fn prove(file: &std::path::Path, binding: Binding) -> Result<Proof, StarkError> {
/// let dataset = lazai_core::pov::PovFile::open(file)?;
/// let commitment = Commitment::of(&dataset)?;
/// let statement = commitment.statement(&dataset, Prompts::NONE, binding)?;
/// StarkProver::new().prove(&dataset, &commitment, &statement)
/// # }
/// ```
#[derive(Debug, Default)]
pub struct StarkProver {
    pool: Option<rayon::ThreadPool>,
}

impl StarkProver {
    /// A prover that uses every core.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses a number of threads of its own.
    ///
    /// # Errors
    /// [`StarkError::Threads`].
    pub fn threads(mut self, threads: usize) -> Result<Self, StarkError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        self.pool = Some(pool.map_err(|e| StarkError::Threads { threads, reason: e.to_string() })?);
        Ok(self)
    }

    /// Tells whether a dataset fits into one proof.
    #[must_use]
    pub fn takes(commitment: &Commitment) -> bool {
        rows_log(commitment).is_some()
    }

    /// Proves a statement about a dataset.
    ///
    /// # Errors
    /// [`StarkError`].
    pub fn prove(
        &self,
        source: &(dyn RecordSource + Sync),
        commitment: &Commitment,
        statement: &Statement,
    ) -> Result<Proof, StarkError> {
        let run = || {
            let inputs = statement.public_inputs()?;
            if statement.proved.root != commitment.digest() {
                return Err(StarkError::OtherDataset { field: "root" });
            }
            let rows_log = rows_log(commitment).ok_or_else(|| StarkError::TooLarge {
                permutations: commitment.permutations(),
                most: (1 << ROWS_LOG.end()) - 1,
            })?;
            let layout = Layout::new(tokens_per_element(statement.proved.vocab_size), rows_log, CUBES);
            let trace = fill(&layout, source, commitment, statement)?;
            let proof = prove(layout, &inputs, trace)?;
            let verified = StarkVerifier::new().verify(statement, &proof);
            verified.map_err(|e| StarkError::Unprovable { reason: e.to_string() })?;
            Ok(proof)
        };
        match &self.pool {
            Some(pool) => pool.install(run),
            None => run(),
        }
    }
}

/// Logarithm of the number of rows that a dataset takes; `None` of one that takes more than there can be.
fn rows_log(commitment: &Commitment) -> Option<usize> {
    // One row at least is padding.
    ROWS_LOG.into_iter().find(|log| commitment.permutations() < 1 << log)
}

/// The columns that are committed to, row by row.
pub(super) fn fill(
    layout: &Layout,
    source: &dyn RecordSource,
    commitment: &Commitment,
    statement: &Statement,
) -> Result<Vec<Goldilocks>, StarkError> {
    let bounds = Bounds {
        vocabulary: statement.proved.vocab_size.into(),
        max_length: statement.proved.max_record_tokens.into(),
        licences: statement.declared.licences.len() as u64,
        // The product that it is for is not among the columns.
        challenge: [Goldilocks::ZERO; 2],
    };
    let first = commitment.entries.first().map_or([0; 2], |e| [e.contributor.into(), e.licence.into()]);
    let mut trace = Trace::with(layout.c, bounds, State::start(first[0], first[1]));
    let mut keys = commitment.keys.iter();
    let other = || StarkError::OtherDataset { field: "records" };
    for (i, entry) in commitment.entries.iter().enumerate() {
        let mut fits = true;
        source.records(&mut |_, record, salt| {
            if record.contributor == entry.contributor {
                fits = trace.has_room_for_record(record.tokens.len());
                if fits {
                    trace.record(&Leaf::new(&record, salt), keys.next().copied().unwrap_or_default());
                }
            }
            fits
        })?;
        // A source that gives other records than those committed to gets no proof.
        if !fits || !trace.has_room_for_close() {
            return Err(other());
        }
        let next = commitment.entries.get(i + 1).unwrap_or(entry);
        trace.close(next.contributor.into(), next.licence.into());
    }
    Ok(committed(layout, &trace.finish().0))
}

/// Of whole rows, the columns that are committed to.
pub(super) fn committed(layout: &Layout, cells: &[Goldilocks]) -> Vec<Goldilocks> {
    let mut committed = Vec::with_capacity(layout.width() << layout.rows_log);
    for row in cells.chunks(layout.c.total) {
        layout.runs().into_iter().for_each(|run| committed.extend_from_slice(&row[run]));
    }
    committed
}

/// The proof of a trace, whether it holds or not.
pub(super) fn prove(
    layout: Layout,
    inputs: &[u64; PUBLIC_INPUTS],
    trace: Vec<Goldilocks>,
) -> Result<Proof, StarkError> {
    let config = config().map_err(|e| StarkError::Random { reason: e.to_string() })?;
    let unprovable = |reason: String| StarkError::Unprovable { reason };
    let air = Chunk(layout);
    let trace = RowMajorMatrix::new(trace, layout.width());
    let public_values = inputs[..PUBLIC_VALUES].iter().map(|&value| Goldilocks::new(value)).collect();
    // The backend panics if a trace contradicts itself in ways that it notices.
    let proof = catch_unwind(AssertUnwindSafe(|| {
        let data = ProverData::<Config>::from_airs_and_degrees(&config, &[air], &[layout.rows_log + 1])
            .map_err(|e| unprovable(format!("{e:?}")))?;
        let instance = StarkInstance { air: &air, trace: &trace, public_values };
        prove_batch(&config, &[instance], &data).map_err(|e| unprovable(format!("{e:?}")))
    }));
    let proof = proof.map_err(|_| unprovable("the backend panicked".into()))??;
    let body = bytes::write(&proof).ok_or_else(|| unprovable("the backend's proof has another shape".into()))?;
    // At most 16.
    Ok(Proof::stark(layout.rows_log as u8, body))
}

//! Proves a dataset of any size: returns one blinded proof of its statement.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::digest::DomainHasher;
use lazai_core::pov::PovError;
use plonky2::field::types::Field;
use plonky2::plonk::circuit_data::VerifierCircuitData;
use plonky2::util::serialization::Write;
use thiserror::Error;

use super::F;
use super::chunk::State;
use super::chunks::{Chunk, Plan};
use super::circuits::{
    Circuit, InnerProof, build_chunk, build_join, build_outer, prove_chunk, prove_join, prove_outer, prove_stark,
};
use super::setup::Setup;
use super::work::Work;
use super::{cache, circuits};
use crate::key::{MAX_DEPTH, VerifierKey};
use crate::proof::Proof;
use crate::source::{CommitError, Commitment, RecordSource};
use crate::statement::{CONTEXT_WORDS, Statement, StatementError};

/// Memory that a large chunk takes; with less, small ones are used.
const LARGE_CHUNK_BYTES: u64 = 2 << 30;

/// A stage of proving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProveStage {
    /// Chunks are proved; counted in tokens.
    Chunks,
    /// Proofs of chunks are joined; counted in joins.
    Joins,
    /// The outer proof is made.
    Outer,
}

/// Progress of proving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProveProgress {
    /// The current stage.
    pub stage: ProveStage,
    /// The part of the stage that is done.
    pub done: u64,
    /// The total.
    pub total: u64,
}

/// Why there is no proof.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The dataset cannot be read.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// The dataset cannot be committed to.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The statement is one that no circuit can have.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The statement is about another dataset than the one committed to.
    #[error("the statement has another {field} than the dataset")]
    OtherDataset {
        /// The field.
        field: &'static str,
    },
    /// More chunks than the recursion tree takes.
    #[error("{chunks} chunks, at most {} can be joined", 1 << MAX_DEPTH)]
    TooLarge {
        /// The number of chunks.
        chunks: usize,
    },
    /// The caller cancelled. Finished work stays in the work folder.
    #[error("cancelled while {stage:?} stood at {done} of {total}")]
    Cancelled {
        /// The stage.
        stage: ProveStage,
        /// The part that was done.
        done: u64,
        /// The total.
        total: u64,
    },
    /// The work or circuit folder cannot be used.
    #[error("{folder}: {reason}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The operating system's error.
        reason: String,
    },
    /// The thread pool could not be started.
    #[error("{threads} threads: {reason}")]
    Threads {
        /// The number of threads requested.
        threads: usize,
        /// The reason.
        reason: String,
    },
    /// The records break a rule, or are not those committed to: no proof exists.
    #[error("no proof of {what}: {reason}")]
    Unprovable {
        /// The part.
        what: &'static str,
        /// The backend's message.
        reason: String,
    },
}

type OnProgress<'a> = &'a mut dyn FnMut(ProveProgress) -> ControlFlow<()>;

/// A prover. It keeps the circuits it has used, in memory and, if told to, on disk.
///
/// ```no_run
/// # use lazai_zk::{Binding, Commitment, Proof, ProveError, Prover, statement::Prompts};
/// # fn prove(file: &std::path::Path, binding: Binding) -> Result<Proof, ProveError> {
/// // A dataset in memory or, as here, a file that is streamed.
/// let dataset = lazai_core::pov::PovFile::open(file)?;
/// let commitment = Commitment::of(&dataset)?;
/// let statement = commitment.statement(&dataset, Prompts::NONE, binding)?;
/// let prover = Prover::new().circuits_in("cache/circuits").work_in("cache/work").max_memory_bytes(1 << 30);
/// prover.prove(&dataset, &commitment, &statement)
/// # }
/// ```
pub struct Prover {
    setup: Setup,
    circuits: Option<PathBuf>,
    work: Option<PathBuf>,
    large_chunks: bool,
    pool: Option<rayon::ThreadPool>,
    loaded: Mutex<HashMap<lazai_core::Digest, Arc<Circuit>>>,
}

impl Prover {
    /// A prover that keeps nothing on disk and uses at most about 2 GiB and every core.
    #[must_use]
    pub fn new() -> Self {
        let loaded = Mutex::new(HashMap::new());
        Self { setup: Setup::pinned(), circuits: None, work: None, large_chunks: true, pool: None, loaded }
    }

    /// Keeps circuits in a folder: about 150 MB for each that is used, which saves seconds at every start.
    #[must_use]
    pub fn circuits_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.circuits = Some(folder.into());
        self
    }

    /// Keeps finished parts in a folder, from which a run continues after it was killed or cancelled. They are not blinded:
    /// keep the folder as private as the dataset.
    #[must_use]
    pub fn work_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.work = Some(folder.into());
        self
    }

    /// Bounds the memory. Below 2 GiB only small chunks are used, which take about 0.8 GiB and prove large datasets
    /// at a third of the speed.
    #[must_use]
    pub fn max_memory_bytes(mut self, bytes: u64) -> Self {
        self.large_chunks = bytes >= LARGE_CHUNK_BYTES;
        self
    }

    /// Uses a number of threads of its own.
    ///
    /// # Errors
    /// [`ProveError::Threads`].
    pub fn threads(mut self, threads: usize) -> Result<Self, ProveError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        self.pool = Some(pool.map_err(|e| ProveError::Threads { threads, reason: e.to_string() })?);
        Ok(self)
    }

    /// Proves a statement about a dataset.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn prove(
        &self,
        source: &(dyn RecordSource + Sync),
        commitment: &Commitment,
        statement: &Statement,
    ) -> Result<Proof, ProveError> {
        self.prove_with(source, commitment, statement, &mut |_| ControlFlow::Continue(()))
    }

    /// The same, telling how far it is; breaking off cancels.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn prove_with(
        &self,
        source: &(dyn RecordSource + Sync),
        commitment: &Commitment,
        statement: &Statement,
        on_progress: &mut (dyn FnMut(ProveProgress) -> ControlFlow<()> + Send),
    ) -> Result<Proof, ProveError> {
        match &self.pool {
            Some(pool) => pool.install(|| self.run(source, commitment, statement, on_progress)),
            None => self.run(source, commitment, statement, on_progress),
        }
    }

    fn run(
        &self,
        source: &dyn RecordSource,
        commitment: &Commitment,
        statement: &Statement,
        tell: OnProgress<'_>,
    ) -> Result<Proof, ProveError> {
        let inputs = statement.public_inputs()?;
        if statement.proved.root != commitment.digest() {
            return Err(ProveError::OtherDataset { field: "root" });
        }
        let plan = Plan::new(commitment, statement, self.large_chunks);
        let work = Work::open(self.work.as_deref(), statement, self.large_chunks)?;

        let total = statement.tokens();
        report(tell, ProveStage::Chunks, 0, total)?;
        let mut level: Vec<(InnerProof, usize)> = Vec::new();
        let last = plan.chunks(source, commitment, |chunk| {
            let done = chunk.tokens;
            level.push(self.prove_chunk(chunk, &plan, &work)?);
            report(tell, ProveStage::Chunks, done, total)
        })?;
        if level.len() > 1 << MAX_DEPTH {
            return Err(ProveError::TooLarge { chunks: level.len() });
        }
        let (proof, depth) = self.join(level, &work, tell)?;

        report(tell, ProveStage::Outer, 0, 1)?;
        let (child, keys) = self.setup.below(depth);
        // The outer key is pinned with the verifier; the circuit's name is made of its lower circuits and its depth.
        let name = DomainHasher::new("lazai.zk.outer.v2")
            .part(VerifierKey::pinned().digest().as_bytes())
            .part(&(depth as u64).to_le_bytes())
            .finish();
        let circuit = self.circuit_named(
            name,
            |circuit| VerifierKey::pinned().at(depth as u8) == Some(&super::setup::outer_key(&circuit.verifier_only)),
            || build_outer(child, keys),
        )?;
        let context = &inputs[..CONTEXT_WORDS];
        let outer = catching("outer proof", || {
            prove_outer(&circuit, child, keys, (&proof.0, proof.1), context, plan.first, &last)
                .map_err(unprovable("outer proof"))
        })?;
        let mut body = Vec::new();
        body.write_proof(&outer.proof)
            .map_err(|_| ProveError::Unprovable { what: "outer proof", reason: "not writable".into() })?;
        // At most MAX_DEPTH.
        let proof = Proof::new(VerifierKey::pinned().digest(), depth as u8, body);
        let verified = crate::Verifier::new().verify(statement, &proof);
        verified.map_err(|e| ProveError::Unprovable { what: "statement", reason: e.to_string() })?;
        work.finish();
        report(tell, ProveStage::Outer, 1, 1)?;
        Ok(proof)
    }

    /// The proof of a chunk, and which of the chunks' keys it has.
    fn prove_chunk(&self, chunk: Chunk, plan: &Plan, work: &Work) -> Result<(InnerProof, usize), ProveError> {
        let Chunk { number, shape, before, trace, .. } = chunk;
        let after = trace.state().clone();
        let numbers = [plan.bounds.vocabulary, plan.bounds.max_length, plan.bounds.licences].map(F::from_canonical_u64);
        let shared = [&plan.bounds.challenge[..], &numbers].concat();
        let packed = F::from_canonical_usize(shape.packed);
        let expected = [&digest(&before)[..], &digest(&after), &shared, &[packed]].concat();
        let key = &self.setup.chunks[shape.index()];
        let data = VerifierCircuitData { verifier_only: key.clone(), common: self.setup.chunk.clone() };
        let proof = work.part(&format!("chunk-{number:04}"), &data, &expected, || {
            tracing::debug!(number, rows_log = shape.rows_log, "chunk");
            let (columns, after) = super::chunk::finish(trace);
            let inputs = [&before.0[..], &after.0, &shared].concat();
            let stark = prove_stark(shape, columns, &inputs);
            let stark = stark.map_err(unprovable("records"))?;
            let circuit = self.circuit(key, || build_chunk(shape))?;
            prove_chunk(&circuit, shape, &stark).map_err(unprovable("records"))
        })?;
        Ok((proof, shape.index()))
    }

    /// Joins proofs two by two, to one.
    fn join(
        &self,
        mut level: Vec<(InnerProof, usize)>,
        work: &Work,
        tell: OnProgress<'_>,
    ) -> Result<((InnerProof, usize), usize), ProveError> {
        let (mut depth, mut done) = (0, 0);
        let total =
            std::iter::successors(Some(level.len()), |&n| (n > 1).then(|| n.div_ceil(2))).skip(1).sum::<usize>() as u64;
        while level.len() > 1 {
            let (child, keys) = self.setup.below(depth);
            depth += 1;
            let common = if depth == 1 { &self.setup.first_join } else { &self.setup.join };
            let key = &self.setup.joins[depth - 1];
            let data = VerifierCircuitData { verifier_only: key.clone(), common: common.clone() };
            let mut above = Vec::with_capacity(level.len().div_ceil(2));
            for (number, pair) in level.chunks(2).enumerate() {
                report(tell, ProveStage::Joins, done, total)?;
                let (left, right) = ((&pair[0].0, pair[0].1), pair.get(1).map(|r| (&r.0, r.1)));
                let ends = right.unwrap_or(left).0;
                let expected =
                    [&left.0.public_inputs[..circuits::inner::AFTER], &ends.public_inputs[circuits::inner::AFTER..]]
                        .concat();
                let proof = work.part(&format!("join-{depth}-{number:04}"), &data, &expected, || {
                    let circuit = self.circuit(key, || build_join(child, keys))?;
                    prove_join(&circuit, child, keys, left, right).map_err(unprovable("join"))
                })?;
                above.push((proof, 0));
                done += 1;
            }
            level = above;
        }
        report(tell, ProveStage::Joins, total, total)?;
        let top = level.pop().ok_or(ProveError::TooLarge { chunks: 0 })?;
        Ok((top, depth))
    }

    fn circuit(&self, key: &circuits::Key, build: impl FnOnce() -> Circuit) -> Result<Arc<Circuit>, ProveError> {
        self.circuit_named(cache::name(key), |circuit| circuit.verifier_only == *key, build)
    }

    fn circuit_named(
        &self,
        name: lazai_core::Digest,
        is_pinned: impl Fn(&Circuit) -> bool,
        build: impl FnOnce() -> Circuit,
    ) -> Result<Arc<Circuit>, ProveError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(circuit) = loaded.get(&name) {
            return Ok(circuit.clone());
        }
        let folder = self.circuits.as_deref();
        let circuit = cache::load_or_build(folder, name, &is_pinned, build).map_err(|e| folder_error(folder, &e))?;
        if !is_pinned(&circuit) {
            let reason = "it was built with another key than is pinned".into();
            return Err(ProveError::Unprovable { what: "circuit", reason });
        }
        let circuit = Arc::new(circuit);
        loaded.insert(name, circuit.clone());
        Ok(circuit)
    }
}

impl Default for Prover {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prover {{ key: {} }}", VerifierKey::pinned().digest())
    }
}

fn digest(state: &State) -> [F; 4] {
    use plonky2::hash::poseidon::PoseidonHash;
    use plonky2::plonk::config::Hasher;
    PoseidonHash::hash_no_pad(&state.0).elements
}

fn report(tell: OnProgress<'_>, stage: ProveStage, done: u64, total: u64) -> Result<(), ProveError> {
    match tell(ProveProgress { stage, done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ProveError::Cancelled { stage, done, total }),
    }
}

fn unprovable(what: &'static str) -> impl Fn(anyhow::Error) -> ProveError {
    move |e| ProveError::Unprovable { what, reason: e.to_string() }
}

/// Runs a part of proving. plonky2 and starky panic if a witness contradicts itself.
pub(super) fn catching<T>(what: &'static str, run: impl FnOnce() -> Result<T, ProveError>) -> Result<T, ProveError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
        Err(ProveError::Unprovable { what, reason: text.unwrap_or_else(|| "the backend panicked".into()) })
    })
}

pub(super) fn folder_error(folder: Option<&Path>, e: &std::io::Error) -> ProveError {
    ProveError::Folder { folder: folder.map(Path::to_owned).unwrap_or_default(), reason: e.to_string() }
}

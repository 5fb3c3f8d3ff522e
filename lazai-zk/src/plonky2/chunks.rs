//! Cutting a dataset into chunks: records in the order of their contributors, each chunk filled to the last row
//! that fits.

use lazai_core::pov::PovError;
use plonky2::field::types::Field;

use super::F;
use super::chunk::{Bounds, Shape, State, Trace};
use crate::commitment::{Leaf, SORTED_START, tokens_per_element};
use crate::poseidon::{HashOut, absorb, two_to_one};
use crate::source::{Commitment, RecordSource};
use crate::statement::Statement;

/// A chunk, filled.
pub(super) struct Chunk {
    pub(super) number: usize,
    pub(super) shape: Shape,
    pub(super) before: State,
    pub(super) trace: Trace,
    /// Tokens of all chunks so far.
    pub(super) tokens: u64,
}

/// The values that all chunks of a dataset share.
pub(super) struct Plan {
    pub(super) bounds: Bounds,
    packed: usize,
    rows: usize,
    large: bool,
    /// Number and licence of the first contributor.
    pub(super) first: [u64; 2],
}

impl Plan {
    /// The challenge is drawn from the records' root and the sorted keys, both of which it binds.
    pub(super) fn new(commitment: &Commitment, statement: &Statement, large: bool) -> Self {
        let sorted = commitment.keys.iter().fold(SORTED_START, |chain, &key| absorb(chain, [key, 0, 0, 0, 0, 0, 0, 0]));
        let HashOut([a, b, ..]) = two_to_one(commitment.root, sorted);
        let bounds = Bounds {
            vocabulary: statement.proved.vocab_size.into(),
            max_length: statement.proved.max_record_tokens.into(),
            licences: statement.declared.licences.len() as u64,
            challenge: [a, b].map(F::from_canonical_u64),
        };
        let first = commitment.entries.first().map_or([0; 2], |e| [e.contributor.into(), e.licence.into()]);
        let packed = tokens_per_element(statement.proved.vocab_size);
        Self { bounds, packed, rows: commitment.rows, large, first }
    }

    /// Gives each chunk to `each`, until that fails.
    pub(super) fn chunks<E: From<PovError>>(
        &self,
        source: &dyn RecordSource,
        commitment: &Commitment,
        mut each: impl FnMut(Chunk) -> Result<(), E>,
    ) -> Result<State, E> {
        let mut filling = Filling::new(self);
        let mut keys = commitment.keys.iter();
        let mut failed = None;
        for (i, entry) in commitment.entries.iter().enumerate() {
            source.records(&mut |_, record, salt| {
                if record.contributor != entry.contributor {
                    return true;
                }
                let full = filling.make_room(|trace| trace.has_room_for_record(record.tokens.len()));
                if let Some(error) = full.and_then(|chunk| each(chunk).err()) {
                    failed = Some(error);
                    return false;
                }
                filling.tokens += record.tokens.len() as u64;
                // A source that gives other records than those committed to gets no proof.
                filling.trace.record(&Leaf::new(&record, salt), keys.next().copied().unwrap_or_default());
                true
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            if let Some(chunk) = filling.make_room(Trace::has_room_for_close) {
                each(chunk)?;
            }
            let next = commitment.entries.get(i + 1).unwrap_or(entry);
            filling.trace.close(next.contributor.into(), next.licence.into());
        }
        let last = filling.trace.state().clone();
        each(filling.chunk())?;
        Ok(last)
    }
}

struct Filling<'a> {
    plan: &'a Plan,
    number: usize,
    /// Rows of the chunks before.
    rows: usize,
    tokens: u64,
    shape: Shape,
    before: State,
    trace: Trace,
}

impl<'a> Filling<'a> {
    fn new(plan: &'a Plan) -> Self {
        let before = State::start(plan.first[0], plan.first[1]);
        let shape = plan.shape(0);
        let trace = Trace::new(shape, plan.bounds, before.clone());
        Self { plan, number: 0, rows: 0, tokens: 0, shape, before, trace }
    }

    /// If there is no room, returns the chunk and begins another.
    fn make_room(&mut self, has_room: impl Fn(&Trace) -> bool) -> Option<Chunk> {
        if has_room(&self.trace) {
            return None;
        }
        self.rows += self.trace.used();
        let (number, before) = (self.number + 1, self.trace.state().clone());
        let shape = self.plan.shape(self.rows);
        let trace = Trace::new(shape, self.plan.bounds, before.clone());
        let next = Self { plan: self.plan, number, rows: self.rows, tokens: self.tokens, shape, before, trace };
        Some(std::mem::replace(self, next).chunk())
    }

    fn chunk(self) -> Chunk {
        let Self { number, shape, before, trace, tokens, .. } = self;
        Chunk { number, shape, before, trace, tokens }
    }
}

impl Plan {
    /// A large chunk where more than two small ones would be needed.
    fn shape(&self, rows_done: usize) -> Shape {
        let small = Shape { packed: self.packed, rows_log: Shape::ROWS_LOG[0] };
        let left = self.rows.saturating_sub(rows_done);
        if self.large && left > 2 * small.rows() { Shape { rows_log: Shape::ROWS_LOG[1], ..small } } else { small }
    }
}

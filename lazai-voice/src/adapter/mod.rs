//! Adapters of a voice: low-rank updates of the linear modules, `y = W x + scale B A x` (E. Hu et al., "LoRA", 2021).

mod files;

use std::ops::Range;
use std::sync::Arc;

use lazai_core::Digest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

pub use files::{CONFIG_FILE, MAX_ADAPTER_BYTES, WEIGHTS_FILE};

use crate::base::SpeechBase;
use crate::error::{Result, SpeechError};

/// Greatest rank.
pub const MAX_RANK: usize = 256;

/// A linear module of a base, by the name that an adapter's file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The name.
    pub name: String,
    /// Numbers that it reads of each row.
    pub input: usize,
    /// Numbers that it writes of each row.
    pub output: usize,
}

/// The factors of every linear module of a base, in one piece of memory.
#[derive(Clone, PartialEq)]
pub struct Adapter {
    pub(crate) base: Digest,
    pub(crate) rank: usize,
    pub(crate) alpha: usize,
    pub(crate) modules: Arc<[Module]>,
    /// Where each module's `A` begins; its `B` follows.
    places: Arc<[usize]>,
    pub(crate) values: Vec<f32>,
}

/// One module's factors.
#[derive(Clone, Copy)]
pub(crate) struct Factors<'a> {
    /// `[rank, input]`.
    pub(crate) a: &'a [f32],
    /// `[output, rank]`.
    pub(crate) b: &'a [f32],
    pub(crate) rank: usize,
    pub(crate) scale: f32,
}

/// Where the gradients by one module's factors are summed.
pub(crate) struct FactorsMut<'a> {
    pub(crate) a: &'a mut [f32],
    pub(crate) b: &'a mut [f32],
}

/// Gradients by all values of an adapter.
pub(crate) struct Gradients(pub(crate) Vec<f32>);

impl std::fmt::Debug for Adapter {
    /// Without its values: they are the product.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adapter(rank {} of {})", self.rank, self.base)
    }
}

impl Adapter {
    /// A fresh adapter that changes nothing yet: `A` uniform as PEFT draws it (Kaiming, gain of `sqrt(5)`), `B` zero.
    pub(crate) fn fresh(base: &dyn SpeechBase, rank: usize, alpha: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let mut adapter = Self::zero(base, rank, alpha)?;
        for module in 0..adapter.modules.len() {
            let bound = 1.0 / (adapter.modules[module].input as f32).sqrt();
            let (a, _) = adapter.places(module);
            for value in &mut adapter.values[a] {
                *value = (rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * bound;
            }
        }
        Ok(adapter)
    }

    /// An adapter whose values are all zero.
    pub(crate) fn zero(base: &dyn SpeechBase, rank: usize, alpha: usize) -> Result<Self> {
        if !(1..=MAX_RANK).contains(&rank) || !(1..=64 * MAX_RANK).contains(&alpha) {
            return Err(SpeechError::Rank { rank, alpha, max: MAX_RANK });
        }
        let modules: Arc<[Module]> = base.modules().into();
        let mut end = 0;
        let places = modules.iter().map(|module| {
            let begin = end;
            end += rank * (module.input + module.output);
            begin
        });
        let places = places.collect();
        Ok(Self { base: base.digest(), rank, alpha, modules, places, values: vec![0.0; end] })
    }

    /// The digest of the base that it is of.
    #[must_use]
    pub fn base(&self) -> Digest {
        self.base
    }

    /// The rank of its factors.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of its values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True if it has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Where a module's factors stand among the values.
    pub(crate) fn places(&self, module: usize) -> (Range<usize>, Range<usize>) {
        let (begin, of) = (self.places[module], &self.modules[module]);
        let middle = begin + self.rank * of.input;
        (begin..middle, middle..middle + self.rank * of.output)
    }

    pub(crate) fn factors(&self, module: usize) -> Factors<'_> {
        let (a, b) = self.places(module);
        let scale = self.alpha as f32 / self.rank as f32;
        Factors { a: &self.values[a], b: &self.values[b], rank: self.rank, scale }
    }

    pub(crate) fn slot<'a>(&self, to: &'a mut Gradients, module: usize) -> FactorsMut<'a> {
        let (a, b) = self.places(module);
        let (a, b) = to.0[a.start..b.end].split_at_mut(a.len());
        FactorsMut { a, b }
    }
}

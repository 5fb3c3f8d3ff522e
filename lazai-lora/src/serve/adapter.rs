//! An adapter as the engine reads it.

use std::ops::Range;

use super::weights::vector;
use crate::adapter::Adapter;
use crate::error::Result;

/// The factors of modules that read the same input.
pub(super) struct Factors {
    /// Rows of all modules' `A`, one after another: `[narrow, columns]`.
    pub(super) a: Vec<f32>,
    pub(super) narrow: usize,
    /// Each module's place among the outputs, and its `B`, turned so that a row is all outputs of one narrow value:
    /// `[rank, outputs]`.
    pub(super) modules: Vec<(Range<usize>, Vec<f32>)>,
}

/// An adapter in memory.
pub(super) struct ServedAdapter {
    pub(super) layers: Vec<[Option<Factors>; 4]>,
    pub(super) rank: usize,
    pub(super) scale: f32,
    /// Most narrow values of a group.
    pub(super) narrow: usize,
    pub(super) bytes: usize,
}

impl ServedAdapter {
    pub(super) fn new(adapter: &Adapter) -> Result<Self> {
        let rank = adapter.config().rank;
        let (mut layers, mut narrow, mut bytes) = (Vec::new(), 0, 0);
        for layer in 0..adapter.layers() {
            let mut groups = [const { None }; 4];
            for (place, group) in groups.iter_mut().zip(adapter.updates(layer)) {
                let Some(update) = group else { continue };
                let a = vector(update.a)?;
                let modules = update.b.iter().map(|(range, b)| Ok((range.clone(), vector(&b.t()?.contiguous()?)?)));
                let modules = modules.collect::<Result<Vec<_>>>()?;
                let factors = Factors { a, narrow: rank * modules.len(), modules };
                narrow = narrow.max(factors.narrow);
                let values = factors.a.len() + factors.modules.iter().map(|(_, b)| b.len()).sum::<usize>();
                bytes += values * size_of::<f32>();
                *place = Some(factors);
            }
            layers.push(groups);
        }
        Ok(Self { layers, rank, scale: adapter.config().scale() as f32, narrow, bytes })
    }
}

impl Factors {
    /// Adds the update to some outputs of a row; `narrow` is `A x`, scaled.
    pub(super) fn add(&self, rank: usize, narrow: &[f32], outputs: Range<usize>, out: &mut [f32]) {
        for (i, (range, b)) in self.modules.iter().enumerate() {
            let (from, to) = (outputs.start.max(range.start), outputs.end.min(range.end));
            if from >= to {
                continue;
            }
            let out = &mut out[from - outputs.start..to - outputs.start];
            for (value, row) in narrow[i * rank..][..rank].iter().zip(b.chunks_exact(range.len())) {
                for (out, b) in out.iter_mut().zip(&row[from - range.start..to - range.start]) {
                    *out += value * b;
                }
            }
        }
    }
}

//! Memory that all steps use: a row for each token, which threads fill together.
#![allow(unsafe_code, reason = "threads write different places of shared memory, and wait before they read them")]

use std::ops::Range;

use super::attention::TILE;
use super::model::Model;
use super::product::{Input, Output, quantise};
use super::team::{Shared, Team};
use super::weights::{BLOCK, PANEL};

/// Memory that all steps use.
pub(super) struct Workspace {
    pub(super) rows: usize,
    pub(super) wide: usize,
    pub(super) narrow: usize,
    pub(super) x: Shared<f32>,
    pub(super) joint: Shared<f32>,
    pub(super) inputs: Inputs,
    pub(super) small: Shared<f32>,
    pub(super) angles: Shared<f32>,
    /// Weights of attention, for each thread.
    pub(super) weights: Shared<f32>,
}

/// Activations and their quantised form.
pub(super) struct Inputs {
    pub(super) wide: usize,
    pub(super) values: Shared<f32>,
    numbers: Shared<i8>,
    scales: Shared<f32>,
    sums: Shared<i32>,
    wholes: Shared<f32>,
}

impl Inputs {
    /// # Safety
    /// As [`Shared::part`].
    pub(super) unsafe fn row(&self, row: usize, columns: usize) -> Input<'_> {
        let (start, blocks) = (row * self.wide, columns / BLOCK);
        let block = start / BLOCK;
        // SAFETY: as the caller says.
        unsafe {
            Input {
                values: self.values.part(start, columns),
                numbers: self.numbers.part(start, blocks * BLOCK),
                scales: self.scales.part(block, blocks),
                sums: self.sums.part(2 * block, 2 * blocks),
                wholes: self.wholes.part(block, blocks),
            }
        }
    }

    /// Quantises some columns of a row, of whole blocks; what is left of the row beyond whole blocks stays.
    ///
    /// # Safety
    /// As [`Shared::part_mut`].
    pub(super) unsafe fn quantise(&self, row: usize, columns: Range<usize>) {
        for block in columns.start / BLOCK..columns.end / BLOCK {
            let start = row * self.wide + block * BLOCK;
            // SAFETY: as the caller says.
            unsafe {
                let numbers = self.numbers.part_mut(start, BLOCK);
                let (scale, sums) = quantise(self.values.part(start, BLOCK), numbers);
                self.scales.part_mut(start / BLOCK, 1)[0] = scale;
                self.sums.part_mut(start / BLOCK * 2, 2).copy_from_slice(&sums);
                self.wholes.part_mut(start / BLOCK, 1)[0] = scale * (sums[0] + sums[1]) as f32;
            }
        }
    }
}

/// Rows of a result, one after another.
pub(super) struct Results<'a> {
    pub(super) values: &'a Shared<f32>,
    pub(super) stride: usize,
    pub(super) width: usize,
}

impl Output for Results<'_> {
    fn put(&self, row: usize, column: usize, values: [f32; PANEL]) {
        let width = PANEL.min(self.width.saturating_sub(column));
        // SAFETY: each panel of a row is one thread's.
        unsafe { self.values.part_mut(row * self.stride + column, width) }.copy_from_slice(&values[..width]);
    }
}

impl Workspace {
    /// The last hidden state of a row of the step before, after the final norm.
    ///
    /// # Safety
    /// As [`Shared::part`].
    pub(super) unsafe fn state(&self, row: usize, hidden: usize) -> &[f32] {
        // SAFETY: as the caller says.
        unsafe { self.inputs.values.part(row * self.inputs.wide, hidden) }
    }

    /// Room for steps of so many rows, and of adapters up to some narrow width.
    pub(super) fn new(model: &Model, team: &Team, rows: usize, narrow: usize) -> Self {
        let config = &model.config;
        let joint =
            ((config.heads + 2 * config.kv_heads) * config.head_width).max(2 * config.intermediate).max(config.hidden);
        let widest = config.hidden.max(config.intermediate).max(config.heads * config.head_width);
        let wide = widest.next_multiple_of(BLOCK);
        Self {
            rows,
            wide: joint,
            narrow,
            x: Shared::new(rows * config.hidden),
            joint: Shared::new(rows * joint),
            inputs: Inputs {
                wide,
                values: Shared::new(rows * wide),
                numbers: Shared::new(rows * wide),
                scales: Shared::new(rows * wide / BLOCK),
                sums: Shared::new(rows * wide / BLOCK * 2),
                wholes: Shared::new(rows * wide / BLOCK),
            },
            small: Shared::new(rows * narrow.max(1)),
            angles: Shared::new(rows * config.ropes.len() * config.head_width),
            weights: Shared::new(team.size() * TILE * config.context),
        }
    }
}

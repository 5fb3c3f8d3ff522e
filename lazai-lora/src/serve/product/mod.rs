//! Products of activations with packed weights. Each value of a result is one sum in one order, whatever else is computed
//! beside it: no bit of a row depends on how many rows there are, nor on the number of threads.
//!
//! Where weights are quantised, activations are too: 32 of them share a scale, and their products are summed exactly.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use super::blocks::Kind;
use super::weights::{Form, PANEL, Packed};

/// Rows of activations that are multiplied at once.
const TILE: usize = 8;

/// A row of activations, and its quantised form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) values: &'a [f32],
    /// `values = numbers * scale`, roughly.
    pub(super) numbers: &'a [i8],
    /// A scale for each block.
    pub(super) scales: &'a [f32],
    /// Sums of the numbers, for each half of a block.
    pub(super) sums: &'a [i32],
    /// Sums of blocks, scaled: what an offset of their weights is multiplied with.
    pub(super) wholes: &'a [f32],
}

/// Quantises one block: gives its scale, and the sums of its halves.
#[inline(always)]
pub(super) fn quantise(values: &[f32], numbers: &mut [i8]) -> (f32, [i32; 2]) {
    let greatest = values.iter().fold(0.0_f32, |most, x| if x.abs() > most { x.abs() } else { most });
    let (scale, inverse) = (greatest / 127.0, if greatest > 0.0 { 127.0 / greatest } else { 0.0 });
    for (number, value) in numbers.iter_mut().zip(values) {
        // 1.5 * 2^23: what is added to it is rounded to an integer, to even where it lies between.
        let rounded = value * inverse + 12_582_912.0;
        *number = rounded.to_bits().wrapping_sub(0x4b40_0000) as i8;
    }
    let half = |half: usize| numbers[16 * half..][..16].iter().map(|n| i32::from(*n)).sum();
    (scale, [half(0), half(1)])
}

/// Whom the rows of a result belong to: each is written by one thread at a time, panel by panel.
pub(super) trait Output {
    /// Puts sixteen values of a row, from a column on; those beyond the row's end are of no rows.
    fn put(&self, row: usize, column: usize, values: [f32; PANEL]);
}

/// What a product is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// What the compiler makes of loops.
    Portable,
}

impl Instructions {
    /// The fastest that the processor has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if ["avx512f", "avx512bw", "avx512vl", "avx512vnni"].iter().all(|name| has(name)) {
            return Self::Avx512;
        }
        Self::Portable
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512-vnni",
            Self::Portable => "portable",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has(name: &str) -> bool {
    match name {
        "avx512f" => std::arch::is_x86_feature_detected!("avx512f"),
        "avx512bw" => std::arch::is_x86_feature_detected!("avx512bw"),
        "avx512vl" => std::arch::is_x86_feature_detected!("avx512vl"),
        _ => std::arch::is_x86_feature_detected!("avx512vnni"),
    }
}

/// Multiplies rows of activations with some panels of weights.
pub(super) fn product(
    with: Instructions,
    weights: &Packed,
    panels: std::ops::Range<usize>,
    inputs: &[Input<'_>],
    first: usize,
    out: &impl Output,
) {
    for panel in panels {
        let bytes = weights.panel(panel);
        let mut row = 0;
        while row < inputs.len() {
            let left = inputs.len() - row;
            let rows = if left >= TILE { TILE } else { 1 << left.ilog2() };
            let mut tile = [[0.0; PANEL]; TILE];
            tile_of(with, weights, bytes, &inputs[row..row + rows], &mut tile[..rows]);
            for (i, values) in tile[..rows].iter().enumerate() {
                out.put(row + i, first + panel * PANEL, *values);
            }
            row += rows;
        }
    }
}

fn tile_of(with: Instructions, weights: &Packed, panel: &[u8], inputs: &[Input<'_>], out: &mut [[f32; PANEL]]) {
    let (columns, blocks) = (weights.columns, weights.columns / super::weights::BLOCK);
    let fits = |input: &Input<'_>| {
        let Input { values, numbers, scales, sums, wholes } = input;
        let lengths = [numbers.len() / super::weights::BLOCK, scales.len(), sums.len() / 2, wholes.len()];
        values.len() == columns && lengths.iter().all(|found| *found >= blocks)
    };
    assert!(inputs.iter().all(fits), "inner sizes of a product");
    match with {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => avx512::tile(weights.form, weights.columns, panel, inputs, out),
        Instructions::Portable => portable::tile(weights.form, weights.columns, panel, inputs, out),
    }
}

/// What all kernels of quantised weights read.
struct Runs<'a> {
    kind: Kind,
    numbers: &'a [u8],
    scales: &'a [u8],
    scale_bytes: usize,
}

impl<'a> Runs<'a> {
    fn new(kind: Kind, columns: usize, panel: &'a [u8]) -> Self {
        let form = Form::Quantised(kind);
        let (numbers, scales) = panel.split_at(form.numbers(columns));
        assert!(scales.len() >= columns / kind.run * form.scales(), "a panel holds the scales of all runs");
        Self { kind, numbers, scales, scale_bytes: form.scales() }
    }
}

#[cfg(test)]
mod tests;

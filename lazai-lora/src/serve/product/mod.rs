//! Products of activations with packed weights. Each value of a result is one sum in one order, whatever else is computed
//! beside it: no bit of a row depends on how many rows there are, nor on the number of threads.
//!
//! Where weights are quantised, activations are too: 32 of them share a scale, and their products are summed exactly.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
mod portable;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
mod rows;

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

/// What a product is computed with. Each has the same bits as the others, but for the portable loops, which fuse nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA and AVX-VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// NEON.
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    Neon,
    /// What the compiler makes of loops.
    Portable,
}

impl Instructions {
    /// All of this architecture, the fastest first.
    const ALL: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2Vnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Self::Neon,
        Self::Portable,
    ];

    /// The fastest that the processor has.
    pub(super) fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// All that the processor has.
    fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|with| with.is_available())
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        use std::arch::is_x86_feature_detected as has;
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Vnni => Self::Avx2.is_available() && has!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => has!("avx2") && has!("fma") && has!("f16c"),
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Vnni => "avx2-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            Self::Neon => "neon",
            Self::Portable => "portable",
        }
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
            tile_of(with, weights.form, weights.columns, bytes, &inputs[row..row + rows], &mut tile[..rows]);
            for (i, values) in tile[..rows].iter().enumerate() {
                out.put(row + i, first + panel * PANEL, *values);
            }
            row += rows;
        }
    }
}

fn tile_of(
    with: Instructions,
    form: Form,
    columns: usize,
    panel: &[u8],
    inputs: &[Input<'_>],
    out: &mut [[f32; PANEL]],
) {
    let blocks = columns / super::weights::BLOCK;
    let fits = |input: &Input<'_>| {
        let Input { values, numbers, scales, sums, wholes } = input;
        let lengths = [numbers.len() / super::weights::BLOCK, scales.len(), sums.len() / 2, wholes.len()];
        values.len() == columns && lengths.iter().all(|found| *found >= blocks)
    };
    assert!(inputs.iter().all(fits), "inner sizes of a product");
    match with {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => rows::tile::<avx512::Avx512>(form, columns, panel, inputs, out),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2Vnni => rows::tile::<avx2::Avx2<true>>(form, columns, panel, inputs, out),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => rows::tile::<avx2::Avx2<false>>(form, columns, panel, inputs, out),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Instructions::Neon => rows::tile::<neon::Neon>(form, columns, panel, inputs, out),
        Instructions::Portable => portable::tile(form, columns, panel, inputs, out),
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

//! Weights in the order in which the engine reads them: panels of sixteen rows, column after column, so that one register
//! holds a column of a panel.

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::blocks::{self, Kind};
use super::packed::{Mapped, Matrix};
use crate::base::Weight;
use crate::error::Result;

/// Rows of a panel.
pub(super) const PANEL: usize = 16;
/// Columns that are read at once where weights are quantised.
pub(super) const BLOCK: usize = 32;

/// A piece of memory as long as a register, at a place that is a multiple of its length.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// How weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    /// 32-bit floats.
    F32,
    /// The upper half of 32-bit floats.
    Bf16,
    /// Small numbers with scales.
    Quantised(Kind),
}

impl Form {
    /// Bytes of the numbers of a panel of so many columns; scales come after them.
    pub(super) fn numbers(self, columns: usize) -> usize {
        match self {
            Self::F32 => columns * PANEL * 4,
            Self::Bf16 => columns * PANEL * 2,
            Self::Quantised(Kind { nibbles: true, .. }) => columns * PANEL / 2,
            Self::Quantised(_) => columns * PANEL,
        }
    }

    /// Bytes of the scales and offsets of one run.
    pub(super) fn scales(self) -> usize {
        match self {
            Self::F32 | Self::Bf16 => 0,
            Self::Quantised(kind) => PANEL * if kind.short { 2 } else { 4 } * if kind.offsets { 2 } else { 1 },
        }
    }

    fn panel(self, columns: usize) -> usize {
        let runs = match self {
            Self::Quantised(kind) => columns / kind.run,
            _ => 0,
        };
        (self.numbers(columns) + runs * self.scales()).next_multiple_of(64)
    }

    /// Bytes of all panels of a matrix; `None` if none can have this form and size.
    pub(super) fn bytes(self, rows: usize, columns: usize) -> Option<usize> {
        let is_known = match self {
            Self::Quantised(kind) => blocks::is_known(kind) && columns.is_multiple_of(BLOCK),
            Self::F32 | Self::Bf16 => true,
        };
        // Longer rows would not have been laid out.
        if !is_known || columns > 1 << 30 {
            return None;
        }
        rows.div_ceil(PANEL).checked_mul(self.panel(columns))
    }
}

/// A matrix of weights.
pub(super) struct Packed {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) form: Form,
    lines: Lines,
}

/// Where panels are.
enum Lines {
    Memory(Vec<Line>),
    File(Mapped),
}

impl Lines {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Memory(lines) => bytes_of(lines),
            Self::File(mapped) => mapped.bytes(),
        }
    }
}

impl Packed {
    /// Packs matrices with as many columns, one above another.
    pub(super) fn new(parts: &[&Weight]) -> Result<Self> {
        let form = form_of(parts);
        let columns = parts.first().map_or(0, |part| part.dims()[1]);
        let rows = parts.iter().map(|part| part.dims()[0]).sum();
        let panels = usize::div_ceil(rows, PANEL);
        let mut lines = vec![Line([0; 64]); panels * form.panel(columns) / 64];
        let mut panels = Panels { columns, form, all: bytes_of_mut(&mut lines) };
        let mut first = 0;
        for part in parts {
            panels.fill(first, part)?;
            first += part.dims()[0];
        }
        Ok(Self { rows, columns, form, lines: Lines::Memory(lines) })
    }

    /// A matrix whose panels are in a file.
    pub(super) fn mapped(Matrix { rows, columns, form }: Matrix, mapped: Mapped) -> Self {
        Self { rows, columns, form, lines: Lines::File(mapped) }
    }

    /// Its sizes and form.
    pub(super) fn matrix(&self) -> Matrix {
        Matrix { rows: self.rows, columns: self.columns, form: self.form }
    }

    /// True if its panels are in a file.
    #[cfg(test)]
    pub(super) fn is_mapped(&self) -> bool {
        matches!(self.lines, Lines::File(_))
    }

    /// The bytes of all panels.
    pub(super) fn panels_bytes(&self) -> &[u8] {
        self.lines.bytes()
    }

    pub(super) fn panels(&self) -> usize {
        self.rows.div_ceil(PANEL)
    }

    /// The bytes of one panel.
    pub(super) fn panel(&self, panel: usize) -> &[u8] {
        let bytes = self.form.panel(self.columns);
        &self.lines.bytes()[panel * bytes..][..bytes]
    }

    /// Bytes of its panels.
    pub(super) fn bytes(&self) -> usize {
        self.lines.bytes().len()
    }

    /// One row as 32-bit floats.
    pub(super) fn row(&self, row: usize, out: &mut [f32]) {
        let (panel, lane) = (self.panel(row / PANEL), row % PANEL);
        let (numbers, scales) = panel.split_at(self.form.numbers(self.columns));
        for (column, out) in out.iter_mut().enumerate() {
            let place = column * PANEL + lane;
            *out = match self.form {
                Form::F32 => f32::from_le_bytes(array(&numbers[place * 4..])),
                Form::Bf16 => bf16::from_le_bytes(array(&numbers[place * 2..])).to_f32(),
                Form::Quantised(kind) => {
                    let (place, shift) = place_of(kind, column, lane);
                    let number = numbers[place] >> shift & if kind.nibbles { 15 } else { 255 };
                    let run = &scales[column / kind.run * self.form.scales()..];
                    let offset = if kind.offsets { get(run, kind.short, PANEL + lane) } else { 0.0 };
                    get(run, kind.short, lane) * (i32::from(number) - kind.zero) as f32 + offset
                }
            };
        }
    }
}

/// Panels in the making.
struct Panels<'p> {
    columns: usize,
    form: Form,
    all: &'p mut [u8],
}

impl Panels<'_> {
    fn fill(&mut self, first: usize, part: &Weight) -> Result<()> {
        match (self.form, part) {
            (Form::Quantised(kind), Weight::Quantised(tensor)) => self.fill_quantised(first, tensor, kind),
            (Form::Bf16, Weight::Dense(tensor)) => {
                let values = tensor.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<bf16>()?;
                self.fill_dense(first, &values, |value, to| to.copy_from_slice(&value.to_le_bytes()));
                Ok(())
            }
            _ => {
                let values = part.to_f32(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
                self.fill_dense(first, &values, |value, to| to.copy_from_slice(&value.to_le_bytes()));
                Ok(())
            }
        }
    }

    fn fill_dense<T: Copy>(&mut self, first: usize, values: &[T], write: impl Fn(T, &mut [u8])) {
        let (columns, size, bytes) = (self.columns, size_of::<T>(), self.form.panel(self.columns));
        for (i, row) in values.chunks_exact(columns).enumerate() {
            let (panel, lane) = ((first + i) / PANEL, (first + i) % PANEL);
            let panel = &mut self.all[panel * bytes..][..bytes];
            for (column, value) in row.iter().enumerate() {
                write(*value, &mut panel[(column * PANEL + lane) * size..][..size]);
            }
        }
    }

    fn fill_quantised(&mut self, first: usize, tensor: &QTensor, kind: Kind) -> Result<()> {
        let (form, columns, bytes) = (self.form, self.columns, self.form.panel(self.columns));
        let stored = tensor.data()?;
        let stride = columns / tensor.dtype().block_size() * tensor.dtype().type_size();
        for (i, row) in stored.chunks_exact(stride).enumerate() {
            let (panel, lane) = ((first + i) / PANEL, (first + i) % PANEL);
            let (numbers, scales) = self.all[panel * bytes..][..bytes].split_at_mut(form.numbers(columns));
            let row = blocks::read(tensor.dtype(), row);
            for (column, number) in row.numbers.iter().enumerate() {
                let (place, shift) = place_of(kind, column, lane);
                numbers[place] |= number << shift;
            }
            for (run, (scale, offset)) in row.scales.iter().zip(&row.offsets).enumerate() {
                let run = &mut scales[run * form.scales()..][..form.scales()];
                put(run, kind.short, lane, *scale);
                if kind.offsets {
                    put(run, kind.short, PANEL + lane, *offset);
                }
            }
        }
        Ok(())
    }
}

/// The byte and the shift of a number. Four columns of a row stand together, since products are summed by fours; nibbles of
/// a block's second half stand above those of its first.
pub(super) fn place_of(kind: Kind, column: usize, lane: usize) -> (usize, usize) {
    let (block, within) = (column / BLOCK, column % BLOCK);
    if kind.nibbles {
        let (half, within) = (within / 16, within % 16);
        (block * BLOCK * PANEL / 2 + (within / 4 * PANEL + lane) * 4 + within % 4, half * 4)
    } else {
        (block * BLOCK * PANEL + (within / 4 * PANEL + lane) * 4 + within % 4, 0)
    }
}

fn put(run: &mut [u8], short: bool, place: usize, value: f32) {
    if short {
        run[place * 2..][..2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
    } else {
        run[place * 4..][..4].copy_from_slice(&value.to_le_bytes());
    }
}

pub(super) fn get(run: &[u8], short: bool, place: usize) -> f32 {
    if short {
        f16::from_le_bytes(array(&run[place * 2..])).to_f32()
    } else {
        f32::from_le_bytes(array(&run[place * 4..]))
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// The form that all parts have in common; 32-bit floats if none.
fn form_of(parts: &[&Weight]) -> Form {
    let form = |part: &Weight| match part {
        Weight::Quantised(tensor) => match blocks::kind_of(tensor.dtype()) {
            Some(kind) if part.dims()[1].is_multiple_of(BLOCK) => Form::Quantised(kind),
            _ => Form::F32,
        },
        Weight::Dense(tensor) if tensor.dtype() == DType::BF16 => Form::Bf16,
        Weight::Dense(_) => Form::F32,
    };
    let first = parts.first().map_or(Form::F32, |part| form(part));
    if parts.iter().all(|part| form(part) == first) { first } else { Form::F32 }
}

#[allow(unsafe_code, reason = "bytes of lines")]
fn bytes_of(lines: &[Line]) -> &[u8] {
    // SAFETY: a line is 64 bytes without padding.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * 64) }
}

#[allow(unsafe_code, reason = "bytes of lines")]
fn bytes_of_mut(lines: &mut [Line]) -> &mut [u8] {
    // SAFETY: as above; borrowed mutably.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 64) }
}

/// A vector of a norm or a bias.
pub(super) fn vector(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?)
}

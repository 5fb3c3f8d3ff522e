//! Matrix products, by the `gemm` crate, one task of it per part of the result: its own division among threads leaves a
//! fifth of the time unused at these shapes. The result does not depend on the number of threads: no sum is divided.

use gemm::Parallelism;
use rayon::prelude::*;

/// A matrix inside a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` values, one after another.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Rows of `columns` values, each `row_stride` after the one before.
    pub(crate) fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn rows_of(self, from: usize, to: usize) -> Self {
        Self { data: &self.data[(from * self.row_stride).min(self.data.len())..], rows: to - from, ..self }
    }

    fn fits(&self) -> bool {
        fits(self.data.len(), self.rows, self.columns, self.row_stride, self.column_stride)
    }
}

/// The destination of a product: contiguous rows.
pub(crate) struct Target<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) row_stride: usize,
    /// True to add to the present values.
    pub(crate) add: bool,
}

fn fits(len: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * row_stride + (columns - 1) * column_stride < len
}

/// `target (+)= scale * a b`.
///
/// # Panics
/// If the shapes do not fit: an error in this crate.
pub(crate) fn product(target: Target<'_>, a: Matrix<'_>, b: Matrix<'_>, scale: f32, parallel: bool) {
    let (rows, columns) = (a.rows, b.columns);
    assert!(columns <= target.row_stride && fits(target.data.len(), rows, columns, target.row_stride, 1));
    // SAFETY: the target lies inside a slice that is borrowed mutably (checked above).
    #[allow(unsafe_code, reason = "shared with `fresh`, whose target is not initialised")]
    unsafe {
        run(target.data.as_mut_ptr(), target.row_stride, target.add, a, b, scale, parallel);
    }
}

/// `scale * a b`, rows after one another.
///
/// # Panics
/// As [`product`].
pub(crate) fn fresh(a: Matrix<'_>, b: Matrix<'_>, scale: f32) -> Vec<f32> {
    let (rows, columns) = (a.rows, b.columns);
    if a.columns == 0 {
        return vec![0.0; rows * columns];
    }
    let mut out = Vec::with_capacity(rows * columns);
    // SAFETY: there is room for `rows * columns` values, and without adding, each is written and none is read; clearing
    // them first would cost as much as a tenth of a thin product.
    #[allow(unsafe_code, reason = "a target that is not initialised")]
    unsafe {
        run(out.as_mut_ptr(), columns, false, a, b, scale, true);
        out.set_len(rows * columns);
    }
    out
}

/// Rows of a task: its part of `a` is packed once for all columns.
const TASK_ROWS: usize = 256;
/// Columns of a task.
const TASK_COLUMNS: usize = 640;
/// No task is thinner: `gemm` cuts sums elsewhere where both sides are 64 or less, and results must not depend on how many
/// tasks there are.
const MIN_SIDE: usize = 96;

/// Into how many rows and columns of tasks a product is divided.
fn division(rows: usize, columns: usize, threads: usize) -> (usize, usize) {
    let (most_rows, most_columns) = ((rows / MIN_SIDE).max(1), (columns / MIN_SIDE).max(1));
    let mut parts = (rows.div_ceil(TASK_ROWS).min(most_rows), columns.div_ceil(TASK_COLUMNS).min(most_columns));
    while parts.0 * parts.1 < threads && parts != (most_rows, most_columns) {
        // Halve the longer side of a task.
        let by_columns = columns / parts.1 > rows / parts.0;
        if (by_columns || parts.0 == most_rows) && parts.1 < most_columns {
            parts.1 = (parts.1 * 2).min(most_columns);
        } else {
            parts.0 = (parts.0 * 2).min(most_rows);
        }
    }
    parts
}

/// # Safety
/// `target` is valid for writing the rows and columns of the product, and for reading them if `add`; nobody else uses them.
#[allow(unsafe_code, reason = "the library takes pointers")]
unsafe fn run(
    target: *mut f32,
    row_stride: usize,
    add: bool,
    a: Matrix<'_>,
    b: Matrix<'_>,
    scale: f32,
    parallel: bool,
) {
    assert_eq!(a.columns, b.rows, "inner sizes of a product");
    assert!(a.fits() && b.fits(), "factors lie inside their slices");
    let threads = if parallel { rayon::current_num_threads() } else { 1 };
    let (row_parts, column_parts) = if threads > 1 { division(a.rows, b.columns, threads) } else { (1, 1) };
    let target = Shared(target);
    let task = |i: usize| {
        let (row_part, column_part) = (i / column_parts, i % column_parts);
        let span = |part: usize, parts: usize, all: usize| (all * part / parts, all * (part + 1) / parts);
        let (top, bottom) = span(row_part, row_parts, a.rows);
        let (left, right) = span(column_part, column_parts, b.columns);
        let (a, b) = (a.rows_of(top, bottom), b.transposed().rows_of(left, right).transposed());
        // SAFETY: the task's place lies inside the target, and tasks do not overlap.
        unsafe { single(target.at(top * row_stride + left), row_stride, add, a, b, scale) }
    };
    match row_parts * column_parts {
        1 => task(0),
        tasks => (0..tasks).into_par_iter().for_each(task),
    }
}

#[derive(Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: tasks write to different places.
#[allow(unsafe_code, reason = "tasks share the target")]
unsafe impl Send for Shared {}
// SAFETY: as above.
#[allow(unsafe_code, reason = "tasks share the target")]
unsafe impl Sync for Shared {}

impl Shared {
    fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// # Safety
/// As [`run`].
#[allow(unsafe_code, reason = "the library takes pointers")]
unsafe fn single(target: *mut f32, row_stride: usize, add: bool, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    let stride = |n: usize| n as isize;
    // SAFETY: the factors lie inside their slices, the target is the caller's, and overlaps neither.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            target,
            1,
            stride(row_stride),
            add,
            a.data.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

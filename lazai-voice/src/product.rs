//! Matrix products, by the `gemm` crate, on the caller's thread alone: results do not depend on how many there are.

use gemm::Parallelism;

/// A matrix inside a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` values, one after another.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Rows of `columns` values, each `row_stride` after the one before; they may overlap.
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
}

fn fits(len: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * row_stride + (columns - 1) * column_stride < len
}

/// `scale * a b`, rows after one another.
///
/// # Panics
/// If the shapes do not fit: an error in this crate.
pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>, scale: f32) -> Vec<f32> {
    let mut out = vec![0.0; a.rows * b.columns];
    let stride = b.columns;
    write(&mut out, stride, false, a, b, scale);
    out
}

/// Adds `scale * a b` to rows that are `stride` apart.
///
/// # Panics
/// As [`product`].
pub(crate) fn add(target: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    write(target, stride, true, a, b, scale);
}

/// `target = scale * a b`, rows that are `stride` apart; added to what stands there if `add`.
///
/// # Panics
/// As [`product`].
pub(crate) fn write(target: &mut [f32], stride: usize, add: bool, a: Matrix<'_>, b: Matrix<'_>, scale: f32) {
    let (rows, columns) = (a.rows, b.columns);
    assert_eq!(a.columns, b.rows, "inner sizes of a product");
    assert!(columns <= stride && fits(target.len(), rows, columns, stride, 1), "the product lies inside its target");
    for factor in [&a, &b] {
        let (data, row, column) = (factor.data.len(), factor.row_stride, factor.column_stride);
        assert!(fits(data, factor.rows, factor.columns, row, column), "factors lie inside their slices");
    }
    let step = |n: usize| n as isize;
    // SAFETY: target and factors lie inside their slices (checked above), and the target is borrowed alone.
    #[allow(unsafe_code, reason = "the library takes pointers")]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            a.columns,
            target.as_mut_ptr(),
            1,
            step(stride),
            add,
            a.data.as_ptr(),
            step(a.column_stride),
            step(a.row_stride),
            b.data.as_ptr(),
            step(b.column_stride),
            step(b.row_stride),
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_strided_and_transposed_matrices() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 2.0, 1.0]);
        assert_eq!(product(Matrix::strided(&a, 2, 2, 3), Matrix::new(&b, 2, 2), 1.0), [5.0, 2.0, 14.0, 5.0]);
        let mut target = [1.0; 6];
        add(&mut target, 3, Matrix::new(&b, 2, 2).transposed(), Matrix::new(&a, 2, 2), 2.0);
        assert_eq!(target, [15.0, 21.0, 1.0, 7.0, 9.0, 1.0]);
    }
}

//! A linear layer that does not learn, with low-rank updates that do.
//!
//! Several modules that read the same input (queries, keys and values; gate and up) are rows of one weight: one product
//! instead of three. Backward computes the input's gradient and those of the factors; none of the weight, which would cost
//! a third of all work and as much memory as the weights.

use std::ops::Range;

use candle_core::Tensor;

use super::cpu::product::{Matrix, Target, fresh, product};
use super::{cpu, on_cpu, with_slices};
use crate::error::Result;

/// Updates of some modules of a layer: `y[rows] += scale * b (a x)`.
pub(crate) struct LowRank<'a> {
    /// All modules' `A`, one above another: `[modules * rank, in]`.
    pub(crate) a: &'a Tensor,
    /// Each module's place among the outputs, and its `B: [rows, rank]`.
    pub(crate) b: Vec<(Range<usize>, &'a Tensor)>,
    pub(crate) rank: usize,
    pub(crate) scale: f64,
}

/// Gradients of the factors, in the same order.
pub(crate) struct LowRankGradient {
    pub(crate) a: Tensor,
    pub(crate) b: Vec<Tensor>,
}

/// `y = x W^T + bias + updates` for `x: [rows, in]`, `W: [out, in]`. Gives `y` and, with updates, `A x`, which backward
/// needs.
pub(crate) fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    low_rank: Option<&LowRank<'_>>,
) -> Result<(Tensor, Option<Tensor>)> {
    let ((rows, inner), outer) = (x.dims2()?, weight.dim(0)?);
    if !on_cpu(x) {
        return portable(x, weight, bias, low_rank);
    }
    let narrow = match low_rank {
        Some(l) => {
            let width = l.a.dim(0)?;
            Some(with_slices([x, l.a], |[x, a]| {
                fresh(Matrix::new(x, rows, inner), Matrix::new(a, width, inner).transposed(), 1.0)
            })?)
        }
        None => None,
    };
    let mut out = with_slices([x, weight], |[x, weight]| {
        fresh(Matrix::new(x, rows, inner), Matrix::new(weight, outer, inner).transposed(), 1.0)
    })?;
    if let Some(bias) = bias {
        with_slices([bias], |[bias]| cpu::add_bias(&mut out, bias))?;
    }
    let Some((l, narrow)) = low_rank.zip(narrow) else {
        return Ok((Tensor::from_vec(out, (rows, outer), x.device())?, None));
    };
    let width = l.b.len() * l.rank;
    for (i, (place, b)) in l.b.iter().enumerate() {
        with_slices([b], |[b]| {
            let target = Target { data: &mut out[place.start..], row_stride: outer, add: true };
            let narrow = Matrix::strided(&narrow[i * l.rank..], rows, l.rank, width);
            product(target, narrow, Matrix::new(b, place.len(), l.rank).transposed(), l.scale as f32, true);
        })?;
    }
    let narrow = Tensor::from_vec(narrow, (rows, width), x.device())?;
    Ok((Tensor::from_vec(out, (rows, outer), x.device())?, Some(narrow)))
}

/// The gradients of [`linear`] by its input (if `by_input`) and by the factors of its updates.
pub(crate) fn linear_backward(
    gradient: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    low_rank: Option<(&LowRank<'_>, &Tensor)>,
    by_input: bool,
) -> Result<(Option<Tensor>, Option<LowRankGradient>)> {
    let ((rows, outer), inner) = (gradient.dims2()?, weight.dim(1)?);
    if !on_cpu(gradient) {
        return portable_backward(gradient, x, weight, low_rank, by_input);
    }
    let mut to_input = if by_input {
        with_slices([gradient, weight], |[gradient, weight]| {
            fresh(Matrix::new(gradient, rows, outer), Matrix::new(weight, outer, inner), 1.0)
        })?
    } else {
        Vec::new()
    };
    let factors = match low_rank {
        Some((l, narrow)) => {
            let width = l.b.len() * l.rank;
            let mut to_narrow = vec![0.0; rows * width];
            let mut to_b = Vec::with_capacity(l.b.len());
            for (i, (place, b)) in l.b.iter().enumerate() {
                let out = with_slices([gradient, narrow, b], |[gradient, narrow, b]| {
                    let gradient = Matrix::strided(&gradient[place.start..], rows, place.len(), outer);
                    let narrow = Matrix::strided(&narrow[i * l.rank..], rows, l.rank, width);
                    let target = Target { data: &mut to_narrow[i * l.rank..], row_stride: width, add: false };
                    product(target, gradient, Matrix::new(b, place.len(), l.rank), l.scale as f32, true);
                    fresh(gradient.transposed(), narrow, l.scale as f32)
                })?;
                to_b.push(Tensor::from_vec(out, (place.len(), l.rank), x.device())?);
            }
            let to_a = with_slices([x, l.a], |[x, a]| {
                let narrow = Matrix::new(&to_narrow, rows, width);
                if by_input {
                    let target = Target { data: &mut to_input, row_stride: inner, add: true };
                    product(target, narrow, Matrix::new(a, width, inner), 1.0, true);
                }
                fresh(narrow.transposed(), Matrix::new(x, rows, inner), 1.0)
            })?;
            Some(LowRankGradient { a: Tensor::from_vec(to_a, (width, inner), x.device())?, b: to_b })
        }
        None => None,
    };
    let to_input = if by_input { Some(Tensor::from_vec(to_input, (rows, inner), x.device())?) } else { None };
    Ok((to_input, factors))
}

pub(super) fn portable(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    low_rank: Option<&LowRank<'_>>,
) -> Result<(Tensor, Option<Tensor>)> {
    let mut out = x.matmul(&weight.t()?)?;
    if let Some(bias) = bias {
        out = out.broadcast_add(bias)?;
    }
    let Some(l) = low_rank else { return Ok((out, None)) };
    let narrow = x.matmul(&l.a.t()?)?;
    for (i, (place, b)) in l.b.iter().enumerate() {
        let update = (narrow.narrow(1, i * l.rank, l.rank)?.contiguous()?.matmul(&b.t()?)? * l.scale)?;
        let (before, after) = (place.start, out.dim(1)? - place.end);
        out = (out + update.pad_with_zeros(1, before, after)?)?;
    }
    Ok((out, Some(narrow)))
}

pub(super) fn portable_backward(
    gradient: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    low_rank: Option<(&LowRank<'_>, &Tensor)>,
    by_input: bool,
) -> Result<(Option<Tensor>, Option<LowRankGradient>)> {
    let mut to_input = if by_input { Some(gradient.matmul(weight)?) } else { None };
    let Some((l, narrow)) = low_rank else { return Ok((to_input, None)) };
    let (mut to_b, mut to_narrow) = (Vec::new(), Vec::new());
    for (i, (place, b)) in l.b.iter().enumerate() {
        let gradient = (gradient.narrow(1, place.start, place.len())?.contiguous()? * l.scale)?;
        let narrow = narrow.narrow(1, i * l.rank, l.rank)?.contiguous()?;
        to_b.push(gradient.t()?.contiguous()?.matmul(&narrow)?);
        to_narrow.push(gradient.matmul(b)?);
    }
    let to_narrow = Tensor::cat(&to_narrow, 1)?;
    let a = to_narrow.t()?.contiguous()?.matmul(&x.contiguous()?)?;
    if let Some(to_input) = &mut to_input {
        *to_input = (&*to_input + to_narrow.matmul(l.a)?)?;
    }
    Ok((to_input, Some(LowRankGradient { a, b: to_b })))
}

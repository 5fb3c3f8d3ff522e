//! A transformer's layer: attention of every phoneme to every other, then a small network for each, both behind norms.

use super::Weights;
use super::layers::{Linear, Norm, Normed, activate, activate_backward, product_into, softmax, softmax_backward};
use crate::adapter::{Adapter, Gradients};
use crate::error::Result;
use crate::product::{Matrix, product};

pub(super) const HEADS: usize = 2;
/// Linear modules of a layer.
pub(super) const MODULES: usize = 4;

#[derive(Clone)]
pub(super) struct Layer {
    norms: [Norm; 2],
    /// Queries, keys and values side by side.
    into: Linear,
    out: Linear,
    widen: Linear,
    narrow: Linear,
}

pub(super) struct Tape {
    normed: [Normed; 2],
    inputs: [Vec<f32>; 2],
    /// Queries, keys, values.
    heads: Vec<f32>,
    /// For each head, how much each row takes from each.
    shares: Vec<f32>,
    gathered: Vec<f32>,
    wide: Vec<f32>,
    active: Vec<f32>,
    /// What the adapter's factors made of each module's input.
    hidden: [Vec<f32>; MODULES],
}

impl Layer {
    pub(super) fn load(from: &Weights<'_>, name: &str, width: usize) -> Result<Self> {
        let linear = |weight: &str, bias: &str, input, output| {
            Linear::load(from, &format!("{name}.{weight}"), &format!("{name}.{bias}"), input, output)
        };
        Ok(Self {
            norms: [
                Norm::load(from, &format!("{name}.norm1"), width)?,
                Norm::load(from, &format!("{name}.norm2"), width)?,
            ],
            into: linear("self_attn.in_proj_weight", "self_attn.in_proj_bias", width, 3 * width)?,
            out: linear("self_attn.out_proj.weight", "self_attn.out_proj.bias", width, width)?,
            widen: linear("linear1.weight", "linear1.bias", width, 2 * width)?,
            narrow: linear("linear2.weight", "linear2.bias", 2 * width, width)?,
        })
    }

    /// `module` is the place of the first of its linear modules.
    pub(super) fn forward(&self, mut x: Vec<f32>, module: usize, low: Option<&Adapter>) -> (Vec<f32>, Tape) {
        let low = |i: usize| low.map(|low| low.factors(module + i));
        let (first, normed_first) = self.norms[0].forward(&x);
        let (heads, hidden_into) = self.into.forward(&first, low(0));
        let (shares, gathered) = self.attend(&heads);
        let (out, hidden_out) = self.out.forward(&gathered, low(1));
        add(&mut x, &out);
        let (second, normed_second) = self.norms[1].forward(&x);
        let (wide, hidden_widen) = self.widen.forward(&second, low(2));
        let active = activate(&wide);
        let (out, hidden_narrow) = self.narrow.forward(&active, low(3));
        add(&mut x, &out);
        let tape = Tape {
            normed: [normed_first, normed_second],
            inputs: [first, second],
            heads,
            shares,
            gathered,
            wide,
            active,
            hidden: [hidden_into, hidden_out, hidden_widen, hidden_narrow],
        };
        (x, tape)
    }

    /// The shares of each head, and what each row takes by them.
    fn attend(&self, heads: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let width = self.out.input;
        let (rows, size) = (heads.len() / (3 * width), width / HEADS);
        let mut gathered = vec![0.0; rows * width];
        let mut shares = Vec::with_capacity(HEADS * rows * rows);
        for head in 0..HEADS {
            let part = |which: usize| Matrix::strided(&heads[which * width + head * size..], rows, size, 3 * width);
            let mut of_head = product(part(0), part(1).transposed(), 1.0 / (size as f32).sqrt());
            softmax(&mut of_head, rows);
            product_into(&mut gathered[head * size..], width, Matrix::new(&of_head, rows, rows), part(2), 1.0);
            shares.extend(of_head);
        }
        (shares, gathered)
    }

    fn attend_backward(&self, tape: &Tape, gradient: &[f32]) -> Vec<f32> {
        let width = self.out.input;
        let (rows, size) = (gradient.len() / width, width / HEADS);
        let mut out = vec![0.0; rows * 3 * width];
        let scale = 1.0 / (size as f32).sqrt();
        for head in 0..HEADS {
            let part =
                |which: usize| Matrix::strided(&tape.heads[which * width + head * size..], rows, size, 3 * width);
            let along = Matrix::strided(&gradient[head * size..], rows, size, width);
            let shares = &tape.shares[head * rows * rows..][..rows * rows];
            let mut scores = product(along, part(2).transposed(), 1.0);
            softmax_backward(shares, &mut scores, rows);
            let scores = Matrix::new(&scores, rows, rows);
            let mut put = |which: usize, a: Matrix<'_>, b: Matrix<'_>, scale: f32| {
                product_into(&mut out[which * width + head * size..], 3 * width, a, b, scale);
            };
            put(0, scores, part(1), scale);
            put(1, scores.transposed(), part(0), scale);
            put(2, Matrix::new(shares, rows, rows).transposed(), along, 1.0);
        }
        out
    }

    pub(super) fn backward(
        &self,
        tape: &Tape,
        mut gradient: Vec<f32>,
        module: usize,
        low: &Adapter,
        to: &mut Gradients,
    ) -> Vec<f32> {
        let mut back = |linear: &Linear, i: usize, x: &[f32], gradient: &[f32]| {
            let place = module + i;
            linear.backward(x, &tape.hidden[i], gradient, low.factors(place), low.slot(to, place))
        };
        let mut inner = back(&self.narrow, 3, &tape.active, &gradient);
        activate_backward(&tape.wide, &mut inner);
        let inner = back(&self.widen, 2, &tape.inputs[1], &inner);
        add(&mut gradient, &self.norms[1].backward(&tape.normed[1], &inner));
        let inner = back(&self.out, 1, &tape.gathered, &gradient);
        let inner = self.attend_backward(tape, &inner);
        let inner = back(&self.into, 0, &tape.inputs[0], &inner);
        add(&mut gradient, &self.norms[0].backward(&tape.normed[0], &inner));
        gradient
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

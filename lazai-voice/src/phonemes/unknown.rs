//! Words that no dictionary has: a small transformer from letters to phonemes.
//!
//! Four layers, pre-norm, 128 wide, four heads; each letter yields four signs, of which repetitions and blanks are dropped.
//! The British net's weights are bytes: its products are over bytes and integers, as ONNX defines `DynamicQuantizeLinear`
//! and `MatMulInteger`.

use serde::Deserialize;

use crate::error::{Result, SpeechError};
use crate::onnx::{Graph, Values};

/// Width of a letter's state.
const WIDTH: usize = 128;
const HEADS: usize = 4;
const LAYERS: usize = 4;
const HIDDEN: usize = 384;
/// Most letters of the alphabet, signs of the output, letters of a word.
const MAX_ALPHABET: usize = 4096;
const MAX_LETTERS: usize = 64;
const EPSILON: f32 = 1e-5;

/// `oov.json`.
#[derive(Deserialize)]
struct File {
    r#in: Vec<char>,
    out: Vec<char>,
    slots: usize,
    maxlen: usize,
}

/// The net.
#[derive(Debug)]
pub(super) struct Net {
    letters: Vec<(char, u16)>,
    signs: Vec<char>,
    /// Most letters of a word.
    pub longest: usize,
    embedding: Vec<f32>,
    positions: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
    head: Linear,
}

#[derive(Debug)]
struct Layer {
    norms: [Norm; 2],
    attention: Linear,
    projection: Linear,
    up: Linear,
    down: Linear,
}

#[derive(Debug)]
struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// A matrix, a row for each input, and what is added.
#[derive(Debug)]
struct Linear {
    weights: Weights,
    bias: Vec<f32>,
}

#[derive(Debug)]
enum Weights {
    Floats(Vec<f32>),
    Bytes { values: Vec<i8>, scale: f32, zero: i8 },
}

impl Net {
    /// Reads the net and its alphabets.
    pub(super) fn read(onnx: &[u8], json: &[u8]) -> Result<Self> {
        let bad = |reason: String| SpeechError::malformed("oov.json", reason);
        let file: File = serde_json::from_slice(json).map_err(|e| bad(e.to_string()))?;
        if !(1..=8).contains(&file.slots)
            || !(1..=MAX_LETTERS).contains(&file.maxlen)
            || file.r#in.len() > MAX_ALPHABET
            || file.out.len() > MAX_ALPHABET
        {
            return Err(bad(format!(
                "expected 1 to 8 slots, 1 to {MAX_LETTERS} letters, alphabets of up to {MAX_ALPHABET}"
            )));
        }
        let graph = Graph::parse(onnx)?;
        // The exporter numbers the matrices; in the order of use they are each layer's four, then the head's.
        let mut matrices = graph.nodes().iter().filter(|node| node.op.starts_with("MatMul")).filter_map(|node| {
            let name = node.inputs.get(1)?;
            graph.tensor(name).is_ok().then(|| name.trim_end_matches("_quantized").to_owned())
        });
        let mut linear = |bias: &str, rows: usize, columns: usize| -> Result<Linear> {
            let name =
                matrices.next().ok_or_else(|| SpeechError::malformed("oov.onnx", "fewer matrices than expected"))?;
            Ok(Linear {
                weights: Weights::read(&graph, &name, [rows, columns])?,
                bias: graph.floats(bias, &[columns])?,
            })
        };
        let norm = |name: &str| -> Result<Norm> {
            let part = |part: &str| graph.floats(&format!("{name}.{part}"), &[WIDTH]);
            Ok(Norm { scale: part("weight")?, shift: part("bias")? })
        };
        let mut layers = Vec::with_capacity(LAYERS);
        for layer in 0..LAYERS {
            let name = |part: &str| format!("m.layers.{layer}.{part}");
            layers.push(Layer {
                norms: [norm(&name("norm1"))?, norm(&name("norm2"))?],
                attention: linear(&name("self_attn.in_proj_bias"), WIDTH, 3 * WIDTH)?,
                projection: linear(&name("self_attn.out_proj.bias"), WIDTH, WIDTH)?,
                up: linear(&name("linear1.bias"), WIDTH, HIDDEN)?,
                down: linear(&name("linear2.bias"), HIDDEN, WIDTH)?,
            });
        }
        let head = linear("m.head.bias", WIDTH, file.slots * (file.out.len() + 1))?;
        let mut letters: Vec<(char, u16)> = file.r#in.iter().copied().zip(1..).collect();
        letters.sort_by_key(|(c, _)| *c);
        Ok(Self {
            embedding: graph.floats("m.emb.weight", &[file.r#in.len() + 1, WIDTH])?,
            positions: graph.floats("m.pos", &[file.maxlen, WIDTH])?,
            norm: norm("m.norm")?,
            letters,
            signs: file.out,
            longest: file.maxlen,
            layers,
            head,
        })
    }

    /// True for letters that it knows.
    pub(super) fn knows(&self, c: char) -> bool {
        self.letter(c).is_some()
    }

    fn letter(&self, c: char) -> Option<u16> {
        let at = self.letters.binary_search_by_key(&c, |(letter, _)| *letter).ok()?;
        Some(self.letters[at].1)
    }

    /// The bytes that it takes.
    pub(super) fn size(&self) -> usize {
        let linear = |l: &Linear| l.bias.len() * 4 + l.weights.size();
        let layer = |l: &Layer| [&l.attention, &l.projection, &l.up, &l.down].into_iter().map(linear).sum::<usize>();
        (self.embedding.len() + self.positions.len()) * 4
            + self.layers.iter().map(layer).sum::<usize>()
            + linear(&self.head)
    }

    /// The phonemes of a word's letters that it knows, of which the first [`Net::longest`] count.
    pub(super) fn say(&self, word: &str) -> String {
        let ids: Vec<u16> = word.chars().filter_map(|c| self.letter(c)).take(self.longest).collect();
        let mut states = Vec::with_capacity(ids.len() * WIDTH);
        for (id, position) in ids.iter().zip(self.positions.chunks_exact(WIDTH)) {
            let letter = self.embedding.chunks_exact(WIDTH).nth((*id).into()).unwrap_or_default();
            states.extend(letter.iter().zip(position).map(|(a, b)| a + b));
        }
        for layer in &self.layers {
            let attended = layer.projection.apply(&attend(&layer.attention.apply(&layer.norms[0].apply(&states))));
            add(&mut states, &attended);
            let mut hidden = layer.up.apply(&layer.norms[1].apply(&states));
            hidden.iter_mut().for_each(|x| *x = 0.5 * *x * (1.0 + libm::erff(*x / std::f32::consts::SQRT_2)));
            add(&mut states, &layer.down.apply(&hidden));
        }
        let scores = self.head.apply(&self.norm.apply(&states));
        let (mut said, mut previous) = (String::new(), 0);
        for scores in scores.chunks_exact(self.signs.len() + 1) {
            let mut best = 0;
            for (at, score) in scores.iter().enumerate() {
                if *score > scores[best] {
                    best = at;
                }
            }
            if best != previous && best > 0 {
                said.push(self.signs[best - 1]);
            }
            previous = best;
        }
        said
    }
}

fn add(states: &mut [f32], more: &[f32]) {
    states.iter_mut().zip(more).for_each(|(a, b)| *a += b);
}

/// Attention of each letter to all.
fn attend(mixed: &[f32]) -> Vec<f32> {
    const HEAD: usize = WIDTH / HEADS;
    let rows: Vec<&[f32]> = mixed.chunks_exact(3 * WIDTH).collect();
    let mut out = vec![0f32; rows.len() * WIDTH];
    let scale = (HEAD as f32).sqrt();
    for head in 0..HEADS {
        let [query, key, value] = [0, 1, 2].map(|part| part * WIDTH + head * HEAD..part * WIDTH + (head + 1) * HEAD);
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(WIDTH)) {
            let dot = |other: &&[f32]| {
                let products = row[query.clone()].iter().zip(&other[key.clone()]).map(|(a, b)| a * b);
                products.sum::<f32>() / scale
            };
            let mut weights: Vec<f32> = rows.iter().map(dot).collect();
            let largest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            weights.iter_mut().for_each(|w| *w = libm::expf(*w - largest));
            let total: f32 = weights.iter().sum();
            let out = &mut out[head * HEAD..(head + 1) * HEAD];
            for (weight, other) in weights.iter().zip(&rows) {
                out.iter_mut().zip(&other[value.clone()]).for_each(|(o, v)| *o += weight / total * v);
            }
        }
    }
    out
}

impl Norm {
    fn apply(&self, states: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(states.len());
        for row in states.chunks_exact(WIDTH) {
            let mean = row.iter().sum::<f32>() / WIDTH as f32;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / WIDTH as f32;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            let parameters = self.scale.iter().zip(&self.shift);
            out.extend(row.iter().zip(parameters).map(|(x, (by, plus))| (x - mean) * scale * by + plus));
        }
        out
    }
}

impl Linear {
    fn apply(&self, states: &[f32]) -> Vec<f32> {
        let columns = self.bias.len();
        match &self.weights {
            Weights::Floats(weights) => {
                let rows = weights.len() / columns;
                let mut out = Vec::with_capacity(states.len() / rows * columns);
                for state in states.chunks_exact(rows) {
                    let mut sums = vec![0f32; columns];
                    for (x, row) in state.iter().zip(weights.chunks_exact(columns)) {
                        sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += x * w);
                    }
                    add(&mut sums, &self.bias);
                    out.extend(sums);
                }
                out
            }
            Weights::Bytes { values, scale, zero } => {
                let (bytes, step, middle) = quantised(states);
                let rows = values.len() / columns;
                let mut out = Vec::with_capacity(states.len() / rows * columns);
                for state in bytes.chunks_exact(rows) {
                    let mut sums = vec![0i32; columns];
                    for (x, row) in state.iter().zip(values.chunks_exact(columns)) {
                        let x = i32::from(*x) - i32::from(middle);
                        sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += x * (i32::from(*w) - i32::from(*zero)));
                    }
                    out.extend(sums.iter().zip(&self.bias).map(|(sum, bias)| *sum as f32 * (step * scale) + bias));
                }
                out
            }
        }
    }
}

/// Floats as bytes, their step, and the byte that is zero: `DynamicQuantizeLinear` of ONNX.
fn quantised(states: &[f32]) -> (Vec<u8>, f32, u8) {
    let (low, high) = states.iter().fold((0f32, 0f32), |(low, high), x| (low.min(*x), high.max(*x)));
    let step = if high > low { (high - low) / 255.0 } else { 1.0 };
    let middle = (-low / step).round_ties_even().clamp(0.0, 255.0);
    let byte = |x: &f32| ((x / step).round_ties_even() + middle).clamp(0.0, 255.0) as u8;
    (states.iter().map(byte).collect(), step, middle as u8)
}

impl Weights {
    fn read(graph: &Graph, name: &str, shape: [usize; 2]) -> Result<Self> {
        if graph.tensor(name).is_ok() {
            return Ok(Self::Floats(graph.floats(name, &shape)?));
        }
        let part = |part: &str| graph.tensor(&format!("{name}_{part}"));
        let (values, scale, zero) = (part("quantized")?, part("scale")?, part("zero_point")?);
        match (&values.values, &scale.values, &zero.values) {
            (Values::I8(bytes), Values::F32(scale), Values::I8(zero))
                if values.shape == shape && scale.len() == 1 && zero.len() == 1 && scale[0].is_finite() =>
            {
                Ok(Self::Bytes { values: bytes.clone(), scale: scale[0], zero: zero[0] })
            }
            _ => Err(SpeechError::malformed(format!("{name:?}"), format!("expected bytes of {shape:?} and one scale"))),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Floats(values) => values.len() * 4,
            Self::Bytes { values, .. } => values.len(),
        }
    }
}

//! LoRA adapters: low-rank updates of some linear layers.
//!
//! E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021: `y = W x + scale B A x`,
//! with `A` drawn at random and `B` zero at first. [`files`](Adapter::save) are PEFT's; [`BaseModel::save_merged`] writes a
//! model with the update added to its weights.

mod files;
mod options;
mod targets;

use candle_core::Tensor;
use lazai_core::Digest;
use lazai_core::digest::sha256;
pub use lazai_core::record::{LoraConfig, Targets};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::kernels::{LowRank, LowRankGradient};
pub use files::{BaseCheck, CONFIG_FILE, MAX_ADAPTER_BYTES, WEIGHTS_FILE, write_config};
pub(crate) use files::{read_f32, write_tensors};

/// Greatest rank.
pub const MAX_RANK: usize = 1024;

/// The places of one group's factors among the parameters. `A` of all its modules are rows of one parameter, since they
/// read the same input.
#[derive(Clone)]
struct Group {
    a: usize,
    /// Each targeted module: its place among those of a layer, its rows among the group's outputs, its `B`.
    modules: Vec<(usize, std::ops::Range<usize>, usize)>,
}

/// An adapter in memory. A clone has the same values; clones train independently.
#[derive(Clone)]
pub struct Adapter {
    config: LoraConfig,
    base: Digest,
    /// The linear modules of a layer of the base.
    modules: &'static [&'static str],
    layers: Vec<[Option<Group>; 4]>,
    parameters: Vec<Tensor>,
}

impl Adapter {
    /// A fresh adapter that changes nothing yet: `A` uniform as PEFT draws it (Kaiming, gain of `sqrt(5)`), `B`
    /// zero.
    ///
    /// # Errors
    /// [`ModelError::Rank`], [`ModelError::NoTarget`], [`ModelError::Malformed`] for a pattern that is none.
    pub fn new(base: &BaseModel, config: LoraConfig, seed: u64) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rank = config.rank;
        Self::build(base, config, |_, input, output| {
            // Kaiming uniform with a = sqrt(5) is uniform between -1/sqrt(input) and 1/sqrt(input).
            let bound = 1.0 / (input as f64).sqrt();
            let draw = |_| ((f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0) * bound) as f32;
            Ok(((0..rank * input).map(draw).collect(), vec![0.0; output * rank]))
        })
    }

    /// An adapter whose factors are given by path, input and output width of their module.
    fn build(
        base: &BaseModel,
        config: LoraConfig,
        mut factors: impl FnMut(&str, usize, usize) -> Result<(Vec<f32>, Vec<f32>)>,
    ) -> Result<Self> {
        if config.rank == 0 || config.rank > MAX_RANK || config.alpha == 0 {
            return Err(ModelError::Rank { rank: config.rank, alpha: config.alpha, max: MAX_RANK });
        }
        let wanted = config.targets.clone();
        let targeted = targets::matcher(&wanted)?;
        let device = &base.device;
        let mut parameters = Vec::new();
        let mut layers = Vec::with_capacity(base.config.layers);
        for layer in 0..base.config.layers {
            let mut groups = [const { None }; 4];
            for (group, (first, count)) in groups.iter_mut().zip(base.config.groups()) {
                let (mut all_a, mut modules, mut start) = (Vec::new(), Vec::new(), 0);
                let mut all_b = Vec::new();
                for (module, name) in base.config.modules().iter().enumerate().skip(first).take(count) {
                    let (input, output) = base.config.module_shape(module);
                    let path = module_path(layer, name);
                    if targeted(&path) {
                        let (a, b) = factors(&path, input, output)?;
                        all_a.extend(a);
                        modules.push((module, start..start + output, parameters.len() + 1 + all_b.len()));
                        all_b.push(Tensor::from_vec(b, (output, config.rank), device)?);
                    }
                    start += output;
                }
                if modules.is_empty() {
                    continue;
                }
                let rows = modules.len() * config.rank;
                let width = all_a.len() / rows;
                *group = Some(Group { a: parameters.len(), modules });
                parameters.push(Tensor::from_vec(all_a, (rows, width), device)?);
                parameters.extend(all_b);
            }
            layers.push(groups);
        }
        if parameters.is_empty() {
            return Err(ModelError::NoTarget { targets: format!("{:?}", config.targets) });
        }
        Ok(Self { config, base: base.digest(), modules: base.config.modules(), layers, parameters })
    }

    /// The adapter's shape.
    #[must_use]
    pub fn config(&self) -> &LoraConfig {
        &self.config
    }

    /// Digest of the base model that it is for.
    #[must_use]
    pub fn base_digest(&self) -> Digest {
        self.base
    }

    /// Number of values that learn.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(Tensor::elem_count).sum()
    }

    /// The parameters, in a fixed order.
    pub(crate) fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [Tensor] {
        &mut self.parameters
    }

    /// Number of layers.
    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The updates of a layer, by group.
    pub(crate) fn updates(&self, layer: usize) -> [Option<LowRank<'_>>; 4] {
        self.layers[layer].each_ref().map(|group| {
            let group = group.as_ref()?;
            Some(LowRank {
                a: &self.parameters[group.a],
                b: group.modules.iter().map(|(_, rows, b)| (rows.clone(), &self.parameters[*b])).collect(),
                rank: self.config.rank,
                scale: self.config.scale(),
            })
        })
    }

    /// The first layer that has an update: backward goes no further.
    pub(crate) fn first_layer(&self) -> usize {
        self.layers.iter().position(|groups| groups.iter().any(Option::is_some)).unwrap_or(0)
    }

    /// Tensors shaped as the parameters, cut into the factors of modules, with their PEFT keys, in a fixed order.
    pub(crate) fn named(&self, tensors: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
        let mut named = Vec::with_capacity(tensors.len() * 2);
        for (layer, groups) in self.layers.iter().enumerate() {
            for group in groups.iter().flatten() {
                for (i, (module, _, b)) in group.modules.iter().enumerate() {
                    let key = |ab| factor_key(&module_path(layer, self.modules[*module]), ab);
                    let rank = self.config.rank;
                    named.push((key('A'), tensors[group.a].narrow(0, i * rank, rank)?.contiguous()?));
                    named.push((key('B'), tensors[*b].clone()));
                }
            }
        }
        Ok(named)
    }

    /// Tensors shaped as the parameters, joined from the factors of modules, which `read` returns by key and shape.
    pub(crate) fn tensors_from(&self, read: impl Fn(&str, &[usize]) -> Result<Vec<f32>>) -> Result<Vec<Tensor>> {
        let mut tensors = self.parameters.clone();
        for (layer, groups) in self.layers.iter().enumerate() {
            for group in groups.iter().flatten() {
                let a = &self.parameters[group.a];
                let mut all_a = Vec::with_capacity(a.elem_count());
                for (module, _, b) in &group.modules {
                    let path = module_path(layer, self.modules[*module]);
                    all_a.extend(read(&factor_key(&path, 'A'), &[self.config.rank, a.dim(1)?])?);
                    let b_shape = self.parameters[*b].shape();
                    let values = read(&factor_key(&path, 'B'), b_shape.dims())?;
                    tensors[*b] = Tensor::from_vec(values, b_shape, a.device())?;
                }
                tensors[group.a] = Tensor::from_vec(all_a, a.shape(), a.device())?;
            }
        }
        Ok(tensors)
    }

    /// Digest of the weights file.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn digest(&self) -> Result<Digest> {
        Ok(sha256(&self.to_bytes()?))
    }

    /// A module's updated weight: `W + scale B A`; `None` if it is not targeted.
    pub(crate) fn update(&self, layer: usize, module: usize) -> Result<Option<Tensor>> {
        for group in self.layers[layer].iter().flatten() {
            if let Some(i) = group.modules.iter().position(|(m, ..)| *m == module) {
                let a = self.parameters[group.a].narrow(0, i * self.config.rank, self.config.rank)?.contiguous()?;
                let b = &self.parameters[group.modules[i].2];
                return Ok(Some((b.matmul(&a)? * self.config.scale())?));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adapter {{ config: {:?}, layers: {} }}", self.config, self.layers.len())
    }
}

/// Sums of gradients, one for each parameter.
pub(crate) struct Gradients(pub(crate) Vec<Option<Tensor>>);

impl Gradients {
    pub(crate) fn new(adapter: &Adapter) -> Self {
        Self(vec![None; adapter.parameters.len()])
    }

    /// Adds those of a group of modules.
    pub(crate) fn add(&mut self, adapter: &Adapter, layer: usize, group: usize, found: LowRankGradient) -> Result<()> {
        let Some(group) = &adapter.layers[layer][group] else { return Ok(()) };
        let places = std::iter::once(group.a).chain(group.modules.iter().map(|(_, _, b)| *b));
        for (place, gradient) in places.zip(std::iter::once(found.a).chain(found.b)) {
            self.0[place] = Some(match self.0[place].take() {
                Some(sum) => (sum + gradient)?,
                None => gradient,
            });
        }
        Ok(())
    }
}

fn module_path(layer: usize, name: &str) -> String {
    format!("model.layers.{layer}.{name}")
}

fn factor_key(path: &str, factor: char) -> String {
    format!("base_model.model.{path}.lora_{factor}.weight")
}

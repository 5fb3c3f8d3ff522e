//! The plan of a run: dialogues put together into blocks, in an order drawn from the seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::TrainConfig;
use super::adamw::rate;
use crate::evaluate::Example;

/// One step of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedStep {
    /// Examples by number, in blocks: those of one block are computed as one row of tokens, none seeing another.
    pub blocks: Vec<Vec<usize>>,
    /// The learning rate.
    pub learning_rate: f64,
}

/// The data and learning rate of each step of a run: all that other software needs to repeat it.
///
/// # Example
/// ```
/// use lazai_lora::TrainConfig;
/// use lazai_lora::evaluate::Example;
/// use lazai_lora::train::plan;
///
/// let examples = vec![Example { tokens: vec![1, 2, 3], mask: vec![false, true, true] }; 4];
/// let steps = plan(&TrainConfig { epochs: 1, block_tokens: 6, ..TrainConfig::default() }, &examples);
/// assert_eq!(steps.iter().map(|s| s.blocks[0].len()).collect::<Vec<_>>(), [2, 2]);
/// ```
#[must_use]
pub fn plan(config: &TrainConfig, examples: &[Example]) -> Vec<PlannedStep> {
    let per_step = config.blocks_per_step.max(1) as usize;
    let blocks = pack(examples, config);
    let steps: Vec<_> = blocks.chunks(per_step).take(config.max_steps.map_or(usize::MAX, |n| n as usize)).collect();
    let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let step = |(blocks, i): (&[Vec<usize>], u32)| PlannedStep {
        blocks: blocks.to_vec(),
        learning_rate: rate(config, i, count),
    };
    steps.into_iter().zip(0..).map(step).collect()
}

/// The blocks of all epochs: each lists the examples in it. Every example stands once in every epoch, and a block
/// exceeds the configured size only where a single example does.
fn pack(examples: &[Example], config: &TrainConfig) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut blocks = Vec::new();
    for _ in 0..config.epochs {
        let mut order: Vec<usize> = (0..examples.len()).collect();
        // Fisher and Yates.
        for i in (1..order.len()).rev() {
            order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
        }
        let mut block = Vec::new();
        let mut size = 0;
        for index in order {
            let tokens = examples[index].tokens.len();
            if !block.is_empty() && size + tokens > config.block_tokens as usize {
                blocks.push(std::mem::take(&mut block));
                size = 0;
            }
            block.push(index);
            size += tokens;
        }
        if !block.is_empty() {
            blocks.push(block);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_once_an_epoch_and_blocks_within_size() {
        let examples: Vec<_> =
            (1..60).map(|n| Example { tokens: vec![0; n * 7 % 90 + 1], mask: vec![true; n * 7 % 90 + 1] }).collect();
        let config = TrainConfig { epochs: 3, block_tokens: 128, ..TrainConfig::default() };
        let blocks = pack(&examples, &config);
        let mut seen = vec![0; examples.len()];
        for block in &blocks {
            let size: usize = block.iter().map(|&i| examples[i].tokens.len()).sum();
            assert!(size <= 128);
            block.iter().for_each(|&i| seen[i] += 1);
        }
        assert!(seen.iter().all(|&n| n == 3));
        assert_eq!(blocks, pack(&examples, &config));
        assert_ne!(blocks, pack(&examples, &TrainConfig { seed: 2, ..config }));
    }
}

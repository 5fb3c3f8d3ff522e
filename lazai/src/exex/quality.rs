//! The records that training holds out, and what models make of them.

use std::path::Path;

use lazai_core::pov::Dataset;
use lazai_core::record::{Quality, held_out};
use lazai_core::seal::AtRest;
use lazai_core::{BasisPoints, Digest};
use lazai_lora::evaluate::Example;
use lazai_lora::train::{Data, LossJob};
use lazai_lora::{TrainError, Trainer};

use super::examples;

/// A dataset's records as training has them: those that it learns, and those that it holds out.
#[derive(Debug, Clone)]
pub struct Parts {
    learnt: Vec<Example>,
    held_out: Vec<Example>,
}

impl Parts {
    /// The same parts for everybody who has the dataset, its root ([`Commitment`](lazai_zk::Commitment)) and the share. Nothing is held out where nothing to learn, or nothing to measure,
    /// would be left.
    #[must_use]
    pub fn of(dataset: &Dataset, root: Digest, share: BasisPoints) -> Self {
        let all = examples(dataset);
        let drawn = held_out(root, all.len(), share);
        let says_something = |example: &Example| example.mask.iter().skip(1).any(|&said| said);
        let (mut learnt, mut held_out) = (Vec::with_capacity(all.len()), Vec::with_capacity(drawn.len()));
        for (record, example) in all.iter().enumerate() {
            let part = if drawn.binary_search(&record).is_ok() { &mut held_out } else { &mut learnt };
            part.push(example.clone());
        }
        if learnt.iter().any(says_something) && held_out.iter().any(says_something) {
            Self { learnt, held_out }
        } else {
            Self { learnt: all, held_out: Vec::new() }
        }
    }

    /// What a trainer gets of them.
    #[must_use]
    pub fn data<'a>(&'a self, dataset: &'a Dataset) -> Data<'a> {
        let manifest = dataset.manifest();
        Data {
            system: manifest.system.as_deref(),
            heldout: &self.held_out,
            ..Data::new(manifest.tokenizer_digest, &self.learnt)
        }
    }

    /// Measures base and tuned model on what was held out; `None` if nothing was. The adapter is a folder of PEFT's files, and how its
    /// weights are kept there; `system` is the dataset's. `goes_on` is asked before each of the three passes.
    ///
    /// # Errors
    /// [`TrainError`]; [`TrainError::Cancelled`] if `goes_on` says no.
    pub fn measure(
        &self,
        trainer: &dyn Trainer,
        system: Option<&str>,
        (adapter, at_rest): (&Path, &AtRest),
        steps: u32,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Quality>, TrainError> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let mut loss = |job: LossJob<'_>| {
            if !goes_on() {
                return Err(TrainError::Cancelled { steps });
            }
            let loss = trainer.mean_loss(&job)?;
            Quality::micronats(loss).ok_or(TrainError::NotFinite { what: "held-out loss", step: steps })
        };
        let bare = LossJob::bare(&self.held_out);
        let base_micronats = loss(bare)?;
        let prompted_micronats = system.map(|_| loss(LossJob { system, ..bare })).transpose()?;
        let tuned_micronats = loss(LossJob { system, adapter: Some(adapter), at_rest, ..bare })?;
        let said = |example: &Example| example.mask.iter().skip(1).filter(|&&said| said).count() as u64;
        Ok(Some(Quality {
            records: u32::try_from(self.held_out.len()).unwrap_or(u32::MAX),
            tokens: self.held_out.iter().map(said).sum(),
            base_micronats,
            prompted_micronats,
            tuned_micronats,
        }))
    }
}

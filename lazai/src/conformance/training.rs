//! Rules of trainers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_core::record::{LoraConfig, TrainConfig};
use lazai_lora::evaluate::Example;
use lazai_lora::train::{Checkpoints, Data, LossJob, TrainJob, TrainProgress, TrainedFiles};
use lazai_lora::{TrainError, Trainer};

/// A trainer, what it may learn, and a folder of its own.
#[derive(Debug, Clone)]
pub struct TrainerCase {
    /// The trainer.
    pub trainer: Arc<dyn Trainer>,
    /// Examples of its tokenizer, at least two.
    pub examples: Vec<Example>,
    /// An empty folder.
    pub folder: PathBuf,
}

const STEPS: u32 = 3;

impl TrainerCase {
    fn train(
        &self,
        name: &str,
        on_progress: &mut dyn FnMut(TrainProgress) -> bool,
    ) -> Result<TrainedFiles, TrainError> {
        let config = TrainConfig { max_steps: Some(STEPS), block_tokens: 64, epochs: 8, ..TrainConfig::default() };
        let data = Data::new(self.trainer.about().tokenizer_digest, &self.examples);
        let (checkpoints, folder) = (Checkpoints::all(self.folder.join(name).join("checkpoints")), self.adapter(name));
        let lora = LoraConfig { rank: 2, ..LoraConfig::default() };
        let job =
            TrainJob { lora: &lora, config: &config, data: &data, checkpoints: &checkpoints, adapter_folder: &folder };
        self.trainer.train(&job, on_progress)
    }

    fn adapter(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("adapter")
    }
}

fn is_adapter(folder: &Path) -> bool {
    folder.join("adapter_config.json").is_file() && folder.join("adapter_model.safetensors").is_file()
}

pub async fn training_leaves_an_adapter_and_a_loss_for_each_step(case: TrainerCase) {
    let mut steps = Vec::new();
    let trained = case.train("whole", &mut |progress| {
        steps.push(progress.step);
        true
    });
    let trained = trained.expect("trained");
    assert_eq!((steps, trained.loss_micronats.len()), (vec![1, 2, 3], STEPS as usize));
    assert!(trained.tokens > 0 && is_adapter(&case.adapter("whole")));
    let loss = case
        .trainer
        .mean_loss(&LossJob::tuned(&case.adapter("whole"), &case.examples))
        .expect("the adapter is measured");
    let bare = case.trainer.mean_loss(&LossJob::bare(&case.examples)).expect("the bare base is measured");
    assert!(loss.is_finite() && bare.is_finite() && loss < bare, "{loss} on what was learnt, {bare} before");
}

pub async fn a_cancelled_run_goes_on_to_the_same_adapter(case: TrainerCase) {
    let whole = case.train("whole", &mut |_| true).expect("trained");
    let stopped = case.train("stopped", &mut |progress| progress.step < 1);
    assert!(matches!(stopped, Err(TrainError::Cancelled { .. })), "{stopped:?}");
    assert!(!is_adapter(&case.adapter("stopped")), "what is not done leaves no adapter");
    let resumed = case.train("stopped", &mut |_| true).expect("trained on");
    // Who promises no kind of machine promises no bits.
    if !case.trainer.about().machine.is_empty() {
        assert_eq!(resumed.adapter_digest, whole.adapter_digest);
        assert_eq!(resumed.loss_micronats, whole.loss_micronats);
    }
}

//! Checking replies by their trails: what it costs, and who is told apart from whom.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use lazai::core::record::{LoraConfig, Schedule, TrainConfig};
use lazai::lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai::lora::recheck::{Claimed, PIECE_BYTES, RepeatSettings, Repeated, Repeater, TOLERANCE_PPM};
use lazai::lora::train::{Checkpoints, Data, TrainJob};
use lazai::lora::{BaseModel, Candle, Compute, Engine, EngineSettings, Generator, Trainer, WeightFormat};
use lazai_core::Digest;
use lazai_core::message::{Message, Role};
use pollster::block_on;
use serde_json::{Value, json};

use crate::Failure;
use crate::lora::dialogues;

/// Replies of a row of the table.
const REPLIES: usize = 20;
/// Most tokens of each.
const TOKENS: u32 = 64;
/// Steps of the adapter that is claimed; the near-by one has learnt one more.
const STEPS: u32 = 12;
/// Replies whose time is taken, alone and in turns with their checks.
const TIMED: usize = 12;
const SYSTEM: &str = "You are Vesper Volt, a torch singer made of software. You greet with a sound in asterisks, speak in short images \
                      of rain, neon and rooftops, call everybody darling, and end each reply with the word Encore and a question mark.";

/// Measures in a folder.
///
/// # Errors
/// What training, the engine or a repeat says.
pub fn run(folder: &Path) -> Result<Value, Failure> {
    let gguf = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    let count = match std::env::var("LAZAI_RECHECK_REPLIES") {
        Ok(count) => count.parse()?,
        Err(_) => REPLIES,
    };
    let [near, nearer] = [STEPS, STEPS + 1].map(|steps| folder.join(format!("adapter-{steps}")));
    for (steps, place) in [(STEPS, &near), (STEPS + 1, &nearer)] {
        train(&gguf, steps, place)?;
    }
    let smaller = folder.join("smaller.gguf");
    quantise(&gguf, &smaller)?;
    let stage = Stage::open(&gguf, &near, &nearer, count)?;
    let cost = stage.cost()?;
    let rows = stage.rows(&smaller)?;
    let sum = |is_lie: bool, counts: fn(&Row) -> usize| -> usize {
        rows.iter().filter(|row| row.is_lie == is_lie).map(counts).sum()
    };
    let [honest, false_alarms] = [sum(false, Row::checked), sum(false, |row| row.checked() - row.held())];
    let [lies, misses] = [sum(true, Row::checked), sum(true, Row::held)];
    let same_kind = rows.iter().filter(|row| !row.is_lie && row.is_same_kind);
    let same_kind_alarms: usize = same_kind.map(|row| row.checked() - row.held()).sum();
    Ok(json!({
        "cost_ratio": cost.ratio,
        "reply_s": cost.reply_s,
        "check_s": cost.check_s,
        "bytes_per_32_tokens": PIECE_BYTES,
        "tolerance_ppm": TOLERANCE_PPM,
        "replies": honest + lies,
        "honest": honest,
        "false_alarms": false_alarms,
        "false_alarms_same_kind_of_machine": same_kind_alarms,
        "lies": lies,
        "misses": misses,
        "table": rows.iter().map(Row::told).collect::<Vec<_>>(),
        "cores": std::thread::available_parallelism()?.get(),
        "machine": stage.engine.about().machine,
    }))
}

/// Trains an adapter for some steps; the learning rate is the same throughout, so that one more step is one more step.
fn train(gguf: &Path, steps: u32, folder: &Path) -> Result<(), Failure> {
    let base = BaseModel::open(gguf, &Compute::cpu(), WeightFormat::F32)?;
    let examples = dialogues(&base, "dialogues")?;
    let config = TrainConfig {
        max_steps: Some(steps),
        schedule: Schedule::Constant,
        checkpoint_steps: u32::MAX,
        ..TrainConfig::default()
    };
    let data = Data::new(base.tokenizer().digest(), &examples);
    let checkpoints = Checkpoints::last(folder.with_extension("checkpoints"));
    let lora = LoraConfig::default();
    let job = TrainJob { lora: &lora, config: &config, data: &data, checkpoints: &checkpoints, adapter_folder: folder };
    std::fs::create_dir_all(folder)?;
    Candle::new(Arc::new(base)).train(&job, &mut |_| true)?;
    Ok(())
}

/// Writes a model with its blocks of four bits and offsets in blocks of four bits without.
fn quantise(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut file = File::open(from)?;
    let content = gguf_file::Content::read(&mut file)?;
    let mut tensors = Vec::new();
    for name in content.tensor_infos.keys() {
        let tensor = content.tensor(&mut file, name, &Device::Cpu)?;
        let tensor = if tensor.dtype() == GgmlDType::Q4_1 {
            QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::Q4_0)?
        } else {
            tensor
        };
        tensors.push((name.as_str(), tensor));
    }
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let metadata: Vec<_> = content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    Ok(gguf_file::write(&mut BufWriter::new(File::create(to)?), &metadata, &tensors)?)
}

/// A row of the table: replies of one maker, checked by one checker.
struct Row {
    name: &'static str,
    is_lie: bool,
    /// True if maker and checker have the same kernels and the same form of weights.
    is_same_kind: bool,
    found: Vec<Repeated>,
}

impl Row {
    fn checked(&self) -> usize {
        self.found.len()
    }

    fn held(&self) -> usize {
        self.found.iter().filter(|found| found.holds()).count()
    }

    fn told(&self) -> Value {
        let mut counts = BTreeMap::<&str, usize>::new();
        let mut deviations = Vec::new();
        for found in &self.found {
            let (word, deviation) = match found {
                Repeated::Same => ("same", None),
                Repeated::Within { worst_ppm } => ("within", Some(*worst_ppm)),
                Repeated::OtherScores { deviation_ppm, .. } => ("other_scores", Some(*deviation_ppm)),
                Repeated::OtherWords { .. } => ("other_words", None),
                _ => ("unknown", None),
            };
            *counts.entry(word).or_default() += 1;
            deviations.extend(deviation);
        }
        deviations.sort_unstable();
        json!({
            "row": self.name,
            "lie": self.is_lie,
            "same_kind_of_machine": self.is_same_kind,
            "checked": self.checked(),
            "held": self.held(),
            "found": counts,
            "least_deviation_ppm": deviations.first(),
            "greatest_deviation_ppm": deviations.last(),
        })
    }
}

struct Cost {
    ratio: f64,
    reply_s: f64,
    check_s: f64,
}

struct Stage {
    gguf: PathBuf,
    near: PathBuf,
    engine: Engine,
    claimed: Digest,
    one_more: Digest,
    prompts: Vec<Vec<Message>>,
    count: usize,
}

impl Stage {
    fn open(gguf: &Path, near: &Path, nearer: &Path, count: usize) -> Result<Self, Failure> {
        let engine = Engine::open(gguf, WeightFormat::AsStored, EngineSettings::default())?;
        let (claimed, one_more) = (engine.load_adapter(near)?, engine.load_adapter(nearer)?);
        let text = include_str!("../../examples/cyber-diva/data/dialogues.jsonl");
        let mut prompts = Vec::new();
        for line in text.lines() {
            let dialogue: Value = serde_json::from_str(line)?;
            let asked = dialogue["messages"][0]["content"].as_str().unwrap_or_default();
            prompts.push(vec![Message::new(Role::System, SYSTEM), Message::new(Role::User, asked)]);
        }
        Ok(Self { gguf: gguf.into(), near: near.into(), engine, claimed, one_more, prompts, count })
    }

    fn repeater(&self, format: WeightFormat, settings: &RepeatSettings) -> Result<Repeater, Failure> {
        let mut repeater = Repeater::open(&self.gguf, format, settings)?;
        repeater.load_adapter(&self.near)?;
        Ok(repeater)
    }

    fn job(&self, adapter: Option<Digest>, sampler: &Sampler, number: usize) -> GenerateJob {
        let messages = self.prompts[number % self.prompts.len()].clone();
        let (sampler, seed, patience) = (sampler.clone(), number as u64, GenerateJob::PATIENCE);
        GenerateJob { adapter, conversation: None, shared: Vec::new(), messages, sampler, seed, patience }
    }

    /// Replies, many at once, from a number on.
    fn replies(
        &self,
        engine: &Engine,
        adapter: Option<Digest>,
        sampler: &Sampler,
        from: usize,
    ) -> Result<Vec<(GenerateJob, Reply)>, Failure> {
        let jobs: Vec<_> = (from..from + self.count).map(|number| self.job(adapter, sampler, number)).collect();
        let running: Vec<Generation> = jobs.iter().map(|job| engine.generate(job.clone())).collect();
        let replies = running.into_iter().map(|running| block_on(running.reply()));
        jobs.into_iter().zip(replies).map(|(job, reply)| Ok((job, reply?))).collect()
    }

    /// What a check takes of what the reply took, one after another, each alone.
    fn cost(&self) -> Result<Cost, Failure> {
        let mut repeater = self.repeater(WeightFormat::AsStored, &RepeatSettings::default())?;
        let sampler = Sampler { max_tokens: TOKENS, min_tokens: TOKENS, ..Sampler::default() };
        let (mut reply_s, mut check_s, machine) = (0.0, 0.0, &self.engine.about().machine);
        for number in 0..TIMED {
            let job = self.job(Some(self.claimed), &sampler, number);
            let started = Instant::now();
            let reply = block_on(self.engine.generate(job.clone()).reply())?;
            let made = started.elapsed().as_secs_f64();
            let started = Instant::now();
            let found = repeater.repeat(&claim(machine, &job, &reply, Some(self.claimed), &sampler)?)?;
            // The first one warms both up.
            if number > 0 {
                reply_s += made / (TIMED - 1) as f64;
                check_s += started.elapsed().as_secs_f64() / (TIMED - 1) as f64;
            }
            if found != Repeated::Same {
                return Err(format!("reply {number}: {found}").into());
            }
        }
        Ok(Cost { ratio: check_s / reply_s, reply_s, check_s })
    }

    fn rows(&self, smaller: &Path) -> Result<Vec<Row>, Failure> {
        let usual = Sampler { max_tokens: TOKENS, ..Sampler::default() };
        let plain = RepeatSettings::default();
        let one = RepeatSettings { threads: NonZeroUsize::new(1), ..plain.clone() };
        let portable = RepeatSettings { portable: true, ..plain.clone() };
        let mut here = self.repeater(WeightFormat::AsStored, &plain)?;
        let mut alone = self.repeater(WeightFormat::AsStored, &one)?;
        let mut loops = self.repeater(WeightFormat::AsStored, &portable)?;
        let (claimed, machine) = (Some(self.claimed), &self.engine.about().machine);
        let mut rows = Vec::new();
        let mut row = |name, is_lie, is_same_kind, repeater: &mut Repeater, made: &[(GenerateJob, Reply)]| {
            let adapter = if name == QUANTISED { None } else { claimed };
            let mut check = |(job, reply)| Ok(repeater.repeat(&claim(machine, job, reply, adapter, &usual)?)?);
            let found = made.iter().map(|(job, reply)| check((job, reply))).collect::<Result<Vec<_>, Failure>>()?;
            rows.push(Row { name, is_lie, is_same_kind, found });
            Ok::<_, Failure>(())
        };
        let honest = self.replies(&self.engine, claimed, &usual, 0)?;
        row("honest, all threads", false, true, &mut here, &honest)?;
        row("honest, one thread", false, true, &mut alone, &honest)?;
        row("honest, checked by portable loops", false, false, &mut loops, &honest)?;

        let other = self.replies(&self.engine, Some(self.one_more), &usual, self.count)?;
        row("an adapter one step on", true, true, &mut here, &other)?;
        row("an adapter one step on, checked by portable loops", true, false, &mut loops, &other)?;
        let bare = self.replies(&self.engine, None, &usual, 2 * self.count)?;
        row("no adapter", true, true, &mut here, &bare)?;

        let edited: Vec<_> = honest.iter().enumerate().map(|(i, (job, reply))| (job.clone(), edit(reply, i))).collect();
        row("an edited text", true, true, &mut here, &edited)?;
        row("an edited text, checked by portable loops", true, false, &mut loops, &edited)?;
        let hot = Sampler { temperature_milli: 700, ..usual.clone() };
        row("drawn at another temperature", true, true, &mut here, &self.replies(&self.engine, claimed, &hot, 0)?)?;
        let wide = Sampler { top_p_milli: 950, ..usual.clone() };
        row("drawn from another nucleus", true, true, &mut here, &self.replies(&self.engine, claimed, &wide, 0)?)?;

        let floats = Engine::open(&self.gguf, WeightFormat::F32, EngineSettings::default())?;
        floats.load_adapter(&self.near)?;
        row(
            "floats instead of the file's blocks",
            true,
            false,
            &mut here,
            &self.replies(&floats, claimed, &usual, 0)?,
        )?;
        drop(floats);
        let small = Engine::open(smaller, WeightFormat::AsStored, EngineSettings::default())?;
        row(QUANTISED, true, true, &mut here, &self.replies(&small, None, &usual, 0)?)?;
        Ok(rows)
    }
}

const QUANTISED: &str = "a smaller quantisation of the base";

/// What a node says of a reply, whatever it did.
fn claim<'a>(
    machine: &'a str,
    job: &'a GenerateJob,
    reply: &'a Reply,
    adapter: Option<Digest>,
    sampler: &'a Sampler,
) -> Result<Claimed<'a>, Failure> {
    let trail = reply.trail.as_ref().ok_or("a reply without a trail")?;
    let (messages, seed, tokens, text) = (&job.messages, job.seed, &reply.tokens, &reply.text);
    Ok(Claimed { adapter, messages, sampler, seed, tokens, text, trail, machine })
}

/// A reply of which one token is another: its neighbour in the text.
fn edit(reply: &Reply, number: usize) -> Reply {
    let mut edited = reply.clone();
    let len = edited.tokens.len();
    let place = number * 7 % len;
    let other = edited.tokens.iter().find(|token| **token != edited.tokens[place]).copied();
    edited.tokens[place] = other.unwrap_or(edited.tokens[place] ^ 1);
    edited
}

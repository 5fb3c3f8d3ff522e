//! Steps of the engine: scores are those of training, and no bit of them depends on what else is in a step.

use super::*;
use crate::serve::adapter::ServedAdapter;
use crate::serve::forward::{Row, Seen, step};
use crate::serve::model::Model;
use crate::serve::pages::Page;
use crate::serve::team::{Shared, Team};
use crate::serve::workspace::Workspace;

/// A row of tokens that is computed some at a time, alone or beside others.
struct Talk {
    tokens: Vec<u32>,
    computed: usize,
    pages: Vec<Arc<Page>>,
    adapter: Option<Arc<ServedAdapter>>,
    scores: Vec<f32>,
}

impl Talk {
    fn new(model: &Model, tokens: Vec<u32>, adapter: Option<Arc<ServedAdapter>>) -> Self {
        let pages = (0..tokens.len().div_ceil(PAGE)).map(|_| Shape::new(&model.config).page()).collect();
        Self { tokens, computed: 0, pages, adapter, scores: Vec::new() }
    }
}

struct Machine<'a> {
    model: &'a Model,
    team: Team,
    work: Workspace,
    scores: Shared<f32>,
}

impl<'a> Machine<'a> {
    fn new(model: &'a Model, threads: usize) -> Self {
        let team = Team::new(threads).unwrap();
        let work = Workspace::new(model, &team, 64, 64);
        Self { model, team, work, scores: Shared::new(64 * model.config.vocab_size) }
    }

    /// Computes the next tokens of some talks at once; the scores of each last token are kept.
    fn step(&self, talks: &mut [&mut Talk], counts: &[usize]) {
        let mut rows = Vec::new();
        for (i, (talk, count)) in talks.iter().zip(counts).enumerate() {
            for j in 0..*count {
                let (position, scored) = (talk.computed + j, talk.computed + j + 1 == talk.tokens.len());
                rows.push(Row { token: talk.tokens[position], position, sequence: i, scored });
            }
        }
        let seen = talks.iter().map(|talk| Seen { adapter: talk.adapter.clone(), pages: talk.pages.clone() });
        step(&self.team, self.model, &self.work, &rows, &seen.collect::<Vec<_>>(), &self.scores);
        let width = self.model.config.vocab_size;
        let mut place = 0;
        for (talk, count) in talks.iter_mut().zip(counts) {
            talk.computed += count;
            if *count > 0 && talk.computed == talk.tokens.len() {
                // SAFETY: the step is over.
                #[allow(unsafe_code)]
                let scores = unsafe { self.scores.part(place * width, width) };
                talk.scores = scores.to_vec();
                place += 1;
            }
        }
    }

    fn alone(&self, tokens: &[u32], adapter: Option<Arc<ServedAdapter>>) -> Vec<f32> {
        let mut talk = Talk::new(self.model, tokens.to_vec(), adapter);
        self.step(&mut [&mut talk], &[tokens.len()]);
        talk.scores
    }
}

fn worst(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Scores of every family, with and without an adapter, are those of the pass that training uses.
#[test]
fn scores_are_those_of_training() {
    let folders = "llama3 qwen2 qwen3 mistral gemma3 smollm3 granite phi3 qwen2-yarn mistral-window";
    let files = ["llama-q8_0", "qwen2-q4_0", "qwen3-q5_1", "gemma3-f16", "smollm3-q8_0"]
        .map(|name| format!("gguf/{name}.gguf"));
    let names = folders.split(' ').chain(files.iter().map(String::as_str));
    for name in names {
        for (format, within) in [(WeightFormat::F32, 1e-4), (WeightFormat::AsStored, 0.06)] {
            let base = base(name, format);
            let model = Model::new(&base).unwrap();
            let machine = Machine::new(&model, 2);
            let mut rng = ChaCha8Rng::seed_from_u64(4);
            let tokens: Vec<u32> = (0..40).map(|_| rng.next_u32() % model.config.vocab_size as u32).collect();
            let adapter = adapter(&base, 5, 4);
            for adapter in [None, Some(&adapter)] {
                let expected = crate::evaluate::scores(&base, adapter, &tokens).unwrap();
                let served = adapter.map(|adapter| Arc::new(ServedAdapter::new(adapter).unwrap()));
                let found = machine.alone(&tokens, served);
                let expected = expected.last().unwrap();
                let most = expected.iter().fold(1.0_f32, |most, score| most.max(score.abs()));
                let worst = worst(&found, expected) / most;
                assert!(worst < within, "{name} {format:?}: {worst}");
            }
        }
    }
}

/// Random schedules: talks join, are read in pieces of any size, wait, leave, and share what was computed, on one thread to
/// three. The bits are those of each talk alone.
#[test]
fn no_bit_depends_on_the_schedule() {
    for name in ["qwen3", "gguf/llama-q8_0.gguf", "gguf/gemma3-f16.gguf", "granite", "phi3", "mistral-window"] {
        let base = base(name, WeightFormat::AsStored);
        let model = Model::new(&base).unwrap();
        let adapters: Vec<_> = (0..4).map(|i| adapter(&base, i, 1 + i as usize)).collect();
        let adapters: Vec<_> = adapters.iter().map(|a| Arc::new(ServedAdapter::new(a).unwrap())).collect();
        let machines: Vec<_> = (1..=3).map(|threads| Machine::new(&model, threads)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut below = |n: usize| rng.next_u32() as usize % n;
        let kinds: Vec<(Vec<u32>, Option<Arc<ServedAdapter>>)> = (0..6)
            .map(|i| {
                let tokens = (0..1 + below(60)).map(|_| below(model.config.vocab_size) as u32).collect();
                (tokens, adapters.get(i).cloned())
            })
            .collect();
        let alone: Vec<_> = kinds.iter().map(|(tokens, adapter)| machines[0].alone(tokens, adapter.clone())).collect();
        for _ in 0..40 {
            let machine = &machines[below(3)];
            let mut talks: Vec<(usize, Talk)> = Vec::new();
            let mut full: Vec<Option<Talk>> = kinds.iter().map(|_| None).collect();
            for _ in 0..12 {
                if talks.len() < 5 && below(2) == 0 {
                    let kind = below(kinds.len());
                    let mut talk = Talk::new(&model, kinds[kind].0.clone(), kinds[kind].1.clone());
                    if let Some(before) = &full[kind] {
                        // Some of the pages that another computed, but for the last token.
                        let known = below((talk.tokens.len() - 1) / PAGE + 1);
                        talk.pages[..known].clone_from_slice(&before.pages[..known]);
                        talk.computed = known * PAGE;
                    }
                    talks.push((kind, talk));
                }
                let counts: Vec<usize> =
                    talks.iter().map(|(_, talk)| below(13).min(talk.tokens.len() - talk.computed)).collect();
                machine.step(&mut talks.iter_mut().map(|(_, talk)| talk).collect::<Vec<_>>(), &counts);
                let mut i = 0;
                while i < talks.len() {
                    if talks[i].1.computed == talks[i].1.tokens.len() {
                        let (kind, talk) = talks.remove(i);
                        assert_eq!(talk.scores, alone[kind], "{name}");
                        full[kind] = Some(talk);
                    } else if below(20) == 0 {
                        talks.remove(i);
                    } else {
                        i += 1;
                    }
                }
            }
        }
    }
}

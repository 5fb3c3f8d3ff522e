//! One pass over a reply that is there already.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use lazai_core::Digest;

use super::adapter::ServedAdapter;
use super::engine::about;
use super::forward::{Row, Seen, step};
use super::model::Model;
use super::pages::{PAGE, Shape};
use super::product::Instructions;
use super::team::{Shared, Team};
use super::workspace::Workspace;
use crate::About;
use crate::adapter::Adapter;
use crate::base::{BaseModel, WeightFormat};
use crate::device::Compute;
use crate::error::{GenerateError, ModelError, Result};
use crate::generate::{Grammars, Writing, prompt_tokens};
use crate::recheck::{Claimed, Drawn, Findings, Repeated, Trail, TrailWriter};

/// Tokens of a step.
const STEP_TOKENS: usize = 128;
/// Scores that a step has room for: 64 MiB.
const STEP_SCORES: usize = 16 << 20;

/// How replies are repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepeatSettings {
    /// Threads; by default as many as the machine has cores. They change no bit.
    pub threads: Option<NonZeroUsize>,
    /// Computes by plain loops, whatever instructions the processor has: the slow reference that all machines share.
    pub portable: bool,
}

/// Repeats replies on one base model, one after another.
pub struct Repeater {
    base: BaseModel,
    model: Model,
    team: Team,
    about: About,
    grammars: Grammars,
    adapters: HashMap<Digest, Arc<ServedAdapter>>,
    workspace: Workspace,
    scores: Shared<f32>,
    step_tokens: usize,
}

impl Repeater {
    /// A repeater on a model out of a file or a folder. The form of its weights should be the generator's: others round in other
    /// places.
    ///
    /// # Errors
    /// As [`BaseModel::open`]; [`ModelError::Compute`] if the system refuses threads.
    pub fn open(path: &Path, format: WeightFormat, settings: &RepeatSettings) -> Result<Self> {
        let mut base = BaseModel::open(path, &Compute::cpu(), format)?;
        let mut model = Model::take(&mut base)?;
        if settings.portable {
            model.with = Instructions::Portable;
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let team = Team::new(settings.threads.map_or(cores, NonZeroUsize::get))?;
        let about = about(&base, model.with);
        let step_tokens = (STEP_SCORES / model.config.vocab_size.max(1)).clamp(1, STEP_TOKENS);
        let workspace = Workspace::new(&model, &team, step_tokens, 0);
        let scores = Shared::new(step_tokens * model.config.vocab_size);
        let (grammars, adapters) = (Grammars::of(base.template()), HashMap::new());
        Ok(Self { base, model, team, about, grammars, adapters, workspace, scores, step_tokens })
    }

    /// Base model, device and machine.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Loads the adapter in a folder of PEFT's files, and returns the digest of its weights file.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn load_adapter(&mut self, folder: &Path) -> Result<Digest> {
        let adapter = Adapter::load(folder, &self.base)?;
        let digest = adapter.digest()?;
        let served = ServedAdapter::new(&adapter)?;
        if served.narrow > self.workspace.narrow {
            self.workspace = Workspace::new(&self.model, &self.team, self.step_tokens, served.narrow);
        }
        self.adapters.insert(digest, Arc::new(served));
        Ok(digest)
    }

    /// Repeats a reply.
    ///
    /// # Errors
    /// [`GenerateError::UnknownAdapter`], [`GenerateError::Setting`]; [`ModelError::Malformed`] if the trail is of another number of tokens,
    /// or the tokens more than the settings allow; [`ModelError::ContextTooLong`], [`ModelError::TokenOutOfRange`].
    pub fn repeat(&mut self, claimed: &Claimed<'_>) -> Result<Repeated, GenerateError> {
        let same_machine = self.about.machine == claimed.machine;
        Ok(self.findings(claimed)?.judge(claimed.trail, same_machine))
    }

    /// The trail that is true of a reply's words, whoever chose them.
    ///
    /// # Errors
    /// As [`repeat`](Self::repeat).
    pub fn trail(&mut self, claimed: &Claimed<'_>) -> Result<Trail, GenerateError> {
        Ok(self.findings(claimed)?.own)
    }

    fn findings(&mut self, claimed: &Claimed<'_>) -> Result<Findings, GenerateError> {
        let adapter = match claimed.adapter {
            Some(digest) => Some(self.adapters.get(&digest).ok_or(GenerateError::UnknownAdapter { digest })?.clone()),
            None => None,
        };
        let prompt = prompt_tokens(self.base.tokenizer(), self.base.template(), claimed.messages)?;
        self.check(claimed, &prompt)?;
        let tokenizer = self.base.tokenizer();
        let vocab_size = self.model.config.vocab_size;
        let (first, sampler) = (prompt.len() - 1, claimed.sampler.clone());
        let all = [&prompt, claimed.tokens].concat();
        let mut writing = Writing::begin(tokenizer, &self.grammars, vocab_size, prompt, sampler, claimed.seed)?;
        let mut findings = Walk::new(claimed);
        let shape = Shape::new(&self.model.config);
        let pages = (0..all.len().div_ceil(PAGE)).map(|_| shape.page()).collect();
        let seen = [Seen { adapter, pages }];
        // Of the last token, nothing is chosen.
        let computed = &all[..if claimed.tokens.is_empty() { 0 } else { all.len() - 1 }];
        for (chunk, tokens) in computed.chunks(self.step_tokens).enumerate() {
            let row = |(i, token): (usize, &u32)| {
                let position = chunk * self.step_tokens + i;
                Row { token: *token, position, sequence: 0, scored: position >= first }
            };
            let rows: Vec<Row> = tokens.iter().enumerate().map(row).collect();
            step(&self.team, &self.model, &self.workspace, &rows, &seen, &self.scores);
            for (place, (i, row)) in rows.iter().enumerate().filter(|(_, row)| row.scored).enumerate() {
                // SAFETY: the step is over.
                #[allow(unsafe_code, reason = "shared with the team")]
                let (scores, state) = unsafe {
                    (
                        self.scores.part(place * vocab_size, vocab_size),
                        self.workspace.state(i, self.model.config.hidden),
                    )
                };
                findings.follow(&mut writing, tokenizer, row.position - first, state, scores)?;
            }
        }
        if !writing.is_ended() || writing.reply(tokenizer)?.text != claimed.text {
            findings.other(claimed.tokens.len());
        }
        Ok(findings.end())
    }

    fn check(&self, claimed: &Claimed<'_>, prompt: &[u32]) -> Result<()> {
        let (config, tokens) = (&self.model.config, claimed.tokens.len());
        if claimed.trail.tokens() != tokens {
            let reason = format!("of {} tokens, the reply has {tokens}", claimed.trail.tokens());
            return Err(ModelError::malformed("trail", reason));
        }
        if tokens > claimed.sampler.max_tokens as usize {
            let reason = format!("{tokens} tokens, at most {} are allowed", claimed.sampler.max_tokens);
            return Err(ModelError::malformed("reply", reason));
        }
        if prompt.is_empty() {
            return Err(ModelError::malformed("conversation", "the chat template makes nothing of it"));
        }
        let length = prompt.len().saturating_add(tokens);
        if length > config.context {
            return Err(ModelError::ContextTooLong { tokens: length, max: config.context });
        }
        match prompt.iter().chain(claimed.tokens).find(|token| **token as usize >= config.vocab_size) {
            Some(&token) => Err(ModelError::TokenOutOfRange { token, vocab_size: config.vocab_size }),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Repeater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repeater {{ about: {:?}, adapters: {} }}", self.about, self.adapters.len())
    }
}

/// What is found on the way along a reply.
struct Walk<'a> {
    claimed: &'a Claimed<'a>,
    trail: TrailWriter,
    first_odd: Option<usize>,
    first_other: Option<usize>,
}

impl<'a> Walk<'a> {
    fn new(claimed: &'a Claimed<'a>) -> Self {
        Self { claimed, trail: TrailWriter::new(claimed.seed), first_odd: None, first_other: None }
    }

    fn other(&mut self, position: usize) {
        self.first_odd.get_or_insert(position);
        self.first_other.get_or_insert(position);
    }

    /// Takes the reply's next token, by the state and the scores that it was chosen by.
    fn follow(
        &mut self,
        writing: &mut Writing,
        tokenizer: &crate::base::Tokenizer,
        position: usize,
        state: &[f32],
        scores: &[f32],
    ) -> Result<(), GenerateError> {
        self.trail.push(state);
        // What comes after the end of a reply was not drawn; and what comes after another word tells nothing new.
        if writing.is_ended() {
            self.other(position);
        }
        let (Some(token), None) = (self.claimed.tokens.get(position), self.first_other) else { return Ok(()) };
        match writing.follow(tokenizer, scores, *token)? {
            Drawn::Same => {}
            Drawn::Near => {
                self.first_odd.get_or_insert(position);
            }
            Drawn::Other => self.other(position),
        }
        Ok(())
    }

    fn end(self) -> Findings {
        Findings { own: self.trail.trail(), first_odd: self.first_odd, first_other: self.first_other }
    }
}

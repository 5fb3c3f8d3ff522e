//! Packs dialogues into records: token ids, at most as many as a record holds.

use lazai_core::message::{Dialogue, Message, Role};
use lazai_core::report::{Action, Note};
use lazai_lora::ModelError;
use lazai_lora::base::{ChatTemplate, Tokenizer, tokenize_opening};
use lazai_lora::evaluate::Example;

use super::{DatasetError, example};

/// No token of the known tokenizers is longer on average: a longer text is cut before it is counted whole.
const MAX_BYTES_PER_TOKEN: usize = 8;

/// Cuts dialogues between turns so that each part fits a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packer<'a> {
    tokenizer: &'a Tokenizer,
    template: &'a ChatTemplate,
    card: Option<&'a Opening>,
    /// Most tokens of a record.
    most: usize,
}

/// The system message that a model is trained behind: records hold what comes after it.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    system: String,
    tokens: Vec<u32>,
}

impl Opening {
    pub(super) fn new(tokenizer: &Tokenizer, template: &ChatTemplate, system: String) -> Result<Self, DatasetError> {
        let tokens = tokenize_opening(tokenizer, template, &system).map_err(DatasetError::Card)?;
        Ok(Self { system, tokens })
    }

    /// Tokens that a model reads before a record.
    pub(super) fn length(&self) -> usize {
        self.tokens.len()
    }
}

/// A packed dialogue, with notes on what was cut or dropped.
pub(super) struct Packed<'d> {
    pub records: Vec<(&'d [Message], Example)>,
    pub notes: Vec<Note>,
}

impl<'a> Packer<'a> {
    pub(super) fn new(
        tokenizer: &'a Tokenizer,
        template: &'a ChatTemplate,
        card: Option<&'a Opening>,
        most: usize,
    ) -> Self {
        Self { tokenizer, template, card, most }
    }

    pub(super) fn vocab_size(self) -> u32 {
        // A vocabulary of 2^32 tokens would not have been read.
        u32::try_from(self.tokenizer.vocab_size()).unwrap_or(u32::MAX)
    }

    /// Messages of a dialogue, from `start` on, as a training example: context-only messages are masked.
    fn example(self, dialogue: &Dialogue, start: usize, messages: &[Message]) -> Result<Example, DatasetError> {
        let refused = |source| DatasetError::Dialogue { id: dialogue.id.clone(), source };
        let mut example = match self.card {
            None => example(self.tokenizer, self.template, messages),
            Some(opening) => self.behind(opening, messages),
        }
        .map_err(refused)?;
        let replies = (start..).zip(messages).filter(|(_, message)| message.role == Role::Assistant);
        let learnt: Vec<bool> = replies.map(|(index, _)| !is_context(dialogue, index)).collect();
        if learnt.contains(&false) {
            let hidden = hide(&mut example.mask, &learnt);
            hidden.map_err(|reason| refused(ModelError::Malformed { what: "chat template".into(), reason }))?;
        }
        Ok(example)
    }

    /// Messages as an example that goes on from the card, whose place a system message of their own gives way to.
    fn behind(self, opening: &Opening, messages: &[Message]) -> Result<Example, ModelError> {
        let own = messages.iter().filter(|message| message.role != Role::System);
        let prompt: Vec<Message> =
            std::iter::once(Message::new(Role::System, &*opening.system)).chain(own.cloned()).collect();
        let mut example = example(self.tokenizer, self.template, &prompt)?;
        if !example.tokens.starts_with(&opening.tokens) {
            let reason = "the dialogue does not go on from the card's system message".into();
            return Err(ModelError::Malformed { what: "chat template".into(), reason });
        }
        example.tokens.drain(..opening.tokens.len());
        example.mask.drain(..opening.tokens.len());
        Ok(example)
    }

    /// The records of a dialogue: one if it fits; else parts of whole exchanges, each as long as fits.
    pub(super) fn pack<'d>(self, dialogue: &'d Dialogue) -> Result<Packed<'d>, DatasetError> {
        let messages = &dialogue.messages[..];
        let mut packed = Packed { records: Vec::new(), notes: Vec::new() };
        if bytes(messages) <= self.most * MAX_BYTES_PER_TOKEN {
            let whole = self.example(dialogue, 0, messages)?;
            if whole.tokens.len() <= self.most {
                packed.records.push((messages, whole));
                return Ok(packed);
            }
        }
        let exchanges = exchanges(messages);
        let mut next = 0;
        while next < exchanges.len() {
            // The longest run of exchanges that fits.
            let mut fitting = None;
            let start = exchanges[next].start;
            for (last, exchange) in exchanges.iter().enumerate().skip(next) {
                let part = &messages[start..exchange.end];
                if bytes(part) > self.most * MAX_BYTES_PER_TOKEN {
                    break;
                }
                let example = self.example(dialogue, start, part)?;
                if example.tokens.len() > self.most {
                    break;
                }
                fitting = Some((last, part, example));
            }
            match fitting {
                // The dialogue's other parts may hold all that can be learnt.
                Some((last, _, example)) if !example.mask.contains(&true) => {
                    let place = format!("dialogue {:?}, message {}", dialogue.id, start + 1);
                    let reason = "nothing of this part may be learnt".into();
                    packed.notes.push(Note { action: Action::Dropped, place, reason });
                    next = last + 1;
                }
                Some((last, part, example)) => {
                    packed.records.push((part, example));
                    next = last + 1;
                }
                None => {
                    let place = format!("dialogue {:?}, message {}", dialogue.id, start + 1);
                    let reason = format!("an exchange of more than {} tokens", self.most);
                    packed.notes.push(Note { action: Action::Dropped, place, reason });
                    next += 1;
                }
            }
        }
        Ok(packed)
    }
}

fn is_context(dialogue: &Dialogue, index: usize) -> bool {
    u32::try_from(index).is_ok_and(|index| dialogue.context.contains(&index))
}

/// Masks replies that must not be learnt. Each reply is one run of the mask, because the template or the user stands
/// between.
fn hide(mask: &mut [bool], learnt: &[bool]) -> Result<(), String> {
    let mut replies = learnt.iter();
    let mut runs = 0;
    for run in mask.chunk_by_mut(|one, next| one == next).filter(|run| run[0]) {
        runs += 1;
        if replies.next() == Some(&false) {
            run.fill(false);
        }
    }
    if runs == learnt.len() { Ok(()) } else { Err(format!("{runs} replies can be told apart, of {}", learnt.len())) }
}

fn bytes(messages: &[Message]) -> usize {
    messages.iter().map(|m| m.content.len()).sum()
}

/// Whole exchanges: each ends with a reply.
fn exchanges(messages: &[Message]) -> Vec<std::ops::Range<usize>> {
    let mut start = 0;
    let ends = messages.iter().enumerate().filter(|(_, m)| m.role == Role::Assistant).map(|(i, _)| i + 1);
    ends.map(|end| std::mem::replace(&mut start, end)..end).collect()
}

//! The prompt that a model gets for a character in a conversation.

use super::Character;
use super::activate::{Active, active};
use super::decorator::Place;
use super::lorebook::Where;
use super::macros::Filler;
use crate::message::{Message, Role};

/// The state of a conversation, and the host's additions.
pub struct Scene<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The messages so far.
    pub history: &'a [Message],
    /// The host's own system prompt; cards can replace it.
    pub system: &'a str,
    /// The host's own text after the conversation; cards can replace it.
    pub post_history: &'a str,
    /// The index of the greeting that opened the conversation, if one did.
    pub greeting: Option<usize>,
    /// Seed of `{{random:…}}` and the like; the same for a whole conversation keeps `{{pick:…}}` stable.
    pub seed: u64,
    /// The time, in seconds since 1970 (UTC), for `{{time}}` and the like; without it, they become nothing.
    pub now_s: Option<u64>,
    /// The most tokens that lorebook entries may take, if the book gives none.
    pub lore_budget: Option<usize>,
    /// Counts the tokens of a text.
    pub count_tokens: &'a dyn Fn(&str) -> usize,
}

impl<'a> Scene<'a> {
    /// A conversation without anything of the host's; a token is taken for four bytes.
    #[must_use]
    pub fn new(user: &'a str, history: &'a [Message]) -> Self {
        Self {
            user,
            history,
            system: "",
            post_history: "",
            greeting: None,
            seed: 0,
            now_s: None,
            lore_budget: None,
            count_tokens: &|text| text.len().div_ceil(4),
        }
    }
}

impl std::fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scene {{ user: {:?}, messages: {} }}", self.user, self.history.len())
    }
}

/// The prompt for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Card and active lore, then the conversation with lore put into it, then the text that comes after.
    pub messages: Vec<Message>,
    /// The lorebook entries in it, by index, in order of insertion.
    pub lore: Vec<usize>,
    /// The active entries that did not fit the budget.
    pub left_out: Vec<usize>,
}

/// A prompt before its parts are put together.
pub(super) struct Parts {
    pub(super) system: String,
    /// The conversation, with lore and note at their depths.
    pub(super) messages: Vec<Message>,
    /// The text after it.
    pub(super) post: String,
    lore: Vec<usize>,
    left_out: Vec<usize>,
}

impl Character {
    /// The prompt for a conversation.
    ///
    /// The system message holds, in this order: the system prompt, lore before the character, description,
    /// personality, scenario, lore after the character, examples. SillyTavern's character's note (`extensions.depth_prompt`) stands at its
    /// depth of the conversation. No macro of a known maker is left in any of it.
    ///
    /// ```
    /// use lazai_core::character::{Character, Scene};
    /// use lazai_core::message::{Message, Role};
    ///
    /// let card = r#"{"spec": "chara_card_v3", "spec_version": "3.0", "data": {
    ///     "name": "Ada", "description": "{{char}} counts.",
    ///     "character_book": {"entries": [
    ///         {"keys": ["engine"], "content": "The Engine weaves algebra.", "use_regex": false}]}}}"#;
    /// let ada = Character::from_bytes(card.as_bytes())?;
    /// let asked = [Message::new(Role::User, "What is the Engine?")];
    /// let prompt = ada.prompt(&Scene::new("Bob", &asked));
    /// assert_eq!(prompt.messages[0].content, "Ada counts.\nThe Engine weaves algebra.");
    /// assert_eq!(prompt.lore, [0]);
    /// # Ok::<(), lazai_core::character::CardError>(())
    /// ```
    #[must_use]
    pub fn prompt(&self, scene: &Scene<'_>) -> Prompt {
        let Parts { system, mut messages, post, lore, left_out } = self.parts(scene);
        if !system.is_empty() {
            messages.insert(0, Message::new(Role::System, system));
        }
        if !post.trim().is_empty() {
            messages.push(Message::new(Role::System, post));
        }
        Prompt { messages, lore, left_out }
    }

    pub(super) fn parts(&self, scene: &Scene<'_>) -> Parts {
        let macros = self.macros(scene.user).with_seed(scene.seed).with_time(scene.now_s).with_history(scene.history);
        let mut filler = Filler::new(macros);
        let (lore, left_out) =
            self.lorebook.as_ref().map(|b| active(b, macros, &mut filler, scene)).unwrap_or_default();
        let any = |test: fn(&Active<'_>) -> bool| lore.iter().any(test);
        let host_system = if any(|a| a.decorators.without_system_prompt) { "" } else { scene.system };
        let host_post = if any(|a| a.decorators.without_post_history) { "" } else { scene.post_history };
        let at = |place: Slot| {
            let texts: Vec<&str> = lore.iter().filter(|a| slot(a) == place).map(|a| a.text.as_str()).collect();
            joined(texts)
        };
        let system = joined([
            over(&mut filler, &self.system_prompt, host_system),
            at(Slot::BeforeChar),
            filler.fill(&self.description),
            at(Slot::AfterDescription),
            filler.fill(&self.personality),
            at(Slot::Personality),
            filler.fill(&self.scenario),
            at(Slot::Scenario),
            at(Slot::AfterChar),
            at(Slot::BeforeExamples),
            filler.fill(&self.message_examples),
            at(Slot::AfterExamples),
        ]);
        let note = self.note_at_depth().map(|(depth, role, text)| (depth, Message::new(role, filler.fill(text))));
        let messages = with_depths(scene.history, &lore, note);
        let post = over(&mut filler, &self.post_history_instructions, host_post);
        Parts { system, messages, post, lore: lore.iter().map(|a| a.index).collect(), left_out }
    }

    /// The words before a conversation, as its system message, where a node adds none: the card's system prompt, lore that is
    /// always there, description, personality, scenario, examples and what comes after the conversation.
    /// [`Profile::persona`](super::Profile::persona) and [`Profile::examples`](super::Profile::examples) are parts of it;
    /// [`prompt`](Self::prompt) heeds a conversation.
    ///
    /// ```
    /// let card = r#"{"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Ada",
    ///     "description": "{{char}} counts.", "system_prompt": "Be {{char}}.", "post_history_instructions": "Be brief."}}"#;
    /// let ada = lazai_core::character::Character::from_bytes(card.as_bytes())?;
    /// assert_eq!(ada.system_prompt("Bob"), "Be Ada.\nAda counts.\nBe brief.");
    /// assert_eq!(ada.profile().persona("Bob"), "Ada counts.");
    /// # Ok::<(), lazai_core::character::CardError>(())
    /// ```
    #[must_use]
    pub fn system_prompt(&self, user: &str) -> String {
        joined(self.prompt(&Scene::new(user, &[])).messages.iter().map(|m| m.content.as_str()))
    }
}

/// SillyTavern's depth of a character's note that names none.
const NOTE_DEPTH: u64 = 4;

impl Character {
    /// SillyTavern's note of a character, which stands at a depth of the conversation: the depth, whose words it is, and its text.
    fn note_at_depth(&self) -> Option<(usize, Role, &str)> {
        let note = self.extensions.get("depth_prompt")?;
        let text = note.get("prompt")?.as_str().filter(|text| !text.trim().is_empty())?;
        let depth = note.get("depth").and_then(serde_json::Value::as_u64).unwrap_or(NOTE_DEPTH);
        let role =
            note.get("role").and_then(serde_json::Value::as_str).and_then(Role::from_name).unwrap_or(Role::System);
        Some((usize::try_from(depth).ok()?, role, text))
    }
}

/// Parts that say something, one after another.
pub(super) fn joined<T: AsRef<str>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    for part in parts {
        let part = part.as_ref();
        if !part.trim().is_empty() {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(part);
        }
    }
    out
}

/// The card's text, in which `{{original}}` is the host's; the host's alone if the card has none.
fn over<'a>(filler: &mut Filler<'a>, card: &str, host: &'a str) -> String {
    if card.trim().is_empty() { filler.fill(host) } else { filler.fill_over(card, host) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    BeforeChar,
    AfterDescription,
    Personality,
    Scenario,
    AfterChar,
    BeforeExamples,
    AfterExamples,
    InHistory,
}

fn slot(active: &Active<'_>) -> Slot {
    if active.depth().is_some() || active.decorators.reverse_depth.is_some() {
        return Slot::InHistory;
    }
    match (active.decorators.position, active.rules.place) {
        (Some(Place::BeforeDescription), _) | (None, Where::BeforeChar) => Slot::BeforeChar,
        (Some(Place::AfterDescription), _) => Slot::AfterDescription,
        (Some(Place::Personality), _) => Slot::Personality,
        (Some(Place::Scenario), _) => Slot::Scenario,
        (None, Where::BeforeExamples) => Slot::BeforeExamples,
        (None, Where::AfterExamples) => Slot::AfterExamples,
        (None, _) => Slot::AfterChar,
    }
}

/// The history with entries at their depth: 0 is after the last message.
fn with_depths(history: &[Message], lore: &[Active<'_>], note: Option<(usize, Message)>) -> Vec<Message> {
    let (note_at, mut note) =
        note.map_or((None, None), |(depth, note)| (Some(history.len().saturating_sub(depth)), Some(note)));
    let inserted = |position: usize| {
        lore.iter().filter(move |a| {
            let d = &a.decorators;
            let end = a.depth().map(|depth| history.len().saturating_sub(depth));
            end.or(d.reverse_depth.map(|depth| depth.min(history.len()))) == Some(position)
        })
    };
    let mut messages = Vec::with_capacity(history.len() + 2);
    for position in 0..=history.len() {
        for active in inserted(position) {
            messages.push(Message::new(active.role(), active.text.clone()));
        }
        messages.extend(note.take_if(|_| note_at == Some(position)));
        messages.extend(history.get(position).cloned());
    }
    messages
}

//! Prompts of a published character: the same at its creator, at nodes and at consumers.

use serde_json::{Map, Value};

use super::prompt::{Parts, joined};
use super::{CardError, Character, Lorebook, Scene};
use crate::digest::{DomainHasher, canonical_json};
use crate::message::{Message, Role};
use crate::pov::{Profile, PromptCard, PublicPart};
use crate::report::Report;

/// The one recipe so far.
pub const RECIPE: &str = "card.v1";

/// The user's name in prompts: nodes know no other.
const USER: &str = "User";
/// Most bytes of the system message as far as no conversation changes it: every dialogue is trained behind it, and every prompt paid
/// for with it.
const MAX_SYSTEM_BYTES: usize = 16 << 10;
/// Most bytes of a prompt beside the conversation's own: macros may make more of a card than it holds.
const MAX_ADDED_BYTES: usize = 256 << 10;
/// Most tokens of lore in a prompt, four bytes each, if the book sets no other bound.
const LORE_TOKENS: usize = 1_024;

/// Builds the prompts of a published character. Everything follows from the public part and the conversation (no clock, no
/// tokenizer, no number of the session), so that a consumer can recount what a node counts.
///
/// The recipe `card.v1`:
/// 1. System messages that begin the conversation are taken off.
/// 2. [`Character::prompt`] builds the rest for a user named "User", without a time. Chance is seeded by the card; a
///    token of lore is four bytes, and a book without a bound of its own has 1,024.
/// 3. The system message of the card and those that were taken off become one, the first. All other words of the card (lore
///    and notes at a depth, the text after the conversation) are joined to the user's message before them, or else after them:
///    some chat templates refuse system messages anywhere else.
///
/// # Example
/// ```
/// use lazai_core::character::{CardPrompt, Character};
/// use lazai_core::message::{Message, Role};
/// use lazai_core::pov::PublicPart;
///
/// let card = r#"{"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Ada", "description": "{{char}} counts.",
///     "post_history_instructions": "Be brief.",
///     "character_book": {"entries": [{"keys": ["engine"], "content": "The Engine weaves algebra.", "use_regex": false}]}}}"#;
/// let ada = Character::from_bytes(card.as_bytes())?;
/// let public = PublicPart::new(ada.profile(), vec![], vec![], "").with_prompt(ada.prompt_card());
///
/// let prompt = CardPrompt::of(&public)?.expect("it asks for the card");
/// let messages = prompt.messages(&[Message::new(Role::User, "What is the Engine?")]);
/// assert_eq!(messages[0].content, "Ada counts.\nThe Engine weaves algebra.");
/// assert_eq!(messages[1].content, "What is the Engine?\n\nBe brief.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CardPrompt {
    character: Character,
    seed: u64,
    system: String,
}

impl Character {
    /// The rest of the card beside [`profile`](Self::profile), for a model that is prompted by the card.
    #[must_use]
    pub fn prompt_card(&self) -> PromptCard {
        let json = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
        PromptCard {
            recipe: RECIPE.into(),
            nickname: self.nickname.clone().unwrap_or_default(),
            system_prompt: self.system_prompt.clone(),
            post_history: self.post_history_instructions.clone(),
            note: json(self.extensions.get("depth_prompt").cloned()),
            lorebook: json(self.lorebook.as_ref().map(|book| book.write(true))),
        }
    }
}

impl CardPrompt {
    /// The prompts of a public part; `None` if it asks for no card.
    ///
    /// # Errors
    /// [`CardError`] for another recipe, a note or lorebook that is no JSON, or keys that this build cannot read.
    pub fn of(public: &PublicPart) -> Result<Option<Self>, CardError> {
        public.prompt.as_ref().map(|card| Self::read(&public.character, card)).transpose()
    }

    /// The prompts that a character's public part will make.
    ///
    /// # Errors
    /// [`CardError`] if its lorebook cannot be published.
    pub fn of_character(character: &Character) -> Result<Self, CardError> {
        Self::read(&character.profile(), &character.prompt_card())
    }

    fn read(profile: &Profile, card: &PromptCard) -> Result<Self, CardError> {
        if card.recipe != RECIPE {
            return Err(CardError::UnknownRecipe { found: card.recipe.clone() });
        }
        let mut character = Character {
            name: profile.name.clone(),
            description: profile.description.clone(),
            personality: profile.personality.clone(),
            scenario: profile.scenario.clone(),
            first_message: profile.first_message.clone(),
            message_examples: profile.message_examples.clone(),
            creator: profile.creator.clone(),
            character_version: profile.character_version.clone(),
            tags: profile.tags.clone(),
            nickname: Some(card.nickname.clone()).filter(|name| !name.is_empty()),
            system_prompt: card.system_prompt.clone(),
            post_history_instructions: card.post_history.clone(),
            ..Character::default()
        };
        if !card.note.is_empty() {
            let note = serde_json::from_str(&card.note).map_err(CardError::json)?;
            character.extensions.insert("depth_prompt".into(), note);
        }
        if !card.lorebook.is_empty() {
            let book: Map<String, Value> = serde_json::from_str(&card.lorebook).map_err(CardError::json)?;
            let book = Lorebook::read(book, "lorebook", &mut Report::default())?;
            if let (false, Some(entry)) = (cfg!(feature = "expressions"), book.first_expression()) {
                return Err(CardError::ExpressionsMissing { entry });
            }
            character.lorebook = Some(book);
        }
        // Texts always have a canonical form.
        let text = canonical_json(&(profile, card)).unwrap_or_default();
        let digest = DomainHasher::new("lazai.prompt.seed.v1").part(&text).finish();
        let seed = u64::from_le_bytes(digest.as_bytes().first_chunk().copied().unwrap_or_default());
        let mut prompt = Self { character, seed, system: String::new() };
        prompt.system = prompt.parts(&[]).system;
        let bytes = prompt.system.len();
        if bytes > MAX_SYSTEM_BYTES {
            let (bytes, max) = (bytes as u64, MAX_SYSTEM_BYTES as u64);
            return Err(CardError::TooLarge { what: "the card's part of every prompt", bytes, max });
        }
        Ok(prompt)
    }

    /// The system message as far as no conversation changes it: what a model is trained behind.
    #[must_use]
    pub fn system(&self) -> &str {
        &self.system
    }

    /// The messages that the model gets for a conversation. If the card makes more than 256 KiB of them, the conversation's own are all.
    #[must_use]
    pub fn messages(&self, conversation: &[Message]) -> Vec<Message> {
        let bytes = |messages: &[Message]| messages.iter().map(|message| message.content.len()).sum::<usize>();
        let prompt = self.built(conversation);
        if bytes(&prompt) > bytes(conversation).saturating_add(MAX_ADDED_BYTES) {
            conversation.to_vec()
        } else {
            prompt
        }
    }

    fn built(&self, conversation: &[Message]) -> Vec<Message> {
        let begins = conversation.iter().take_while(|message| message.role == Role::System).count();
        let (own, history) = conversation.split_at(begins);
        let Parts { system, messages, post, .. } = self.parts(history);
        let mut prompt = Vec::with_capacity(messages.len() + 1);
        let system = joined(std::iter::once(system.as_str()).chain(own.iter().map(|m| m.content.as_str())));
        if !system.is_empty() {
            prompt.push(Message::new(Role::System, system));
        }
        // Words that wait for a user's message to be joined to.
        let mut waiting = String::new();
        let post = Some(Message::new(Role::System, post)).filter(|post| !post.content.trim().is_empty());
        for message in messages.into_iter().chain(post) {
            match (message.role, prompt.last_mut()) {
                (Role::System, Some(last)) if last.role == Role::User => append(&mut last.content, &message.content),
                (Role::System, _) => append(&mut waiting, &message.content),
                (Role::User, _) => {
                    let mut content = std::mem::take(&mut waiting);
                    append(&mut content, &message.content);
                    prompt.push(Message { content, ..message });
                }
                (Role::Assistant, _) => prompt.push(message),
            }
        }
        if !waiting.is_empty() {
            prompt.push(Message::new(Role::User, waiting));
        }
        prompt
    }

    fn parts(&self, history: &[Message]) -> Parts {
        let mut scene = Scene::new(USER, history);
        (scene.seed, scene.lore_budget) = (self.seed, Some(LORE_TOKENS));
        self.character.parts(&scene)
    }
}

/// Adds a paragraph.
fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prompt(card: &Value) -> CardPrompt {
        let card = serde_json::json!({"spec": "chara_card_v3", "spec_version": "3.0", "data": card});
        let character = Character::from_bytes(card.to_string().as_bytes()).unwrap();
        let mira = crate::pov::Contributor {
            address: crate::Address::ZERO,
            name: "mira".into(),
            licence: "CC0-1.0".into(),
            consent: "yes".into(),
        };
        let public = PublicPart::new(character.profile(), vec!["Hi".into()], vec![mira], "");
        let bytes = public.with_prompt(character.prompt_card()).to_bytes().unwrap();
        CardPrompt::of(&PublicPart::from_bytes(&bytes).unwrap()).unwrap().unwrap()
    }

    fn says(role: Role, text: &str) -> Message {
        Message::new(role, text)
    }

    /// After publishing and reading again, the card's own prompt stands in the system message.
    #[test]
    fn a_published_card_prompts_as_the_card_does() {
        let card = serde_json::json!({
            "name": "Ada Lovelace", "nickname": "Ada", "description": "{{char}} counts for {{user}}.", "personality": "exact",
            "scenario": "a study", "mes_example": "<START>\n{{char}}: Seven.", "system_prompt": "Be {{char}}.",
            "character_book": {"entries": [
                {"keys": ["engine"], "content": "The Engine weaves algebra.", "use_regex": false},
                {"keys": [], "constant": true, "content": "It is 1843.", "use_regex": false}]}});
        let character = Character::from_bytes(
            serde_json::json!({"spec": "chara_card_v3", "spec_version": "3.0", "data": card}).to_string().as_bytes(),
        )
        .unwrap();
        let history = [says(Role::User, "What is the engine?")];
        let own = character.prompt(&Scene::new("User", &history));
        assert_eq!(prompt(&card).messages(&history), own.messages);
        assert!(prompt(&card).system().contains("1843") && !prompt(&card).system().contains("algebra"));
    }

    /// Whatever a card and a conversation hold, one system message stands first and no other is there.
    #[test]
    fn there_is_one_system_message() {
        let card = serde_json::json!({
            "name": "Ada", "description": "counts", "post_history_instructions": "Be brief.",
            "extensions": {"depth_prompt": {"prompt": "A note.", "depth": 1, "role": "system"}},
            "character_book": {"entries": [{"keys": ["a"], "content": "@@depth 2\nDeep.", "use_regex": false}]}});
        let prompt = prompt(&card);
        let (user, reply) = (says(Role::User, "a?"), says(Role::Assistant, "b."));
        let conversations = [
            vec![],
            vec![reply.clone()],
            vec![user.clone()],
            vec![reply.clone(), user.clone(), reply.clone()],
            vec![says(Role::System, "Mine."), user.clone(), reply, user],
        ];
        for conversation in conversations {
            let messages = prompt.messages(&conversation);
            assert!(messages[1..].iter().all(|message| message.role != Role::System), "{messages:?}");
            assert_eq!(messages[0].role, Role::System);
            let all = messages.iter().map(|m| m.content.as_str()).collect::<Vec<_>>().join("|");
            assert_eq!(all.matches("Be brief.").count(), 1, "{all}");
            assert!(conversation.iter().all(|message| all.contains(&message.content)), "{all}");
        }
    }

    /// Variables that double one another, in every key of a book: the work of a prompt has one bound, and its size too.
    #[test]
    fn what_macros_make_of_a_card_is_bounded() {
        let doubling = "{{setvar::x::{{getvar::x}}{{getvar::x}}aaaaaaaaaaaaaaaa}}".repeat(20) + "{{getvar::x}}";
        let keys: Vec<_> = (0..1_000).map(|n| format!("{{{{scenario}}}}{n}")).collect();
        let card = serde_json::json!({"spec": "chara_card_v3", "spec_version": "3.0", "data": {
            "name": "Ada", "scenario": doubling,
            "character_book": {"entries": [{"keys": keys, "content": "b", "use_regex": false}]}}});
        let character = Character::from_bytes(card.to_string().as_bytes()).unwrap();
        let refused = CardPrompt::of_character(&character);
        assert!(matches!(refused, Err(CardError::TooLarge { .. })), "{refused:?}");

        // A macro that takes what the user says makes the prompt large, not the published part.
        let card = serde_json::json!({"name": "Ada", "description": "d", "scenario": "{{lastMessage}}".repeat(400)});
        let said = [says(Role::User, &"long ".repeat(1_000))];
        assert_eq!(prompt(&card).messages(&said), said);
    }

    /// Where the feature is off, a card whose prompts would turn out otherwise is refused; others are not.
    #[test]
    fn expressions_are_read_or_refused() {
        let card = |key: &str| {
            let entry = serde_json::json!({"keys": [key], "content": "It rains.", "use_regex": key.starts_with('/')});
            serde_json::json!({"spec": "chara_card_v3", "spec_version": "3.0", "data": {
                "name": "Ada", "description": "counts", "character_book": {"entries": [entry]}}})
        };
        let read =
            |key: &str| CardPrompt::of_character(&Character::from_bytes(card(key).to_string().as_bytes()).unwrap());
        let said = [says(Role::User, "Rainy weather")];
        let plain = read("rain").unwrap();
        assert!(plain.messages(&said)[0].content.contains("It rains."));
        match read("/ra(i|y)n/i") {
            Ok(prompt) if cfg!(feature = "expressions") => {
                assert!(prompt.messages(&said)[0].content.contains("It rains."));
            }
            Err(CardError::ExpressionsMissing { entry: 0 }) if !cfg!(feature = "expressions") => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn another_recipe_is_refused() {
        let mut public = PublicPart::new(Character::default().profile(), vec![], vec![], "");
        assert!(CardPrompt::of(&public).unwrap().is_none());
        public.prompt = Some(PromptCard { recipe: "card.v2".into(), ..PromptCard::default() });
        assert!(matches!(CardPrompt::of(&public), Err(CardError::UnknownRecipe { found }) if found == "card.v2"));
        public.prompt = Some(PromptCard { recipe: RECIPE.into(), lorebook: "[".into(), ..PromptCard::default() });
        assert!(matches!(CardPrompt::of(&public), Err(CardError::Malformed { .. })));
    }
}

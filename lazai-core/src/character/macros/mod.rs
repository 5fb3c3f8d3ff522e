//! Macros: `{{char}}`, `{{user}}`, `{{random:a,b}}` and the others that cards and front ends know.

mod chance;
mod fill;
mod known;
mod notes;
#[cfg(feature = "import")]
mod said;
mod time;

pub(super) use fill::Filler;
#[cfg(feature = "import")]
pub(crate) use said::said;

use super::Character;
use crate::message::{Message, Role};

/// The values of macros in one conversation.
///
/// | macro | becomes |
/// |---|---|
/// | `{{char}}`, `{{bot}}`, `{{charIfNotGroup}}`, `{{group}}`, `{{agentName}}`, `<CHAR>`, `<BOT>`, `{character}` | the character's name |
/// | `{{user}}`, `{{notChar}}`, `{{user1}}`, `{{name1}}`, `<USER>`, `{user}` | the user's name |
/// | `{{description}}`, `{{personality}}`, `{{scenario}}`, `{{mesExamples}}`, `{{charPrompt}}`, `{{charVersion}}`, … | the card's text, filled in itself |
/// | `{{original}}` | the host's text, if the card's replaces it |
/// | `{{lastMessage}}`, `{{lastUserMessage}}`, `{{lastCharMessage}}`, `{{lastMessageId}}` | the last message |
/// | `{{time}}`, `{{date}}`, `{{weekday}}`, `{{isotime}}`, `{{isodate}}`, `{{unixtime}}`, `{{time_UTC+2}}`, `{{datetimeformat HH:mm}}` | the scene's time, UTC; nothing without one |
/// | `{{random:a,b}}`, `{{random::a::b}}` | one of them, another one each time; `\,` is a comma |
/// | `{{pick:a,b}}`, `{{pick::a::b}}` | one of them, the same one for the same text and seed |
/// | `{{roll:20}}`, `{{roll 2d6+1}}` | a throw of dice |
/// | `{{setvar::x::1}}`, `{{addvar::x::1}}`, `{{incvar::x}}`, `{{getvar::x}}`, … | a variable that lasts for one prompt |
/// | `{{#if x}}…{{else}}…{{/if}}`, `{{#when x}}…{{/when}}`, `{{if x}}…{{/if}}` | one of the two; RisuAI's are true for `1` and `true` |
/// | `{{equal::a::b}}`, `{{not_equal::a::b}}`, `{{lower::a}}`, `{{upper::a}}`, `{{reverse:abc}}` | `1` or `0`; the text |
/// | `{{newline}}`, `{{br}}`, `{{space}}` | white space |
/// | `{{trim}}` | nothing, nor the line breaks around it |
/// | `{{// note}}`, `{{comment:note}}`, `{{hidden_key:word}}`, `{{noop}}` | nothing |
/// | `{{persona}}`, `{{img::…}}`, `{{raw::…}}`, `{{input}}` and others that mean a front end's picture or setting | nothing |
///
/// The names are those of the card specifications and of SillyTavern, RisuAI, Eliza and Backyard, compared without case.
/// Other text stays as it is; the result of a macro is not searched again. Chance comes from the seed alone. An import
/// notes macros that become nothing, and unknown ones.
///
/// ```
/// let macros = lazai_core::character::Macros::new("Ada", "Bob");
/// assert_eq!(macros.fill("{{Char}} greets <user>{{// quietly}}."), "Ada greets Bob.");
/// assert_eq!(macros.fill("{{reverse:{{char}}}} {{what}}"), "adA {{what}}");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Macros<'a> {
    name: &'a str,
    user: &'a str,
    seed: u64,
    now_s: Option<u64>,
    /// True if hidden keys show: only for the search for keys.
    hidden: bool,
    card: Texts<'a>,
    original: &'a str,
    history: &'a [Message],
}

/// The texts of a card that macros name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    pub description: &'a str,
    pub personality: &'a str,
    pub scenario: &'a str,
    pub examples: &'a str,
    pub first_message: &'a str,
    pub system_prompt: &'a str,
    pub post_history: &'a str,
    pub creator_notes: &'a str,
    pub version: &'a str,
}

impl Texts<'_> {
    pub(super) const NONE: Texts<'static> = Texts {
        description: "",
        personality: "",
        scenario: "",
        examples: "",
        first_message: "",
        system_prompt: "",
        post_history: "",
        creator_notes: "",
        version: "",
    };
}

impl<'a> Macros<'a> {
    /// Macros for a character and a user, with seed 0, without a time, a card's texts or a conversation.
    #[must_use]
    pub const fn new(name: &'a str, user: &'a str) -> Self {
        Self { name, user, seed: 0, now_s: None, hidden: false, card: Texts::NONE, original: "", history: &[] }
    }

    /// The same with another seed.
    #[must_use]
    pub const fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same at a time, in seconds since 1970 (UTC).
    #[must_use]
    pub const fn with_time(self, now_s: Option<u64>) -> Self {
        Self { now_s, ..self }
    }

    /// The same in a conversation, for `{{lastMessage}}` and the like.
    #[must_use]
    pub const fn with_history(self, history: &'a [Message]) -> Self {
        Self { history, ..self }
    }

    pub(super) const fn with_hidden_keys(self) -> Self {
        Self { hidden: true, ..self }
    }

    pub(super) const fn with_texts(self, card: Texts<'a>) -> Self {
        Self { card, ..self }
    }

    /// Fills in the macros of a text; the result is cut at 16 MiB.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        Filler::new(*self).fill(text)
    }

    /// The last message, by anyone or by one role.
    fn last(&self, role: Option<Role>) -> &'a str {
        let said = self.history.iter().rev().find(|m| role.is_none_or(|role| m.role == role));
        said.map_or("", |m| m.content.as_str())
    }
}

impl Character {
    /// The macros for a conversation of this character with a user.
    #[must_use]
    pub fn macros<'a>(&'a self, user: &'a str) -> Macros<'a> {
        Macros::new(self.called(), user).with_texts(Texts {
            description: &self.description,
            personality: &self.personality,
            scenario: &self.scenario,
            examples: &self.message_examples,
            first_message: &self.first_message,
            system_prompt: &self.system_prompt,
            post_history: &self.post_history_instructions,
            creator_notes: &self.creator_notes,
            version: &self.character_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_comes_from_the_seed() {
        let macros = Macros::new("A", "B");
        let text = "{{random:a,b,c,d,e,f,g,h}}{{random::a::b::c::d::e}}{{pick::1::2::3}}{{pick::1::2::3}}{{roll 2d6}}";
        assert_eq!(macros.fill(text), macros.fill(text));
        let seeds: std::collections::BTreeSet<String> = (0..20).map(|s| macros.with_seed(s).fill(text)).collect();
        assert!(seeds.len() > 15);
        for filled in seeds {
            let picks = filled.trim_start_matches(char::is_alphabetic);
            assert_eq!(picks[..1], picks[1..2], "a pick is stable: {filled}");
        }
        assert_eq!(macros.fill(r"{{random:x\,y}}{{random::z}}{{pick::}}"), "x,yz");
    }

    #[test]
    fn what_is_no_macro_stays() {
        let macros = Macros::new("{{user}}", "B");
        for text in [
            "{{",
            "}}",
            "{{}}",
            "{{{}}}",
            "<b>é</b>",
            "<us",
            "{{a{{b",
            "{{user: she said}}",
            "{{file}} {{image}} {{my name}}",
            "`${user}` {users} {User}",
            "fn main() { let x = {user_id}; }",
        ] {
            assert_eq!(macros.fill(text), text);
        }
        // A name is not searched for macros.
        assert_eq!(macros.fill("{{char}} {{hidden_key:x}}!"), "{{user}} !");
        assert_eq!(macros.with_hidden_keys().fill("{{hidden_key:x}}"), "x");
    }

    #[test]
    fn every_maker_s_names_are_filled_in() {
        let macros = Macros::new("Ada", "Bob");
        for (text, filled) in [
            ("{{bot}} {{charIfNotGroup}} {{group}} {{agentName}} <BOT> {character}", "Ada Ada Ada Ada Ada Ada"),
            ("{{user1}} {{name2}} {{notChar}} <user> {user}{{{user}}}", "Bob Bob Bob Bob Bob{Bob}"),
            ("#{character}: hi\n#{user}: ho", "Ada: hi\nBob: ho"),
            ("a\n\n{{trim}}\nb{{newline}}c{{br}}{{noop}}{{// {{user}} }}{{comment: x}}", "ab\nc\n"),
            ("{{persona}}{{img::x}}{{raw::y}}{{input}}{{lastMessage}}{{time}}{{isodate}}{{original}}{{roll:0}}", ""),
            ("{{description}}{{mesExamples}}{{charPrompt}}{{#each x}}y{{/each}}", "y"),
            (
                "{{setvar::x::4}}{{addvar::x::3}}{{getvar::x}} {{incvar::x}} {{setvar::x::a}}{{addvar::x::b}}{{getvar::x}}",
                "7 8 ab",
            ),
            (
                "{{#if 1}}a{{else}}b{{/if}}{{#if {{equal::x::y}}}}c{{:else}}d{{/if}}{{if off}}e{{/if}}{{#when true}}f{{/when}}",
                "adf",
            ),
            ("{{#if 0}}a{{#if 1}}b{{/if}}c{{/if}}d", "d"),
            ("{{upper::ab}}{{lower::CD}}{{space}}{{reverse:abc}}", "ABcd cba"),
        ] {
            assert_eq!(macros.fill(text), filled, "{text}");
        }
    }

    #[test]
    fn a_scene_has_a_time_and_a_conversation() {
        let said = [Message::new(Role::User, "Hi {{char}}"), Message::new(Role::Assistant, "Ho")];
        let macros = Macros::new("Ada", "Bob").with_time(Some(1_709_164_800)).with_history(&said);
        let clock = "{{date}} {{time}} {{weekday}} {{isotime}} {{isodate}} {{datetimeformat DD.MM.}} {{time_UTC+2}} {{unixtime}}";
        let told = "February 29, 2024 12:00 AM Thursday 00:00 2024-02-29 29.02. 2:00 AM 1709164800";
        assert_eq!(macros.fill(clock), told);
        assert_eq!(
            macros.fill("{{lastMessage}} {{lastUserMessage}} {{lastCharMessage}} {{lastMessageId}}"),
            "Ho Hi {{char}} Ho 1"
        );
    }

    #[test]
    fn a_card_that_names_itself_ends() {
        let card = Character {
            name: "Ada".into(),
            description: "{{char}} {{description}}{{personality}}".into(),
            personality: "kind{{description}}".into(),
            ..Character::default()
        };
        assert_eq!(card.macros("Bob").fill("{{description}}|{{personality}}"), "Ada |kind");
    }

    #[test]
    fn long_texts_are_cut_and_end() {
        let name = "ü".repeat(1 << 20);
        assert!(Macros::new(&name, "").fill(&"{{char}}".repeat(100)).len() <= 16 << 20);
        let doubling = "{{setvar::x::{{getvar::x}}{{getvar::x}}a}}".repeat(2_000);
        assert!(Macros::new("", "").fill(&doubling).len() <= 16 << 20);
        let nested = "{{".repeat(200_000) + &"}}".repeat(200_000);
        assert_eq!(Macros::new("", "").fill(&nested).len(), nested.len());
    }
}

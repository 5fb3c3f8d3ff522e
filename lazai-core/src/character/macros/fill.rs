//! Filling in: one pass over a text, innermost macros first.

use std::collections::BTreeMap;

use super::known::{Argument, Call, Known, Text, Truth, Who, call, known};
use super::time::Moment;
use super::{Macros, Texts, chance};
use crate::message::Role;

/// The size at which filling in stops: a long name in a text full of `{{char}}` must not fill the memory.
const MAX_FILLED_BYTES: usize = 16 << 20;
/// The number of bytes that macros may make and read for one prompt: variables that double one another must end.
const MAX_WORK: usize = 256 << 20;

/// Fills in the texts of one prompt, which share their variables.
pub(in super::super) struct Filler<'a> {
    macros: Macros<'a>,
    variables: BTreeMap<String, String>,
    work: usize,
    /// True while filling in a text that a macro named: one that names itself must end.
    nested: bool,
}

/// An open `{{#if …}}`: its beginning, and whether its content is kept.
struct Block {
    start: usize,
    kept: bool,
}

impl<'a> Filler<'a> {
    pub(in super::super) const fn new(macros: Macros<'a>) -> Self {
        Self { macros, variables: BTreeMap::new(), work: 0, nested: false }
    }

    /// Fills in a text with variables of its own; `work` is that of the whole prompt, and bounds it.
    pub(in super::super) fn apart(macros: Macros<'a>, text: &str, work: &mut usize) -> String {
        let mut filler = Self { work: *work, ..Self::new(macros) };
        let filled = filler.fill(text);
        *work = filler.work.saturating_add(filled.len().saturating_mul(16));
        filled
    }

    /// Fills in a text of the card; `{{original}}` in it stands for the host's text, `original`.
    pub(in super::super) fn fill_over(&mut self, text: &str, original: &'a str) -> String {
        self.macros.original = original;
        let filled = self.fill(text);
        self.macros.original = "";
        filled
    }

    pub(in super::super) fn fill(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        // The beginnings in `out` of macros that are still open.
        let mut open = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut count = 0;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if out.len() > MAX_FILLED_BYTES || self.work > MAX_WORK {
                out.truncate(out.floor_char_boundary(MAX_FILLED_BYTES));
                break;
            }
            if rest.starts_with("{{") && !rest.starts_with("{{{") {
                open.push(out.len());
                out.push_str("{{");
                rest = &rest[2..];
            } else if let (Some(after), Some(start)) = (rest.strip_prefix("}}"), open.last().copied()) {
                open.pop();
                count += 1;
                rest = after;
                let found = call(&out[start + 2..]).and_then(|call| known(&call).map(|known| (known, call)));
                let Some((known, call)) = found else {
                    out.push_str("}}");
                    continue;
                };
                let value = match known {
                    Known::If(_) | Known::Else | Known::EndIf | Known::Trim => None,
                    known => Some(self.value(known, &call, count)),
                };
                let condition = matches!(known, Known::If(truth) if truth.holds(call.text()));
                let trimmed = (call.argument != Argument::None).then(|| call.text().trim().to_owned());
                drop(call);
                out.truncate(start);
                while blocks.last().is_some_and(|block| block.start > start) {
                    blocks.pop();
                }
                match known {
                    Known::If(_) => blocks.push(Block { start, kept: condition }),
                    Known::Else => {
                        if let Some(block) = blocks.last_mut() {
                            if block.kept {
                                // The other branch begins here and goes.
                                *block = Block { start, kept: false };
                            } else {
                                out.truncate(block.start);
                                block.kept = true;
                            }
                        }
                    }
                    Known::EndIf => {
                        if let Some(block) = blocks.pop()
                            && !block.kept
                        {
                            out.truncate(block.start);
                        }
                    }
                    Known::Trim => match trimmed {
                        Some(text) => out.push_str(&text),
                        None => {
                            let floor = open.last().map_or(0, |&at: &usize| at + 2);
                            let kept = out.trim_end_matches(['\r', '\n']).len().max(floor.min(out.len()));
                            out.truncate(kept);
                            rest = rest.trim_start_matches(['\r', '\n']);
                        }
                    },
                    _ => out.push_str(&value.unwrap_or_default()),
                }
            } else if let Some((name, after)) = self.tag(rest).or_else(|| self.braced(rest, &mut out)) {
                out.push_str(name);
                rest = after;
            } else {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }

    /// `<USER>`, `<CHAR>`, `<BOT>`, `<GROUP>`, `<CHARIFNOTGROUP>` at the start of a text.
    fn tag<'t>(&self, text: &'t str) -> Option<(&'a str, &'t str)> {
        let inside = text.strip_prefix('<')?;
        let end = inside.bytes().take(15).position(|b| b == b'>')?;
        let name = match inside[..end].to_ascii_lowercase().as_str() {
            "user" => self.macros.user,
            "char" | "bot" | "group" | "charifnotgroup" => self.macros.name,
            _ => return None,
        };
        Some((name, &inside[end + 1..]))
    }

    /// Backyard's `{user}` and `{character}`, and the `#` that it writes before a speaker; not `${user}`, as in code.
    fn braced<'t>(&self, text: &'t str, out: &mut String) -> Option<(&'a str, &'t str)> {
        let inside = text.strip_prefix('{')?;
        let end = inside.bytes().take(10).position(|b| b == b'}')?;
        let name = match &inside[..end] {
            "user" => self.macros.user,
            "character" => self.macros.name,
            _ => return None,
        };
        if out.ends_with(['$', '{', '\\']) {
            return None;
        }
        if inside[end + 1..].starts_with(':')
            && out.strip_suffix('#').is_some_and(|o| o.is_empty() || o.ends_with('\n'))
        {
            out.pop();
        }
        Some((name, &inside[end + 1..]))
    }

    fn value(&mut self, known: Known, call: &Call<'_>, count: u64) -> String {
        let value = self.unmeasured(known, call, count);
        self.work = self.work.saturating_add(value.len()).saturating_add(call.text().len());
        value
    }

    fn unmeasured(&mut self, known: Known, call: &Call<'_>, count: u64) -> String {
        let (macros, text) = (self.macros, call.text());
        let digit = |holds: bool| if holds { "1" } else { "0" }.to_owned();
        match known {
            Known::Char => macros.name.to_owned(),
            Known::User => macros.user.to_owned(),
            Known::Card(card) => self.within(card.of(macros.card)),
            Known::Original => self.within(macros.original),
            Known::Last(who) => macros.last(who.role()).to_owned(),
            Known::LastId => macros.history.len().checked_sub(1).map_or_else(String::new, |id| id.to_string()),
            Known::Time => self.time(hours(call), "LT"),
            Known::Date if !text.is_empty() => self.time(0, text),
            Known::Date => self.time(0, "LL"),
            Known::Weekday => self.time(0, "dddd"),
            Known::IsoTime => self.time(0, "HH:mm"),
            Known::IsoDate => self.time(0, "YYYY-MM-DD"),
            Known::Format => self.time(0, text),
            Known::Unix => macros.now_s.map_or_else(String::new, |now| Moment::new(now, 0).unix().to_string()),
            Known::Random => chance::choose(text, chance::number(macros.seed, "random", text, count)),
            Known::Pick => chance::choose(text, chance::number(macros.seed, "pick", text, 0)),
            Known::Roll => chance::roll(macros.seed, text.trim(), count).unwrap_or_default(),
            Known::Reverse => text.chars().rev().collect(),
            Known::Lower => text.to_lowercase(),
            Known::Upper => text.to_uppercase(),
            Known::Equal(wanted) => digit(text.split_once("::").is_some_and(|(a, b)| a == b) == wanted),
            Known::Newline => "\n".repeat(text.trim().parse::<usize>().map_or(1, |n| n.clamp(1, 100))),
            Known::Space => " ".repeat(text.trim().parse::<usize>().map_or(1, |n| n.clamp(1, 100))),
            Known::SetVar | Known::SetDefault | Known::AddVar | Known::IncVar(_) | Known::GetVar => {
                self.variable(known, text)
            }
            Known::HiddenKey if macros.hidden => text.to_owned(),
            Known::HiddenKey | Known::Nothing | Known::Lacking => String::new(),
            Known::If(_) | Known::Else | Known::EndIf | Known::Trim => String::new(),
        }
    }

    /// A text that a macro named, filled in; a macro in it that names another text becomes nothing.
    fn within(&mut self, text: &str) -> String {
        if self.nested || text.is_empty() {
            return String::new();
        }
        let macros = Macros { card: Texts::NONE, original: "", ..self.macros };
        let variables = std::mem::take(&mut self.variables);
        let mut inner = Filler { macros, variables, work: self.work, nested: true };
        let filled = inner.fill(text);
        self.variables = inner.variables;
        // A card that names its own long texts over and over must end soon.
        self.work = inner.work.saturating_add(text.len().saturating_mul(16));
        filled
    }

    fn variable(&mut self, known: Known, text: &str) -> String {
        let short = || text.split_once("+=").or_else(|| text.split_once('=')).map(|(name, value)| (name, value.trim()));
        let (name, value) = text.split_once("::").or_else(short).unwrap_or((text, ""));
        let name = name.trim();
        let old = self.variables.get(name).map(String::as_str);
        let number = |text: &str| text.trim().parse::<i64>().ok();
        let (new, shown) = match known {
            Known::GetVar => return old.unwrap_or_default().to_owned(),
            Known::SetDefault if old.is_some() => return String::new(),
            Known::AddVar => {
                let sum = number(old.unwrap_or("0")).zip(number(value)).and_then(|(a, b)| a.checked_add(b));
                (sum.map_or_else(|| format!("{}{value}", old.unwrap_or_default()), |sum| sum.to_string()), false)
            }
            Known::IncVar(up) => {
                let step = if up { 1 } else { -1 };
                let next = number(old.unwrap_or("0")).unwrap_or(0).saturating_add(step);
                (next.to_string(), true)
            }
            _ => (value.to_owned(), false),
        };
        self.work = self.work.saturating_add(new.len());
        let answer = if shown { new.clone() } else { String::new() };
        self.variables.insert(name.to_owned(), new);
        answer
    }

    fn time(&self, hours: i64, format: &str) -> String {
        self.macros.now_s.map_or_else(String::new, |now| Moment::new(now, hours).format(format))
    }
}

/// `time_UTC+2`, `time::UTC-3`.
fn hours(call: &Call<'_>) -> i64 {
    let zone = call.name.strip_prefix("time_utc").map_or_else(|| call.text().to_ascii_lowercase(), str::to_owned);
    let zone = zone.trim();
    zone.strip_prefix("utc").unwrap_or(zone).parse().unwrap_or(0)
}

impl Call<'_> {
    fn text(&self) -> &str {
        match self.argument {
            Argument::None => "",
            Argument::Colon(text) | Argument::Spaced(text) => text,
        }
    }
}

impl Truth {
    fn holds(self, text: &str) -> bool {
        let text = text.trim().to_ascii_lowercase();
        match self {
            Self::Risu => matches!(text.as_str(), "1" | "true"),
            Self::SillyTavern => !matches!(text.as_str(), "" | "0" | "false" | "off" | "no"),
        }
    }
}

impl Who {
    const fn role(self) -> Option<Role> {
        match self {
            Self::Anyone => None,
            Self::User => Some(Role::User),
            Self::Char => Some(Role::Assistant),
        }
    }
}

impl Text {
    const fn of(self, card: Texts<'_>) -> &str {
        match self {
            Self::Description => card.description,
            Self::Personality => card.personality,
            Self::Scenario => card.scenario,
            Self::Examples => card.examples,
            Self::FirstMessage => card.first_message,
            Self::SystemPrompt => card.system_prompt,
            Self::PostHistory => card.post_history,
            Self::CreatorNotes => card.creator_notes,
            Self::Version => card.version,
        }
    }
}

//! Dialogues as token ids, with the character's words told apart.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::message::{Message, Role};

use super::{ChatTemplate, Tokenizer};
use crate::error::{ModelError, Result};

/// Longest sequence of roles that is remembered, and how many are.
const MAX_ROLES: usize = 64;
const MAX_PLANS: usize = 1_024;

/// Stands in a message where a control token is cut in two; a private use character.
const CUT: char = '\u{f8f2}';

/// A dialogue as the model sees it in training: token ids, with a mask of those that the character says.
///
/// The character says each reply and the control token that ends it. Control tokens come from the template alone: where a
/// message writes one out, it is text, so nobody's words can end a turn or begin another.
///
/// # Errors
/// [`ModelError`] if template or tokenizer refuse.
pub fn tokenize_dialogue(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
) -> Result<(Vec<u32>, Vec<bool>)> {
    let messages = &*as_text(tokenizer, messages);
    let mut out = Tokens { tokenizer, tokens: Vec::new(), mask: Vec::new(), whole: String::new(), ends: Vec::new() };
    match plan_for(template, messages) {
        Some(plan) => {
            let mut text = String::new();
            for (parts, learnt) in plan.iter() {
                text.clear();
                for part in parts {
                    text.push_str(match part {
                        Part::Template(literal) => literal,
                        Part::Content(message) => &messages[*message].content,
                    });
                }
                out.push(&text, *learnt)?;
            }
        }
        None => {
            for (text, learnt) in segments(template, messages)? {
                out.push(&text, learnt)?;
            }
        }
    }
    out.finish()
}

/// The tokens that every dialogue behind a system message begins with, up to where the first message does.
///
/// # Errors
/// [`ModelError`] if template or tokenizer refuse.
pub fn tokenize_opening(tokenizer: &Tokenizer, template: &ChatTemplate, system: &str) -> Result<Vec<u32>> {
    let begun = |role, word: &str| -> Result<Vec<u32>> {
        let messages = [Message::new(Role::System, system), Message::new(role, word)];
        Ok(tokenize_dialogue(tokenizer, template, &messages)?.0)
    };
    let mut opening = begun(Role::User, "a")?;
    let others = [begun(Role::User, "b"), begun(Role::Assistant, "a")];
    // Some templates refuse a dialogue that the character begins.
    for other in others.into_iter().flatten() {
        let same = opening.iter().zip(&other).take_while(|(one, other)| one == other).count();
        opening.truncate(same);
    }
    // Behind a control token, no word changes the tokens before it.
    let end = opening.iter().rposition(|&token| tokenizer.is_control(token)).map_or(opening.len(), |last| last + 1);
    opening.truncate(end);
    Ok(opening)
}

/// Messages in which each control token that is written out is cut after its first character.
fn as_text<'m>(tokenizer: &Tokenizer, messages: &'m [Message]) -> Cow<'m, [Message]> {
    let mut messages = Cow::Borrowed(messages);
    for i in 0..messages.len() {
        if let Some(cut) = tokenizer.cut_control(&messages[i].content, CUT) {
            messages.to_mut()[i].content = cut;
        }
    }
    messages
}

/// Token ids as they come, and which of them are learnt.
struct Tokens<'t> {
    tokenizer: &'t Tokenizer,
    tokens: Vec<u32>,
    mask: Vec<bool>,
    /// A vocabulary that marks the beginning of a text must see it whole: then offsets tell the segment of each token.
    whole: String,
    ends: Vec<(usize, bool)>,
}

impl Tokens<'_> {
    fn push(&mut self, text: &str, learnt: bool) -> Result<()> {
        if !self.tokenizer.cuts_anywhere() {
            self.whole.push_str(text);
            self.ends.push((self.whole.len(), learnt));
            return Ok(());
        }
        for piece in text.split(CUT).filter(|piece| !piece.is_empty()) {
            self.tokens.extend(self.tokenizer.encode(piece)?);
        }
        self.mask.resize(self.tokens.len(), learnt);
        Ok(())
    }

    fn finish(mut self) -> Result<(Vec<u32>, Vec<bool>)> {
        let mut begin = 0;
        for piece in self.whole.split_inclusive(CUT) {
            for (token, start) in self.tokenizer.encode_with_places(piece.trim_end_matches(CUT))? {
                let segment = self.ends.partition_point(|(end, _)| *end <= begin + start);
                self.tokens.push(token);
                self.mask.push(self.ends.get(segment).is_some_and(|(_, learnt)| *learnt));
            }
            begin += piece.len();
        }
        Ok((self.tokens, self.mask))
    }
}

/// The text of a dialogue in segments that are learnt or not.
fn segments(template: &ChatTemplate, messages: &[Message]) -> Result<Vec<(String, bool)>> {
    let mut segments = Vec::with_capacity(messages.len() * 3);
    let mut seen = String::new();
    for (i, message) in messages.iter().enumerate() {
        let said = message.role == Role::Assistant;
        // Everything up to the point where the character starts to speak, then the reply.
        let after = template.render(&messages[..=i], false)?;
        let before = if said { up_to_reply(template, &messages[..=i], &after)? } else { seen.clone() };
        let split = |from: &str, to: &str| {
            let added = to.strip_prefix(from).map(str::to_owned);
            added.ok_or_else(|| ModelError::malformed("chat template", "a longer dialogue does not extend a shorter"))
        };
        segments.push((split(&seen, &before)?, false));
        let mut reply = split(&before, &after)?;
        // The line break after the closing token belongs to the template, not to the reply.
        let tail = reply.trim_end_matches('\n').len();
        let rest = reply.split_off(tail);
        segments.push((reply, said));
        segments.push((rest, false));
        seen = after;
    }
    Ok(segments)
}

/// The text before the last message, a reply. Templates say so themselves, but not for a conversation that begins with
/// a reply: there, a mark in the reply's place shows it.
fn up_to_reply(template: &ChatTemplate, messages: &[Message], after: &str) -> Result<String> {
    let Some((reply, before)) = messages.split_last() else { return Ok(String::new()) };
    let asked = template.render(before, true)?;
    if after.starts_with(&asked) {
        return Ok(asked);
    }
    let marked = [before, &[Message::new(reply.role, OPEN)]].concat();
    let text = template.render(&marked, false)?;
    Ok(text.split(OPEN).next().unwrap_or_default().to_owned())
}

/// The template's text for one sequence of roles: rendering costs far more than filling in.
type Plan = Vec<(Vec<Part>, bool)>;

#[derive(Debug)]
enum Part {
    Template(String),
    /// The content of a message, by index.
    Content(usize),
}

/// Plans by sequence of roles; `None` if the template looks into the contents.
#[derive(Default)]
pub(super) struct Plans(Mutex<HashMap<Vec<Role>, Option<Arc<Plan>>>>);

fn plan_for(template: &ChatTemplate, messages: &[Message]) -> Option<Arc<Plan>> {
    if messages.len() > MAX_ROLES {
        return None;
    }
    let roles: Vec<Role> = messages.iter().map(|m| m.role).collect();
    let known = || template.plans.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(plan) = known().get(&roles) {
        return plan.clone();
    }
    let plan = make_plan(template, &roles).map(Arc::new);
    let mut plans = known();
    if plans.len() < MAX_PLANS {
        plans.insert(roles, plan.clone());
    }
    plan
}

/// Contents that a template would have to treat alike: with markup, white space at the ends, digits, nothing.
const PROBES: [&str; 6] = ["a", " <|im_end|>\n", "{{ 1 }}", "\n", "system\nuser", "0"];
/// Private use characters, which no template names.
const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';

fn make_plan(template: &ChatTemplate, roles: &[Role]) -> Option<Plan> {
    let with = |content: &dyn Fn(usize) -> String| {
        let messages = roles.iter().enumerate().map(|(i, &role)| Message::new(role, content(i)));
        segments(template, &messages.collect::<Vec<_>>()).ok()
    };
    let marked = with(&|i| format!("{OPEN}{i}{CLOSE}"))?;
    let plan: Plan = marked.iter().map(|(text, learnt)| Some((parts(text)?, *learnt))).collect::<Option<_>>()?;
    for shift in 0..PROBES.len() {
        let probe = |i: usize| PROBES[(i + shift) % PROBES.len()];
        let fill = |(parts, learnt): &(Vec<Part>, bool)| {
            let texts = parts.iter().map(|part| match part {
                Part::Template(literal) => literal.as_str(),
                Part::Content(message) => probe(*message),
            });
            (texts.collect::<String>(), *learnt)
        };
        if with(&|i| probe(i).to_owned())? != plan.iter().map(fill).collect::<Vec<_>>() {
            return None;
        }
    }
    Some(plan)
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once(OPEN) {
        let (index, after) = after.split_once(CLOSE)?;
        parts.push(Part::Template(literal.to_owned()));
        parts.push(Part::Content(index.parse().ok()?));
        rest = after;
    }
    parts.push(Part::Template(rest.to_owned()));
    Some(parts)
}

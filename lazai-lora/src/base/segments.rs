//! Dialogues as token ids, with the character's words told apart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::dialogue::{Message, Role};

use super::{ChatTemplate, Tokenizer};
use crate::error::{LoraError, Result};

/// Longest sequence of roles that is remembered, and how many are.
const MAX_ROLES: usize = 64;
const MAX_PLANS: usize = 1_024;

/// A dialogue as the model sees it in training: token ids, with a mask of those that the character says.
///
/// The character says each reply and the control token that ends it.
///
/// # Errors
/// [`LoraError`] if template or tokenizer refuse.
pub fn tokenize_dialogue(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
) -> Result<(Vec<u32>, Vec<bool>)> {
    let (mut tokens, mut mask) = (Vec::new(), Vec::new());
    // A vocabulary that marks the beginning of a text must see it whole: then offsets tell the segment of each token.
    let (mut whole, mut ends) = (String::new(), Vec::new());
    let mut push = |text: &str, learnt: bool| -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if tokenizer.cuts_anywhere() {
            tokens.extend(tokenizer.encode(text)?);
            mask.resize(tokens.len(), learnt);
        } else {
            whole.push_str(text);
            ends.push((whole.len(), learnt));
        }
        Ok(())
    };
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
                push(&text, *learnt)?;
            }
        }
        None => {
            for (text, learnt) in segments(template, messages)? {
                push(&text, learnt)?;
            }
        }
    }
    if !whole.is_empty() {
        for (token, start) in tokenizer.encode_with_places(&whole)? {
            let segment = ends.partition_point(|(end, _)| *end <= start);
            tokens.push(token);
            mask.push(ends.get(segment).is_some_and(|(_, learnt)| *learnt));
        }
    }
    Ok((tokens, mask))
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
            added.ok_or_else(|| LoraError::malformed("chat template", "a longer dialogue does not extend a shorter"))
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

//! Decorators: instructions at the head of a lorebook entry's content (V3).
//!
//! `@@name value` is an instruction; `@@@name value` after it is used where the one before is unknown. Unknown
//! ones are ignored, and none reaches the prompt.

use crate::message::Role;

/// The decorators in the head of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decorators {
    pub activate_only_after: Option<usize>,
    pub activate_only_every: Option<usize>,
    pub keep_activate_after_match: bool,
    pub dont_activate_after_match: bool,
    pub depth: Option<usize>,
    pub reverse_depth: Option<usize>,
    pub role: Option<Role>,
    pub scan_depth: Option<usize>,
    pub is_greeting: Option<usize>,
    pub position: Option<Place>,
    pub ignore_on_max_context: bool,
    pub additional_keys: Vec<String>,
    pub exclude_keys: Vec<String>,
    /// `activate` or `dont_activate`.
    pub forced: Option<bool>,
    pub without_system_prompt: bool,
    pub without_post_history: bool,
}

/// A named place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    BeforeDescription,
    AfterDescription,
    Personality,
    Scenario,
}

/// The decorators at the head of a content, and the rest.
pub(super) fn split(content: &str) -> (Decorators, &str) {
    let mut decorators = Decorators::default();
    let mut rest = content;
    // True while a fallback would still be used.
    let mut open = false;
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim();
        if let Some(fallback) = line.strip_prefix("@@@") {
            if open {
                open = !decorators.apply(fallback);
            }
        } else if let Some(decorator) = line.strip_prefix("@@") {
            open = !decorators.apply(decorator);
        } else {
            return (decorators, rest);
        }
        rest = after;
    }
}

/// The content alone.
pub(super) fn strip(content: &str) -> &str {
    split(content).1
}

impl Decorators {
    /// Applies one; `false` if it is unknown, or its value makes no sense.
    fn apply(&mut self, decorator: &str) -> bool {
        let (name, value) = decorator.split_once(char::is_whitespace).unwrap_or((decorator, ""));
        let value = value.trim();
        let number = value.parse::<usize>().ok();
        let list = || value.split(',').map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
            let known = value.is_some();
            if known {
                *slot = value;
            }
            known
        }
        match name {
            "activate_only_after" => set(&mut self.activate_only_after, number),
            "activate_only_every" => set(&mut self.activate_only_every, number.filter(|&n| n > 0)),
            "depth" => set(&mut self.depth, number),
            "reverse_depth" => set(&mut self.reverse_depth, number),
            "scan_depth" => set(&mut self.scan_depth, number),
            "is_greeting" => set(&mut self.is_greeting, number),
            "role" => set(&mut self.role, Role::from_name(value)),
            "position" => {
                let place = match value {
                    "before_desc" => Some(Place::BeforeDescription),
                    "after_desc" => Some(Place::AfterDescription),
                    "personality" => Some(Place::Personality),
                    "scenario" => Some(Place::Scenario),
                    _ => None,
                };
                set(&mut self.position, place)
            }
            "activate" => set(&mut self.forced, Some(true)),
            "dont_activate" => set(&mut self.forced, Some(false)),
            "disable_ui_prompt" => {
                match value {
                    "system_prompt" => self.without_system_prompt = true,
                    "post_history_instructions" => self.without_post_history = true,
                    _ => return false,
                }
                true
            }
            "keep_activate_after_match" => {
                self.keep_activate_after_match = true;
                true
            }
            "dont_activate_after_match" => {
                self.dont_activate_after_match = true;
                true
            }
            "ignore_on_max_context" => {
                self.ignore_on_max_context = true;
                true
            }
            "additional_keys" => {
                self.additional_keys.extend(list());
                true
            }
            "exclude_keys" => {
                self.exclude_keys.extend(list());
                true
            }
            // The `instruct_…` ones speak of prompts without turns, which are not built here; `is_user_icon` of a
            // picture that is not shown here.
            _ => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fallbacks_count_where_the_first_is_unknown() {
        let (d, rest) =
            split("@@shiny 3\n@@@sparkly\n@@@depth 5\n@@@depth 9\n@@role assistant\n@@@role user\ntext\n@@depth 1");
        assert_eq!((d.depth, d.role, rest), (Some(5), Some(Role::Assistant), "text\n@@depth 1"));
        let (d, rest) = split("@@depth many\n@@position before_desc");
        assert_eq!((d.depth, d.position, rest), (None, Some(Place::BeforeDescription), ""));
        assert_eq!(strip("@ no\n@@yes"), "@ no\n@@yes");
    }
}

//! The order of messages: some programs list the newest first, or tables are sorted by another column.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::message::is_bare;
use super::shape::text_of;

/// Fields that say when a message was said, or as which.
pub(super) const FIELDS: [&str; 13] = [
    "timestamp",
    "created_at",
    "createdat",
    "create_time",
    "sent_at",
    "datetime",
    "date",
    "turn",
    "turn_id",
    "turn_index",
    "message_index",
    "position",
    "seq",
];
/// The least number that is a time and no count: seconds since 1970.
const LEAST_TIME: f64 = 1e8;
/// The note on messages that were put in order.
pub(super) const REASON: &str = "messages are not in the order in which they were said: put in that order";

/// When a message was said, or as which.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Order {
    Number(f64),
    /// The numbers of a date that begins with its year.
    Date(Vec<u32>),
}

impl Order {
    /// Reads a number or a date. Returns `None` for texts without an order.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<f64>() {
            return Some(Self::Number(number)).filter(|_| number.is_finite());
        }
        // Of one clock alone: half days and other zones have another order.
        let bare = ["Z", " UTC", "+00:00"].into_iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
        let is_plain = |c: char| c.is_ascii_digit() || "-/:. T".contains(c);
        let (year, _) = bare.split_once(['-', '/'])?;
        if year.len() != 4 || !bare.chars().all(is_plain) {
            return None;
        }
        let numbers = bare.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        numbers.map(|digits| digits.parse().ok()).collect::<Option<_>>().map(Self::Date)
    }

    /// Finds the order in a message's fields.
    pub(super) fn of_message(message: &Map<String, Value>) -> Option<Self> {
        if is_bare(message) {
            return None;
        }
        Self::of(&text_of(FIELDS.iter().find_map(|name| message.get(*name))?)?)
    }
}

/// Puts messages in order, if all say theirs and it is another. True if so.
pub(super) fn put<T>(messages: &mut [T], order: impl Fn(&T) -> Option<&Order>) -> bool {
    let is_sorted =
        |pair: &[T]| matches!(order(&pair[0]).partial_cmp(&order(&pair[1])), Some(Ordering::Less | Ordering::Equal));
    if messages.len() < 2
        || messages.iter().any(|message| order(message).is_none())
        || messages.windows(2).all(is_sorted)
    {
        return false;
    }
    let kind = |message: &T| order(message).map(std::mem::discriminant);
    if !messages.windows(2).all(|pair| kind(&pair[0]) == kind(&pair[1])) {
        return false;
    }
    // Newest first: those of one moment are the other way round, too; those of one turn are not.
    if messages.windows(2).all(|pair| order(&pair[0]) >= order(&pair[1])) {
        match order(&messages[0]) {
            Some(Order::Number(number)) if *number < LEAST_TIME => {
                messages.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(Ordering::Equal));
            }
            _ => messages.reverse(),
        }
        return true;
    }
    let mut places: Vec<usize> = (0..messages.len()).collect();
    places.sort_by(|&a, &b| order(&messages[a]).partial_cmp(&order(&messages[b])).unwrap_or(Ordering::Equal));
    // Numbers that begin anew are those of several conversations.
    if places.windows(2).any(|pair| order(&messages[pair[0]]) == order(&messages[pair[1]])) {
        return false;
    }
    messages.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(Ordering::Equal));
    true
}

/// Messages whose dates say that the newest comes first, turned round.
pub(super) fn newest_first(messages: &[Value]) -> Option<Vec<Value>> {
    let order = |message: &Value| Order::of_message(message.as_object()?);
    // Most say nothing of it.
    order(messages.first()?)?;
    let orders: Vec<Order> = messages.iter().map(order).collect::<Option<_>>()?;
    let falls = orders.windows(2).all(|pair| pair[0] >= pair[1]) && orders.first() > orders.last();
    falls.then(|| messages.iter().rev().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(said: &[(&'static str, &str)]) -> Option<Vec<&'static str>> {
        let mut said: Vec<(&str, Option<Order>)> = said.iter().map(|(text, order)| (*text, Order::of(order))).collect();
        put(&mut said, |(_, order)| order.as_ref()).then(|| said.into_iter().map(|(text, _)| text).collect())
    }

    #[test]
    fn messages_are_put_in_order() {
        assert_eq!(ordered(&[("b", "2024-01-02 10:00:00 UTC"), ("a", "2024-01-01")]), Some(vec!["a", "b"]));
        assert_eq!(ordered(&[("c", "3"), ("a", "1"), ("b", "2")]), Some(vec!["a", "b", "c"]));
        assert_eq!(
            ordered(&[("c", "1700000010"), ("b", "1700000009"), ("a", "1700000009")]),
            Some(vec!["a", "b", "c"])
        );
        assert_eq!(ordered(&[("c", "2"), ("d", "2"), ("a", "1"), ("b", "1")]), Some(vec!["a", "b", "c", "d"]));
        assert_eq!(ordered(&[("b", "2024-1-10"), ("a", "2024-1-9")]), Some(vec!["a", "b"]));
        for stays in [
            &[("a", "1"), ("b", "1"), ("c", "2")][..],
            &[("b", "2"), ("a", "")],
            &[("b", "2"), ("a", "yesterday")],
            &[("b", "2024-01-02"), ("a", "1")],
            &[("b", "31/12/2024"), ("a", "01/01/2024")],
            &[("a", "NaN"), ("b", "1")],
            &[("a", "2024-01-02 9:59"), ("b", "2024-01-02 10:00")],
            &[("a", "2024-01-02 11:59 AM"), ("b", "2024-01-02 01:05 PM")],
            &[("a", "2024-01-02T10:00:00+02:00"), ("b", "2024-01-02T09:00:00Z")],
            &[("a", "1"), ("b", "2"), ("c", "1"), ("d", "2")],
        ] {
            assert_eq!(ordered(stays), None, "{stays:?}");
        }
    }
}

//! The order of messages: some programs list the newest first, or tables are sorted by another column.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::message::is_bare;
use super::shape::text_of;

/// Fields that say when a message was said, or as which.
pub(super) const FIELDS: [&str; 15] = [
    "timestamp",
    "created_at",
    "createdat",
    "create_time",
    "sent_at",
    "sent",
    "datetime",
    "date",
    "time",
    "turn",
    "turn_id",
    "turn_index",
    "message_index",
    "position",
    "seq",
];
/// What is noted where they were put in order.
pub(super) const REASON: &str = "messages are not in the order in which they were said: put in that order";

/// When a message was said, or as which.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Order {
    Number(f64),
    /// A date that begins with its year, so that its text is in its order.
    Date(String),
}

impl Order {
    /// What a text says of it, if that has an order.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<f64>() {
            return Some(Self::Number(number)).filter(|_| number.is_finite());
        }
        let (year, rest) = text.split_once(['-', '/'])?;
        let is_date = year.len() == 4
            && year.bytes().all(|c| c.is_ascii_digit())
            && rest.starts_with(|c: char| c.is_ascii_digit());
        is_date.then(|| Self::Date(text.to_owned()))
    }

    /// What a message says of it.
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
    // Newest first: those of one moment are the other way round, too.
    if messages.windows(2).all(|pair| order(&pair[0]) >= order(&pair[1])) {
        messages.reverse();
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
        assert_eq!(ordered(&[("c", "10"), ("b", "9"), ("a", "9")]), Some(vec!["a", "b", "c"]));
        for stays in [
            &[("a", "1"), ("b", "1"), ("c", "2")][..],
            &[("b", "2"), ("a", "")],
            &[("b", "2"), ("a", "yesterday")],
            &[("b", "2024-01-02"), ("a", "1")],
            &[("b", "31/12/2024"), ("a", "01/01/2024")],
            &[("a", "NaN"), ("b", "1")],
            &[("a", "1"), ("b", "2"), ("c", "1"), ("d", "2")],
        ] {
            assert_eq!(ordered(stays), None, "{stays:?}");
        }
    }
}

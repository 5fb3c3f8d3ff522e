//! Conversations whose rows stand among one another's: they are put together as long as they fit into memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// The memory of rows that are read ahead of the conversation that is next.
const MAX_AHEAD_BYTES: usize = 16 << 20;
/// The memory that a row takes up beside its bytes.
const ROW_OVERHEAD_BYTES: usize = 128;
/// Most conversations that are open at once.
const MAX_OPEN: usize = 1 << 16;
/// Most conversations that are remembered after they were passed on.
const MAX_GONE: usize = 1 << 20;

/// A conversation whose rows are gathered.
#[derive(Debug, Default)]
pub(super) struct Open<T> {
    pub id: Option<String>,
    pub rows: T,
    pub bytes: usize,
    /// The memory that its rows take up, roughly.
    held: usize,
    /// True if rows of it were passed on before.
    pub again: bool,
}

/// Conversations in the order of their first rows.
#[derive(Debug)]
pub(super) struct Gather<T> {
    open: VecDeque<Open<T>>,
    /// The number of each open conversation, counted from the first of the file.
    numbers: HashMap<String, u64>,
    passed: u64,
    /// The number of the last row's conversation.
    current: Option<u64>,
    held: usize,
    gone: HashSet<u64>,
    state: RandomState,
}

impl<T> Default for Gather<T> {
    fn default() -> Self {
        let (open, numbers, gone) = (VecDeque::new(), HashMap::new(), HashSet::new());
        Self { open, numbers, passed: 0, current: None, held: 0, gone, state: RandomState::new() }
    }
}

impl<T: Default> Gather<T> {
    /// The conversation with an id, for a row of some bytes.
    pub(super) fn of(&mut self, id: &str, bytes: usize) -> Option<&mut Open<T>> {
        let number = match self.numbers.get(id) {
            Some(number) => *number,
            None => self.begin(Some(id)),
        };
        self.add(number, bytes)
    }

    /// The conversation of the row before, for a row that names none; a new one where that `ends`.
    pub(super) fn go_on(&mut self, bytes: usize, ends: impl Fn(&Open<T>) -> bool) -> Option<&mut Open<T>> {
        let current = self.current.filter(|number| self.get(*number).is_some_and(|open| !ends(open)));
        let number = current.unwrap_or_else(|| self.begin(None));
        self.add(number, bytes)
    }

    /// Gives the conversation of the row before an id, if it has none and nobody else has it.
    pub(super) fn name(&mut self, id: &str) {
        let Some(number) = self.current.filter(|_| !self.numbers.contains_key(id)) else { return };
        if let Some(open) = self.get(number).filter(|open| open.id.is_none()) {
            open.id = Some(id.to_owned());
            self.numbers.insert(id.to_owned(), number);
        }
    }

    fn get(&mut self, number: u64) -> Option<&mut Open<T>> {
        let at = number.checked_sub(self.passed)?;
        self.open.get_mut(usize::try_from(at).ok()?)
    }

    fn begin(&mut self, id: Option<&str>) -> u64 {
        let again = id.is_some_and(|id| self.gone.contains(&self.state.hash_one(id)));
        let number = self.passed + self.open.len() as u64;
        id.and_then(|id| self.numbers.insert(id.to_owned(), number));
        self.open.push_back(Open { id: id.map(str::to_owned), rows: T::default(), bytes: 0, held: 0, again });
        number
    }

    fn add(&mut self, number: u64, bytes: usize) -> Option<&mut Open<T>> {
        self.current = Some(number);
        self.held += bytes + ROW_OVERHEAD_BYTES;
        let open = self.get(number)?;
        open.bytes += bytes;
        open.held += bytes + ROW_OVERHEAD_BYTES;
        Some(open)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// True if rows can be read on before the first conversation is passed on.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < 2 || (self.held <= MAX_AHEAD_BYTES && self.open.len() <= MAX_OPEN)
    }

    /// Passes on the first conversation.
    pub(super) fn pass(&mut self) -> Option<Open<T>> {
        let open = self.open.pop_front()?;
        self.passed += 1;
        self.held = self.held.saturating_sub(open.held);
        if let Some(id) = &open.id {
            self.numbers.remove(id);
            if self.gone.len() < MAX_GONE {
                self.gone.insert(self.state.hash_one(id));
            }
        }
        Some(open)
    }
}

/// The note for a conversation of which rows were passed on before.
pub(super) fn again(id: Option<&str>) -> String {
    format!("the conversation {:?} goes on after others: taken as another dialogue", id.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_together_while_there_is_room() {
        let mut gather = Gather::<Vec<u8>>::default();
        let put = |gather: &mut Gather<Vec<u8>>, id: Option<&str>, row, bytes| {
            let open = match id {
                Some(id) => gather.of(id, bytes),
                None => gather.go_on(bytes, |open| open.id.is_some()),
            };
            open.into_iter().for_each(|open| open.rows.push(row));
        };
        for (id, row) in
            [(Some("a"), 1), (Some("b"), 2), (Some("a"), 3), (None, 4), (None, 5), (Some("b"), 6), (None, 7)]
        {
            put(&mut gather, id, row, 1);
        }
        let mut passed: Vec<(Option<String>, Vec<u8>)> = Vec::new();
        while let Some(open) = gather.pass() {
            passed.push((open.id, open.rows));
        }
        let expected =
            [(Some("a".into()), vec![1, 3]), (Some("b".into()), vec![2, 6]), (None, vec![4, 5]), (None, vec![7])];
        assert_eq!(passed, expected);
        put(&mut gather, Some("a"), 8, MAX_AHEAD_BYTES);
        put(&mut gather, Some("c"), 9, 1);
        assert!(!gather.has_room());
        assert!(gather.pass().is_some_and(|open| open.again && open.rows == [8]));
        assert!(gather.has_room());
    }
}

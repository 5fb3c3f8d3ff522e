//! Dialogues in tables: a dialogue per row, or a message per row.

use std::io::Read;

use super::conversations::conversation_rank;
use super::format::Options;
use super::gather::{self, Gather, Open};
use super::order::{self, Order};
use super::owner::{self, CHARACTERS, OF_PAIRS};
use super::parsed::Parsed;
use super::read::{Body, MAX_CONVERSATION_BYTES, Raw};
use super::shape::{CONTRIBUTORS, INPUTS, PROMPTS, RESPONSES, SYSTEMS};
use super::source::Input;
use super::speaker::{self, Line, Who, who};
use super::terms::{LABELS, TERMS, cell_forbids, is_unclear};
use super::{DialogueError, Role, cells};
use crate::report::{Action, MAX_NOTES, excerpt};
use crate::text::table::{Header, MAX_ROW_BYTES, Row, Rows as TableRows, TableError};

/// The content of each column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    header: Header,
    content: Content,
    ids: Vec<usize>,
    contributors: Vec<usize>,
    /// Those that say whether a row may be learnt.
    terms: Vec<usize>,
    /// Those that say when, or as which, a message was said.
    order: Vec<usize>,
    /// True if there is an id that numbers messages, and no conversations.
    is_numbered: bool,
}

/// Most notes on one conversation's cells: short rows must not cost many times their bytes.
const MAX_NOTES_OF_ROWS: usize = 1 << 16;
/// Of several columns for one thing, the first that a row fills counts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// A dialogue in each row.
    Pair { prompts: Vec<usize>, input: Vec<usize>, responses: Vec<usize>, systems: Vec<usize>, names: Vec<usize> },
    /// A message in each row; rows of one id follow one another.
    Message { speakers: Vec<usize>, beside: Vec<usize>, texts: Vec<usize> },
}

/// Reads a header line.
pub(super) fn layout(head: &str) -> Option<Layout> {
    Header::all(head).into_iter().find_map(|header| {
        let columns = |wanted: &[&str]| Some(header.columns(wanted)).filter(|columns| !columns.is_empty());
        let speakers = columns(&["role", "speaker", "from", "name", "author"]);
        let content = match (speakers, columns(&["content", "message", "text", "value"])) {
            (Some(speakers), Some(texts)) => {
                let beside = [header.columns(&["name", "speaker", "author"]), header.columns(&CHARACTERS)].concat();
                Content::Message { speakers, texts, beside }
            }
            _ => Content::Pair {
                prompts: columns(&PROMPTS)?,
                responses: columns(&RESPONSES)?,
                input: header.columns(&INPUTS),
                systems: header.columns(&SYSTEMS),
                names: [header.columns(&CHARACTERS), header.columns(&OF_PAIRS)].concat(),
            },
        };
        let is_message = matches!(content, Content::Message { .. });
        let rank = |column: &usize| conversation_rank(&header.names[*column]);
        let mut of_conversations: Vec<usize> =
            (0..header.names.len()).filter(|column| rank(column).is_some()).collect();
        of_conversations.sort_by_key(rank);
        let ids = [of_conversations, header.columns(&["id"])].concat();
        let is_numbered = is_message && ids.len() == 1 && is_number(head, &header, ids[0]);
        let ids = if is_numbered {
            Vec::new()
        } else if is_message {
            ids.into_iter().take(1).collect()
        } else {
            ids
        };
        let contributors = match content {
            // There, an author is the speaker.
            Content::Message { .. } => header.columns(&CONTRIBUTORS[..1]),
            Content::Pair { .. } => header.columns(&CONTRIBUTORS),
        };
        let terms = [header.columns(&TERMS), header.columns(&LABELS)].concat();
        let order = if is_message { header.columns(&order::FIELDS) } else { Vec::new() };
        Some(Layout { content, ids, contributors, terms, order, is_numbered, header })
    })
}

/// True if a column `id` has another value in each row.
fn is_number(head: &str, header: &Header, column: usize) -> bool {
    // The last row may be cut off.
    let whole = head.rfind('\n').map_or("", |end| &head[..=end]);
    header.names[column] == "id"
        && TableRows::new(whole.as_bytes(), header).is_ok_and(|mut rows| {
            cells::is_number_of_rows(std::iter::from_fn(|| rows.next_row().ok().flatten()), column)
        })
}

/// True if a text begins with the header of a table of dialogues, and of no list of recordings: those say on which terms.
pub(crate) fn is_table(head: &str) -> bool {
    layout(head).is_some_and(|layout| layout.header.column(&["consent", "licence", "license"]).is_none())
}

pub(super) struct Table<R> {
    rows: TableRows<Input<R>>,
    layout: Layout,
    gather: Gather<Rows>,
    /// Notes on rows that are of no conversation.
    notes: Vec<(Action, u64, String)>,
    /// The result of reading, once it ended.
    end: Option<Result<(), DialogueError>>,
}

/// A conversation out of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    /// The first line.
    line: u64,
    id: Option<String>,
    contributor: Option<String>,
    said: Vec<Cells>,
    /// Notes on some lines.
    notes: Vec<(Action, u64, String)>,
}

/// A message out of a row.
#[derive(Debug, Clone)]
struct Cells {
    line: u64,
    speaker: String,
    /// The name that stands beside a role.
    beside: Option<String>,
    text: String,
    learnt: bool,
    /// When it was said, or as which message.
    order: Option<Order>,
}

impl From<TableError> for DialogueError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::TooLong { line } => Self::TooLarge { line, max: MAX_ROW_BYTES },
            TableError::Io(error) => error.into(),
            TableError::Malformed { reason } => Self::Io { reason },
        }
    }
}

impl<R: Read> Table<R> {
    pub(super) fn new(input: Input<R>, layout: Layout) -> Result<Self, DialogueError> {
        let rows = TableRows::new(input, &layout.header)?;
        let numbered = layout.is_numbered.then_some("the column id numbers the messages: all are one conversation");
        let notes = numbered.map(|reason| (Action::Repaired, 1, reason.to_owned())).into_iter().collect();
        Ok(Self { rows, layout, gather: Gather::default(), notes, end: None })
    }

    /// The next row with content.
    fn next_row(&mut self) -> Result<Option<Row>, DialogueError> {
        while let Some(mut row) = self.rows.next_row()? {
            if let Some(reason) = cells::is_own(&row, &self.layout.header) {
                self.notes.push((Action::Dropped, row.line, reason.into()));
                // A table of nothing else is no reason to hold all of them.
                if self.notes.len() > MAX_NOTES {
                    self.notes.truncate(MAX_NOTES);
                }
                continue;
            }
            if let Some(reason) = cells::clear(&mut row, &self.layout.header, &self.layout.terms) {
                self.notes.push((Action::Repaired, row.line, reason));
            }
            return Ok(Some(row));
        }
        Ok(None)
    }

    /// The rows of the next conversation.
    pub(super) fn next_rows(&mut self) -> Result<Option<Raw>, DialogueError> {
        let is_message = matches!(self.layout.content, Content::Message { .. });
        while self.end.is_none() && self.gather.has_room() {
            let row = match self.next_row() {
                Ok(Some(row)) => row,
                Ok(None) => {
                    self.end = Some(Ok(()));
                    break;
                }
                Err(error) => {
                    self.end = Some(Err(error));
                    break;
                }
            };
            let notes = std::mem::take(&mut self.notes);
            if !is_message {
                let mut rows = Rows { notes, ..Rows::default() };
                rows.add(&row, &self.layout);
                return Ok(Some(Raw { line: row.line, body: Body::Rows(rows) }));
            }
            let id = row.filled(&self.layout.ids).map(|(_, id)| id.to_owned());
            let bytes = row.fields.iter().map(String::len).sum::<usize>();
            let open = match id.as_deref() {
                Some(id) => self.gather.of(id, bytes),
                None => self.gather.go_on(bytes, |open| open.id.is_some()),
            };
            let Some(open) = open else { continue };
            if open.bytes > MAX_CONVERSATION_BYTES {
                self.end = Some(Err(DialogueError::TooLarge { line: row.line, max: MAX_CONVERSATION_BYTES }));
                break;
            }
            if open.rows.line == 0 {
                open.rows.line = row.line;
                let reason = open.again.then(|| gather::again(id.as_deref()));
                open.rows.notes.extend(reason.map(|reason| (Action::Repaired, row.line, reason)));
            }
            if open.rows.notes.len() < MAX_NOTES_OF_ROWS {
                open.rows.notes.extend(notes);
            }
            open.rows.add(&row, &self.layout);
        }
        if let Some(Open { rows, .. }) = self.gather.pass() {
            return Ok(Some(Raw { line: rows.line, body: Body::Rows(rows) }));
        }
        // What is noted behind the last row.
        let notes = std::mem::take(&mut self.notes);
        match (notes.first(), self.end.clone()) {
            (Some((_, line, _)), _) => {
                Ok(Some(Raw { line: *line, body: Body::Rows(Rows { notes, ..Rows::default() }) }))
            }
            (None, Some(Err(error))) => Err(error),
            (None, _) => Ok(None),
        }
    }
}

impl Rows {
    fn add(&mut self, row: &Row, layout: &Layout) {
        let line = row.line;
        let field = |columns: &[usize]| row.filled(columns).map(|(_, text)| text.to_owned());
        self.id = self.id.take().or_else(|| field(&layout.ids));
        self.contributor = self.contributor.take().or_else(|| field(&layout.contributors));
        self.notes.extend(row.note.clone().map(|reason| (Action::Repaired, line, reason)));
        let term =
            |column: &usize| (&*layout.header.names[*column], row.fields.get(*column).map_or("", String::as_str));
        let learnt = !layout.terms.iter().map(term).any(|(name, cell)| cell_forbids(name, cell));
        if let Some((name, cell)) = layout.terms.iter().map(term).find(|(name, cell)| is_unclear(name, cell)) {
            let reason = format!("{name}: {:?} is neither yes nor no, and not heeded", excerpt(cell, 40));
            self.notes.push((Action::Repaired, line, reason));
        }
        let mut dropped = |reason: &str| self.notes.push((Action::Dropped, line, reason.into()));
        if let Some(reason) = &row.broken {
            return dropped(reason);
        }
        let cells = |speaker: &str, text: &str| {
            let (speaker, text) = (speaker.into(), text.into());
            Cells { line, speaker, beside: None, text, learnt, order: None }
        };
        if layout.header.beyond(row).iter().any(|cell| !cell.trim().is_empty()) {
            return dropped("the row has more cells than the header");
        }
        match &layout.content {
            Content::Message { speakers, beside, texts } => match (row.filled(speakers), row.filled(texts)) {
                (Some((_, speaker)), Some((_, text))) => {
                    let beside = row.filled(beside).map(|(_, name)| name.to_owned());
                    let order = row.filled(&layout.order).and_then(|(_, cell)| Order::of(cell));
                    self.said.push(Cells { beside, order, ..cells(speaker, text) });
                }
                (None, _) => dropped("the row names no speaker"),
                (_, None) => dropped("an empty message"),
            },
            Content::Pair { prompts, input, responses, systems, names } => {
                let Some((taken, response)) = row.filled(responses) else { return dropped("the row has no response") };
                let prompt = row.filled(prompts);
                if prompt.is_none() {
                    dropped("the row has no prompt: the reply stands alone");
                }
                if let Some((_, system)) = row.filled(systems) {
                    self.said.push(cells("system", system));
                }
                if let Some((asked, prompt)) = prompt {
                    let input = row.filled(input).filter(|(column, _)| *column != asked);
                    let prompt = input.map_or(prompt.into(), |(_, input)| format!("{prompt}\n\n{input}"));
                    self.said.push(cells("user", &prompt));
                }
                let names: Vec<usize> = names.iter().copied().filter(|column| *column != taken).collect();
                let beside = row.filled(&names).map(|(_, name)| name.to_owned());
                self.said.push(Cells { beside, ..cells("assistant", response) });
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.said.iter().map(|cells| cells.speaker.len() + cells.text.len()).sum()
    }

    pub(super) fn parse(mut self, line: u64, options: &Options) -> Parsed {
        let mut parsed = Parsed::default();
        if order::put(&mut self.said, |cells| cells.order.as_ref()) {
            parsed.note(Action::Repaired, format!("line {line}"), order::REASON);
        }
        for (action, line, reason) in self.notes {
            parsed.note(action, format!("line {line}"), reason);
        }
        let mut line_of = |Cells { line, speaker, beside, text, learnt, .. }| {
            let place = format!("line {line}");
            let who = match (who(&speaker, options), beside) {
                (Who::Role(Role::Assistant), Some(name))
                    if options.character.is_some() && Role::from_name(&name) == Some(Role::System) =>
                {
                    Who::Named(name)
                }
                (Who::Role(Role::Assistant), Some(name)) if owner::is_personal(&name) => {
                    if options.character.is_none() {
                        parsed.heard(&name, &place);
                    }
                    owner::another(&[&name], options)
                        .map_or(Who::Role(Role::Assistant), |name| Who::Named(name.to_owned()))
                }
                (who, _) => who,
            };
            if !learnt && who == Who::Role(Role::Assistant) {
                parsed.note(Action::Repaired, place.clone(), "the file says that it is not to be learnt: context");
            }
            Line { place, who, text, learnt }
        };
        let lines: Vec<Line> = self.said.into_iter().map(&mut line_of).collect();
        if lines.is_empty() {
            return parsed;
        }
        let said = speaker::messages(lines, options, &mut parsed);
        let contributor = self.contributor.unwrap_or_else(|| options.contributor.clone());
        parsed.finish(self.id.unwrap_or_else(|| format!("line-{line}")), &contributor, line, said)
    }
}

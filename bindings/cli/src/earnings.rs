//! `earnings`: what a creator's shares, or a node's replies, brought in.

use lazai_facade::LazaiError;
use pollster::block_on;
use serde::Serialize;
use serde_json::Value;

use crate::acting::{named, reading};
use crate::args;
use crate::{Done, Output};

/// Columns of a table: the names of fields, and their headings.
type Columns = &'static [(&'static str, &'static str)];

const SHARES: Columns = &[
    ("tokenId", "token"),
    ("classId", "class"),
    ("version", "version"),
    ("character", "character"),
    ("contributor", "contributor"),
    ("owner", "owner"),
    ("shares", "shares"),
    ("totalShares", "of"),
    ("asset", "asset"),
    ("claimed", "claimed"),
    ("claimable", "claimable"),
    ("pending", "pending"),
];
const NODE: Columns = &[
    ("classId", "class"),
    ("version", "version"),
    ("character", "character"),
    ("asset", "asset"),
    ("sessions", "sessions"),
    ("openSessions", "open"),
    ("owed", "owed"),
    ("signed", "signed"),
    ("redeemed", "redeemed"),
    ("atRisk", "at risk"),
];

pub(crate) fn earnings(verb: &args::Earnings, out: &mut Output<'_>) -> Done {
    let is_book = verb.book.is_some();
    let (market, account) = reading(&verb.reading, if is_book { "node" } else { "creator" })?;
    block_on(market.refresh())?;
    if let Some(book) = &verb.book {
        if verb.database.is_none() && !book.is_dir() {
            return Err(LazaiError::new("file", format!("{}: no book is here", book.display())));
        }
        let book = crate::serve::book_at(book, verb.database.as_deref(), verb.database_ca.as_deref())?;
        // A folder is of one node, a database may be of several.
        let mut all = match &book.database {
            None => market.book_earnings(book.folder.clone())?,
            Some(_) => market.node_earnings(&book, &named(account)?)?,
        };
        all.retain(|earned| verb.class.is_none_or(|class| earned.class_id == class));
        return tell(&all, NODE, verb.csv, out);
    }
    let owner = if verb.all { None } else { Some(named(account)?) };
    tell(&market.share_earnings(owner, verb.class)?, SHARES, verb.csv, out)
}

/// Tells rows: as JSON one a line, as comma-separated values, or as a table.
fn tell<T: Serialize>(rows: &[T], columns: Columns, as_csv: bool, out: &mut Output<'_>) -> Done {
    let values = rows.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    if out.json {
        values.iter().try_for_each(|row| out.tell(row, |_| String::new()))?;
        return Ok(true);
    }
    let head = columns.iter().map(|(field, heading)| if as_csv { *field } else { *heading }).map(str::to_owned);
    let cells = |row: &Value| columns.iter().map(|(field, _)| cell(&row[*field])).collect::<Vec<String>>();
    let all: Vec<Vec<String>> = std::iter::once(head.collect()).chain(values.iter().map(cells)).collect();
    let text = if as_csv { comma_separated(&all)? } else { table(&all) };
    out.tell(&(), |()| text.trim_end().to_owned())?;
    Ok(true)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Names come from cards of others: none of them is a formula of a spreadsheet's (OWASP: CSV injection).
fn comma_separated(rows: &[Vec<String>]) -> Result<String, LazaiError> {
    let failed = |error: &dyn std::fmt::Display| LazaiError::new("io", format!("output: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let safe = |cell: &String| {
            if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.clone() }
        };
        writer.write_record(row.iter().map(safe)).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Columns as wide as their longest cell; numbers to the right.
fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut table = String::new();
    for row in rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| {
                // What a name must not do: end the line, or colour the terminal.
                let cell: String = cell.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
                let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
                if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
            .collect();
        table.push_str(line.join("  ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_do_nothing_in_a_spreadsheet_or_a_terminal() {
        let rows = [vec!["character".to_owned(), "owed".into()], vec!["=1+1, \"x\"\u{1b}[31m".into(), "7".into()]];
        assert_eq!(comma_separated(&rows).unwrap(), "character,owed\n\"'=1+1, \"\"x\"\"\u{1b}[31m\",7\n");
        let table = table(&rows);
        assert_eq!(table.lines().count(), 2);
        assert!(!table.contains('\u{1b}') && table.ends_with("     7\n"), "{table:?}");
    }
}

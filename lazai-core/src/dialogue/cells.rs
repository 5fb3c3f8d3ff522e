//! Cells and rows of tables that say nothing: what programs write for missing values and for faults, and rows of the table's own.

use crate::text::table::{Header, Row};

/// Spellings of programs for a missing value.
const MISSING: [&str; 13] =
    ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "<NA>", "NULL", "NaN", "None", "nan", "null"];
const RETURN: &str = "_x000D_";
/// Most rows that are looked at to tell what an id numbers.
const MAX_ROWS: usize = 64;

/// Empties the cells of a row that have no value, but for those of some columns, and returns the first of them. Cells between
/// bars have spaces around them.
pub(super) fn clear(row: &mut Row, header: &Header, but: &[usize]) -> Option<String> {
    let mut first = None;
    let cells = row.fields.iter_mut().enumerate().filter(|(column, _)| !but.contains(column));
    for (_, cell) in cells {
        if MISSING.contains(&cell.trim()) {
            let missing = std::mem::take(cell);
            first.get_or_insert(missing);
        } else if cell.contains(RETURN) {
            // Excel's spelling of a carriage return in a cell.
            *cell = cell.replace(RETURN, "");
        } else if header.is_barred() && cell.trim().len() < cell.len() {
            *cell = cell.trim().to_owned();
        }
    }
    first.map(|cell| format!("cells like {:?}, taken as empty", cell.trim()))
}

/// Why a row is none of the table's content, if so.
pub(super) fn is_own(row: &Row, header: &Header) -> Option<&'static str> {
    let cells = || row.fields.iter().map(|cell| cell.trim());
    let is_rule = |cell: &str| cell.contains("--") && cell.chars().all(|c| "-: ".contains(c));
    if cells().any(is_rule) && cells().all(|cell| cell.is_empty() || is_rule(cell)) {
        return Some("a line between the rows of a table");
    }
    let is_header = cells().map(str::to_lowercase).eq(header.names.iter().cloned());
    is_header.then_some("the header once more")
}

/// True if a column numbers the rows of a table's beginning: no two have one value.
pub(super) fn is_number_of_rows(rows: impl Iterator<Item = Row>, column: usize) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    for row in rows.take(MAX_ROWS) {
        match row.fields.get(column) {
            Some(id) if !id.trim().is_empty() && seen.insert(id.trim().to_owned()) => {}
            _ => return false,
        }
    }
    seen.len() > 1
}

//! The columns of a chunk's trace: one Poseidon permutation per row, and its controls.

use crate::poseidon::WIDTH;

/// Elements absorbed by one row.
pub(in crate::plonky2) const RATE: usize = 8;
/// Depth of the stack of subtrees: a contributor has fewer than 2^20 records.
pub(in crate::plonky2) const STACK: usize = crate::commitment::MAX_TREE_DEPTH;
/// Numbers of 16 bits that a row can hold for comparisons.
pub(super) const LIMBS: usize = 10;
/// S-boxes of one permutation: 8 full rounds and 22 partial ones.
pub(super) const S_BOXES: usize = 8 * WIDTH + 22;

/// The state that a chunk hands to the next: a run of columns, in this order.
pub(in crate::plonky2) mod state {
    use super::STACK;

    /// Roots of complete subtrees, the latest first.
    pub(in crate::plonky2) const STACKED: usize = 0;
    /// Chain over the contributors' entries: at the end, the root.
    pub(in crate::plonky2) const TABLE: usize = STACKED + 4 * STACK;
    /// Chain over the sorted keys.
    pub(in crate::plonky2) const SORTED: usize = TABLE + 4;
    /// Product over keys by product over sorted keys, in the extension field.
    pub(in crate::plonky2) const RATIO: usize = SORTED + 4;
    /// The last sorted key: high and low 32 bits.
    pub(in crate::plonky2) const PREVIOUS: usize = RATIO + 2;
    /// Records of this contributor so far.
    pub(in crate::plonky2) const RECORDS: usize = PREVIOUS + 2;
    /// Tokens of this contributor so far.
    pub(in crate::plonky2) const TOKENS: usize = RECORDS + 1;
    /// Entries on the stack.
    pub(in crate::plonky2) const SIZE: usize = TOKENS + 1;
    /// Number of the contributor.
    pub(in crate::plonky2) const CONTRIBUTOR: usize = SIZE + 1;
    /// Number of the contributor's licence.
    pub(in crate::plonky2) const LICENCE: usize = CONTRIBUTOR + 1;
    /// Columns of the state.
    pub(in crate::plonky2) const LENGTH: usize = LICENCE + 1;
}

/// Public inputs of a chunk.
pub(in crate::plonky2) mod public {
    use super::state;

    /// State before the first row.
    pub(in crate::plonky2) const BEFORE: usize = 0;
    /// State after the last.
    pub(in crate::plonky2) const AFTER: usize = state::LENGTH;
    /// Challenge of the comparison of keys, in the extension field.
    pub(in crate::plonky2) const CHALLENGE: usize = AFTER + state::LENGTH;
    /// Every token is below this.
    pub(in crate::plonky2) const VOCABULARY: usize = CHALLENGE + 2;
    /// No record has more tokens.
    pub(in crate::plonky2) const MAX_LENGTH: usize = VOCABULARY + 1;
    /// Number of allowed licences.
    pub(in crate::plonky2) const LICENCES: usize = MAX_LENGTH + 1;
    /// Their number.
    pub(in crate::plonky2) const LENGTH: usize = LICENCES + 1;
}

/// The shapes that chunks come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plonky2) struct Shape {
    /// Tokens packed into one element: four of 16 bits, or three of 18.
    pub(in crate::plonky2) packed: usize,
    /// Logarithm of the number of rows.
    pub(in crate::plonky2) rows_log: usize,
}

impl Shape {
    /// Logarithms of the numbers of rows: small and large.
    pub(in crate::plonky2) const ROWS_LOG: [usize; 2] = [13, 16];
    /// Every shape.
    pub(in crate::plonky2) const ALL: [Self; 4] = [
        Self { packed: 4, rows_log: Self::ROWS_LOG[0] },
        Self { packed: 4, rows_log: Self::ROWS_LOG[1] },
        Self { packed: 3, rows_log: Self::ROWS_LOG[0] },
        Self { packed: 3, rows_log: Self::ROWS_LOG[1] },
    ];

    /// Number of rows.
    pub(in crate::plonky2) const fn rows(self) -> usize {
        1 << self.rows_log
    }

    /// Its place among [`Self::ALL`].
    pub(in crate::plonky2) const fn index(self) -> usize {
        (if self.packed == 4 { 0 } else { 2 }) + (if self.rows_log == Self::ROWS_LOG[0] { 0 } else { 1 })
    }
}

/// The position of each column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// Tokens packed into one element: four of 16 bits, or three of 18.
    pub(super) packed: usize,
    /// Rows of the chunk.
    pub(super) rows: usize,
    /// Row absorbs tokens.
    pub(super) content: usize,
    /// First row of a record.
    pub(super) first: usize,
    /// Last row of a record's tokens.
    pub(super) last: usize,
    /// Row makes a leaf of the content's digest.
    pub(super) leaf: usize,
    /// Row takes one sorted key.
    pub(super) sort: usize,
    /// Row joins two complete subtrees of equal size.
    pub(super) merge: usize,
    /// Row joins subtrees at the end of a contributor's records.
    pub(super) bag: usize,
    /// Row enters a contributor into the table.
    pub(super) close: usize,
    /// Tokens of the record.
    pub(super) length: usize,
    /// Tokens of the record from this row on.
    pub(super) left: usize,
    /// Flags of the elements that hold tokens.
    pub(super) active: usize,
    /// The number of absent tokens of the last element, in unary: `packed - 1` columns.
    pub(super) spare: usize,
    /// The tokens: `8 * packed` columns.
    pub(super) token: usize,
    /// Numbers below 2^16.
    pub(super) limb: usize,
    /// Borrow of a comparison.
    pub(super) borrow: usize,
    /// Inverse that shows a key to be below the field's order.
    pub(super) canonical: usize,
    /// The rest of the record count while subtrees are joined.
    pub(super) count: usize,
    /// Its lowest bit.
    pub(super) odd: usize,
    /// The state: [`state::LENGTH`] columns.
    pub(super) state: usize,
    /// Number of the row.
    pub(super) row: usize,
    /// Entries of the vocabulary's table: `vocabulary_per_row` columns.
    pub(super) vocabulary: usize,
    /// The number of these entries in a row.
    pub(super) vocabulary_per_row: usize,
    /// The number of look-ups of each entry.
    pub(super) vocabulary_uses: usize,
    /// The number of look-ups of each 16-bit number: `range_per_row` columns.
    pub(super) range_uses: usize,
    /// Entries of the 16-bit table in one row.
    pub(super) range_per_row: usize,
    /// Input of the permutation: eight lanes absorbed, four of a chain.
    pub(super) input: usize,
    /// For each S-box, x^3 and x^7.
    pub(super) s_box: usize,
    /// All columns.
    pub(super) total: usize,
}

impl Columns {
    /// The columns for a shape.
    pub(super) const fn new(shape: Shape) -> Self {
        let (packed, rows) = (shape.packed, shape.rows());
        let vocabulary_per_row = if packed == 4 { (1 << 16) / rows } else { (1 << 18) / rows };
        let range_per_row = (1 << 16) / rows;
        let length = 8;
        let active = length + 2;
        let spare = active + RATE;
        let token = spare + packed - 1;
        let limb = token + RATE * packed;
        let borrow = limb + LIMBS;
        let state = borrow + 4;
        let row = state + state::LENGTH;
        let vocabulary = row + 1;
        let vocabulary_uses = vocabulary + vocabulary_per_row;
        let range_uses = vocabulary_uses + vocabulary_per_row;
        let input = range_uses + range_per_row;
        let s_box = input + WIDTH;
        Self {
            packed,
            rows,
            content: 0,
            first: 1,
            last: 2,
            leaf: 3,
            sort: 4,
            merge: 5,
            bag: 6,
            close: 7,
            length,
            left: length + 1,
            active,
            spare,
            token,
            limb,
            borrow,
            canonical: borrow + 1,
            count: borrow + 2,
            odd: borrow + 3,
            state,
            row,
            vocabulary,
            vocabulary_per_row,
            vocabulary_uses,
            range_uses,
            range_per_row,
            input,
            s_box,
            total: s_box + 2 * S_BOXES,
        }
    }
}

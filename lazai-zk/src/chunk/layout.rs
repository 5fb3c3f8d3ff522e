//! The columns of a chunk's trace: one Poseidon permutation per row, and its controls.

use crate::poseidon::WIDTH;

/// Elements absorbed by one row.
pub(crate) const RATE: usize = 8;
/// Depth of the stack of subtrees: a contributor has fewer than 2^20 records.
pub(crate) const STACK: usize = crate::commitment::MAX_TREE_DEPTH;
/// Numbers of 16 bits that a row can hold for comparisons.
pub(crate) const LIMBS: usize = 10;
/// S-boxes of one permutation: 8 full rounds and 22 partial ones.
pub(crate) const S_BOXES: usize = 8 * WIDTH + 22;

/// The state that a chunk hands to the next: a run of columns, in this order.
pub(crate) mod state {
    use super::STACK;
    use crate::commitment::{SORTED_START, TABLE_START};
    use crate::field::ORDER;

    /// Roots of complete subtrees, the latest first.
    pub(crate) const STACKED: usize = 0;
    /// Chain over the contributors' entries: at the end, the root.
    pub(crate) const TABLE: usize = STACKED + 4 * STACK;
    /// Chain over the sorted keys.
    pub(crate) const SORTED: usize = TABLE + 4;
    /// Product over keys by product over sorted keys, in the extension field.
    pub(crate) const RATIO: usize = SORTED + 4;
    /// The last sorted key: high and low 32 bits.
    pub(crate) const PREVIOUS: usize = RATIO + 2;
    /// Records of this contributor so far.
    pub(crate) const RECORDS: usize = PREVIOUS + 2;
    /// Tokens of this contributor so far.
    pub(crate) const TOKENS: usize = RECORDS + 1;
    /// Entries on the stack.
    pub(crate) const SIZE: usize = TOKENS + 1;
    /// Number of the contributor.
    pub(crate) const CONTRIBUTOR: usize = SIZE + 1;
    /// Number of the contributor's licence.
    pub(crate) const LICENCE: usize = CONTRIBUTOR + 1;
    /// Columns of the state.
    pub(crate) const LENGTH: usize = LICENCE + 1;

    /// The state before any record.
    pub(crate) fn start() -> [u64; LENGTH] {
        let mut fields = [0; LENGTH];
        fields[TABLE..TABLE + 4].copy_from_slice(&TABLE_START.0);
        fields[SORTED..SORTED + 4].copy_from_slice(&SORTED_START.0);
        fields[RATIO] = 1;
        // The first key follows -1.
        fields[PREVIOUS + 1] = ORDER - 1;
        fields
    }
}

/// Public inputs of a chunk.
pub(crate) mod public {
    use super::state;

    /// State before the first row.
    pub(crate) const BEFORE: usize = 0;
    /// State after the last.
    pub(crate) const AFTER: usize = state::LENGTH;
    /// Challenge of the comparison of keys, in the extension field.
    pub(crate) const CHALLENGE: usize = AFTER + state::LENGTH;
    /// Every token is below this.
    pub(crate) const VOCABULARY: usize = CHALLENGE + 2;
    /// No record has more tokens.
    pub(crate) const MAX_LENGTH: usize = VOCABULARY + 1;
    /// Number of allowed licences.
    pub(crate) const LICENCES: usize = MAX_LENGTH + 1;
    /// Their number.
    pub(crate) const LENGTH: usize = LICENCES + 1;
}

/// The shapes that chunks come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Tokens packed into one element: four of 16 bits, or three of 18.
    pub(crate) packed: usize,
    /// Logarithm of the number of rows.
    pub(crate) rows_log: usize,
}

impl Shape {
    /// Logarithms of the numbers of rows: small and large.
    pub(crate) const ROWS_LOG: [usize; 2] = [13, 16];
    /// Every shape.
    pub(crate) const ALL: [Self; 4] = [
        Self { packed: 4, rows_log: Self::ROWS_LOG[0] },
        Self { packed: 4, rows_log: Self::ROWS_LOG[1] },
        Self { packed: 3, rows_log: Self::ROWS_LOG[0] },
        Self { packed: 3, rows_log: Self::ROWS_LOG[1] },
    ];

    /// Number of rows.
    pub(crate) const fn rows(self) -> usize {
        1 << self.rows_log
    }

    /// Its place among [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        (if self.packed == 4 { 0 } else { 2 }) + (if self.rows_log == Self::ROWS_LOG[0] { 0 } else { 1 })
    }
}

/// The position of each column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// Tokens packed into one element: four of 16 bits, or three of 18.
    pub(crate) packed: usize,
    /// Rows of the chunk.
    pub(crate) rows: usize,
    /// Row absorbs tokens.
    pub(crate) content: usize,
    /// First row of a record.
    pub(crate) first: usize,
    /// Last row of a record's tokens.
    pub(crate) last: usize,
    /// Row makes a leaf of the content's digest.
    pub(crate) leaf: usize,
    /// Row takes one sorted key.
    pub(crate) sort: usize,
    /// Row joins two complete subtrees of equal size.
    pub(crate) merge: usize,
    /// Row joins subtrees at the end of a contributor's records.
    pub(crate) bag: usize,
    /// Row enters a contributor into the table.
    pub(crate) close: usize,
    /// Tokens of the record.
    pub(crate) length: usize,
    /// Tokens of the record from this row on.
    pub(crate) left: usize,
    /// Flags of the elements that hold tokens.
    pub(crate) active: usize,
    /// The number of absent tokens of the last element, in unary: `packed - 1` columns.
    pub(crate) spare: usize,
    /// The tokens: `8 * packed` columns.
    pub(crate) token: usize,
    /// Numbers below 2^16.
    pub(crate) limb: usize,
    /// Borrow of a comparison.
    pub(crate) borrow: usize,
    /// Inverse that shows a key to be below the field's order.
    pub(crate) canonical: usize,
    /// The rest of the record count while subtrees are joined.
    pub(crate) count: usize,
    /// Its lowest bit.
    pub(crate) odd: usize,
    /// The state: [`state::LENGTH`] columns.
    pub(crate) state: usize,
    /// Number of the row.
    pub(crate) row: usize,
    /// Entries of the vocabulary's table: `vocabulary_per_row` columns.
    pub(crate) vocabulary: usize,
    /// The number of these entries in a row.
    pub(crate) vocabulary_per_row: usize,
    /// The number of look-ups of each entry.
    pub(crate) vocabulary_uses: usize,
    /// The number of look-ups of each 16-bit number: `range_per_row` columns.
    pub(crate) range_uses: usize,
    /// Entries of the 16-bit table in one row.
    pub(crate) range_per_row: usize,
    /// Input of the permutation: eight lanes absorbed, four of a chain.
    pub(crate) input: usize,
    /// For each S-box, x^3 if `cubes`, and x^7.
    pub(crate) s_box: usize,
    /// S-boxes are of degree three, not of seven.
    pub(crate) cubes: bool,
    /// All columns.
    pub(crate) total: usize,
}

impl Columns {
    /// The columns for a shape, with rules of degree three.
    pub(crate) const fn new(shape: Shape) -> Self {
        Self::with(shape, true)
    }

    /// The same, with S-boxes of degree three (`cubes`) or of seven.
    pub(crate) const fn with(shape: Shape, cubes: bool) -> Self {
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
            cubes,
            total: s_box + S_BOXES * if cubes { 2 } else { 1 },
        }
    }
}

//! The rules of a chunk's trace: the contents of a row, and of the row after it. No rule exceeds degree three.
//!
//! They do not order contributors: one may be entered twice, or after one of a higher number. That each is there once is
//! [`Statement::check`](crate::Statement)'s: it gives every contributor one entry, by increasing number, and the root is over
//! these. Without that check records could be counted under two names.

use super::constraints::Constraints;
use super::layout::{Columns, LIMBS, RATE, STACK, public, state};
use crate::commitment::token_bits;
use crate::poseidon::{FULL_ROUNDS_EACH_SIDE, PARTIAL_ROUNDS, ROUND_CONSTANTS, WIDTH};

/// Two rows that follow each other, and the public inputs.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    c: &'a Columns,
    now: &'a [T],
    next: &'a [T],
    public: &'a [T],
}

/// Emits every rule of a chunk among others.
#[cfg(feature = "plonky2")]
pub(crate) fn rules<T: Copy, S: Constraints<T>>(s: &mut S, c: &Columns, now: &[T], next: &[T], public: &[T]) {
    let rows = Rows { c, now, next, public };
    let digest = permutation(s, rows);
    kinds(s, rows);
    record(s, rows);
    inputs(s, rows, &digest);
    joins(s, rows);
    sorted(s, rows);
    ratio(s, rows);
    carried(s, rows, &digest);
    handed(s, rows);
    tables(s, rows);
}

/// Emits every rule of a chunk that is the whole dataset. Its public inputs are the root and the numbers after it; that the sorted keys
/// are those of the records is for the caller to prove: leaves have theirs in the first lane of the chain, sort rows in the
/// first one absorbed.
pub(crate) fn whole_rules<T: Copy, S: Constraints<T>>(
    s: &mut S,
    c: &Columns,
    now: &[T],
    next: &[T],
    root: [T; 4],
    numbers: [T; 3],
) {
    // The rules name these three by their places among a chunk's public inputs.
    let zero = s.constant(0);
    let mut public = [zero; public::LENGTH];
    public[public::VOCABULARY..].copy_from_slice(&numbers);
    let rows = Rows { c, now, next, public: &public };
    let digest = permutation(s, rows);
    kinds(s, rows);
    record(s, rows);
    inputs(s, rows, &digest);
    joins(s, rows);
    sorted(s, rows);
    carried(s, rows, &digest);
    tables(s, rows);
    // It begins at the start, with any first contributor, and ends with every contributor entered.
    for (field, start) in state::start().into_iter().enumerate() {
        if ![state::CONTRIBUTOR, state::LICENCE, state::RATIO].contains(&field) {
            let start = s.constant(start);
            let difference = s.sub(now[c.state + field], start);
            s.at_first(difference);
        }
    }
    for (i, element) in root.into_iter().enumerate() {
        let difference = s.sub(now[c.state + state::TABLE + i], element);
        s.at_last(difference);
    }
    s.at_last(now[c.state + state::SIZE]);
}

/// The row's permutation; returns the first four lanes of its output.
fn permutation<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) -> [T; 4] {
    let Rows { c, now, .. } = rows;
    let mut lanes: [T; WIDTH] = std::array::from_fn(|i| now[c.input + i]);
    let mut cell = c.s_box;
    for (round, constants) in ROUND_CONSTANTS.iter().enumerate() {
        for (lane, &constant) in lanes.iter_mut().zip(constants) {
            let constant = s.constant(constant);
            *lane = s.add(*lane, constant);
        }
        let full = !(FULL_ROUNDS_EACH_SIDE..FULL_ROUNDS_EACH_SIDE + PARTIAL_ROUNDS).contains(&round);
        for lane in &mut lanes[..if full { WIDTH } else { 1 }] {
            let square = s.mul(*lane, *lane);
            let mut cube = s.mul(square, *lane);
            if c.cubes {
                let difference = s.sub(now[cell], cube);
                s.always(difference);
                cube = now[cell];
                cell += 1;
            }
            let seventh = now[cell];
            cell += 1;
            let sixth = s.mul(cube, cube);
            let expected = s.mul(sixth, *lane);
            let difference = s.sub(seventh, expected);
            s.always(difference);
            *lane = seventh;
        }
        lanes = s.mds(lanes);
    }
    std::array::from_fn(|i| lanes[i])
}

/// Exactly one kind per row (padding is none of the others), and the order of kinds.
fn kinds<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, next, .. } = rows;
    let kinds = [c.content, c.leaf, c.sort, c.merge, c.bag, c.close];
    for flag in kinds.into_iter().chain([c.first, c.last, c.odd, c.borrow]) {
        s.boolean(now[flag]);
    }
    let padding = |s: &mut S, row: &[T]| {
        let sum = s.sum(&kinds.map(|k| row[k]));
        s.not(sum)
    };
    let pad = padding(s, now);
    s.boolean(pad);
    let not_content = s.not(now[c.content]);
    for part in [c.first, c.last] {
        s.when(now[part], not_content);
    }

    // After the end of a record, another record, the end of a contributor, or the end of the chunk may follow.
    let next_pad = padding(s, next);
    let free = s.sum(&[next[c.first], next[c.bag], next[c.close], next_pad]);
    let not_free = s.not(free);
    let inner = s.sub(now[c.content], now[c.last]);
    let next_inner = s.sub(next[c.content], next[c.first]);
    let not_inner = s.not(next_inner);
    s.transition_when(inner, not_inner);
    for (flag, follower) in [(c.last, c.leaf), (c.leaf, c.sort)] {
        let other = s.not(next[follower]);
        s.transition_when(now[flag], other);
    }
    // Subtrees of equal size are joined at once: as often as the count of records is even.
    let counting = s.add(now[c.sort], now[c.merge]);
    let odd_then_free = s.mul(now[c.odd], not_free);
    let even = s.not(now[c.odd]);
    let not_merge = s.not(next[c.merge]);
    let even_then_merge = s.mul(even, not_merge);
    let broken = s.add(odd_then_free, even_then_merge);
    s.transition_when(counting, broken);
    let bag_or_close = s.add(next[c.bag], next[c.close]);
    let neither = s.not(bag_or_close);
    s.transition_when(now[c.bag], neither);
    s.transition_when(now[c.close], not_free);
    let not_pad = s.not(next_pad);
    s.transition_when(pad, not_pad);

    let free_now = s.sum(&[now[c.first], now[c.bag], now[c.close], pad]);
    let not_free_now = s.not(free_now);
    s.at_first(not_free_now);
    let not_pad_now = s.not(pad);
    s.at_last(not_pad_now);
}

/// The tokens of a record and its length: every row but the last is full, and absent tokens are zero.
fn record<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, next, public } = rows;
    let active: Vec<T> = (0..RATE).map(|i| now[c.active + i]).collect();
    let spare: Vec<T> = (0..c.packed - 1).map(|i| now[c.spare + i]).collect();
    for run in [&active, &spare] {
        for (i, &flag) in run.iter().enumerate() {
            s.boolean(flag);
            if let Some(&following) = run.get(i + 1) {
                let off = s.not(flag);
                s.when(following, off);
            }
        }
    }
    for (i, &flag) in active.iter().enumerate() {
        let off = s.not(flag);
        let is_last = match active.get(i + 1) {
            Some(&following) => s.sub(flag, following),
            None => flag,
        };
        for j in 0..c.packed {
            let token = now[c.token + i * c.packed + j];
            s.when(off, token);
            // With k tokens absent, the top k of the last element are zero.
            if j > 0 {
                let absent = s.mul(is_last, spare[c.packed - 1 - j]);
                s.when(absent, token);
            }
        }
        let tokens: Vec<T> = (0..c.packed).map(|j| now[c.token + i * c.packed + j]).collect();
        let element = s.weighted_sum(&tokens, 1 << token_bits(c.packed));
        let difference = s.sub(now[c.input + i], element);
        s.when(now[c.content], difference);
    }
    let none = s.not(active[0]);
    s.when(now[c.content], none);

    let packed = s.constant(c.packed as u64);
    let elements = s.sum(&active);
    let capacity = s.mul(elements, packed);
    let absent = s.sum(&spare);
    let used = s.sub(capacity, absent);
    let inner = s.sub(now[c.content], now[c.last]);
    let full = s.constant((RATE * c.packed) as u64);
    let lacking = s.sub(used, full);
    s.when(inner, lacking);
    let left_after = s.sub(now[c.left], used);
    s.when(now[c.last], left_after);
    let difference = s.sub(next[c.left], left_after);
    s.transition_when(inner, difference);
    let difference = s.sub(now[c.left], now[c.length]);
    s.when(now[c.first], difference);
    let difference = s.sub(next[c.length], now[c.length]);
    s.transition_when(now[c.content], difference);

    // On the leaf's row: a length within bounds, a licence that is allowed.
    let limb = |i: usize| now[c.limb + i];
    let room = s.sub(public[public::MAX_LENGTH], now[c.length]);
    let difference = s.sub(limb(4), room);
    s.when(now[c.leaf], difference);
    let licence = now[c.state + state::LICENCE];
    let one = s.constant(1);
    let below = s.sub(public[public::LICENCES], licence);
    let below = s.sub(below, one);
    let difference = s.sub(limb(5), below);
    s.when(now[c.leaf], difference);
    let difference = s.sub(limb(6), licence);
    s.when(now[c.leaf], difference);
}

/// The inputs that each kind of row absorbs.
fn inputs<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>, digest: &[T; 4]) {
    let Rows { c, now, next, .. } = rows;
    let input = |i: usize| now[c.input + i];
    let held = |i: usize| now[c.state + i];

    // A record's chain starts at its length and the packing, and runs through its rows into the leaf.
    let packed = s.constant(c.packed as u64);
    let zero = s.constant(0);
    for (i, start) in [now[c.length], packed, zero, zero].into_iter().enumerate() {
        let difference = s.sub(input(RATE + i), start);
        s.when(now[c.first], difference);
    }
    let inner = s.sub(next[c.content], next[c.first]);
    let continues = s.add(inner, next[c.leaf]);
    for (i, &lane) in digest.iter().enumerate() {
        let difference = s.sub(next[c.input + RATE + i], lane);
        s.transition_when(continues, difference);
    }
    let whose = s.add_scaled(held(state::CONTRIBUTOR), 256, held(state::LICENCE));
    let difference = s.sub(input(7), whose);
    s.when(now[c.leaf], difference);

    let joins = s.add(now[c.merge], now[c.bag]);
    for i in 0..4 {
        let left = s.sub(input(i), held(state::STACKED + 4 + i));
        s.when(joins, left);
        let right = s.sub(input(4 + i), held(state::STACKED + i));
        s.when(joins, right);
        s.when(joins, input(RATE + i));
        let root = s.sub(input(i), held(state::STACKED + i));
        s.when(now[c.close], root);
        let table = s.sub(input(RATE + i), held(state::TABLE + i));
        s.when(now[c.close], table);
        let sorted = s.sub(input(RATE + i), held(state::SORTED + i));
        s.when(now[c.sort], sorted);
    }
    let entry = [state::RECORDS, state::TOKENS, state::CONTRIBUTOR, state::LICENCE];
    for (i, field) in entry.into_iter().enumerate() {
        let difference = s.sub(input(4 + i), held(field));
        s.when(now[c.close], difference);
    }
    for i in 1..RATE {
        s.when(now[c.sort], input(i));
    }
}

/// The number of joins of subtrees: `count` is halved while it is even.
fn joins<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, next, .. } = rows;
    let half = s.add_scaled(now[c.limb + 8], 1 << 16, now[c.limb + 9]);
    let counting = s.add(now[c.sort], now[c.merge]);
    let whole = s.add_scaled(now[c.odd], 2, half);
    let difference = s.sub(now[c.count], whole);
    s.when(counting, difference);
    let difference = s.sub(now[c.count], now[c.state + state::RECORDS]);
    s.when(now[c.sort], difference);
    let difference = s.sub(next[c.count], half);
    s.transition_when(next[c.merge], difference);
    // A contributor's entry needs one root; nothing may fall off the stack's end.
    let one = s.constant(1);
    let other = s.sub(now[c.state + state::SIZE], one);
    s.when(now[c.close], other);
    for i in 0..4 {
        s.when(now[c.leaf], now[c.state + state::STACKED + 4 * (STACK - 1) + i]);
    }
}

/// The sorted keys increase.
fn sorted<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, .. } = rows;
    let limb = |i: usize| now[c.limb + i];
    let low = s.add_scaled(limb(0), 1 << 16, limb(1));
    let high = s.add_scaled(limb(2), 1 << 16, limb(3));
    let key = s.add_scaled(low, 1 << 32, high);
    let difference = s.sub(now[c.input], key);
    s.when(now[c.sort], difference);
    // Below the order 2^64 - 2^32 + 1: if the high half is full, the low half is zero. Elsewhere both are zero.
    let full = s.constant(0xffff_ffff);
    let room = s.sub(full, high);
    let product = s.mul(room, now[c.canonical]);
    let is_full = s.not(product);
    s.when(is_full, low);

    // key - previous - 1 is not negative, as 64-bit numbers.
    let [previous_high, previous_low] = [0, 1].map(|i| now[c.state + state::PREVIOUS + i]);
    let one = s.constant(1);
    let gap = s.sub(low, previous_low);
    let gap = s.sub(gap, one);
    let gap = s.add_scaled(gap, 1 << 32, now[c.borrow]);
    let expected = s.add_scaled(limb(4), 1 << 16, limb(5));
    let difference = s.sub(gap, expected);
    s.when(now[c.sort], difference);
    let gap = s.sub(high, previous_high);
    let gap = s.sub(gap, now[c.borrow]);
    let expected = s.add_scaled(limb(6), 1 << 16, limb(7));
    let difference = s.sub(gap, expected);
    s.when(now[c.sort], difference);
    for (i, half) in [high, low].into_iter().enumerate() {
        carry(s, rows, state::PREVIOUS + i, &[(c.sort, half)]);
    }
}

/// The sorted keys are the records' keys: both products agree at a random point. In F[x]/(x^2 - 7): a leaf multiplies by
/// (challenge - key), a sorted key divides.
#[cfg(feature = "plonky2")]
fn ratio<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, next, public } = rows;
    let challenge = [0, 1].map(|i| public[public::CHALLENGE + i]);
    let ratio = [0, 1].map(|i| now[c.state + state::RATIO + i]);
    let next_ratio = [0, 1].map(|i| next[c.state + state::RATIO + i]);
    let times = |s: &mut S, ratio: [T; 2], key: T| {
        let shifted = s.sub(challenge[0], key);
        let [a, b] = [s.mul(ratio[0], shifted), s.mul(ratio[1], challenge[1])];
        let low = s.add_scaled(a, 7, b);
        let [a, b] = [s.mul(ratio[0], challenge[1]), s.mul(ratio[1], shifted)];
        [low, s.add(a, b)]
    };
    let multiplied = times(s, ratio, now[c.input + RATE]);
    let divided = times(s, next_ratio, now[c.input]);
    let either = s.add(now[c.leaf], now[c.sort]);
    let neither = s.not(either);
    for i in 0..2 {
        let difference = s.sub(next_ratio[i], multiplied[i]);
        s.transition_when(now[c.leaf], difference);
        let difference = s.sub(divided[i], ratio[i]);
        s.transition_when(now[c.sort], difference);
        let difference = s.sub(next_ratio[i], ratio[i]);
        s.transition_when(neither, difference);
    }
}

/// One column of the state: on rows of the kinds named it takes the given value, elsewhere it stays.
fn carry<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>, column: usize, becomes: &[(usize, T)]) {
    let Rows { c, now, next, .. } = rows;
    let before = now[c.state + column];
    let mut change = s.constant(0);
    for &(flag, value) in becomes {
        let difference = s.sub(value, before);
        let part = s.mul(now[flag], difference);
        change = s.add(change, part);
    }
    let after = s.sub(next[c.state + column], before);
    let difference = s.sub(after, change);
    s.transition(difference);
}

/// The transition of the state from row to row.
fn carried<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>, digest: &[T; 4]) {
    let Rows { c, now, next, .. } = rows;
    let held = |i: usize| now[c.state + i];
    let zero = s.constant(0);
    for level in 0..STACK {
        for (i, &lane) in digest.iter().enumerate() {
            let at = |level: usize| held(state::STACKED + 4 * level + i);
            let above = if level + 1 < STACK { at(level + 1) } else { zero };
            let (pushed, joined) = if level == 0 { (lane, lane) } else { (at(level - 1), above) };
            let moves = [(c.leaf, pushed), (c.merge, joined), (c.bag, joined), (c.close, above)];
            carry(s, rows, state::STACKED + 4 * level + i, &moves);
        }
    }
    for (i, &lane) in digest.iter().enumerate() {
        carry(s, rows, state::TABLE + i, &[(c.close, lane)]);
        carry(s, rows, state::SORTED + i, &[(c.sort, lane)]);
    }
    let one = s.constant(1);
    let records = s.add(held(state::RECORDS), one);
    carry(s, rows, state::RECORDS, &[(c.leaf, records), (c.close, zero)]);
    let tokens = s.add(held(state::TOKENS), now[c.length]);
    carry(s, rows, state::TOKENS, &[(c.leaf, tokens), (c.close, zero)]);
    let [more, less] = [s.add(held(state::SIZE), one), s.sub(held(state::SIZE), one)];
    carry(s, rows, state::SIZE, &[(c.leaf, more), (c.merge, less), (c.bag, less), (c.close, less)]);
    // Contributor and licence change only at the end of a contributor.
    let stays = s.not(now[c.close]);
    for field in [state::CONTRIBUTOR, state::LICENCE] {
        let difference = s.sub(next[c.state + field], held(field));
        s.transition_when(stays, difference);
    }
}

/// The state's values at both ends.
#[cfg(feature = "plonky2")]
fn handed<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, public, .. } = rows;
    let held = |i: usize| now[c.state + i];
    for i in 0..state::LENGTH {
        let difference = s.sub(held(i), public[public::BEFORE + i]);
        s.at_first(difference);
        let difference = s.sub(held(i), public[public::AFTER + i]);
        s.at_last(difference);
    }
}

/// The tables that tokens and limbs are looked up in: 0, 1, 2 … in steps of at most one, to a last entry.
fn tables<T: Copy, S: Constraints<T>>(s: &mut S, rows: Rows<'_, T>) {
    let Rows { c, now, next, public } = rows;
    s.at_first(now[c.row]);
    let one = s.constant(1);
    let following = s.add(now[c.row], one);
    let difference = s.sub(next[c.row], following);
    s.transition(difference);

    let entry = |i: usize| now[c.vocabulary + i];
    s.at_first(entry(0));
    let step = |s: &mut S, from: T, to: T| {
        let step = s.sub(to, from);
        let off = s.not(step);
        s.mul(step, off)
    };
    for i in 1..c.vocabulary_per_row {
        let rule = step(s, entry(i - 1), entry(i));
        s.always(rule);
    }
    let last = entry(c.vocabulary_per_row - 1);
    let rule = step(s, last, next[c.vocabulary]);
    s.transition(rule);
    let following = s.add(last, one);
    let difference = s.sub(following, public[public::VOCABULARY]);
    s.at_last(difference);
}

const _: () = assert!(LIMBS == 10, "limbs are named by number above");

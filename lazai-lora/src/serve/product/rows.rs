//! What the kernels of all processors have in common: a tile is cut into as many rows as the compiler knows beforehand.
#![allow(unsafe_code, reason = "instructions of the processor")]

use super::{Input, TILE};
use crate::serve::weights::{Form, PANEL};

/// The kernels of a set of instructions.
pub(super) trait Kernels {
    /// Rows of floats whose sums stay in registers, beside what they are summed from: 1, 2, 4 or 8.
    const FLOATS: usize;

    /// Multiplies some rows with a panel.
    ///
    /// # Safety
    /// The processor has the instructions. The panel has so many columns of this form, and the inputs are as long.
    unsafe fn rows<const ROWS: usize>(
        form: Form,
        columns: usize,
        panel: &[u8],
        inputs: &[Input<'_>; ROWS],
        out: &mut [[f32; PANEL]; ROWS],
    );
}

/// Multiplies 1, 2, 4 or 8 rows with a panel. The caller has checked the inputs' length and that the processor has the instructions.
pub(super) fn tile<K: Kernels>(
    form: Form,
    columns: usize,
    panel: &[u8],
    inputs: &[Input<'_>],
    out: &mut [[f32; PANEL]],
) {
    assert!(panel.len() >= form.numbers(columns));
    let most = if matches!(form, Form::Quantised(_)) { TILE } else { K::FLOATS };
    for (inputs, out) in inputs.chunks(most).zip(out.chunks_mut(most)) {
        match inputs.len() {
            1 => counted::<K, 1>(form, columns, panel, inputs, out),
            2 => counted::<K, 2>(form, columns, panel, inputs, out),
            4 => counted::<K, 4>(form, columns, panel, inputs, out),
            _ => counted::<K, 8>(form, columns, panel, inputs, out),
        }
    }
}

fn counted<K: Kernels, const ROWS: usize>(
    form: Form,
    columns: usize,
    panel: &[u8],
    inputs: &[Input<'_>],
    out: &mut [[f32; PANEL]],
) {
    let inputs: &[Input<'_>; ROWS] = inputs.try_into().expect("as many rows as were counted");
    let out: &mut [[f32; PANEL]; ROWS] = out.try_into().expect("as many rows as were counted");
    // SAFETY: `Instructions::is_available` saw the instructions; the panel's length is checked above, the inputs' by the caller.
    unsafe { K::rows(form, columns, panel, inputs, out) }
}

impl Input<'_> {
    /// Sum of the numbers of a run, of which there are `PARTS` in a block.
    ///
    /// # Safety
    /// The input has this block.
    #[inline(always)]
    pub(super) unsafe fn sum<const PARTS: usize>(&self, block: usize, part: usize) -> i32 {
        // SAFETY: as the caller says: a block has two halves.
        unsafe {
            match PARTS {
                1 => self.sums.get_unchecked(2 * block) + self.sums.get_unchecked(2 * block + 1),
                _ => *self.sums.get_unchecked(2 * block + part),
            }
        }
    }
}

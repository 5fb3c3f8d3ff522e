//! Keys and values of tokens seen so far, in pages of sixteen tokens. Pages that are full can be shared.

use std::sync::Arc;

use super::team::Shared;
use crate::base::ModelConfig;

/// Tokens of a page.
pub(super) const PAGE: usize = 16;

/// Keys and values of some tokens: `[layers, key heads, keys and values, PAGE, head width]`.
pub(super) struct Page {
    values: Shared<f32>,
    shape: Shape,
}

/// The sizes of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    layers: usize,
    heads: usize,
    width: usize,
}

impl Shape {
    pub(super) fn new(config: &ModelConfig) -> Self {
        Self { layers: config.layers, heads: config.kv_heads, width: config.head_width }
    }

    /// Bytes of a page.
    pub(super) fn bytes(self) -> usize {
        self.layers * self.heads * 2 * PAGE * self.width * size_of::<f32>()
    }

    /// Pages that so many bytes hold.
    pub(super) fn pages_in(self, bytes: usize) -> usize {
        bytes / self.bytes().max(1)
    }

    pub(super) fn page(self) -> Arc<Page> {
        Arc::new(Page { values: Shared::new(self.bytes() / size_of::<f32>()), shape: self })
    }

    /// The page of as many bytes as a page has: [`Page::to_bytes`] turned back.
    pub(super) fn page_of(self, bytes: &[u8]) -> Page {
        let values =
            bytes.chunks_exact(size_of::<f32>()).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()));
        Page { values: Shared::of(values.collect()), shape: self }
    }
}

impl Page {
    fn place(&self, layer: usize, head: usize, values: bool) -> usize {
        let Shape { heads, width, .. } = self.shape;
        ((layer * heads + head) * 2 + usize::from(values)) * PAGE * width
    }

    /// Its numbers, the least significant byte of each first.
    ///
    /// # Safety
    /// Nobody writes to it meanwhile.
    #[allow(unsafe_code, reason = "threads write different places")]
    pub(super) unsafe fn to_bytes(&self) -> Vec<u8> {
        // SAFETY: as the caller says.
        let values = unsafe { self.values.part(0, self.shape.bytes() / size_of::<f32>()) };
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// The keys of a head, turned so that a row is one number of all sixteen keys, and its values, one after another. Places of
    /// tokens that are not known hold anything.
    ///
    /// # Safety
    /// No other thread writes these before the next wait.
    #[allow(unsafe_code, reason = "threads write different places")]
    pub(super) unsafe fn read(&self, layer: usize, head: usize) -> (&[f32], &[f32]) {
        let len = PAGE * self.shape.width;
        // SAFETY: as the caller says.
        unsafe {
            let [keys, values] = [false, true].map(|values| self.values.part(self.place(layer, head, values), len));
            (keys, values)
        }
    }

    /// Keeps the key, or value, of a head for one token.
    ///
    /// # Safety
    /// No other thread reads or writes it before the next wait: the page is of one sequence, and not full.
    #[allow(unsafe_code, reason = "threads write different places")]
    pub(super) unsafe fn write(&self, layer: usize, head: usize, values: bool, token: usize, from: &[f32]) {
        let (place, width) = (self.place(layer, head, values), self.shape.width);
        // SAFETY: as the caller says; of keys, each number is a place of its own.
        unsafe {
            if values {
                self.values.part_mut(place + token * width, width).copy_from_slice(from);
            } else {
                for (i, number) in from.iter().enumerate() {
                    self.values.part_mut(place + i * PAGE + token, 1)[0] = *number;
                }
            }
        }
    }
}

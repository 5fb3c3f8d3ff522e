//! The transcript that challenges are drawn from: a duplex sponge of Poseidon.

use crate::field::Ext;
use crate::poseidon::{HashOut, RATE, WIDTH, permute};

/// Observes the prover's messages, and returns challenges that follow from them (Fiat-Shamir).
#[derive(Debug, Clone, Default)]
pub(super) struct Transcript {
    state: [u64; WIDTH],
    absorbed: usize,
    left: usize,
}

impl Transcript {
    pub(super) fn observe(&mut self, element: u64) {
        self.left = 0;
        self.state[self.absorbed] = element;
        self.absorbed += 1;
        if self.absorbed == RATE {
            self.duplex();
        }
    }

    pub(super) fn observe_all(&mut self, elements: &[u64]) {
        elements.iter().for_each(|&e| self.observe(e));
    }

    pub(super) fn observe_hashes(&mut self, hashes: &[HashOut]) {
        hashes.iter().for_each(|h| self.observe_all(&h.0));
    }

    pub(super) fn observe_extensions(&mut self, elements: &[Ext]) {
        elements.iter().for_each(|e| self.observe_all(&[e.0, e.1]));
    }

    pub(super) fn challenge(&mut self) -> u64 {
        if self.absorbed > 0 || self.left == 0 {
            self.duplex();
        }
        // Taken from the end.
        self.left -= 1;
        self.state[self.left]
    }

    pub(super) fn extension_challenge(&mut self) -> Ext {
        let a = self.challenge();
        Ext(a, self.challenge())
    }

    fn duplex(&mut self) {
        permute(&mut self.state);
        self.absorbed = 0;
        self.left = RATE;
    }
}

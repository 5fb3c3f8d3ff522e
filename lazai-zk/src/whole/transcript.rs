//! The transcript that challenges are drawn from, as Plonky3 0.8 writes it: SHA-256 over all bytes so far, its digest's bytes
//! taken from the end. Each part of the protocol begins with a seed, which names its steps and their lengths.

use std::fmt::Write as _;

use lazai_core::digest::{keccak256, sha256};

use crate::field::{Ext, ORDER};

/// Observes the prover's messages, and returns challenges that follow from them (Fiat-Shamir).
#[derive(Debug, Clone, Default)]
pub(super) struct Transcript {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Transcript {
    pub(super) fn observe_bytes(&mut self, bytes: &[u8]) {
        self.output.clear();
        self.input.extend_from_slice(bytes);
    }

    pub(super) fn observe(&mut self, element: u64) {
        self.observe_bytes(&element.to_le_bytes());
    }

    pub(super) fn observe_extensions(&mut self, elements: &[Ext]) {
        for element in elements {
            self.observe(element.0);
            self.observe(element.1);
        }
    }

    fn byte(&mut self) -> u8 {
        if self.output.is_empty() {
            let digest = sha256(&self.input);
            self.input = digest.as_bytes().to_vec();
            self.output.clone_from(&self.input);
        }
        self.output.pop().unwrap_or_default()
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn element(&mut self) -> u64 {
        loop {
            let word = self.word();
            if word < ORDER {
                return word;
            }
        }
    }

    pub(super) fn extension(&mut self) -> Ext {
        let a = self.element();
        Ext(a, self.element())
    }

    pub(super) fn bits(&mut self, bits: usize) -> usize {
        (self.word() & ((1 << bits) - 1)) as usize
    }

    /// Tells whether a witness of work is one.
    pub(super) fn worked(&mut self, bits: usize, witness: u64) -> bool {
        self.byte();
        self.observe(witness);
        self.bits(bits) == 0
    }

    /// Begins a part of the protocol.
    pub(super) fn begin(&mut self, part: Part) {
        let bytes = part.seed();
        self.observe(bytes.len() as u64);
        for chunk in bytes.chunks(7) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.observe_bytes(&word);
        }
    }
}

/// A part of the protocol: its name, its steps, the numbers that steps do not show.
#[derive(Debug, Clone)]
pub(super) struct Part {
    name: &'static str,
    steps: Vec<String>,
    label: Vec<u8>,
}

impl Part {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, steps: Vec::new(), label: Vec::new() }
    }

    fn step(&mut self, kind: &str, label: &str, length: &str, of: &str) {
        self.steps.push(format!("Atomic {kind} {} {label} {length} {of}", label.len()));
    }

    /// A commitment.
    pub(super) fn commitment(&mut self, label: &str) {
        self.step("Message", label, "Scalar", "Opaque");
    }

    /// An element of the extension that the prover sends.
    pub(super) fn extension(&mut self, label: &str) {
        self.step("Message", label, "Scalar", &algebra(2));
    }

    /// So many of them.
    pub(super) fn extensions(&mut self, label: &str, count: usize) {
        self.step("Message", label, &format!("Fixed({count})"), &algebra(2));
    }

    /// Public values.
    pub(super) fn public(&mut self, label: &str, count: usize) {
        self.step("Public", label, &format!("Fixed({count})"), &algebra(1));
    }

    /// A witness of work.
    pub(super) fn work(&mut self, label: &str, bits: usize) {
        self.step("Pow", label, &format!("Fixed({bits})"), &algebra(1));
    }

    /// A challenge.
    pub(super) fn challenge(&mut self, label: &str) {
        self.step("Challenge", label, "Scalar", &algebra(2));
    }

    /// Places of queries.
    pub(super) fn places(&mut self, label: &str, bits: usize, count: usize) {
        self.step("Challenge", label, &format!("Fixed({count})"), &format!("Bits({bits})"));
    }

    /// Another part within this one.
    pub(super) fn within(&mut self, label: &str) {
        for end in ["Begin", "End"] {
            self.steps.push(format!("{end} Protocol {} {label} None Marker", label.len()));
        }
    }

    /// A number that steps do not show.
    pub(super) fn number(&mut self, number: usize) {
        self.label.extend(8u32.to_be_bytes());
        self.label.extend((number as u64).to_be_bytes());
    }

    fn seed(&self) -> Vec<u8> {
        let count = self.steps.len();
        let width = count.saturating_sub(1).to_string().len();
        let mut text = format!("Plonky3 Fiat-Shamir Transcript ({count} interactions)\n");
        for (place, step) in self.steps.iter().enumerate() {
            // Writing to a string does not fail. Nothing stands between a beginning and its end, so nothing is indented.
            let _ = writeln!(text, "{place:0>width$} {step}");
        }
        let mut seed = vec![0; 64];
        seed[0] = 1;
        seed[1..=self.name.len()].copy_from_slice(self.name.as_bytes());
        seed[63] = self.name.len() as u8;
        seed.extend(keccak256(text.as_bytes()).as_bytes());
        seed.extend((self.label.len() as u32).to_be_bytes());
        seed.extend(&self.label);
        seed.push(0x80);
        seed
    }
}

/// The field, or its extension of degree two, as steps name it.
fn algebra(degree: usize) -> String {
    let basis = if degree == 1 { "p3-scalar-basis-v1" } else { "p3-power-basis-v1:X^2-7" };
    let mut name = format!("Algebra({ORDER}^{degree};");
    for byte in keccak256(basis.as_bytes()).as_bytes() {
        let _ = write!(name, "{byte:02x}");
    }
    name.push(')');
    name
}

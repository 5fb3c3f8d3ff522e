//! The outer proof's bytes, in plonky2's order. Its shape is fixed, so every length is known before it is read.

use super::VerifyError;
use super::shape::{
    ARITY, CHALLENGES, CONSTANTS, FINAL_POLY, PARTIAL_PRODUCTS, PATH, QUERIES, QUOTIENT, ROUTED, SALT, STEP_PATHS,
    STEPS, WIRES, ZS,
};
use crate::field::{Ext, ORDER};
use crate::key::CAP;
use crate::poseidon::HashOut;

pub(super) type Cap = [HashOut; CAP];

/// A proof read: canonical, of the right shape, and nothing more.
pub(super) struct Body {
    pub(super) wires_cap: Cap,
    pub(super) zs_cap: Cap,
    pub(super) quotient_cap: Cap,
    pub(super) openings: Openings,
    pub(super) step_caps: Vec<Cap>,
    pub(super) queries: Vec<Query>,
    pub(super) final_poly: Vec<Ext>,
    pub(super) pow_witness: u64,
}

/// The polynomials at the challenge point; `zs_next` one step further.
pub(super) struct Openings {
    pub(super) constants: Vec<Ext>,
    pub(super) sigmas: Vec<Ext>,
    pub(super) wires: Vec<Ext>,
    pub(super) zs: Vec<Ext>,
    pub(super) zs_next: Vec<Ext>,
    pub(super) partial_products: Vec<Ext>,
    pub(super) quotient: Vec<Ext>,
}

/// One query: the leaf of each of four trees, and each step of folding.
pub(super) struct Query {
    pub(super) trees: Vec<Leaf>,
    pub(super) steps: Vec<Step>,
}

pub(super) struct Leaf {
    pub(super) values: Vec<u64>,
    pub(super) path: Vec<HashOut>,
}

pub(super) struct Step {
    pub(super) values: Vec<Ext>,
    pub(super) path: Vec<HashOut>,
}

/// Base elements in a leaf of each tree: constants and sigmas, wires, products, quotient.
pub(super) const LEAVES: [usize; 4] = [CONSTANTS + ROUTED, WIRES + SALT, ZS + SALT, QUOTIENT + SALT];

impl Body {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, VerifyError> {
        let mut reader = Reader { bytes };
        let body = Self {
            wires_cap: reader.cap()?,
            zs_cap: reader.cap()?,
            quotient_cap: reader.cap()?,
            openings: Openings {
                constants: reader.extensions(CONSTANTS)?,
                sigmas: reader.extensions(ROUTED)?,
                wires: reader.extensions(WIRES)?,
                zs: reader.extensions(CHALLENGES)?,
                zs_next: reader.extensions(CHALLENGES)?,
                partial_products: reader.extensions(CHALLENGES * PARTIAL_PRODUCTS)?,
                quotient: reader.extensions(QUOTIENT)?,
            },
            step_caps: (0..STEPS).map(|_| reader.cap()).collect::<Result<_, _>>()?,
            queries: (0..QUERIES).map(|_| reader.query()).collect::<Result<_, _>>()?,
            final_poly: reader.extensions(FINAL_POLY)?,
            pow_witness: reader.element()?,
        };
        if reader.bytes.is_empty() { Ok(body) } else { Err(malformed("longer than its shape")) }
    }
}

fn malformed(reason: &'static str) -> VerifyError {
    VerifyError::Malformed { reason }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn element(&mut self) -> Result<u64, VerifyError> {
        let (bytes, rest) = self.bytes.split_first_chunk::<8>().ok_or_else(|| malformed("cut short"))?;
        self.bytes = rest;
        let element = u64::from_le_bytes(*bytes);
        if element < ORDER { Ok(element) } else { Err(malformed("field element not below the order")) }
    }

    fn elements(&mut self, count: usize) -> Result<Vec<u64>, VerifyError> {
        (0..count).map(|_| self.element()).collect()
    }

    fn extensions(&mut self, count: usize) -> Result<Vec<Ext>, VerifyError> {
        (0..count).map(|_| Ok(Ext(self.element()?, self.element()?))).collect()
    }

    fn hash(&mut self) -> Result<HashOut, VerifyError> {
        Ok(HashOut([self.element()?, self.element()?, self.element()?, self.element()?]))
    }

    fn cap(&mut self) -> Result<Cap, VerifyError> {
        let mut cap = [HashOut::default(); CAP];
        for hash in &mut cap {
            *hash = self.hash()?;
        }
        Ok(cap)
    }

    fn path(&mut self, length: usize) -> Result<Vec<HashOut>, VerifyError> {
        let (found, rest) = self.bytes.split_first().ok_or_else(|| malformed("cut short"))?;
        if usize::from(*found) != length {
            return Err(malformed("Merkle path of another length"));
        }
        self.bytes = rest;
        (0..length).map(|_| self.hash()).collect()
    }

    fn query(&mut self) -> Result<Query, VerifyError> {
        let mut trees = Vec::with_capacity(LEAVES.len());
        for count in LEAVES {
            trees.push(Leaf { values: self.elements(count)?, path: self.path(PATH)? });
        }
        let mut steps = Vec::with_capacity(STEP_PATHS.len());
        for length in STEP_PATHS {
            steps.push(Step { values: self.extensions(ARITY)?, path: self.path(length)? });
        }
        Ok(Query { trees, steps })
    }
}

//! The proof's bytes. Its shape follows from the statement and the number of rows, but for the numbers of hashes that
//! queries need together, which are told before them.

use super::layout::Layout;
use super::{ARITY_LOG, FINAL_LOG, HIDDEN, QUERIES, RATE_LOG, SALT};
use crate::field::{Ext, ORDER};
use crate::verifier::VerifyError;

/// A node of a Merkle tree.
pub(super) type Node = [u8; 32];

/// Sizes that follow from a layout.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    /// Base columns of the trace.
    pub(super) trace: usize,
    /// Base columns of the fractions and their sum.
    pub(super) fractions: usize,
    /// Parts of the quotient.
    pub(super) parts: usize,
    /// Logarithm of the domain that is committed to.
    pub(super) domain_log: usize,
    /// Logarithms of the factors that it is folded by.
    pub(super) folds: Vec<usize>,
}

impl Sizes {
    pub(super) fn new(layout: &Layout) -> Self {
        // Masks double the rows.
        let domain_log = layout.rows_log + 1 + RATE_LOG;
        let mut folds = Vec::new();
        let mut left = domain_log - RATE_LOG - FINAL_LOG;
        while left > 0 {
            folds.push(left.min(ARITY_LOG));
            left -= left.min(ARITY_LOG);
        }
        Self {
            trace: layout.width(),
            fractions: 2 * (layout.fractions().len() + 1),
            parts: 2 * layout.degree(),
            domain_log,
            folds,
        }
    }

    /// For each tree, in the order of openings: base columns of each of its matrices, and points that these are opened at.
    pub(super) fn trees(&self) -> [(Vec<usize>, usize); 4] {
        [(vec![2], 1), (vec![self.trace], 2), (vec![2; self.parts], 1), (vec![self.fractions], 2)]
    }
}

/// A proof read: canonical, of the right shape, and nothing more.
pub(super) struct Body {
    /// Roots of the trace, the fractions, the quotient, the mask.
    pub(super) trace: Node,
    pub(super) fractions: Node,
    pub(super) quotient: Node,
    pub(super) mask: Node,
    /// For each tree, matrix and point: the columns' values, those of random columns last.
    pub(super) opened: Vec<Vec<Vec<Vec<Ext>>>>,
    pub(super) batch_work: u64,
    pub(super) fold_roots: Vec<Node>,
    pub(super) last: Vec<Ext>,
    pub(super) work: u64,
    /// For each tree, what queries open.
    pub(super) trees: Vec<Opening<u64>>,
    /// For each fold, what queries open beside what they have.
    pub(super) folds: Vec<Opening<Ext>>,
}

/// What queries open of one tree.
pub(super) struct Opening<T> {
    /// For each query and matrix.
    pub(super) values: Vec<Vec<Vec<T>>>,
    /// For each query and matrix.
    pub(super) salts: Vec<Vec<Vec<u64>>>,
    /// Nodes that all queries need together, from below, from the left.
    pub(super) nodes: Vec<Node>,
}

impl Body {
    pub(super) fn read(bytes: &[u8], sizes: &Sizes) -> Result<Self, VerifyError> {
        let mut reader = Reader { bytes };
        let [trace, fractions, quotient, mask] = [reader.node()?, reader.node()?, reader.node()?, reader.node()?];
        let mut opened = Vec::new();
        for (matrices, points) in sizes.trees() {
            let mut tree = Vec::with_capacity(matrices.len());
            for columns in matrices {
                tree.push((0..points).map(|_| reader.extensions(columns + HIDDEN)).collect::<Result<_, _>>()?);
            }
            opened.push(tree);
        }
        let batch_work = reader.element()?;
        let fold_roots = sizes.folds.iter().map(|_| reader.node()).collect::<Result<_, _>>()?;
        let last = reader.extensions(1 << FINAL_LOG)?;
        let work = reader.element()?;
        let mut trees = Vec::new();
        for (matrices, _) in sizes.trees() {
            let lengths: Vec<_> = matrices.into_iter().map(|columns| columns + HIDDEN).collect();
            trees.push(reader.opening(&lengths, sizes.domain_log, Reader::elements)?);
        }
        let mut folds = Vec::new();
        let mut log = sizes.domain_log;
        for fold in &sizes.folds {
            log -= fold;
            folds.push(reader.opening(&[(1 << fold) - 1], log, Reader::extensions)?);
        }
        let body = Self { trace, fractions, quotient, mask, opened, batch_work, fold_roots, last, work, trees, folds };
        if reader.bytes.is_empty() { Ok(body) } else { Err(malformed("longer than its shape")) }
    }
}

pub(super) fn malformed(reason: &'static str) -> VerifyError {
    VerifyError::Malformed { reason }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], VerifyError> {
        let (bytes, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(|| malformed("cut short"))?;
        self.bytes = rest;
        Ok(*bytes)
    }

    fn node(&mut self) -> Result<Node, VerifyError> {
        self.take()
    }

    fn element(&mut self) -> Result<u64, VerifyError> {
        let element = u64::from_le_bytes(self.take()?);
        if element < ORDER { Ok(element) } else { Err(malformed("field element not below the order")) }
    }

    fn elements(&mut self, count: usize) -> Result<Vec<u64>, VerifyError> {
        (0..count).map(|_| self.element()).collect()
    }

    fn extensions(&mut self, count: usize) -> Result<Vec<Ext>, VerifyError> {
        (0..count).map(|_| Ok(Ext(self.element()?, self.element()?))).collect()
    }

    fn opening<T>(
        &mut self,
        lengths: &[usize],
        log: usize,
        read: impl Fn(&mut Self, usize) -> Result<Vec<T>, VerifyError>,
    ) -> Result<Opening<T>, VerifyError> {
        let (mut values, mut salts) = (Vec::with_capacity(QUERIES), Vec::with_capacity(QUERIES));
        for _ in 0..QUERIES {
            values.push(lengths.iter().map(|&length| read(self, length)).collect::<Result<_, _>>()?);
            salts.push(lengths.iter().map(|_| self.elements(SALT)).collect::<Result<_, _>>()?);
        }
        let count = usize::from(u16::from_le_bytes(self.take()?));
        if count > QUERIES * log {
            return Err(malformed("more nodes than queries need"));
        }
        let nodes = (0..count).map(|_| self.node()).collect::<Result<_, _>>()?;
        Ok(Opening { values, salts, nodes })
    }
}

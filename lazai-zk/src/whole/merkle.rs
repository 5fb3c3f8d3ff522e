//! Merkle trees of SHA-256: leaves of salted rows, opened at several places by as few nodes as that takes.

use lazai_core::digest::sha256;

use super::body::Node;

/// Hash of a leaf: of the elements, eight bytes each, after a zero byte.
pub(super) fn leaf<'a>(elements: impl Iterator<Item = &'a u64>) -> Node {
    let mut bytes = vec![0];
    elements.for_each(|element| bytes.extend(element.to_le_bytes()));
    sha256(&bytes).as_bytes().to_owned()
}

/// Hash of two nodes, after a byte that is one.
fn parent(left: &Node, right: &Node) -> Node {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes).as_bytes().to_owned()
}

/// Tells whether leaves are those of a tree of height `log`. Nodes are taken level by level, from below, from the left: each that
/// no leaf gives.
pub(super) fn holds(root: &Node, log: usize, leaves: &[(usize, Node)], nodes: &[Node]) -> bool {
    let mut level = leaves.to_vec();
    level.sort_unstable();
    // A place that is opened twice has one leaf.
    level.dedup();
    if level.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return false;
    }
    let mut nodes = nodes.iter();
    for _ in 0..log {
        let mut above = Vec::with_capacity(level.len());
        let mut rest = level.as_slice();
        while let Some(((place, node), after)) = rest.split_first() {
            rest = after;
            let pair = match (place % 2, rest.first()) {
                (0, Some((other, right))) if *other == place + 1 => {
                    rest = &rest[1..];
                    parent(node, right)
                }
                (even, _) => {
                    let Some(sibling) = nodes.next() else { return false };
                    if even == 0 { parent(node, sibling) } else { parent(sibling, node) }
                }
            };
            above.push((place / 2, pair));
        }
        level = above;
    }
    nodes.next().is_none() && level == [(0, *root)]
}

//! Followers of a chain: what changed since their cursor, and what was taken back.

use alloy_primitives::B256;
use lazai_core::Digest;

use super::abi::digest;
use super::reader::{Reader, block_of};
use super::rpc::Node;
use crate::ledger::LedgerError;
use crate::notice::{Chain, Cursor, Entry, Notice, Position};

impl Reader {
    /// The changes since a follower's cursor.
    pub fn notices(&self, node: &Node, since: &Cursor) -> Result<Vec<Notice>, LedgerError> {
        let tip = self.tip();
        let mut common = Position { height: 0, hash: Digest::ZERO };
        for position in since.positions() {
            if self.holds(node, position)? {
                common = position;
                break;
            }
        }
        let above = self.log.partition_point(|e| block_of(e) <= common.height);
        let new = Chain { entries: self.log[above..].to_vec(), tip };
        let undone = since.last().filter(|last| *last != common);
        let old = undone.map(|last| Chain { entries: self.undone_below(last, common), tip: common });
        Ok(match old {
            None if common == tip => Vec::new(),
            None => vec![Notice::ChainCommitted { new }],
            Some(old) if common == tip => vec![Notice::ChainReverted { old }],
            Some(old) => vec![Notice::ChainReorged { old, new }],
        })
    }

    /// Tells whether a block is on the chain, as far as it was read.
    fn holds(&self, node: &Node, position: Position) -> Result<bool, LedgerError> {
        if position.height > self.tip().height {
            return Ok(false);
        }
        if let Some(block) = self.blocks.iter().find(|b| b.at.number == position.height) {
            return Ok(digest(block.at.hash) == position.hash);
        }
        Ok(node.header(position.height)?.is_some_and(|h| digest(h.hash) == position.hash))
    }

    /// Entries of a branch that was undone, as far as they are remembered, in order.
    fn undone_below(&self, last: Position, common: Position) -> Vec<Entry> {
        let (mut hash, mut blocks) = (evm_hash(last.hash), Vec::new());
        while let Some(block) = self.undone.iter().rev().find(|u| u.hash == hash && digest(hash) != common.hash) {
            blocks.push(&block.entries);
            hash = block.parent;
        }
        blocks.into_iter().rev().flatten().filter(|e| block_of(e) > common.height).cloned().collect()
    }
}

fn evm_hash(hash: Digest) -> B256 {
    B256::from(*hash.as_bytes())
}

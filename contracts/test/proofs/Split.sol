// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Sessions} from "../../src/libraries/Sessions.sol";

/// Proofs about the split, for every increment of ninety-six bits and all parameters that sum to ten thousand. What is
/// asserted first helps to prove what comes after.
contract SplitProof {
    function check_the_parts_are_the_whole(uint96 increment, uint16 nodeBps, uint16 poolBps) external pure {
        unchecked {
            if (uint256(nodeBps) + poolBps > 10_000) return;
            uint256 share = uint256(increment) * (10_000 - uint256(nodeBps) - poolBps);
            assert(share <= uint256(increment) * 10_000);
            (uint256 node, uint256 pool, uint256 rest) = Sessions.split(increment, nodeBps, poolBps);
            assert(node + pool <= increment);
            assert(node + pool + rest == increment);
            assert(node <= increment && pool <= increment && rest <= increment);
        }
    }

    function check_node_and_pool_are_floored(uint96 increment, uint16 nodeBps, uint16 poolBps) external pure {
        unchecked {
            if (uint256(nodeBps) + poolBps > 10_000) return;
            (uint256 node, uint256 pool,) = Sessions.split(increment, nodeBps, poolBps);
            (uint256 nodeShare, uint256 poolShare) = (uint256(increment) * nodeBps, uint256(increment) * poolBps);
            assert(node * 10_000 <= nodeShare && nodeShare < node * 10_000 + 10_000);
            assert(pool * 10_000 <= poolShare && poolShare < pool * 10_000 + 10_000);
        }
    }

    /// Two parts are floored, so the class has its share and less than two units more.
    function check_the_class_has_its_share(uint96 increment, uint16 nodeBps, uint16 poolBps) external pure {
        unchecked {
            if (uint256(nodeBps) + poolBps > 10_000) return;
            uint256 share = uint256(increment) * (10_000 - uint256(nodeBps) - poolBps);
            (uint256 nodeShare, uint256 poolShare) = (uint256(increment) * nodeBps, uint256(increment) * poolBps);
            assert(nodeShare + poolShare + share == uint256(increment) * 10_000);
            (uint256 node, uint256 pool, uint256 rest) = Sessions.split(increment, nodeBps, poolBps);
            assert(node * 10_000 <= nodeShare && nodeShare < node * 10_000 + 10_000);
            assert(pool * 10_000 <= poolShare && poolShare < pool * 10_000 + 10_000);
            assert(rest == increment - node - pool);
            // Ten thousand times the rest, without a difference.
            uint256 others = (node + pool) * 10_000;
            assert(share + others <= uint256(increment) * 10_000);
            assert(uint256(increment) * 10_000 < share + others + 2 * 10_000);
        }
    }
}

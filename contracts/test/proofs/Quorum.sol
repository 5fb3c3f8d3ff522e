// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ValidatorQuorum} from "../../src/ValidatorQuorum.sol";
import {MarketParameters} from "../../src/governance/MarketParameters.sol";
import {ValidatorSet} from "../../src/quorum/ValidatorSet.sol";

/// Proofs about who decides, for all weights.
contract QuorumProof {
    ValidatorQuorum private quorum;

    function setUp() external {
        // What is proved needs none of those it names.
        quorum = new ValidatorQuorum(MarketParameters(address(1)), address(1), address(1), new ValidatorSet.Member[](0));
    }

    function check_a_quorum_is_two_thirds(uint64 part, uint64 total) external view {
        // The same in other words: three parts are two totals and something more.
        bool quorate = quorum.isQuorum(part, total);
        unchecked {
            uint256 most = 2 * uint256(total);
            uint256 parts = uint256(part) + part + part;
            assert(quorate == (total != 0 && parts >= most));
        }
    }

    function check_two_quorums_share_a_third(uint64 one, uint64 other, uint64 total) external view {
        if (one > total || other > total) return;
        if (!quorum.isQuorum(one, total) || !quorum.isQuorum(other, total)) return;
        unchecked {
            uint256 both = uint256(one) + other;
            assert(both > total);
            assert(3 * both >= 4 * uint256(total));
        }
    }

    function check_a_third_upholds_nothing(uint64 weight, uint64 eligible, uint64 total) external view {
        unchecked {
            if (3 * uint256(weight) > total) return;
        }
        assert(!quorum.upholds(weight, eligible, total));
    }

    /// While less than a third lies, the honest uphold a doubt against any of them, whatever the other liars say.
    function check_the_honest_uphold_against_a_liar(uint64 accused, uint64 honest, uint64 total) external view {
        unchecked {
            if (uint256(accused) + honest > total) return;
            // Liars are all but the honest.
            if (3 * uint256(total - honest) >= total) return;
            assert(quorum.upholds(honest, total - accused, total));
        }
    }

    /// More weight never upholds less, so whoever is silent has denied.
    function check_more_weight_never_upholds_less(uint64 weight, uint64 more, uint64 eligible, uint64 total)
        external
        view
    {
        if (weight > more) return;
        if (quorum.upholds(weight, eligible, total)) assert(quorum.upholds(more, eligible, total));
    }
}

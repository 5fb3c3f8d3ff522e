// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Params} from "../../src/interfaces/Types.sol";
import {MarketParameters} from "../../src/governance/MarketParameters.sol";
import {ValidatorQuorum} from "../../src/ValidatorQuorum.sol";
import {ValidatorSet} from "../../src/quorum/ValidatorSet.sol";
import {Market} from "../support/Market.sol";

/// Who validates, and means to live on the stakes of others.
contract QuorumAttacks is Market {
    /// A second account of the last validator's, who attests nothing and decides.
    function doubt(bytes32 id, uint256 accused) private {
        vm.deal(who(STRANGER), 1 ether);
        vm.prank(who(STRANGER));
        quorum.challenge{value: 0.1 ether}(id, who(accused));
        vm.prank(who(VALIDATOR + 3));
        quorum.voteOnChallenge(id, who(accused), true);
    }

    function test_one_who_abstains_does_not_decide_over_all_others() public {
        bytes32 id = accepted(1);
        for (uint256 i = 0; i < 3; ++i) {
            doubt(id, VALIDATOR + i);
        }
        vm.warp(time() + 1 hours + 1);
        for (uint256 i = 0; i < 3; ++i) {
            quorum.lapseChallenge(id, who(VALIDATOR + i));
            (uint128 bonded,,,) = quorum.stakeOf(who(VALIDATOR + i));
            eq(bonded, STAKE, "an honest stake is whole");
        }
        holds(quorum.isFinal(id), "accepted, for good");
        eq(balance(STRANGER), 0, "three bonds are lost");
        eq(settlement.balanceOf(address(timelock), COIN), 0.3 ether, "to the pool");
    }

    function test_a_challenge_does_not_close_attestations() public {
        bytes32 id = accepted(1);
        doubt(id, VALIDATOR);
        ValidatorQuorum.Verdict[] memory late = new ValidatorQuorum.Verdict[](1);
        late[0] = verdict(VALIDATOR + 3, id, true);
        quorum.attest(id, late);
        eq(quorum.caseOf(id).acceptedWeight, 4, "counted");
    }

    function test_whoever_doubts_herself_shuts_nobody_out_and_pays() public {
        bytes32 id = accepted(1);
        vm.deal(who(VALIDATOR), 0.1 ether);
        vm.prank(who(VALIDATOR));
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
        // Her friends deny it at once.
        for (uint256 i = 1; i < 3; ++i) {
            vm.prank(who(VALIDATOR + i));
            quorum.voteOnChallenge(id, who(VALIDATOR), false);
        }
        eq(balance(VALIDATOR), 0, "her bond is gone");
        doubt(id, VALIDATOR);
        vm.prank(who(VALIDATOR + 2));
        quorum.voteOnChallenge(id, who(VALIDATOR), true);
        eq(balance(STRANGER), 0.2 ether, "who doubted in earnest was heard");
    }

    function test_nobody_earns_by_reporting_herself() public {
        bytes32 id = submit(1);
        ValidatorQuorum.Verdict memory yes = verdict(VALIDATOR, id, true);
        ValidatorQuorum.Verdict memory no = verdict(VALIDATOR, id, false);
        vm.prank(who(VALIDATOR));
        quorum.slashEquivocation(yes, no);
        eq(balance(VALIDATOR), 0, "nothing back");
        eq(settlement.balanceOf(address(timelock), COIN), STAKE / 2, "all to the pool");
    }

    function test_nobody_lies_with_nothing_at_stake() public {
        Params memory p = defaults();
        (p.attestationWindow, p.unbondingWindow) = (30 days, 7 days);
        vm.expectRevert(abi.encodeWithSelector(MarketParameters.OutOfBounds.selector, "unbondingWindow", 7 days));
        vm.prank(address(timelock));
        parameters.applyParameters(p);
        p.unbondingWindow = 31 days;
        apply_(p);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(who(VALIDATOR + i));
            quorum.requestUnstake(STAKE / 2);
        }
        vm.warp(time() + 2 days);
        bytes32 id = submit(1);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(who(VALIDATOR + i));
            quorum.requestUnstake(1);
        }
        attest(id, 3, true);
        eq(uint256(quorum.caseOf(id).status), 1, "who took stake back does not count");
        vm.warp(time() + 29 days + 1);
        vm.expectPartialRevert(ValidatorSet.Unbonding.selector);
        vm.prank(who(VALIDATOR + 2));
        quorum.withdrawStake();
    }

    function test_a_minority_does_not_decide_over_the_largest() public {
        // Eleven of fourteen for one: all others together are less than the third that may lie.
        vm.prank(address(timelock));
        quorum.setMember(who(VALIDATOR), 11);
        bytes32 id = accepted(1);
        vm.deal(who(STRANGER), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.ChallengeRefused.selector, id, who(VALIDATOR), "others"));
        vm.prank(who(STRANGER));
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Params} from "../../src/interfaces/Types.sol";
import {ValidatorSet} from "../../src/quorum/ValidatorSet.sol";
import {Market} from "../support/Market.sol";

/// Who lost a vote, or would have others pay.
contract VoteAttacks is Market {
    function test_a_defeated_proposal_does_not_rise_when_the_quorum_falls() public {
        Params memory p = defaults();
        p.quorumBps = 5_000;
        apply_(p);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], calls[0]) = (address(parameters), abi.encodeCall(parameters.setGuardian, (who(STRANGER))));
        vm.warp(time() + 1);
        vm.prank(who(GOVERNOR));
        uint256 id = governor.propose(targets, values, calls, "evil");
        vm.warp(time() + 1 minutes + 1);
        vm.prank(who(GOVERNOR));
        governor.castVote(id, 1);
        vm.warp(time() + 1 days + 1);
        eq(uint256(governor.state(id)), uint256(IGovernor.ProposalState.Defeated), "a third of the votes of a half");
        vm.warp(time() + 300 days);
        p.quorumBps = 2_000;
        apply_(p);
        eq(uint256(governor.state(id)), uint256(IGovernor.ProposalState.Defeated), "it stays defeated");
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.queue(targets, values, calls, keccak256("evil"));
    }

    function test_nobody_has_the_next_submitter_pay_for_another_snapshot() public {
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.StakeTooSmall.selector, who(STRANGER), 0, 1));
        vm.prank(who(STRANGER));
        quorum.stake{value: 0}();
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.StakeTooSmall.selector, who(STRANGER), 0, 1));
        vm.prank(who(STRANGER));
        quorum.requestUnstake(0);

        bytes32 first = submit(1);
        vm.deal(who(STRANGER), 2);
        vm.startPrank(who(STRANGER));
        quorum.stake{value: 2}();
        quorum.requestUnstake(1);
        vm.stopPrank();
        bytes32 second = submit(2);
        address snapshot = quorum.caseOf(first).snapshot;
        eq(uint160(quorum.caseOf(second).snapshot), uint160(snapshot), "the same snapshot");
    }
}

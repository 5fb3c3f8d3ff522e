// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {MarketParameters} from "../src/governance/MarketParameters.sol";
import {Params} from "../src/interfaces/Types.sol";
import {Offer} from "../src/interfaces/Types.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Market} from "./support/Market.sol";

contract GovernanceTest is Market {
    struct Proposal {
        address[] targets;
        uint256[] values;
        bytes[] calls;
        string why;
    }

    function propose(address target, bytes memory call) private returns (uint256 id, Proposal memory p) {
        (p.targets, p.values, p.calls) = (new address[](1), new uint256[](1), new bytes[](1));
        (p.targets[0], p.calls[0], p.why) = (target, call, "because");
        vm.warp(time() + 1);
        vm.prank(who(GOVERNOR));
        id = governor.propose(p.targets, p.values, p.calls, p.why);
    }

    function state(uint256 id, IGovernor.ProposalState expected, string memory when) private view {
        eq(uint256(governor.state(id)), uint256(expected), when);
    }

    function pass(address target, bytes memory call) private {
        (uint256 id, Proposal memory p) = propose(target, call);
        state(id, IGovernor.ProposalState.Pending, "proposed");
        vm.warp(time() + 1 minutes);
        state(id, IGovernor.ProposalState.Pending, "the delay's last second");
        vm.warp(time() + 1);
        state(id, IGovernor.ProposalState.Active, "voting");
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(who(GOVERNOR + i));
            governor.castVote(id, 1);
        }
        vm.warp(time() + 1 days - 1);
        state(id, IGovernor.ProposalState.Active, "the window's last second");
        vm.warp(time() + 1);
        state(id, IGovernor.ProposalState.Succeeded, "counted");
        holds(governor.proposalNeedsQueuing(id), "through the timelock");
        governor.queue(p.targets, p.values, p.calls, keccak256(bytes(p.why)));
        state(id, IGovernor.ProposalState.Queued, "queued");
        vm.warp(time() + 1 days);
        governor.execute(p.targets, p.values, p.calls, keccak256(bytes(p.why)));
        state(id, IGovernor.ProposalState.Executed, "executed");
    }

    function test_a_proposal_goes_through_all_its_states_and_times() public {
        Params memory p = defaults();
        (p.creatorBps, p.nodeBps, p.poolBps) = (6_000, 3_000, 1_000);
        pass(address(parameters), abi.encodeCall(MarketParameters.applyParameters, (p)));
        eq(parameters.currentVersion(), 2, "a new version");
        eq(parameters.current().nodeBps, 3_000, "in force");
        eq(parameters.versionAt(1).nodeBps, 2_000, "the old one is kept");
        (uint16 node, uint16 pool) = parameters.splitAt(2);
        eq(uint256(node) + pool, 4_000, "split");
    }

    function test_the_pool_is_spent_by_proposal() public {
        minted();
        Offer memory o = offer(COIN);
        open(1, o, 1_000);
        redeem(1, o, 1_000);
        pass(address(settlement), abi.encodeCall(settlement.withdraw, (COIN, who(STRANGER), 100)));
        eq(who(STRANGER).balance, 100, "spent");
    }

    function test_a_defeated_proposal_does_nothing() public {
        (uint256 id, Proposal memory p) =
            propose(address(parameters), abi.encodeCall(parameters.setGuardian, (address(1))));
        vm.warp(time() + 1 minutes + 1);
        vm.prank(who(GOVERNOR));
        governor.castVote(id, 0);
        vm.warp(time() + 1 days);
        state(id, IGovernor.ProposalState.Defeated, "voted down");
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.queue(p.targets, p.values, p.calls, keccak256(bytes(p.why)));
        (uint256 other,) = propose(address(parameters), abi.encodeCall(parameters.setGuardian, (address(2))));
        vm.warp(time() + 1 minutes + 1 + 1 days);
        state(other, IGovernor.ProposalState.Defeated, "no quorum");
        eq(governor.quorum(time() - 1), 600 ether, "a fifth of all votes");
    }

    function test_what_succeeded_expires_when_nobody_queues_it() public {
        (uint256 id, Proposal memory p) =
            propose(address(parameters), abi.encodeCall(parameters.setGuardian, (address(1))));
        vm.warp(time() + 1 minutes + 1);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(who(GOVERNOR + i));
            governor.castVote(id, 1);
        }
        vm.warp(governor.proposalDeadline(id) + 14 days);
        state(id, IGovernor.ProposalState.Succeeded, "the window's last second");
        vm.warp(time() + 1);
        state(id, IGovernor.ProposalState.Expired, "over");
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.queue(p.targets, p.values, p.calls, keccak256(bytes(p.why)));
    }

    function test_a_proposer_may_cancel_before_voting_and_needs_a_thousandth() public {
        (uint256 id, Proposal memory p) =
            propose(address(parameters), abi.encodeCall(parameters.setGuardian, (address(1))));
        vm.prank(who(GOVERNOR));
        governor.cancel(p.targets, p.values, p.calls, keccak256(bytes(p.why)));
        state(id, IGovernor.ProposalState.Canceled, "cancelled");
        vm.expectPartialRevert(IGovernor.GovernorInsufficientProposerVotes.selector);
        vm.prank(who(STRANGER));
        governor.propose(p.targets, p.values, p.calls, "other");
    }

    function test_votes_are_transferable_and_permitted() public {
        vm.prank(who(GOVERNOR));
        votes.transfer(who(STRANGER), 400 ether);
        eq(votes.getVotes(who(GOVERNOR)), 600 ether, "less");
        eq(votes.getVotes(who(STRANGER)), 0, "not delegated yet");
        vm.prank(who(STRANGER));
        votes.delegate(who(STRANGER));
        eq(votes.getVotes(who(STRANGER)), 400 ether, "delegated");
        eq(votes.nonces(who(STRANGER)), 0, "permits");
        holds(keccak256(bytes(votes.CLOCK_MODE())) == keccak256("mode=timestamp"), "seconds");
    }

    function test_no_vote_passes_the_creators_minimum() public {
        Params memory p = defaults();
        (p.creatorBps, p.nodeBps, p.poolBps) = (4_999, 4_001, 1_000);
        refused(p, abi.encodeWithSelector(MarketParameters.CreatorBelowMinimum.selector, 4_999));
        (p.creatorBps, p.nodeBps, p.poolBps) = (7_000, 2_000, 1_001);
        refused(p, abi.encodeWithSelector(MarketParameters.SplitSum.selector, 10_001));
    }

    function test_windows_and_parts_are_bounded() public {
        Params memory p = defaults();
        p.votingWindow = 1 hours - 1;
        refused(p, bounds("votingWindow", 1 hours - 1));
        p = defaults();
        p.votingDelay = 59;
        refused(p, bounds("votingDelay", 59));
        p = defaults();
        p.quorumBps = 99;
        refused(p, bounds("quorumBps", 99));
        // Stake may not be gone while a verdict can still be disputed.
        p = defaults();
        p.unbondingWindow = 3 hours - 1;
        refused(p, bounds("unbondingWindow", 3 hours - 1));
        p.unbondingWindow = 3 hours;
        apply_(p);
        p = defaults();
        p.slashBps = 10_001;
        refused(p, bounds("slashBps", 10_001));
        p = defaults();
        p.challengerBps = 10_001;
        refused(p, bounds("challengerBps", 10_001));
        p = defaults();
        p.quorumBps = 10_001;
        refused(p, bounds("quorumBps", 10_001));
        uint64 long = 60 days + 1;
        p = defaults();
        p.attestationWindow = long;
        refused(p, bounds("attestationWindow", long));
        p = defaults();
        p.challengeWindow = long;
        refused(p, bounds("challengeWindow", long));
        p = defaults();
        p.challengeVoteWindow = long;
        refused(p, bounds("challengeVoteWindow", long));
        p = defaults();
        p.unbondingWindow = long;
        refused(p, bounds("unbondingWindow", long));
        p = defaults();
        p.votingDelay = long;
        refused(p, bounds("votingDelay", long));
        p = defaults();
        p.votingWindow = long;
        refused(p, bounds("votingWindow", long));
        p = defaults();
        p.maxSession = long;
        refused(p, bounds("maxSession", long));
        p = defaults();
        p.disputeWindow = long;
        refused(p, bounds("disputeWindow", long));
        p = defaults();
        p.mintWindow = 8 days - 1;
        refused(p, bounds("mintWindow", 8 days - 1));
        p.mintWindow = 365 days + 1;
        refused(p, bounds("mintWindow", 365 days + 1));
        p.mintWindow = parameters.MAX_PAUSE() + 1 days;
        apply_(p);
        p.mintWindow = 365 days;
        apply_(p);
    }

    function bounds(string memory parameter, uint256 value) private pure returns (bytes memory) {
        return abi.encodeWithSelector(MarketParameters.OutOfBounds.selector, parameter, value);
    }

    function refused(Params memory p, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(address(timelock));
        parameters.applyParameters(p);
    }

    function test_only_governance_changes_anything() public {
        bytes memory refusal = abi.encodeWithSelector(MarketParameters.NotAllowed.selector, address(this));
        vm.expectRevert(refusal);
        parameters.applyParameters(defaults());
        vm.expectRevert(refusal);
        parameters.acceptAsset(address(1));
        vm.expectRevert(refusal);
        parameters.setGuardian(address(this));
        vm.expectRevert(refusal);
        parameters.pause(1);
        vm.expectRevert(refusal);
        parameters.unpause();
        // Not even who deployed it: the timelock has no admin but itself.
        holds(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(this)), "no admin");
        holds(!timelock.hasRole(timelock.PROPOSER_ROLE(), address(this)), "no proposer");
    }

    function test_assets_are_at_most_eight_and_once() public {
        vm.startPrank(address(timelock));
        for (uint160 i = 1; i <= 6; ++i) {
            parameters.acceptAsset(address(i));
        }
        eq(parameters.acceptedAssets().length, 8, "with the coin and the dollar");
        vm.expectRevert(abi.encodeWithSelector(MarketParameters.AssetRefused.selector, address(99)));
        parameters.acceptAsset(address(99));
        vm.expectRevert(abi.encodeWithSelector(MarketParameters.AssetRefused.selector, address(1)));
        parameters.acceptAsset(address(1));
        vm.stopPrank();
    }

    function test_a_pause_is_short_and_rare() public {
        vm.startPrank(who(GUARDIAN));
        vm.expectRevert(bounds("pause", 7 days + 1));
        parameters.pause(7 days + 1);
        parameters.pause(7 days);
        uint64 from = uint64(time()) + 37 days;
        vm.expectRevert(abi.encodeWithSelector(MarketParameters.PauseRefused.selector, from));
        parameters.pause(1);
        vm.warp(from);
        parameters.pause(1 days);
        parameters.unpause();
        parameters.requireOpen();
        vm.stopPrank();
        vm.prank(address(timelock));
        parameters.setGuardian(who(STRANGER));
        eq(parameters.guardian(), who(STRANGER), "another guardian");
        vm.prank(address(timelock));
        parameters.unpause();
    }

    function test_unknown_versions_are_refused() public {
        bytes memory unknown = abi.encodeWithSelector(MarketParameters.UnknownVersion.selector, 0);
        vm.expectRevert(unknown);
        parameters.versionAt(0);
        vm.expectRevert(unknown);
        parameters.splitAt(0);
        unknown = abi.encodeWithSelector(MarketParameters.UnknownVersion.selector, 2);
        vm.expectRevert(unknown);
        parameters.versionAt(2);
        vm.expectRevert(unknown);
        parameters.splitAt(2);
    }

    function test_the_delay_of_the_timelock_is_changed_by_vote() public {
        pass(address(timelock), abi.encodeCall(timelock.updateDelay, (2 days)));
        eq(timelock.getMinDelay(), 2 days, "for what is queued from now on");
    }

    function test_the_domain_follows_the_chain() public {
        bytes32 here = parameters.domainSeparator();
        vm.chainId(7);
        holds(here != parameters.domainSeparator(), "a fork of the chain is another domain");
    }
}

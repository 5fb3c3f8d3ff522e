// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DatasetRegistry} from "../src/DatasetRegistry.sol";
import {ValidatorQuorum} from "../src/ValidatorQuorum.sol";
import {ValidatorSet} from "../src/quorum/ValidatorSet.sol";
import {MarketParameters} from "../src/governance/MarketParameters.sol";
import {Params, Share, Submission} from "../src/interfaces/Types.sol";
import {CodeStorage} from "../src/libraries/CodeStorage.sol";
import {Ids} from "../src/libraries/Ids.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Market} from "./support/Market.sol";

contract ValidatorQuorumTest is Market {
    function status(bytes32 id) private view returns (uint256) {
        return uint256(quorum.caseOf(id).status);
    }

    function one(uint256 key, bytes32 id, bool yes) private {
        ValidatorQuorum.Verdict[] memory verdicts = new ValidatorQuorum.Verdict[](1);
        verdicts[0] = verdict(key, id, yes);
        quorum.attest(id, verdicts);
    }

    function refusedOne(uint256 key, bytes32 id, bool yes, bytes memory reason) private {
        ValidatorQuorum.Verdict[] memory verdicts = new ValidatorQuorum.Verdict[](1);
        verdicts[0] = verdict(key, id, yes);
        vm.expectRevert(reason);
        quorum.attest(id, verdicts);
    }

    function challenge(bytes32 id, uint256 validator) private {
        vm.deal(who(STRANGER), 1 ether);
        vm.prank(who(STRANGER));
        quorum.challenge{value: 0.1 ether}(id, who(validator));
    }

    function test_two_thirds_accept() public {
        bytes32 id = submit(1);
        attest(id, 2, true);
        eq(status(id), 1, "pending");
        // What is counted already is passed over.
        attest(id, 3, true);
        eq(status(id), 2, "accepted");
        holds(quorum.isAccepted(id) && !quorum.isFinal(id), "not finally");
        attest(id, 4, true);
        eq(quorum.caseOf(id).acceptedWeight, 4, "the fourth counts too");
        vm.warp(time() + 1 hours - 1);
        holds(!quorum.isFinal(id), "the window's last second");
        vm.warp(time() + 1);
        holds(quorum.isFinal(id), "final");
    }

    function test_more_than_a_third_against_rejects() public {
        bytes32 id = submit(1);
        one(VALIDATOR, id, false);
        eq(status(id), 1, "three can still accept");
        one(VALIDATOR + 1, id, false);
        eq(status(id), 3, "two cannot");
        refusedOne(VALIDATOR + 2, id, true, abi.encodeWithSelector(ValidatorQuorum.AttestationsClosed.selector, id));
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.NotFinal.selector, id));
        vm.prank(who(EXEX));
        registry.refuse(id, "rejected");
    }

    function test_late_foreign_and_other_verdicts_do_not_count() public {
        bytes32 id = submit(1);
        refusedOne(STRANGER, id, true, abi.encodeWithSelector(ValidatorSet.UnknownValidator.selector, who(STRANGER)));
        ValidatorQuorum.Verdict[] memory verdicts = new ValidatorQuorum.Verdict[](1);
        verdicts[0] = verdict(VALIDATOR, id, true);
        verdicts[0].attestation.content = "other";
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.AttestationMismatch.selector, id, who(VALIDATOR)));
        quorum.attest(id, verdicts);
        verdicts[0] = verdict(VALIDATOR, id, true);
        verdicts[0].attestation.accepted = false;
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.NotSigned.selector, id, who(VALIDATOR)));
        quorum.attest(id, verdicts);
        vm.warp(time() + 1 hours);
        one(VALIDATOR, id, true);
        vm.warp(time() + 1);
        uint64 deadline = uint64(time()) - 1;
        refusedOne(
            VALIDATOR + 1, id, true, abi.encodeWithSelector(ValidatorQuorum.AttestationTooLate.selector, id, deadline)
        );
        refusedOne(
            VALIDATOR, "none", true, abi.encodeWithSelector(ValidatorQuorum.UnknownSubmission.selector, bytes32("none"))
        );
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.NotAllowed.selector, address(this)));
        quorum.open(id, 0, address(0));
    }

    function test_weights_are_those_of_the_submission() public {
        bytes32 id = submit(1);
        vm.startPrank(address(timelock));
        quorum.setMember(who(STRANGER), 100);
        quorum.setMember(who(VALIDATOR), 0);
        vm.stopPrank();
        attest(id, 3, true);
        eq(status(id), 2, "by the weights of then");
        bytes32 next = submit(2);
        refusedOne(
            VALIDATOR, next, true, abi.encodeWithSelector(ValidatorSet.UnknownValidator.selector, who(VALIDATOR))
        );
        bytes4 small = ValidatorSet.StakeTooSmall.selector;
        refusedOne(STRANGER, next, true, abi.encodeWithSelector(small, who(STRANGER), 0, STAKE / 2));
        vm.deal(who(STRANGER), 1 ether);
        vm.prank(who(STRANGER));
        quorum.stake{value: 0.5 ether}();
        one(STRANGER, next, true);
        eq(quorum.caseOf(next).acceptedWeight, 0, "nothing at stake then, no weight");
        bytes32 third = submit(3);
        one(STRANGER, third, true);
        eq(status(third), 2, "100 of 103");
        eq(quorum.members().length, 4, "members");
    }

    function test_members_are_at_most_64_and_weights_sum_up() public {
        vm.startPrank(address(timelock));
        for (uint256 i = 0; i < 60; ++i) {
            quorum.setMember(who(1_000 + i), type(uint64).max / 64);
        }
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.TooManyMembers.selector, 65));
        quorum.setMember(who(STRANGER), 1);
        vm.expectPartialRevert(ValidatorSet.WeightTooLarge.selector);
        quorum.setMember(who(1_000), type(uint64).max / 64 + 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.NotAllowed.selector, address(this)));
        quorum.setMember(who(STRANGER), 1);
        submit(1);
    }

    function test_stake_leaves_after_the_unbonding_window() public {
        vm.startPrank(who(VALIDATOR));
        vm.expectRevert(
            abi.encodeWithSelector(ValidatorSet.StakeTooSmall.selector, who(VALIDATOR), STAKE, uint256(STAKE) + 1)
        );
        quorum.requestUnstake(STAKE + 1);
        quorum.requestUnstake(STAKE);
        uint64 available = uint64(time()) + 7 days;
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.Unbonding.selector, who(VALIDATOR), available));
        quorum.withdrawStake();
        vm.warp(available + 1);
        quorum.withdrawStake();
        vm.stopPrank();
        eq(balance(VALIDATOR), STAKE, "credited");
    }

    function test_equivocation_is_slashed_without_a_vote_and_once() public {
        bytes32 id = submit(1);
        ValidatorQuorum.Verdict memory yes = verdict(VALIDATOR, id, true);
        ValidatorQuorum.Verdict memory no = verdict(VALIDATOR, id, false);
        vm.prank(who(VALIDATOR));
        quorum.requestUnstake(STAKE * 3 / 4);
        bytes memory none = abi.encodeWithSelector(ValidatorQuorum.NotEquivocation.selector, id, who(VALIDATOR));
        vm.expectRevert(none);
        quorum.slashEquivocation(yes, yes);
        no.signature = yes.signature;
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.NotSigned.selector, id, who(VALIDATOR)));
        quorum.slashEquivocation(yes, no);
        no = verdict(VALIDATOR, id, false);
        vm.prank(who(STRANGER));
        quorum.slashEquivocation(yes, no);
        // Half of everything, what is leaving included; nothing of that for who showed it.
        (uint128 bonded, uint128 unbonding,,) = quorum.stakeOf(who(VALIDATOR));
        eq(bonded, 0, "bonded first");
        eq(unbonding, STAKE / 2, "then what is leaving");
        eq(balance(STRANGER), 0, "no reward");
        eq(settlement.balanceOf(address(timelock), COIN), STAKE / 2, "pool");
        vm.expectRevert(none);
        quorum.slashEquivocation(yes, no);
        (yes, no) = (verdict(STRANGER, id, true), verdict(STRANGER, id, false));
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.UnknownValidator.selector, who(STRANGER)));
        quorum.slashEquivocation(yes, no);
    }

    function vote(uint256 key, bytes32 id, bool upheld) private {
        vm.prank(who(key));
        quorum.voteOnChallenge(id, who(VALIDATOR), upheld);
    }

    function test_a_challenge_is_decided_by_two_thirds_of_all_others() public {
        bytes32 id = accepted(1);
        challenge(id, VALIDATOR);
        holds(!quorum.isFinal(id), "open");
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.NotAllowed.selector, who(VALIDATOR)));
        vote(VALIDATOR, id, false);
        vote(VALIDATOR + 3, id, true);
        eq(status(id), 2, "one of three");
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.NotAllowed.selector, who(VALIDATOR + 3)));
        vote(VALIDATOR + 3, id, true);
        // Who attested may change her mind.
        vote(VALIDATOR + 1, id, true);
        eq(status(id), 3, "two of four accept no more");
        eq(balance(STRANGER), 0.2 ether, "the bond, and a reward that is not more");
        eq(settlement.balanceOf(address(timelock), COIN), STAKE / 2 - 0.1 ether, "the rest");
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.ChallengeNotOpen.selector, id, who(VALIDATOR)));
        vote(VALIDATOR + 2, id, true);
    }

    function test_a_challenge_without_ground_pays_the_pool() public {
        bytes32 id = accepted(1);
        challenge(id, VALIDATOR);
        vote(VALIDATOR + 3, id, false);
        holds(quorum.challengeOf(id, who(VALIDATOR)).open, "two of three could still uphold it");
        vote(VALIDATOR + 1, id, false);
        holds(!quorum.challengeOf(id, who(VALIDATOR)).open, "one of three cannot");
        eq(balance(VALIDATOR), 0, "not the accused, who might be the challenger");
        eq(settlement.balanceOf(address(timelock), COIN), 0.1 ether, "bond");
        eq(status(id), 2, "still accepted");
        // A doubt that was denied shuts nobody out, while the window lasts.
        challenge(id, VALIDATOR);
        vm.warp(time() + 1 hours + 1);
        quorum.lapseChallenge(id, who(VALIDATOR));
        holds(quorum.isFinal(id), "final");
    }

    function test_an_accepted_submission_outlives_a_challenge_it_does_not_need() public {
        bytes32 id = submit(1);
        attest(id, 4, true);
        challenge(id, VALIDATOR);
        vote(VALIDATOR + 1, id, true);
        vote(VALIDATOR + 2, id, true);
        eq(status(id), 2, "three of four are enough");
        expect(id, VALIDATOR, "verdict");
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
    }

    function test_verdicts_still_count_while_one_is_challenged() public {
        bytes32 id = accepted(1);
        challenge(id, VALIDATOR);
        one(VALIDATOR + 3, id, true);
        eq(quorum.caseOf(id).acceptedWeight, 4, "the fourth counts");
        vote(VALIDATOR + 3, id, true);
        vote(VALIDATOR + 1, id, true);
        eq(status(id), 2, "three of four are enough");
    }

    function test_what_is_not_decided_in_time_is_denied() public {
        bytes32 id = accepted(1);
        challenge(id, VALIDATOR);
        vote(VALIDATOR + 3, id, true);
        bytes memory refusal =
            abi.encodeWithSelector(ValidatorQuorum.ChallengeRefused.selector, id, who(VALIDATOR), "window");
        vm.warp(time() + 1 hours);
        vm.expectRevert(refusal);
        quorum.lapseChallenge(id, who(VALIDATOR));
        vm.warp(time() + 1);
        vm.expectRevert(refusal);
        vote(VALIDATOR + 1, id, true);
        quorum.lapseChallenge(id, who(VALIDATOR));
        eq(balance(STRANGER), 0, "the bond is gone");
        eq(settlement.balanceOf(address(timelock), COIN), 0.1 ether, "to the pool");
        (uint128 bonded,,,) = quorum.stakeOf(who(VALIDATOR));
        eq(bonded, STAKE, "nobody is slashed");
        holds(quorum.isFinal(id), "final");
        eq(quorum.challengeOf(id, who(VALIDATOR)).challenger, who(STRANGER), "remembered");
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.ChallengeNotOpen.selector, id, who(VALIDATOR)));
        quorum.lapseChallenge(id, who(VALIDATOR));
    }

    function test_challenges_have_a_window_a_bond_and_an_accepting_verdict() public {
        bytes32 id = submit(1);
        attest(id, 2, true);
        vm.deal(address(this), 1 ether);
        expect(id, VALIDATOR, "window");
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
        attest(id, 3, true);
        expect(id, VALIDATOR + 3, "verdict");
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR + 3));
        expect(id, VALIDATOR, "bond");
        quorum.challenge{value: 0.2 ether}(id, who(VALIDATOR));
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
        expect(id, VALIDATOR, "open");
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
        vm.warp(time() + 1 hours + 1);
        expect(id, VALIDATOR + 1, "window");
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR + 1));
    }

    function test_upholding_needs_two_thirds_of_the_others_and_more_than_a_third_of_all() public view {
        holds(quorum.upholds(2, 3, 4), "two of three others");
        holds(!quorum.upholds(1, 3, 4), "one of three others");
        holds(!quorum.upholds(30, 45, 100), "two thirds of the others are less than a third of all");
        holds(!quorum.upholds(1, 1, 3), "a third of all");
        holds(quorum.upholds(34, 45, 100), "more than a third of all");
        holds(!quorum.upholds(0, 0, 1), "nobody");
    }

    function test_who_is_two_thirds_alone_cannot_be_doubted() public {
        vm.prank(address(timelock));
        quorum.setMember(who(VALIDATOR), 6);
        bytes32 id = submit(1);
        one(VALIDATOR, id, true);
        eq(status(id), 2, "six of nine");
        vm.deal(address(this), 1 ether);
        expect(id, VALIDATOR, "others");
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
    }

    function test_a_verdict_is_punished_by_the_parameters_of_its_submission() public {
        bytes32 id = accepted(1);
        Params memory p = defaults();
        (p.slashBps, p.challengerBps) = (10_000, 10_000);
        apply_(p);
        challenge(id, VALIDATOR);
        vote(VALIDATOR + 1, id, true);
        vote(VALIDATOR + 2, id, true);
        (uint128 bonded,,,) = quorum.stakeOf(who(VALIDATOR));
        eq(bonded, STAKE / 2, "half, as it was when it was submitted");
        quorum.slashEquivocation(verdict(VALIDATOR + 1, id, true), verdict(VALIDATOR + 1, id, false));
        (bonded,,,) = quorum.stakeOf(who(VALIDATOR + 1));
        eq(bonded, STAKE / 2, "and so for two verdicts");
    }

    function test_stake_stays_while_its_verdict_can_be_disputed() public {
        Params memory p = defaults();
        p.unbondingWindow = 3 hours;
        apply_(p);
        vm.prank(who(VALIDATOR));
        quorum.requestUnstake(STAKE / 2);
        vm.warp(time() + 2 hours);
        bytes32 id = submit(1);
        one(VALIDATOR, id, true);
        uint64 held = uint64(time()) + 3 hours;
        vm.warp(held);
        vm.expectRevert(abi.encodeWithSelector(ValidatorSet.Unbonding.selector, who(VALIDATOR), held));
        vm.prank(who(VALIDATOR));
        quorum.withdrawStake();
        vm.warp(time() + 1);
        vm.prank(who(VALIDATOR));
        quorum.withdrawStake();
        eq(balance(VALIDATOR), STAKE / 2, "credited");
    }

    function test_whose_stake_fell_away_spoils_no_batch() public {
        bytes32 id = submit(1);
        vm.prank(who(VALIDATOR));
        quorum.requestUnstake(STAKE / 2 + 1);
        attest(id, 4, true);
        eq(quorum.caseOf(id).acceptedWeight, 3, "passed over");
        eq(status(id), 2, "accepted by the others");
        bytes4 small = ValidatorSet.StakeTooSmall.selector;
        refusedOne(VALIDATOR, id, true, abi.encodeWithSelector(small, who(VALIDATOR), STAKE / 2 - 1, STAKE / 2));
        vm.deal(who(VALIDATOR), 1);
        vm.prank(who(VALIDATOR));
        quorum.stake{value: 1}();
        one(VALIDATOR, id, true);
        eq(quorum.caseOf(id).acceptedWeight, 4, "and counts once it is back");
    }

    function expect(bytes32 id, uint256 validator, string memory reason) private {
        vm.expectRevert(abi.encodeWithSelector(ValidatorQuorum.ChallengeRefused.selector, id, who(validator), reason));
    }

    // The registry.

    function test_a_submission_is_checked_and_kept() public {
        bytes32 id = submit(1);
        holds(keccak256(registry.publicPartOf(id)) == keccak256(publicPart()), "public part");
        (Submission memory d, bytes32 next) = again(2);
        vm.startPrank(who(CREATOR));
        d.shares[0].signature = d.shares[1].signature;
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.ConsentNotSigned.selector, next, who(WRITER)));
        registry.submit(d, publicPart());
        (d,) = again(2);
        d.shares[0].tokens = 0;
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.EmptySubmission.selector, "tokens of a contributor"));
        registry.submit(d, publicPart());
        d.shares = new Share[](0);
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.EmptySubmission.selector, "shares"));
        registry.submit(d, publicPart());
        d.shares = new Share[](65);
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.TooLarge.selector, "shares", 65));
        registry.submit(d, publicPart());
        d.sealedKey = new bytes(1_025);
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.TooLarge.selector, "sealed key", 1_025));
        registry.submit(d, publicPart());
        (d,) = again(2);
        d.pointer = string(new bytes(1_025));
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.TooLarge.selector, "pointer", 1_025));
        registry.submit(d, publicPart());
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.EmptySubmission.selector, "public part"));
        registry.submit(d, "");
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.TooLarge.selector, "public part", 32_769));
        registry.submit(d, new bytes(32_769));
        (d,) = again(1);
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.SubmissionExists.selector, id));
        registry.submit(d, publicPart());
        vm.stopPrank();
    }

    function again(uint64 nonce) private view returns (Submission memory d, bytes32 id) {
        (id, d) = dataset(nonce);
    }

    function test_32_kib_of_prompts_fit_a_transaction() public {
        bytes memory large = new bytes(32 * 1024);
        for (uint256 i = 0; i < large.length; ++i) {
            large[i] = bytes1(uint8(1 + i % 255));
        }
        (bytes32 id, Submission memory d) = dataset(1);
        vm.prank(who(CREATOR));
        uint256 before = gasleft();
        registry.submit(d, large);
        le(before - gasleft(), 16_777_216 - 21_000 - 40 * 32 * 1024, "EIP-7825, with the calldata of EIP-7623");
        holds(keccak256(registry.publicPartOf(id)) == keccak256(large), "kept whole");
    }

    function test_only_its_exex_refuses_and_only_the_token_marks() public {
        bytes32 id = accepted(1);
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        registry.refuse(id, "no");
        vm.startPrank(who(EXEX));
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.TooLarge.selector, "reason", 1_001));
        registry.refuse(id, string(new bytes(1_001)));
        registry.refuse(id, "not what was proved");
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.Finished.selector, id, DatasetRegistry.Status.Refused));
        registry.refuse(id, "again");
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.NotAllowed.selector, who(EXEX)));
        registry.markMinted(id, who(EXEX));
        vm.stopPrank();
    }

    function test_what_a_chain_refuses_to_keep_reverts() public {
        // Starting with 0xEF is refused for code (EIP-3541); ours starts with STOP, whatever the content.
        address[] memory parts = this.write(hex"EF00");
        holds(keccak256(CodeStorage.read(parts[0])) == keccak256(hex"EF00"), "kept");
    }

    function write(bytes memory content) external returns (address[] memory) {
        return CodeStorage.write(content);
    }

    function test_ids_are_those_of_the_rust_sdk() public pure {
        bytes32 ledger = Ids.ledger(31_337, address(0x1111111111111111111111111111111111111111));
        bytes32 id = Ids.submission(ledger, address(0x2222222222222222222222222222222222222222), 258);
        eq(ledger, 0x2916f72efb58a774979a5a85a8d5b7cc612020dc341a9766cdb3020e7b5c1677, "ledger");
        eq(id, 0x9ae59c82b6f7e4b4086bcd95dfc84f3cf5f206d85dce2aa201c840cb13df10f0, "submission");
    }
}

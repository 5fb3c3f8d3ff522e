// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "../src/Disputes.sol";
import {Settlement} from "../src/Settlement.sol";
import {Offer, Params, Receipt} from "../src/interfaces/Types.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Market} from "./support/Market.sol";

contract DisputesTest is Market {
    uint128 private constant BOND = 10 ether;

    Disputes private disputes;

    function setUp() public override {
        super.setUp();
        minted();
        disputes = new Disputes(parameters, quorum, settlement);
        vm.deal(who(NODE), 100 ether);
        vm.prank(who(NODE));
        disputes.postBond{value: BOND}();
        open(1, offer(COIN), 1_000);
    }

    function hashOf(Receipt calldata r) external pure returns (bytes32) {
        return Signed.hash(r);
    }

    function receipt(uint32 turn) private view returns (Receipt memory r) {
        (r.session, r.turn, r.requestDigest, r.replyDigest) = (sessionId(1, offer(COIN)), turn, "request", "reply");
        (r.promptTokens, r.completionTokens, r.tokenizerDigest) = (11, 10, "tokenizer");
        (r.temperatureMilli, r.topPMilli, r.seed, r.cumulative) = (700, 900, 5, 41);
        (r.baseDigest, r.adapterDigest) = ("base", "adapter");
    }

    function named() private view returns (Disputes.Named memory) {
        return Disputes.Named(who(CONSUMER), 1, who(CONSUMER), offer(COIN));
    }

    function doubt(uint32 turn, uint128 stake) private returns (bytes32 id) {
        Receipt memory r = receipt(turn);
        bytes memory signed = signature(NODE, this.hashOf(r));
        vm.prank(who(CONSUMER));
        return disputes.open{value: stake}(named(), r, signed);
    }

    function refused(uint32 turn, uint128 stake, bytes memory reason) private {
        Receipt memory r = receipt(turn);
        bytes memory signed = signature(NODE, this.hashOf(r));
        vm.expectRevert(reason);
        vm.prank(who(CONSUMER));
        disputes.open{value: stake}(named(), r, signed);
    }

    function refusal(bytes32 id, string memory reason) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Disputes.DisputeRefused.selector, id, reason);
    }

    function tooSmall(address account, uint256 available, uint256 needed) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Disputes.StakeTooSmall.selector, account, available, needed);
    }

    function notAllowed(uint256 key) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Disputes.NotAllowed.selector, who(key));
    }

    function vote(uint256 validator, bytes32 id, bool same) private {
        vm.prank(who(VALIDATOR + validator));
        disputes.vote(id, same);
    }

    function bond(uint256 bonded, uint256 leaving, uint256 locked) private view {
        (uint128 a, uint128 b, uint128 c,) = disputes.bondOf(who(NODE));
        eq(a, bonded, "bonded");
        eq(b, leaving, "leaving");
        eq(c, locked, "locked");
    }

    function outcome(bytes32 id, Disputes.Outcome expected) private view {
        eq(uint256(disputes.disputeOf(id).outcome), uint256(expected), "outcome");
    }

    function pool() private view returns (uint256) {
        return settlement.balanceOf(address(timelock), COIN);
    }

    /// `vectors/eip712.json`.
    function test_receipts_have_their_typed_hash() public view {
        Receipt memory r;
        r.session = 0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1;
        r.requestDigest = 0xb2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2;
        r.replyDigest = 0xc3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3;
        r.tokenizerDigest = 0xd4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4;
        r.baseDigest = 0xe5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5;
        r.adapterDigest = 0xf6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6;
        (r.turn, r.promptTokens, r.completionTokens, r.seed) = (3, 120, 40, type(uint64).max);
        (r.temperatureMilli, r.topPMilli, r.cumulative) = (700, 950, 1e24);
        eq(this.hashOf(r), 0x31c64dc3fd1555569e0bd9f7a1d441e15e404476e2a76dc9591ab26ea35d3257, "eth-account");
    }

    function test_two_thirds_against_a_reply_cost_its_node_what_was_at_stake() public {
        bytes32 id = doubt(1, 1 ether + 1);
        bond(BOND - 1 ether - 1, 0, 1 ether + 1);
        for (uint256 i = 0; i < 3; ++i) {
            vote(i, id, false);
        }
        outcome(id, Disputes.Outcome.Other);
        eq(balance(CONSUMER), 1 ether + 1 + 0.25 ether, "challenger");
        eq(pool(), 0.75 ether + 1, "pool");
        bond(BOND - 1 ether - 1, 0, 0);
        eq(address(disputes).balance, BOND - 1 ether - 1, "what is left is the bond");
        vm.expectRevert(refusal(id, "decided"));
        vote(3, id, false);
        vm.expectRevert(refusal(id, "decided"));
        disputes.lapse(id);
    }

    function test_two_thirds_for_a_reply_cost_the_challenger_what_was_at_stake() public {
        bytes32 id = doubt(1, 1 ether + 1);
        for (uint256 i = 1; i < 4; ++i) {
            vote(i, id, true);
        }
        outcome(id, Disputes.Outcome.Same);
        eq(balance(CONSUMER), 0, "challenger");
        eq(balance(NODE), 0.25 ether, "node");
        eq(pool(), 0.75 ether + 1, "pool");
        bond(BOND, 0, 0);
    }

    function test_without_two_thirds_of_all_nobody_loses() public {
        bytes32 id = doubt(1, 1 ether);
        vote(0, id, false);
        vote(1, id, false);
        vm.warp(time() + 7 days);
        vm.expectRevert(refusal(id, "window"));
        disputes.lapse(id);
        vm.warp(time() + 1);
        vm.expectRevert(refusal(id, "window"));
        vote(2, id, false);
        vm.prank(who(STRANGER));
        disputes.lapse(id);
        outcome(id, Disputes.Outcome.Undecided);
        eq(balance(CONSUMER), 1 ether, "challenger");
        eq(pool(), 0, "pool");
        bond(BOND, 0, 0);
    }

    function test_a_vote_that_cannot_be_won_any_more_ends() public {
        bytes32 id = doubt(1, 1 ether);
        vote(0, id, false);
        vote(1, id, true);
        outcome(id, Disputes.Outcome.Open);
        vote(2, id, true);
        // The last one could still make it three of four.
        outcome(id, Disputes.Outcome.Open);
        vote(3, id, false);
        outcome(id, Disputes.Outcome.Undecided);
        eq(balance(CONSUMER), 1 ether, "challenger");
    }

    function test_who_doubts_is_the_sessions_consumer_or_payer_with_what_its_node_signed() public {
        Receipt memory r = receipt(1);
        bytes32 id = this.hashOf(r);
        bytes memory signed = signature(NODE, id);
        vm.deal(who(STRANGER), 1 ether);
        vm.expectRevert(notAllowed(STRANGER));
        vm.prank(who(STRANGER));
        disputes.open{value: 1 ether}(named(), r, signed);
        bytes memory own = signature(CONSUMER, id);
        vm.expectRevert(refusal(id, "signature"));
        vm.prank(who(CONSUMER));
        disputes.open{value: 1 ether}(named(), r, own);
        // Another session than the receipt's; one that there is not.
        Disputes.Named memory other = named();
        other.nonce = 2;
        vm.expectRevert(abi.encodeWithSelector(Disputes.UnknownSession.selector, r.session));
        vm.prank(who(CONSUMER));
        disputes.open{value: 1 ether}(other, r, signed);
        r.session = sessionId(2, offer(COIN));
        signed = signature(NODE, this.hashOf(r));
        vm.expectRevert(abi.encodeWithSelector(Disputes.UnknownSession.selector, r.session));
        vm.prank(who(CONSUMER));
        disputes.open{value: 1 ether}(other, r, signed);
        id = doubt(1, 1 ether);
        refused(1, 1 ether, refusal(id, "known"));
    }

    function test_the_payer_of_anothers_session_may_doubt_and_so_may_its_consumer() public {
        Offer memory o = offer(COIN);
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        bytes32 session = settlement.open{value: 10}(settlementOpening(9, who(STRANGER), 10), o, signed);
        Disputes.Named memory n = Disputes.Named(who(CONSUMER), 9, who(STRANGER), o);
        vm.deal(who(STRANGER), 1 ether);
        for (uint32 i = 0; i < 2; ++i) {
            Receipt memory r = receipt(i);
            r.session = session;
            bytes memory by = signature(NODE, this.hashOf(r));
            vm.prank(who(i == 0 ? CONSUMER : STRANGER));
            disputes.open{value: 1 ether}(n, r, by);
        }
        bond(BOND - 2 ether, 0, 2 ether);
    }

    function test_a_dispute_with_oneself_moves_no_bond_out_but_for_three_quarters() public {
        Offer memory o = offer(COIN);
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(NODE));
        bytes32 session = settlement.open{value: 1}(settlementOpening(1, who(NODE), 1), o, signed);
        Receipt memory r = receipt(1);
        r.session = session;
        bytes memory by = signature(NODE, this.hashOf(r));
        vm.prank(who(NODE));
        bytes32 id = disputes.open{value: BOND}(Disputes.Named(who(NODE), 1, who(NODE), o), r, by);
        for (uint256 i = 0; i < 3; ++i) {
            vote(i, id, false);
        }
        bond(0, 0, 0);
        eq(balance(NODE), BOND + BOND / 4, "the stake, and a quarter of the bond");
        eq(pool(), 3 * BOND / 4, "the pool has the rest");
    }

    function settlementOpening(uint64 nonce, address consumer, uint96 deposit)
        private
        pure
        returns (Settlement.Opening memory)
    {
        return Settlement.Opening(nonce, consumer, deposit, 0);
    }

    function test_no_more_is_locked_than_is_free_and_no_less_risked_than_asked() public {
        refused(1, 0.1 ether - 1, tooSmall(who(CONSUMER), 0.1 ether - 1, 0.1 ether));
        doubt(1, 6 ether);
        refused(2, 4 ether + 1, tooSmall(who(NODE), 4 ether, 4 ether + 1));
        doubt(2, 4 ether);
        bond(0, 0, BOND);
        // Where nothing is asked for, it is one unit.
        Params memory p = defaults();
        p.challengeBond = 0;
        apply_(p);
        refused(3, 0, tooSmall(who(CONSUMER), 0, 1));
    }

    function test_a_bond_leaves_late_and_can_be_locked_until_then() public {
        vm.expectRevert(tooSmall(who(NODE), 0, 1));
        vm.prank(who(NODE));
        disputes.takeBond();
        vm.startPrank(who(NODE));
        vm.expectRevert(tooSmall(who(NODE), 0, 1));
        disputes.leaveBond(0);
        vm.expectRevert(tooSmall(who(NODE), BOND, BOND + 1));
        disputes.leaveBond(BOND + 1);
        vm.expectRevert(tooSmall(who(NODE), 0, 1));
        disputes.postBond();
        disputes.leaveBond(7 ether);
        vm.stopPrank();
        uint64 availableAt = uint64(time() + 2 hours + 14 days + 7 days);
        vm.warp(time() + 1 hours + 7 days);
        bytes32 id = doubt(1, 5 ether);
        bond(0, 5 ether, 5 ether);
        vm.warp(availableAt);
        vm.expectRevert(abi.encodeWithSelector(Disputes.Unbonding.selector, who(NODE), availableAt));
        vm.prank(who(NODE));
        disputes.takeBond();
        refused(2, 1 ether, refusal(this.hashOf(receipt(2)), "window"));
        vm.warp(availableAt + 1);
        vm.prank(who(NODE));
        eq(disputes.takeBond(), 5 ether, "taken");
        eq(balance(NODE), 5 ether, "credited");
        vm.warp(time() + 7 days);
        disputes.lapse(id);
        // What was leaving goes back to leave: its time is over.
        bond(3 ether, 2 ether, 0);
        vm.prank(who(NODE));
        eq(disputes.takeBond(), 2 ether, "taken");
    }

    function test_a_closed_session_is_disputed_until_its_window_is_over() public {
        close(CONSUMER, 1, offer(COIN));
        close(NODE, 1, offer(COIN));
        vm.warp(time() + 30 minutes + 7 days);
        doubt(1, 1 ether);
        vm.warp(time() + 1);
        refused(2, 1 ether, refusal(this.hashOf(receipt(2)), "window"));
    }

    function doubtTraining(uint256 key, uint32 state) private returns (bytes32 id) {
        bytes32 minted_ = minting();
        vm.deal(who(key), 1 ether);
        vm.prank(who(key));
        return disputes.openTraining{value: 1 ether}(minted_, state);
    }

    function minting() private view returns (bytes32 id) {
        (id,) = dataset(1);
    }

    function exexPosts() private {
        vm.deal(who(EXEX), BOND);
        vm.prank(who(EXEX));
        disputes.postBond{value: BOND}();
    }

    function test_a_training_is_doubted_by_who_had_a_part_in_the_dataset() public {
        exexPosts();
        vm.deal(who(STRANGER), 1 ether);
        bytes32 id = minting();
        vm.expectRevert(notAllowed(STRANGER));
        vm.prank(who(STRANGER));
        disputes.openTraining{value: 1 ether}(id, 3);
        vm.expectRevert(abi.encodeWithSelector(Disputes.UnknownSubmission.selector, bytes32("unknown")));
        disputes.openTraining{value: 1 ether}("unknown", 3);
        bytes32 first = doubtTraining(WRITER + 1, 3);
        bytes32 second = doubtTraining(CREATOR, 3);
        holds(first != second, "each challenger has a doubt of its own");
        vm.deal(who(CREATOR), 1 ether);
        vm.expectRevert(refusal(second, "known"));
        vm.prank(who(CREATOR));
        disputes.openTraining{value: 1 ether}(id, 3);
        eq(first, keccak256(abi.encode(TRAINING, id, uint32(3), who(WRITER + 1))), "its typed hash");
        for (uint256 i = 0; i < 3; ++i) {
            vote(i, first, false);
            vote(i, second, true);
        }
        eq(balance(WRITER + 1), 1.25 ether, "who was right");
        eq(balance(CREATOR), 0, "who was wrong");
        eq(balance(EXEX), 0.25 ether, "the ExEx, for that");
        eq(pool(), 1.5 ether, "pool");
        (uint128 bonded,, uint128 locked,) = disputes.bondOf(who(EXEX));
        eq(bonded, BOND - 1 ether, "bonded");
        eq(locked, 0, "locked");
    }

    bytes32 private constant TRAINING = keccak256("TrainingDoubt(bytes32 submission,uint32 state,address challenger)");

    function test_a_training_is_doubted_in_its_window() public {
        exexPosts();
        bytes32 id = minting();
        vm.warp(quorum.mintableUntil(id) + 7 days);
        doubtTraining(WRITER, 1);
        vm.warp(time() + 1);
        vm.deal(who(WRITER), 1 ether);
        bytes32 doubt_ = keccak256(abi.encode(TRAINING, id, uint32(2), who(WRITER)));
        vm.expectRevert(refusal(doubt_, "window"));
        vm.prank(who(WRITER));
        disputes.openTraining{value: 1 ether}(id, 2);
    }

    function test_the_longer_of_both_windows_holds_a_bond() public {
        Params memory p = defaults();
        (p.maxSession, p.mintWindow) = (60 days, 8 days);
        apply_(p);
        vm.prank(who(NODE));
        disputes.leaveBond(1);
        (,,, uint64 availableAt) = disputes.bondOf(who(NODE));
        eq(availableAt, time() + 60 days + 30 minutes + 7 days, "of sessions");
    }

    function test_nobody_votes_who_is_a_party_a_stranger_or_has_voted() public {
        bytes32 id = doubt(1, 1 ether);
        vm.expectRevert(notAllowed(STRANGER));
        vm.prank(who(STRANGER));
        disputes.vote(id, true);
        vote(0, id, true);
        vm.expectRevert(notAllowed(VALIDATOR));
        vote(0, id, false);
        vm.expectRevert(abi.encodeWithSelector(Disputes.UnknownDispute.selector, bytes32("unknown")));
        vote(1, "unknown", false);
    }

    function member(address account, uint64 weight) private {
        vm.prank(address(timelock));
        quorum.setMember(account, weight);
    }

    function staked(uint256 key) private {
        vm.deal(who(key), who(key).balance + STAKE);
        vm.prank(who(key));
        quorum.stake{value: STAKE}();
    }

    function test_a_party_counts_in_the_total_and_does_not_vote() public {
        member(who(CONSUMER), 2);
        staked(CONSUMER);
        bytes32 id = doubt(1, 1 ether);
        eq(disputes.disputeOf(id).totalWeight, 6, "total");
        eq(disputes.disputeOf(id).eligible, 4, "eligible");
        vm.expectRevert(notAllowed(CONSUMER));
        vm.prank(who(CONSUMER));
        disputes.vote(id, false);
        for (uint256 i = 0; i < 3; ++i) {
            vote(i, id, true);
            outcome(id, Disputes.Outcome.Open);
        }
        vote(3, id, true);
        outcome(id, Disputes.Outcome.Same);
        // With more than a third it could not be decided.
        member(who(NODE), 1);
        staked(NODE);
        bytes32 next = this.hashOf(receipt(2));
        refused(2, 1 ether, refusal(next, "others"));
    }

    function test_weights_are_those_of_the_moment_and_of_who_has_enough_at_stake() public {
        member(who(STRANGER), 100);
        bytes32 id = doubt(1, 1 ether);
        eq(disputes.disputeOf(id).totalWeight, 4, "without a stake there is no weight");
        staked(STRANGER);
        member(who(VALIDATOR), 0);
        vm.expectRevert(notAllowed(STRANGER));
        vm.prank(who(STRANGER));
        disputes.vote(id, true);
        for (uint256 i = 0; i < 3; ++i) {
            vote(i, id, false);
        }
        outcome(id, Disputes.Outcome.Other);
    }

    /// Whatever is staked and voted: each unit is the bond's, the challenger's, the node's or the pool's.
    function testFuzz_every_unit_is_somewhere(uint128 stake, uint8 votes, uint8 cast, uint16 share) public {
        Params memory p = defaults();
        (p.challengeBond, p.challengerBps) = (0, uint16(within(share, 0, 10_000)));
        apply_(p);
        stake = uint128(within(stake, 1, BOND));
        bytes32 id = doubt(1, stake);
        for (uint256 i = 0; i < 4; ++i) {
            if (cast & (1 << i) == 0 || disputes.disputeOf(id).outcome != Disputes.Outcome.Open) continue;
            vote(i, id, votes & (1 << i) == 0);
        }
        if (disputes.disputeOf(id).outcome == Disputes.Outcome.Open) {
            vm.warp(time() + 7 days + 1);
            disputes.lapse(id);
        }
        (uint128 bonded,, uint128 locked,) = disputes.bondOf(who(NODE));
        eq(locked, 0, "nothing is locked");
        eq(address(disputes).balance, bonded, "what is here is the bond");
        eq(uint256(bonded) + balance(NODE) + balance(CONSUMER) + pool(), uint256(BOND) + stake, "all of it");
    }
}

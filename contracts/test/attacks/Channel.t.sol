// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../../src/Settlement.sol";
import {Balances} from "../../src/settlement/Balances.sol";
import {Offer, Params} from "../../src/interfaces/Types.sol";
import {Market} from "../support/Market.sol";

/// What a payer, and a creator who helps, do to a node that has served.
contract ChannelAttacks is Market {
    function setUp() public override {
        super.setUp();
        minted();
    }

    /// The payer waits for the deadline and closes before the node redeems: the node still has its window.
    function test_a_deadline_takes_no_voucher_away() public {
        Offer memory o = offer(COIN);
        open(1, o, 1 ether);
        vm.warp(time() + 1 hours + 1);
        close(CONSUMER, 1, o);
        eq(balance(CONSUMER), 0, "nothing back yet");
        vm.warp(time() + defaults().disputeWindow);
        eq(redeem(1, o, 1 ether), 1, "the node redeems in the last second");
        vm.warp(time() + 1);
        close(CONSUMER, 1, o);
        eq(balance(CONSUMER), 0, "nothing is left");
        eq(balance(NODE), 0.2 ether, "the node's part");
    }

    /// The creator withdraws the version, and her friend closes in the same block.
    function test_a_withdrawn_version_voids_no_voucher() public {
        Offer memory o = offer(COIN);
        open(1, o, 1 ether);
        vm.prank(who(CREATOR));
        token.withdrawVersion(1, 1);
        close(CONSUMER, 1, o);
        eq(redeem(1, o, 1 ether), 1, "redeemed");
        eq(balance(NODE), 0.2 ether, "the node's part");
    }

    /// Governance shortens the window after the session began.
    function test_a_vote_shortens_no_window_that_is_running() public {
        Offer memory o = offer(COIN);
        open(1, o, 1 ether);
        Params memory p = defaults();
        p.disputeWindow = 10 minutes;
        apply_(p);
        close(CONSUMER, 1, o);
        vm.warp(time() + 29 minutes);
        vm.expectPartialRevert(Settlement.SessionRunning.selector);
        close(CONSUMER, 1, o);
        eq(redeem(1, o, 1 ether), 1, "redeemed");
    }

    /// The class's owner mints quota without limit: each unit costs the class what the node's offer says it is worth.
    function test_quota_is_served_for_no_less_than_the_offer_says() public {
        vm.prank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), type(uint64).max, 0, 0);
        Offer memory o = offer(COIN);
        Settlement.Opening memory opening = Settlement.Opening(1, who(CONSUMER), 0, access);
        // An offer that does not speak of quota is not served by quota.
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "payment"));
        this.openFor(opening, o);
        o.quotaDeposit = 1_000;
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "quotaDeposit"));
        this.openFor(opening, o);
        sponsor(COIN, 1_000, 1_000);
        this.openFor(opening, o);
        eq(redeem(1, o, 1_000), 1, "all that the unit is worth");
        eq(balance(NODE), 200, "node");
        eq(settlement.balanceOf(address(timelock), COIN), 100, "pool");
        eq(token.pendingRevenue(1, COIN) + token.pendingRevenue(2, COIN), 700, "shares");
    }

    /// A node and a holder of quota agree on an offer that takes all of the fund at once.
    function test_a_unit_takes_no_more_than_the_class_allows() public {
        vm.prank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), 1, 0, 0);
        sponsor(COIN, 1 ether, 1_000);
        Offer memory o = offer(COIN);
        o.quotaDeposit = 1 ether;
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "quotaDeposit"));
        this.openFor(Settlement.Opening(1, who(CONSUMER), 0, access), o);
    }

    /// A holder of quota opens sessions that nobody redeems, and never ends them.
    function test_what_quota_did_not_use_goes_back_to_the_fund() public {
        vm.prank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), 1, 0, 0);
        sponsor(COIN, 1_000, 1_000);
        Offer memory o = offer(COIN);
        o.quotaDeposit = 1_000;
        this.openFor(Settlement.Opening(1, who(CONSUMER), 0, access), o);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(CREATOR)));
        this.closeAs(CREATOR, o);
        vm.warp(block.timestamp + o.sessionSeconds + 1);
        // The node has the dispute window for what it was promised.
        this.closeAs(CREATOR, o);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(CREATOR)));
        this.closeAs(CREATOR, o);
        eq(redeem(1, o, 400), 1, "redeemed meanwhile");
        vm.warp(block.timestamp + parameters.current().disputeWindow + 1);
        this.closeAs(CREATOR, o);
        (uint128 amount,) = settlement.fundOf(1, COIN);
        eq(amount, 600, "what was not used is the fund's");
    }

    function closeAs(uint256 key, Offer calldata o) external {
        vm.prank(who(key));
        settlement.close(who(CONSUMER), 1, who(CONSUMER), o);
    }

    function openFor(Settlement.Opening calldata opening, Offer calldata o) external {
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        settlement.open(opening, o, signed);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {DataAnchoringToken} from "../src/DataAnchoringToken.sol";
import {Settlement} from "../src/Settlement.sol";
import {Balances} from "../src/settlement/Balances.sol";
import {SessionStatus} from "../src/libraries/Sessions.sol";
import {MarketParameters} from "../src/governance/MarketParameters.sol";
import {Offer, Params} from "../src/interfaces/Types.sol";
import {Ids} from "../src/libraries/Ids.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Market} from "./support/Market.sol";
import {FeeToken, Reentrant, Refusing, SmartAccount} from "./support/Tokens.sol";

contract SettlementTest is Market {
    function setUp() public override {
        super.setUp();
        minted();
    }

    function test_an_increment_is_split_and_the_rest_refunded() public {
        Offer memory o = offer(COIN);
        open(1, o, 1_000);
        eq(redeem(1, o, 109), 1, "redeemed");
        // 20 % and 10 % of 109 are floored; the class gets the rest.
        eq(balance(NODE), 21, "node");
        eq(settlement.balanceOf(address(timelock), COIN), 10, "pool");
        (uint128 unclaimed,,) = token.unclaimedRevenue(1, 1, COIN);
        eq(unclaimed, 78, "class");
        close(NODE, 1, o);
        eq(balance(CONSUMER), 891, "refund");
    }

    function test_one_bad_voucher_never_blocks_the_others() public {
        Offer memory o = offer(COIN);
        for (uint64 i = 1; i <= 6; ++i) {
            open(i, o, 100);
        }
        redeem(3, o, 50);
        close(NODE, 4, o);
        Settlement.Claim[] memory claims = new Settlement.Claim[](8);
        claims[0] = voucher(1, o, 10);
        claims[1] = voucher(2, o, 101); // more than the deposit
        claims[2] = voucher(3, o, 50); // not more than before
        claims[3] = voucher(4, o, 10); // closed
        claims[4] = voucher(5, o, 10);
        claims[4].cumulative = 11; // not what was signed
        claims[5] = voucher(7, o, 10); // unknown
        claims[6] = voucher(6, o, 20);
        claims[7] = voucher(1, o, 10); // twice in a batch
        eq(redeemAll(o, claims), 2, "good ones");
        eq(balance(NODE), 10 + 2 + 4, "node");
        for (uint256 i = 0; i < 8; ++i) {
            claims[i].signature = hex"00";
        }
        eq(redeemAll(o, claims), 0, "none is good");
    }

    function test_short_signatures_are_accepted() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        claims[0] = voucher(1, o, 10);
        claims[0].signature = short(claims[0].signature);
        eq(redeemAll(o, claims), 1, "EIP-2098");
    }

    function test_only_the_node_redeems() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        claims[0] = voucher(1, o, 10);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        settlement.redeem(batch(o, claims));
    }

    function test_the_payer_asks_for_the_end_and_the_node_redeems_until_it_is_final() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(1, o, 100);
        redeem(1, o, 40);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(STRANGER)));
        close(STRANGER, 1, o);
        // At any time: a node that went away keeps nobody's money.
        close(CONSUMER, 1, o);
        uint64 finalAt = uint64(time()) + 30 minutes;
        (,, uint40 deadline,, SessionStatus status) = settlement.sessionOf(id);
        eq(deadline, finalAt, "the dispute's deadline");
        holds(status == SessionStatus.Closing, "closing");
        vm.expectRevert(abi.encodeWithSelector(Settlement.SessionRunning.selector, id, finalAt));
        close(CONSUMER, 1, o);
        vm.warp(finalAt);
        eq(redeem(1, o, 70), 1, "redeemed in the last second");
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(STRANGER)));
        close(STRANGER, 1, o);
        vm.warp(finalAt + 1);
        // Whoever ends it, the rest is the payer's.
        close(STRANGER, 1, o);
        eq(balance(CONSUMER), 30, "taken back");
        eq(redeem(1, o, 71), 0, "too late");
        vm.expectRevert(abi.encodeWithSelector(Settlement.SessionClosed.selector, id));
        close(CONSUMER, 1, o);
        vm.expectRevert(abi.encodeWithSelector(Settlement.UnknownSession.selector, sessionId(9, o)));
        close(CONSUMER, 9, o);
    }

    function test_a_session_keeps_the_dispute_window_it_was_opened_under() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(1, o, 100);
        Params memory p = defaults();
        p.disputeWindow = 2 hours;
        apply_(p);
        close(CONSUMER, 1, o);
        (,, uint40 deadline,,) = settlement.sessionOf(id);
        eq(deadline, time() + 30 minutes, "as opened");
        p.disputeWindow = 10 minutes - 1;
        vm.expectPartialRevert(MarketParameters.OutOfBounds.selector);
        vm.prank(address(timelock));
        parameters.applyParameters(p);
    }

    function test_both_together_end_a_session_at_once() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(1, o, 100);
        bytes memory released = signature(NODE, Signed.release(id, 40));
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotReleased.selector, id, 0));
        vm.prank(who(CONSUMER));
        settlement.closeTogether(who(CONSUMER), 1, who(CONSUMER), o, released);
        redeem(1, o, 40);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        settlement.closeTogether(who(CONSUMER), 1, who(CONSUMER), o, released);
        close(CONSUMER, 1, o);
        vm.prank(who(CONSUMER));
        settlement.closeTogether(who(CONSUMER), 1, who(CONSUMER), o, released);
        eq(balance(CONSUMER), 60, "at once");
    }

    function test_a_deposit_is_topped_up() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(1, o, 100);
        vm.startPrank(who(CONSUMER));
        settlement.topUp{value: 50}(1, who(CONSUMER), o, 50);
        vm.expectRevert(abi.encodeWithSelector(Settlement.UnknownSession.selector, sessionId(2, o)));
        settlement.topUp(2, who(CONSUMER), o, 0);
        vm.expectRevert(abi.encodeWithSelector(Settlement.DepositRefused.selector, id, type(uint96).max));
        settlement.topUp(1, who(CONSUMER), o, type(uint96).max);
        vm.expectPartialRevert(Balances.BalanceTooSmall.selector);
        settlement.topUp(1, who(CONSUMER), o, 1);
        vm.stopPrank();
        eq(redeem(1, o, 150), 1, "all of it");
        open(2, o, 100);
        close(CONSUMER, 2, o);
        vm.expectRevert(abi.encodeWithSelector(Settlement.DepositRefused.selector, sessionId(2, o), 0));
        vm.prank(who(CONSUMER));
        settlement.topUp(2, who(CONSUMER), o, 0);
        vm.warp(time() + 1 hours + 1);
        vm.expectRevert(abi.encodeWithSelector(Settlement.DepositRefused.selector, id, 0));
        vm.prank(who(CONSUMER));
        settlement.topUp(1, who(CONSUMER), o, 0);
    }

    function test_a_withdrawn_version_opens_nothing_and_takes_nothing() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        vm.prank(who(CREATOR));
        token.withdrawVersion(1, 1);
        close(CONSUMER, 1, o);
        eq(redeem(1, o, 100), 1, "what was promised is paid");
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.VersionWithdrawn.selector, 1, 1));
        vm.prank(who(CONSUMER));
        settlement.open{value: 1}(Settlement.Opening(2, who(CONSUMER), 1, 0), o, signed);
    }

    function test_a_batch_redeems_under_many_offers() public {
        dollar.give(who(CONSUMER), 1_000);
        vm.startPrank(who(CONSUMER));
        dollar.approve(address(settlement), 1_000);
        settlement.deposit(address(dollar), 1_000);
        vm.stopPrank();
        Settlement.Claims[] memory batches = new Settlement.Claims[](3);
        for (uint64 i = 0; i < 3; ++i) {
            Offer memory o = offer(i == 2 ? address(dollar) : COIN);
            o.validUntil += i;
            open(i, o, 100);
            Settlement.Claim[] memory claims = new Settlement.Claim[](2);
            // The second of each is no more than the first.
            (claims[0], claims[1]) = (voucher(i, o, 100), voucher(i, o, 100));
            batches[i] = Settlement.Claims(o, claims);
        }
        vm.prank(who(NODE));
        eq(settlement.redeem(batches), 3, "one of each offer");
        eq(balance(NODE), 40, "coins");
        eq(settlement.balanceOf(who(NODE), address(dollar)), 20, "dollars");
        batches[2].offer.node = who(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(NODE)));
        vm.prank(who(NODE));
        settlement.redeem(batches);
    }

    function test_offers_are_revoked_together() public {
        Offer memory o = offer(COIN);
        vm.prank(who(NODE));
        settlement.revokeOffers();
        refused(o, "series");
        o.series = 1;
        open(1, o, 100);
        o.series = 2;
        refused(o, "series");
    }

    function test_session_ids_are_never_reused() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(1, o, 100);
        bytes memory signed = signature(NODE, this.hashOf(o));
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Settlement.SessionExists.selector, id));
            vm.prank(who(CONSUMER));
            settlement.open{value: 1}(Settlement.Opening(1, who(CONSUMER), 1, 0), o, signed);
            if (i == 0) close(NODE, 1, o);
        }
    }

    function test_offers_are_checked() public {
        Offer memory o = offer(COIN);
        o.sessionSeconds = 1 days + 1;
        refused(o, "sessionSeconds");
        o.sessionSeconds = 0;
        refused(o, "sessionSeconds");
        o = offer(COIN);
        o.validUntil = uint64(time()) - 1;
        refused(o, "validUntil");
        o = offer(COIN);
        o.completionPrice = 1 ether + 1;
        refused(o, "price");
        o.completionPrice = 0;
        o.promptPrice = 1 ether + 1;
        refused(o, "price");
        o = offer(COIN);
        o.minDeposit = 1;
        refused(o, "minDeposit");
        o = offer(COIN);
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "signature"));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, 0), o, new bytes(65));
        o = offer(address(this));
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(abi.encodeWithSelector(Balances.AssetNotAccepted.selector, address(this)));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, 0), o, signed);
    }

    function refused(Offer memory o, string memory reason) private {
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, reason));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, 0), o, signed);
    }

    function test_a_session_is_paid_by_quota_out_of_the_fund_of_its_class() public {
        vm.prank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), 3, 0, 0);
        Offer memory o = offer(COIN);
        Settlement.Opening memory opening = Settlement.Opening(1, who(CONSUMER), 0, access);
        refusedBy(o, opening, abi.encodeWithSelector(Settlement.OfferRefused.selector, "payment"));
        o.quotaDeposit = 100;
        refusedBy(o, opening, abi.encodeWithSelector(Settlement.OfferRefused.selector, "quotaDeposit"));
        sponsor(COIN, 150, 100);
        opening.deposit = 1;
        refusedBy(o, opening, abi.encodeWithSelector(Settlement.OfferRefused.selector, "payment"));
        opening.deposit = 0;
        openBy(o, opening);
        eq(token.valueOf(access), 2, "quota");
        (uint128 left,) = settlement.fundOf(1, COIN);
        eq(left, 50, "out of the fund");
        opening.nonce = 2;
        refusedBy(o, opening, abi.encodeWithSelector(Balances.FundTooSmall.selector, 1, COIN, 50, 100));
        vm.expectRevert(abi.encodeWithSelector(Settlement.DepositRefused.selector, sessionId(1, o), 0));
        vm.prank(who(CONSUMER));
        settlement.topUp(1, who(CONSUMER), o, 0);
        // Node, pool and shares are paid as ever; the rest goes back to the fund.
        eq(redeem(1, o, 60), 1, "redeemed");
        eq(balance(NODE), 12, "node");
        close(NODE, 1, o);
        (left,) = settlement.fundOf(1, COIN);
        eq(left, 90, "back to the fund");
        eq(balance(CONSUMER), 0, "not to whom the token is");
        sponsor(COIN, 300, 100);
        openBy(o, opening);
        opening.nonce = 3;
        openBy(o, opening);
        opening.nonce = 4;
        refusedBy(o, opening, abi.encodeWithSignature("ValueTooSmall(uint256,uint256,uint256)", access, 0, 1));
        o.quotaDeposit = uint128(type(uint96).max) + 1;
        sponsor(COIN, 0, type(uint128).max);
        refusedBy(o, opening, abi.encodeWithSelector(Settlement.OfferRefused.selector, "quotaDeposit"));
        vm.expectPartialRevert(bytes4(keccak256("NotAllowed(address)")));
        vm.prank(who(STRANGER));
        token.useForSession(who(CONSUMER), access, 1, 1);
    }

    function test_the_fund_of_a_class_is_its_owners() public {
        sponsor(COIN, 100, 10);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        settlement.sponsor(1, COIN, 0, type(uint128).max);
        vm.expectRevert(abi.encodeWithSelector(Balances.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        settlement.unsponsor(1, COIN, 1);
        vm.startPrank(who(CREATOR));
        vm.expectRevert(abi.encodeWithSelector(Balances.AssetNotAccepted.selector, address(this)));
        settlement.sponsor(1, address(this), 0, 1);
        vm.expectRevert(abi.encodeWithSelector(Balances.FundTooSmall.selector, 1, COIN, 100, 101));
        settlement.unsponsor(1, COIN, 101);
        settlement.unsponsor(1, COIN, 40);
        vm.stopPrank();
        eq(balance(CREATOR), 40, "taken out");
        (uint128 left, uint128 perUnit) = settlement.fundOf(1, COIN);
        eq(left, 60, "left");
        eq(perUnit, 10, "a unit");
    }

    function openBy(Offer memory o, Settlement.Opening memory opening) private {
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        settlement.open(opening, o, signed);
    }

    function refusedBy(Offer memory o, Settlement.Opening memory opening, bytes memory error_) private {
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(error_);
        vm.prank(who(CONSUMER));
        settlement.open(opening, o, signed);
    }

    function test_a_session_keeps_the_split_it_was_opened_under() public {
        Offer memory o = offer(COIN);
        open(1, o, 1_000);
        Params memory p = defaults();
        (p.creatorBps, p.nodeBps, p.poolBps) = (5_000, 4_000, 1_000);
        apply_(p);
        open(2, o, 1_000);
        Settlement.Claim[] memory claims = new Settlement.Claim[](2);
        (claims[0], claims[1]) = (voucher(1, o, 1_000), voucher(2, o, 1_000));
        redeemAll(o, claims);
        eq(balance(NODE), 200 + 400, "node by both versions");
    }

    function test_contract_accounts_pay_and_sign() public {
        SmartAccount safe = new SmartAccount(who(STRANGER));
        vm.deal(address(safe), 1_000);
        Offer memory o = offer(COIN);
        Settlement.Opening memory opening = Settlement.Opening(1, address(safe), 1_000, 0);
        bytes memory opened = abi.encodeCall(Settlement.open, (opening, o, signature(NODE, this.hashOf(o))));
        safe.call(address(settlement), 1_000, opened);
        bytes32 id = Ids.session(parameters.ledgerId(), address(safe), 1, address(safe), this.hashOf(o));
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        bytes memory signed = signature(STRANGER, voucherHash(id, o, 100));
        claims[0] = Settlement.Claim(address(safe), 1, address(safe), 100, signed);
        // What a contract account does wrong spoils its own voucher alone.
        for (uint8 mode = 1; mode <= 3; ++mode) {
            safe.misbehave(mode);
            eq(redeemAll(o, claims), 0, "misbehaving");
        }
        safe.misbehave(0);
        eq(redeemAll(o, claims), 1, "ERC-1271");
        bytes memory close_ = abi.encodeCall(Settlement.close, (address(safe), 1, address(safe), o));
        safe.call(address(settlement), 0, close_);
        vm.warp(time() + 30 minutes + 1);
        safe.call(address(settlement), 0, close_);
        eq(settlement.balanceOf(address(safe), COIN), 900, "taken back");
    }

    function test_tokens_are_deposited_spent_and_withdrawn() public {
        dollar.give(who(CONSUMER), 1_000);
        vm.startPrank(who(CONSUMER));
        dollar.approve(address(settlement), 1_000);
        settlement.deposit(address(dollar), 1_000);
        vm.stopPrank();
        Offer memory o = offer(address(dollar));
        open(1, o, 600);
        redeem(1, o, 600);
        vm.prank(who(NODE));
        settlement.withdraw(address(dollar), who(STRANGER), 120);
        eq(dollar.balanceOf(who(STRANGER)), 120, "withdrawn elsewhere");
        vm.prank(who(WRITER));
        token.claim(1, address(dollar), payable(who(WRITER)));
        eq(dollar.balanceOf(who(WRITER)), 294, "70 % of 420");
        vm.expectPartialRevert(Balances.BalanceTooSmall.selector);
        vm.prank(who(CONSUMER));
        settlement.withdraw(address(dollar), who(CONSUMER), 401);
    }

    function test_fee_on_transfer_tokens_are_refused() public {
        FeeToken fee = new FeeToken();
        vm.prank(address(timelock));
        parameters.acceptAsset(address(fee));
        fee.give(who(CONSUMER), 1_000);
        vm.startPrank(who(CONSUMER));
        fee.approve(address(settlement), 1_000);
        vm.expectRevert(abi.encodeWithSelector(Balances.AmountReceived.selector, address(fee), 100, 99));
        settlement.deposit(address(fee), 100);
        vm.expectRevert(abi.encodeWithSelector(Balances.AmountReceived.selector, address(fee), 100, 99));
        token.settleRevenueERC20(1, address(fee), 100);
        vm.stopPrank();
    }

    function test_coins_must_be_as_said_and_assets_accepted() public {
        vm.startPrank(who(CONSUMER));
        vm.expectRevert(abi.encodeWithSelector(Balances.AmountReceived.selector, COIN, 2, 1));
        settlement.deposit{value: 1}(COIN, 2);
        vm.expectRevert(abi.encodeWithSelector(Balances.AmountReceived.selector, COIN, 0, 1));
        settlement.deposit{value: 1}(address(dollar), 1);
        vm.expectRevert(abi.encodeWithSelector(Balances.AssetNotAccepted.selector, address(this)));
        settlement.deposit(address(this), 1);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        settlement.deposit(address(dollar), 1);
        vm.stopPrank();
    }

    function test_balances_move_and_pay_out_safely() public {
        vm.prank(who(CONSUMER));
        settlement.depositFor{value: 10}(who(STRANGER), COIN, 10);
        vm.prank(who(STRANGER));
        settlement.transfer(who(NODE), COIN, 4);
        eq(balance(STRANGER), 6, "sender");
        eq(balance(NODE), 4, "receiver");
        vm.prank(who(NODE));
        settlement.transfer(who(NODE), COIN, 4);
        eq(balance(NODE), 4, "to oneself");

        Refusing refusing = new Refusing();
        vm.prank(who(STRANGER));
        settlement.transfer(address(refusing), COIN, 1);
        vm.expectRevert(abi.encodeWithSelector(Balances.PaymentFailed.selector, address(refusing), 1));
        refusing.withdraw(address(settlement), 1);
        Reentrant reentrant = new Reentrant(address(settlement));
        vm.prank(who(STRANGER));
        settlement.transfer(address(reentrant), COIN, 2);
        vm.expectRevert(bytes("withdraw"));
        reentrant.withdraw(1);
    }

    function test_only_the_token_moves_revenue() public {
        bytes memory refusal = abi.encodeWithSelector(Balances.NotAllowed.selector, address(this));
        vm.expectRevert(refusal);
        settlement.creditFromRevenue(address(this), COIN, 1);
        vm.expectRevert(refusal);
        settlement.payFromRevenue(address(this), COIN, 1);
        vm.expectRevert(refusal);
        settlement.takeAsRevenue(address(this), COIN, 1);
    }

    function test_pausing_stops_new_business_and_never_money() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        open(2, o, 100);
        vm.prank(who(GUARDIAN));
        parameters.pause(7 days);
        bytes memory signed = signature(NODE, this.hashOf(o));
        uint64 until = parameters.pausedUntil();
        bytes memory paused = abi.encodeWithSelector(MarketParameters.MarketPaused.selector, until);
        vm.expectRevert(paused);
        vm.prank(who(CONSUMER));
        settlement.open{value: 1}(Settlement.Opening(3, who(CONSUMER), 1, 0), o, signed);
        vm.expectRevert(paused);
        vm.prank(who(CREATOR));
        token.mint(1, who(CREATOR), 1, 0, 0);
        // Money moves as ever.
        redeem(1, o, 50);
        close(NODE, 1, o);
        close(CONSUMER, 2, o);
        vm.warp(time() + 31 minutes);
        close(CONSUMER, 2, o);
        vm.prank(who(NODE));
        settlement.withdraw(COIN, who(NODE), 10);
        vm.prank(who(WRITER));
        token.claim(1, COIN, payable(who(WRITER)));
    }

    /// forge-config: default.fuzz.runs = 512
    function testFuzz_every_split_is_whole(uint96 deposit, uint96 first, uint96 second, uint16 node, uint16 pool)
        public
    {
        Params memory p = defaults();
        p.nodeBps = uint16(within(node, 0, 5_000));
        p.poolBps = uint16(within(pool, 0, 5_000 - p.nodeBps));
        p.creatorBps = 10_000 - p.nodeBps - p.poolBps;
        apply_(p);
        vm.deal(who(CONSUMER), deposit);
        Offer memory o = offer(COIN);
        open(1, o, deposit);
        redeem(1, o, first);
        redeem(1, o, second);
        (uint128 unclaimed,,) = token.unclaimedRevenue(1, 1, COIN);
        uint256 earned = balance(NODE) + settlement.balanceOf(address(timelock), COIN) + unclaimed;
        (, uint256 redeemed,,,) = settlement.sessionOf(sessionId(1, o));
        eq(earned, redeemed, "what was redeemed is what was earned");
        le(redeemed, deposit, "within the deposit");
        close(NODE, 1, o);
        eq(earned + balance(CONSUMER), deposit, "and the rest is back");
    }
}

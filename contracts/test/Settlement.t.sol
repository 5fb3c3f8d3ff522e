// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {DataAnchoringToken} from "../src/DataAnchoringToken.sol";
import {Settlement} from "../src/Settlement.sol";
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
        (uint128 unclaimed,) = token.unclaimedRevenue(1, COIN);
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
        vm.prank(who(NODE));
        eq(settlement.redeem(o, claims), 2, "good ones");
        eq(balance(NODE), 10 + 2 + 4, "node");
        for (uint256 i = 0; i < 8; ++i) {
            claims[i].signature = hex"00";
        }
        vm.prank(who(NODE));
        eq(settlement.redeem(o, claims), 0, "none is good");
    }

    function test_short_signatures_are_accepted() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        claims[0] = voucher(1, o, 10);
        claims[0].signature = short(claims[0].signature);
        vm.prank(who(NODE));
        eq(settlement.redeem(o, claims), 1, "EIP-2098");
    }

    function test_only_the_node_redeems() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        claims[0] = voucher(1, o, 10);
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        settlement.redeem(o, claims);
    }

    function test_the_payer_takes_back_without_the_node_after_the_deadline() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(1, o, 100);
        redeem(1, o, 40);
        uint64 deadline = uint64(time()) + 1 hours;
        vm.expectRevert(abi.encodeWithSelector(Settlement.SessionRunning.selector, id, deadline));
        close(CONSUMER, 1, o);
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotAllowed.selector, who(STRANGER)));
        close(STRANGER, 1, o);
        vm.warp(deadline + 1);
        close(CONSUMER, 1, o);
        eq(balance(CONSUMER), 60, "taken back");
        vm.expectRevert(abi.encodeWithSelector(Settlement.SessionClosed.selector, id));
        close(CONSUMER, 1, o);
        vm.expectRevert(abi.encodeWithSelector(Settlement.UnknownSession.selector, sessionId(9, o)));
        close(CONSUMER, 9, o);
    }

    function test_a_withdrawn_version_lets_payers_close_at_once_and_opens_nothing() public {
        Offer memory o = offer(COIN);
        open(1, o, 100);
        vm.prank(who(CREATOR));
        token.withdrawVersion(1, 1);
        close(CONSUMER, 1, o);
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.VersionWithdrawn.selector, 1, 1));
        vm.prank(who(CONSUMER));
        settlement.open{value: 1}(Settlement.Opening(2, who(CONSUMER), 1, 0), o, signed);
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
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "signature"));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, 0), o, new bytes(65));
        o = offer(address(this));
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(abi.encodeWithSelector(Settlement.AssetNotAccepted.selector, address(this)));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, 0), o, signed);
    }

    function refused(Offer memory o, string memory reason) private {
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, reason));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, 0), o, signed);
    }

    function test_a_session_is_paid_by_quota() public {
        vm.prank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), 1, 0, 0);
        Offer memory o = offer(COIN);
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.startPrank(who(CONSUMER));
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "payment"));
        settlement.open{value: 1}(Settlement.Opening(1, who(CONSUMER), 1, access), o, signed);
        settlement.open(Settlement.Opening(1, who(CONSUMER), 0, access), o, signed);
        vm.stopPrank();
        eq(token.valueOf(access), 0, "quota");
        eq(redeem(1, o, 1), 0, "nothing to redeem");
        vm.expectPartialRevert(bytes4(keccak256("ValueTooSmall(uint256,uint256,uint256)")));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(2, who(CONSUMER), 0, access), o, signed);
        vm.expectPartialRevert(bytes4(keccak256("NotAllowed(address)")));
        vm.prank(who(STRANGER));
        token.useForSession(who(CONSUMER), access, 1, 1);
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
        vm.prank(who(NODE));
        settlement.redeem(o, claims);
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
            vm.prank(who(NODE));
            eq(settlement.redeem(o, claims), 0, "misbehaving");
        }
        safe.misbehave(0);
        vm.prank(who(NODE));
        eq(settlement.redeem(o, claims), 1, "ERC-1271");
        vm.warp(time() + 1 hours + 1);
        safe.call(address(settlement), 0, abi.encodeCall(Settlement.close, (address(safe), 1, address(safe), o)));
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
        vm.expectPartialRevert(Settlement.BalanceTooSmall.selector);
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
        vm.expectRevert(abi.encodeWithSelector(Settlement.AmountReceived.selector, address(fee), 100, 99));
        settlement.deposit(address(fee), 100);
        vm.expectRevert(abi.encodeWithSelector(Settlement.AmountReceived.selector, address(fee), 100, 99));
        token.settleRevenueERC20(1, address(fee), 100);
        vm.stopPrank();
    }

    function test_coins_must_be_as_said_and_assets_accepted() public {
        vm.startPrank(who(CONSUMER));
        vm.expectRevert(abi.encodeWithSelector(Settlement.AmountReceived.selector, COIN, 2, 1));
        settlement.deposit{value: 1}(COIN, 2);
        vm.expectRevert(abi.encodeWithSelector(Settlement.AmountReceived.selector, COIN, 0, 1));
        settlement.deposit{value: 1}(address(dollar), 1);
        vm.expectRevert(abi.encodeWithSelector(Settlement.AssetNotAccepted.selector, address(this)));
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
        vm.expectRevert(abi.encodeWithSelector(Settlement.PaymentFailed.selector, address(refusing), 1));
        refusing.withdraw(address(settlement), 1);
        Reentrant reentrant = new Reentrant(address(settlement));
        vm.prank(who(STRANGER));
        settlement.transfer(address(reentrant), COIN, 2);
        vm.expectRevert(bytes("withdraw"));
        reentrant.withdraw(1);
    }

    function test_only_the_token_moves_revenue() public {
        bytes memory refusal = abi.encodeWithSelector(Settlement.NotAllowed.selector, address(this));
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
        vm.warp(time() + 2 hours);
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
        (uint128 unclaimed,) = token.unclaimedRevenue(1, COIN);
        uint256 earned = balance(NODE) + settlement.balanceOf(address(timelock), COIN) + unclaimed;
        (, uint256 redeemed,,,) = settlement.sessionOf(sessionId(1, o));
        eq(earned, redeemed, "what was redeemed is what was earned");
        le(redeemed, deposit, "within the deposit");
        close(NODE, 1, o);
        eq(earned + balance(CONSUMER), deposit, "and the rest is back");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

import {Settlement} from "../src/Settlement.sol";
import {Till, Tills} from "../src/Tills.sol";
import {Balances} from "../src/settlement/Balances.sol";
import {Market} from "./support/Market.sol";
import {SmartAccount} from "./support/Tokens.sol";

contract TillsTest is Market {
    bytes32 private constant TRANSFER_TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    Tills private tills;

    function setUp() public override {
        super.setUp();
        minted();
        tills = new Tills(settlement);
        dollar.give(who(CONSUMER), 1_000);
    }

    function sale() private view returns (Tills.Sale memory) {
        return Tills.Sale(who(NODE), 1, 1, address(dollar));
    }

    function authorization(uint256 value, bytes32 nonce) private view returns (Tills.Authorization memory) {
        return Tills.Authorization(who(CONSUMER), value, 0, time() + 1 hours, nonce);
    }

    function signedBy(uint256 key, address to, Tills.Authorization memory a) private view returns (bytes memory) {
        bytes32 hash =
            keccak256(abi.encode(TRANSFER_TYPEHASH, a.from, to, a.value, a.validAfter, a.validBefore, a.nonce));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(key + 0xA11CE000, keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), hash)));
        return abi.encodePacked(r, s, v);
    }

    function till() private view returns (address) {
        return tills.tillOf(who(NODE), 1, 1);
    }

    function isSplit(uint256 node, uint256 pool, uint128 class) private view {
        eq(settlement.balanceOf(who(NODE), address(dollar)), node, "node");
        eq(settlement.balanceOf(address(timelock), address(dollar)), pool, "pool");
        (uint128 unclaimed,,) = token.unclaimedRevenue(1, 1, address(dollar));
        eq(unclaimed, class, "class");
        eq(dollar.balanceOf(address(settlement)), node + pool + class, "nothing else is in the settlement");
        eq(dollar.balanceOf(address(tills)), 0, "nothing stays behind");
    }

    function test_a_signed_payment_is_split_to_the_unit_whoever_sends_it() public {
        Tills.Authorization memory a = authorization(109, "1");
        bytes memory signed = signedBy(CONSUMER, till(), a);
        vm.prank(who(STRANGER));
        eq(tills.settle(sale(), a, signed), 109, "taken");
        isSplit(21, 10, 78);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, who(CONSUMER), bytes32("1")));
        tills.settle(sale(), a, signed);
        // The second one finds the till's code.
        a = authorization(9, "2");
        eq(tills.settle(sale(), a, signedBy(CONSUMER, till(), a)), 9, "taken");
        isSplit(22, 10, 78 + 8);
    }

    function test_a_payment_that_somebody_sends_by_another_way_belongs_to_the_same_version_and_node() public {
        Tills.Authorization memory a = authorization(109, "1");
        bytes memory signed = signedBy(CONSUMER, till(), a);
        dollar.transferWithAuthorization(a.from, till(), a.value, a.validAfter, a.validBefore, a.nonce, signed);
        eq(tills.sweep(sale()), 109, "taken");
        isSplit(21, 10, 78);
        eq(tills.sweep(sale()), 0, "nothing twice");
    }

    function test_it_is_for_no_other_version_or_node() public {
        Tills.Authorization memory a = authorization(109, "1");
        bytes memory signed = signedBy(CONSUMER, till(), a);
        Tills.Sale memory other = sale();
        other.node = who(STRANGER);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        tills.settle(other, a, signed);
        other = sale();
        other.version = 2;
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        tills.settle(other, a, signed);
        // Nobody else's money is taken for it either.
        address to = tills.tillOf(who(NODE), 1, 2);
        vm.prank(who(CONSUMER));
        dollar.transfer(to, 5);
        vm.expectRevert(abi.encodeWithSelector(Settlement.UnknownVersion.selector, 1, 2));
        tills.sweep(other);
    }

    function test_contract_accounts_pay_by_their_own_signatures() public {
        SmartAccount account = new SmartAccount(who(CONSUMER));
        dollar.give(address(account), 109);
        Tills.Authorization memory a = authorization(109, "1");
        a.from = address(account);
        bytes memory signed = signedBy(CONSUMER, till(), a);
        eq(tills.settle(sale(), a, signed), 109, "taken");
        isSplit(21, 10, 78);
    }

    function test_what_is_not_there_is_not_taken() public {
        Tills.Authorization memory a = authorization(1_001, "1");
        bytes memory signed = signedBy(CONSUMER, till(), a);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, who(CONSUMER), 1_000, 1_001)
        );
        tills.settle(sale(), a, signed);
        a = authorization(10, "1");
        signed = signedBy(CONSUMER, till(), a);
        vm.warp(time() + 1 hours);
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, a.validAfter, a.validBefore)
        );
        tills.settle(sale(), a, signed);
    }

    function test_a_till_hands_over_to_its_maker_alone() public {
        Tills.Authorization memory a = authorization(10, "1");
        tills.settle(sale(), a, signedBy(CONSUMER, till(), a));
        vm.expectRevert(abi.encodeWithSelector(Till.NotAllowed.selector, address(this)));
        Till(till()).empty(address(dollar));
    }

    function test_a_balance_pays_at_once() public {
        vm.prank(who(CONSUMER));
        settlement.deposit{value: 1_000}(COIN, 1_000);
        vm.prank(who(CONSUMER));
        settlement.pay(who(NODE), 1, 1, COIN, 109);
        eq(balance(NODE), 21, "node");
        eq(balance(CONSUMER), 891, "payer");
        bytes memory short_ = abi.encodeWithSelector(Balances.BalanceTooSmall.selector, who(CONSUMER), COIN, 891, 892);
        vm.expectRevert(short_);
        vm.prank(who(CONSUMER));
        settlement.pay(who(NODE), 1, 1, COIN, 892);
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "payment"));
        settlement.pay(who(NODE), 1, 1, COIN, 0);
        vm.expectRevert(abi.encodeWithSelector(Settlement.UnknownVersion.selector, 1, 0));
        settlement.pay(who(NODE), 1, 0, COIN, 1);
        vm.expectRevert(abi.encodeWithSelector(Settlement.UnknownVersion.selector, 9, 1));
        settlement.pay(who(NODE), 9, 1, COIN, 1);
    }

    function test_a_withdrawn_version_is_paid_for_what_it_sold() public {
        vm.prank(who(CREATOR));
        token.withdrawVersion(1, 1);
        Tills.Authorization memory a = authorization(109, "1");
        tills.settle(sale(), a, signedBy(CONSUMER, till(), a));
        isSplit(21, 10, 78);
    }
}

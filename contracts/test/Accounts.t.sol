// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

import {Settlement} from "../src/Settlement.sol";
import {Balances} from "../src/settlement/Balances.sol";
import {Offer} from "../src/interfaces/Types.sol";
import {Ids} from "../src/libraries/Ids.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Market} from "./support/Market.sol";
import {ISafe, Safes} from "./support/Safe.sol";

/// Accounts that are more than a key: a shared one by Safe as payer and as node, of whose three owners two sign; and a key's account that
/// has code (EIP-7702).
contract AccountsTest is Market, Safes {
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    uint256 private constant OWNER = 0x5AFE;

    ISafe private safe;

    function setUp() public override {
        super.setUp();
        minted();
        address[] memory owners = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            owners[i] = vm.addr(OWNER + i);
        }
        safe = safeOf(owners, 2);
        vm.deal(address(safe), 10_000);
        dollar.give(address(safe), 1_000);
    }

    function keys(uint256 count) private pure returns (uint256[] memory owners) {
        owners = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            owners[i] = OWNER + i;
        }
    }

    function safeId(Offer memory o, address consumer) private view returns (bytes32) {
        return Ids.session(parameters.ledgerId(), address(safe), 1, consumer, this.hashOf(o));
    }

    function claim(address consumer, uint128 cumulative, bytes memory signed)
        private
        view
        returns (Settlement.Claim[] memory claims)
    {
        claims = new Settlement.Claim[](1);
        claims[0] = Settlement.Claim(address(safe), 1, consumer, cumulative, signed);
    }

    function test_a_shared_account_opens_by_its_owners_signatures_and_pays_no_gas() public {
        Offer memory o = offer(address(dollar));
        bytes memory signed = signature(NODE, this.hashOf(o));
        bytes32 id = safeId(o, who(STRANGER));
        Balances.SignedTransfer memory t;
        t.validBefore = time() + 1 hours;
        bytes32 hash =
            keccak256(abi.encode(RECEIVE_TYPEHASH, address(safe), address(settlement), 500, 0, t.validBefore, id));
        hash = messageHash(safe, keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), hash)));
        Settlement.Opening memory opening = Settlement.Opening(1, who(STRANGER), 500, 0);
        // One owner is too few.
        t.signature = signedBy(keys(1), hash);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        settlement.openFor(address(safe), opening, o, signed, t);
        t.signature = signedBy(keys(2), hash);
        vm.prank(who(NODE));
        eq(settlement.openFor(address(safe), opening, o, signed, t), id, "id");
        // A key of an app's, the consumer, signs vouchers within the deposit: nobody has to gather owners for each reply.
        bytes memory promised = signature(STRANGER, voucherHash(id, o, 100));
        eq(redeemAll(o, claim(who(STRANGER), 100, promised)), 1, "redeemed");
    }

    function test_its_own_vouchers_are_redeemed_and_the_rest_comes_back() public {
        Offer memory o = offer(COIN);
        Settlement.Opening memory opening = Settlement.Opening(1, address(safe), 1_000, 0);
        bytes memory opened = abi.encodeCall(Settlement.open, (opening, o, signature(NODE, this.hashOf(o))));
        execute(safe, keys(2), address(settlement), 1_000, opened);
        bytes32 hash = Signed.digest(parameters.domainSeparator(), voucherHash(safeId(o, address(safe)), o, 100));
        bytes memory one = signedBy(keys(1), messageHash(safe, hash));
        eq(redeemAll(o, claim(address(safe), 100, one)), 0, "one owner is too few");
        bytes memory two = signedBy(keys(2), messageHash(safe, hash));
        eq(redeemAll(o, claim(address(safe), 100, two)), 1, "redeemed");
        bytes memory ends = abi.encodeCall(Settlement.close, (address(safe), 1, address(safe), o));
        execute(safe, keys(2), address(settlement), 0, ends);
        vm.warp(time() + 30 minutes + 1);
        execute(safe, keys(2), address(settlement), 0, ends);
        eq(settlement.balanceOf(address(safe), COIN), 900, "what was not spent");
        bytes memory withdrawn = abi.encodeCall(Balances.withdraw, (COIN, address(safe), 900));
        execute(safe, keys(2), address(settlement), 0, withdrawn);
        eq(address(safe).balance, 9_900, "back in the account");
    }

    function test_a_node_may_be_a_shared_account() public {
        Offer memory o = offer(COIN);
        o.node = address(safe);
        bytes32 hash = Signed.digest(parameters.domainSeparator(), this.hashOf(o));
        Settlement.Opening memory opening = Settlement.Opening(7, who(CONSUMER), 1_000, 0);
        bytes memory one = signedBy(keys(1), messageHash(safe, hash));
        vm.startPrank(who(CONSUMER));
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "signature"));
        settlement.open{value: 1_000}(opening, o, one);
        bytes memory two = signedBy(keys(2), messageHash(safe, hash));
        settlement.open{value: 1_000}(opening, o, two);
        vm.stopPrank();
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        claims[0] = voucher(7, o, 100);
        execute(safe, keys(2), address(settlement), 0, abi.encodeCall(Settlement.redeem, (batch(o, claims))));
        eq(settlement.balanceOf(address(safe), COIN), 20, "a fifth");
    }

    function test_a_key_whose_account_has_code_signs_as_before() public {
        Offer memory o = offer(COIN);
        bytes32 id = open(3, o, 1_000);
        // The designator of a delegation: an account that asks nobody by ERC-1271.
        vm.etch(who(CONSUMER), abi.encodePacked(hex"ef0100", address(dollar)));
        eq(redeem(3, o, 100), 1, "redeemed");
        eq(id, sessionId(3, o), "id");
    }
}

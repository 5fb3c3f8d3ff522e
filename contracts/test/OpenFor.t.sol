// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

import {Settlement} from "../src/Settlement.sol";
import {Balances} from "../src/settlement/Balances.sol";
import {Offer} from "../src/interfaces/Types.sol";
import {Ids} from "../src/libraries/Ids.sol";
import {SessionStatus} from "../src/libraries/Sessions.sol";
import {Market} from "./support/Market.sol";
import {SmartAccount} from "./support/Tokens.sol";

contract OpenForTest is Market {
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    function setUp() public override {
        super.setUp();
        minted();
        dollar.give(who(CONSUMER), 1_000);
    }

    function opening(uint96 deposit) private pure returns (Settlement.Opening memory) {
        return Settlement.Opening(1, who(STRANGER), deposit, 0);
    }

    function idOf(address payer, Offer memory o) private view returns (bytes32) {
        return Ids.session(parameters.ledgerId(), payer, 1, who(STRANGER), this.hashOf(o));
    }

    function signedTransfer(address from, uint256 value, bytes32 nonce)
        private
        view
        returns (Balances.SignedTransfer memory t)
    {
        t.validBefore = time() + 1 hours;
        bytes32 hash =
            keccak256(abi.encode(RECEIVE_TYPEHASH, from, address(settlement), value, 0, t.validBefore, nonce));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(CONSUMER + 0xA11CE000, keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), hash)));
        t.signature = abi.encodePacked(r, s, v);
    }

    function test_one_signature_opens_whoever_sends_it() public {
        Offer memory o = offer(address(dollar));
        bytes memory signed = signature(NODE, this.hashOf(o));
        bytes32 id = idOf(who(CONSUMER), o);
        Balances.SignedTransfer memory t = signedTransfer(who(CONSUMER), 500, id);
        vm.prank(who(NODE));
        eq(settlement.openFor(who(CONSUMER), opening(500), o, signed, t), id, "id");
        (uint256 deposited,,,, SessionStatus status) = settlement.sessionOf(id);
        eq(deposited, 500, "deposit");
        holds(status == SessionStatus.Open, "open");
        eq(dollar.balanceOf(who(CONSUMER)), 500, "what is left in the wallet");
        // Once.
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, who(CONSUMER), id));
        settlement.openFor(who(CONSUMER), opening(500), o, signed, t);
    }

    function test_it_opens_nothing_else() public {
        Offer memory o = offer(address(dollar));
        bytes memory signed = signature(NODE, this.hashOf(o));
        Balances.SignedTransfer memory t = signedTransfer(who(CONSUMER), 500, idOf(who(CONSUMER), o));
        bytes4 other = ERC3009.ERC3009InvalidSignature.selector;
        vm.expectRevert(other);
        settlement.openFor(who(CONSUMER), opening(499), o, signed, t);
        Settlement.Opening memory another = opening(500);
        another.consumer = who(NODE);
        vm.expectRevert(other);
        settlement.openFor(who(CONSUMER), another, o, signed, t);
        Offer memory dearer = offer(address(dollar));
        dearer.completionPrice = 3;
        bytes memory signedToo = signature(NODE, this.hashOf(dearer));
        vm.expectRevert(other);
        settlement.openFor(who(CONSUMER), opening(500), dearer, signedToo, t);
        another = opening(0);
        another.tokenId = 1;
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "payment"));
        settlement.openFor(who(CONSUMER), another, o, signed, t);
        // An offer that is not good takes nothing: the transfer is undone with the opening.
        vm.expectRevert(abi.encodeWithSelector(Settlement.OfferRefused.selector, "signature"));
        settlement.openFor(who(CONSUMER), opening(500), o, signedToo, t);
        eq(dollar.balanceOf(who(CONSUMER)), 1_000, "nothing was taken");
        vm.expectRevert(abi.encodeWithSelector(Balances.AssetNotAccepted.selector, address(this)));
        o.asset = address(this);
        settlement.openFor(who(CONSUMER), opening(500), o, signed, t);
    }

    function test_contract_accounts_open_by_their_own_signatures() public {
        SmartAccount account = new SmartAccount(who(CONSUMER));
        dollar.give(address(account), 500);
        Offer memory o = offer(address(dollar));
        bytes memory signed = signature(NODE, this.hashOf(o));
        bytes32 id = idOf(address(account), o);
        Balances.SignedTransfer memory t = signedTransfer(address(account), 500, id);
        eq(settlement.openFor(address(account), opening(500), o, signed, t), id, "id");
    }
}

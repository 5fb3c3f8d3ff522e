// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {DataAnchoringToken} from "../src/DataAnchoringToken.sol";
import {DatasetRegistry} from "../src/DatasetRegistry.sol";
import {IERC3525} from "../src/interfaces/IERC3525.sol";
import {IERC8028} from "../src/interfaces/IERC8028.sol";
import {Offer, Submission, VersionMetadata} from "../src/interfaces/Types.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {RevenueShares} from "../src/token/RevenueShares.sol";
import {SemiFungible} from "../src/token/SemiFungible.sol";
import {TokenBase} from "../src/token/TokenBase.sol";
import {Market} from "./support/Market.sol";
import {SmartAccount} from "./support/Tokens.sol";

contract DataAnchoringTokenTest is Market {
    uint256 internal own;

    function setUp() public override {
        super.setUp();
        minted();
        vm.prank(who(CREATOR));
        own = token.createClass("ipfs://own", "hash", 0, "ipfs://policy");
    }

    function mint(uint256 key, uint256 value, uint256 share, uint64 expireAt) private returns (uint256) {
        vm.prank(who(CREATOR));
        return token.mint(own, who(key), value, share, expireAt);
    }

    function settle(uint256 class, uint256 amount) private {
        vm.prank(who(CONSUMER));
        token.settleRevenueETH{value: amount}(class);
    }

    function claim(uint256 key, uint256 id) private returns (uint256) {
        vm.prank(who(key));
        return token.claim(id, COIN, payable(who(key)));
    }

    // The holes of the draft, one test each.

    function test_hole_share_overflow_reverts() public {
        mint(WRITER, 0, type(uint64).max, 0);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "total share", uint256(1) << 64));
        mint(WRITER, 0, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "share", uint256(1) << 64));
        mint(WRITER, 0, uint256(1) << 64, 0);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "value", uint256(1) << 64));
        mint(WRITER, uint256(1) << 64, 0, 0);
    }

    function test_hole_without_a_counted_share_revenue_goes_to_the_class_owner() public {
        settle(own, 100);
        eq(balance(CREATOR), 100, "no share yet");
        uint64 soon = uint64(time()) + 10;
        mint(WRITER, 0, 5, soon);
        vm.warp(soon + 1);
        settle(own, 50);
        eq(balance(CREATOR), 150, "the only share has expired");
        eq(token.totalShareOf(own, 0), 0, "none is counted");
        dollar.give(who(CONSUMER), 10);
        vm.startPrank(who(CONSUMER));
        dollar.approve(address(settlement), 10);
        token.settleRevenueERC20(own, address(dollar), 10);
        vm.stopPrank();
        eq(settlement.balanceOf(who(CREATOR), address(dollar)), 10, "in any asset");
    }

    function test_hole_at_most_64_expiring_share_tokens_processed_before_each_settle() public {
        uint64 soon = uint64(time()) + 10;
        for (uint256 i = 0; i < 64; ++i) {
            mint(WRITER, 0, 1, i < 32 ? soon : soon + 10);
        }
        vm.expectRevert(abi.encodeWithSelector(RevenueShares.TooManyExpiring.selector, own));
        mint(WRITER, 0, 1, soon);
        uint256 lasting = mint(WRITER + 1, 0, 32, 0);
        settle(own, 96);
        vm.warp(soon + 1);
        settle(own, 64);
        eq(token.totalShareOf(own, 0), 64, "half of the expiring ones are left");
        eq(token.pendingRevenue(3, COIN), 1, "an expired token keeps what it earned");
        eq(token.pendingRevenue(lasting, COIN), 32 + 32, "and dilutes nobody");
        holds(!token.countedInShare(3) && token.countedInShare(3 + 63), "counted");
        mint(WRITER, 0, 1, soon + 10);
        vm.warp(soon + 11);
        token.processExpiries(own);
        eq(token.totalShareOf(own, 0), 32, "anyone may process them");
        eq(claim(WRITER, 3), 1, "claimed after expiry");
        settle(own, 32);
        eq(token.pendingRevenue(3, COIN), 0, "earns nothing after expiry");
    }

    function test_hole_accrued_revenue_is_credited_to_the_seller_on_transfer() public {
        settle(1, 1_000);
        vm.prank(who(WRITER));
        token.transferToken(1, who(STRANGER));
        eq(balance(WRITER), 700, "the seller has it");
        eq(token.pendingRevenue(1, COIN), 0, "the buyer starts anew");
        settle(1, 10);
        eq(claim(STRANGER, 1), 7, "and earns from then on");
        vm.prank(who(STRANGER));
        token.approve(who(NODE), 1);
        vm.prank(who(NODE));
        token.safeTransferFrom(who(STRANGER), who(NODE), 1);
        eq(token.ownerOf(1), who(NODE), "by approval (ERC-721)");
        vm.expectPartialRevert(IERC721Errors.ERC721InsufficientApproval.selector);
        vm.prank(who(STRANGER));
        token.transferToken(1, who(STRANGER));
    }

    function test_hole_debts_are_set_for_every_asset_at_mint() public {
        mint(WRITER, 0, 1, 0);
        settle(own, 100);
        dollar.give(who(CONSUMER), 10);
        vm.startPrank(who(CONSUMER));
        dollar.approve(address(settlement), 10);
        token.settleRevenueERC20(own, address(dollar), 10);
        vm.stopPrank();
        uint256 late = mint(WRITER + 1, 0, 9, 0);
        eq(token.pendingRevenue(late, COIN), 0, "nothing of the past");
        eq(token.pendingRevenue(late, address(dollar)), 0, "in no asset");
        settle(own, 10);
        eq(token.pendingRevenue(late, COIN), 9, "its part of the future");
    }

    function test_hole_dust_is_carried() public {
        for (uint256 i = 0; i < 3; ++i) {
            mint(WRITER, 0, 1, 0);
        }
        uint256 claimed;
        for (uint256 i = 0; i < 10; ++i) {
            settle(own, 1);
            for (uint256 id = 3; id < 6; ++id) {
                claimed += claim(WRITER, id);
            }
        }
        eq(claimed, 9, "ten by three");
        settle(own, 2);
        for (uint256 id = 3; id < 6; ++id) {
            claimed += claim(WRITER, id);
        }
        eq(claimed, 12, "and the rest with what comes later");
        (uint128 unclaimed,, uint64 carry) = token.unclaimedRevenue(own, 0, COIN);
        eq(unclaimed, 0, "all is claimed");
        eq(carry, 0, "nothing is left");
    }

    function test_hole_token_id_0_is_invalid() public {
        bytes memory unknown = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 0);
        vm.expectRevert(unknown);
        token.classOf(0);
        vm.expectRevert(unknown);
        token.transferValue(0, 1, 1);
        vm.expectRevert(unknown);
        token.pendingRevenue(0, COIN);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownClass.selector, 0));
        token.getClassMeta(0);
        eq(token.tokenCount(), 2, "ids begin at 1");
    }

    function test_hole_shares_of_anchored_classes_come_from_submissions_alone() public {
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.SharesComeFromSubmissions.selector, 1));
        vm.prank(who(CREATOR));
        token.mint(1, who(CREATOR), 0, 1, 0);
    }

    // Minting by submission.

    function test_a_submission_is_minted_once_by_its_exex_after_finality() public {
        (, Submission memory d) = dataset(2, 1, 0);
        bytes32 id = submit(d);
        attest(id, 3, true);
        VersionMetadata memory m = metadata(id, 2);
        bytes memory signed = signature(EXEX, Signed.record(id, m.record));
        vm.startPrank(who(EXEX));
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.NotFinal.selector, id));
        token.mintVersion(m, signed, "");
        vm.warp(time() + 1 hours + 1);
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.RecordNotSigned.selector, id, who(EXEX)));
        token.mintVersion(m, new bytes(65), "");
        m.payment = 3;
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.MetadataMismatch.selector, "payment"));
        token.mintVersion(m, signed, "");
        m.payment = 0;
        (uint256 class, uint32 version) = token.mintVersion(m, signed, "ipfs://second");
        eq(class, 1, "the same class");
        eq(version, 2, "its next version");
        eq(token.totalShareOf(1, 1), 100, "the first's shares are as they were");
        eq(token.totalShareOf(1, 2), 100, "the second's are its own");
        eq(token.totalShareOf(1, 0), 0, "the class has none");
        DatasetRegistry.Status minted_ = DatasetRegistry.Status.Minted;
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.Finished.selector, id, minted_));
        token.mintVersion(m, signed, "");
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.MetadataMismatch.selector, "exex"));
        token.mintVersion(m, signed, "");
        eq(token.versionCount(1), 2, "versions");
        eq(token.versionOf(1, 2).submission, id, "of its submission");
        holds(token.accepts(1, 2, false) && !token.accepts(1, 2, true), "gas only");
        (string memory uri, bytes32 hash,,) = token.getClassMeta(1);
        holds(keccak256(bytes(uri)) == keccak256("ipfs://second"), "where it is now");
        eq(hash, token.versionOf(1, 2).integrityHash, "bound");
    }

    function test_somebody_elses_class_takes_no_version() public {
        bytes32 id = accepted(2);
        vm.warp(time() + 1 hours + 1);
        VersionMetadata memory m = metadata(id, 2);
        m.exex = who(STRANGER);
        bytes memory signed = signature(STRANGER, Signed.record(id, m.record));
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        token.mintVersion(m, signed, "");
    }

    // Classes.

    function test_class_metadata_is_its_owners() public {
        (string memory uri, bytes32 hash, uint8 decimals, string memory policy) = token.getClassMeta(own);
        holds(keccak256(bytes(uri)) == keccak256("ipfs://own") && hash == "hash" && decimals == 0, "as created");
        holds(keccak256(bytes(policy)) == keccak256("ipfs://policy"), "policy");
        eq(token.classOwner(own), who(CREATOR), "owner");
        vm.startPrank(who(CREATOR));
        token.updateClassMetadata(own, "ipfs://new", "new");
        token.updateClassPolicy(own, "ipfs://new policy");
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.MetadataMismatch.selector, "integrityHash"));
        token.updateClassMetadata(1, "ipfs://new", "new");
        token.updateClassMetadata(1, "ipfs://new", token.versionOf(1, 1).integrityHash);
        token.withdrawVersion(1, 1);
        vm.expectRevert(abi.encodeWithSelector(DataAnchoringToken.VersionWithdrawn.selector, 1, 1));
        token.withdrawVersion(1, 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownVersion.selector, 1, 2));
        token.withdrawVersion(1, 2);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownVersion.selector, 1, 0));
        token.withdrawVersion(1, 0);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.TokenExpired.selector, 0, 1));
        token.mint(own, who(CREATOR), 1, 0, 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, address(this)));
        token.updateClassPolicy(own, "");
        holds(token.versionOf(1, 1).withdrawn, "withdrawn");
    }

    // Quota.

    function test_quota_is_used_and_moved_within_a_class_until_expiry() public {
        uint64 soon = uint64(time()) + 10;
        uint256 first = mint(CONSUMER, 10, 0, soon);
        uint256 second = mint(STRANGER, 0, 0, 0);
        vm.startPrank(who(CONSUMER));
        token.transferValue(first, second, 4);
        token.recordUsage(first, "inference_calls", 1);
        vm.expectRevert(abi.encodeWithSelector(SemiFungible.ValueTooSmall.selector, first, 5, 6));
        token.recordUsage(first, "inference_calls", 6);
        vm.expectRevert(abi.encodeWithSelector(SemiFungible.ValueTooSmall.selector, first, 5, 6));
        token.transferValue(first, second, 6);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "value", 0));
        token.transferValue(first, second, 0);
        vm.expectRevert(abi.encodeWithSelector(SemiFungible.DifferentClasses.selector, first, 1));
        token.transferValue(first, 1, 1);
        vm.stopPrank();
        eq(token.valueOf(first) + token.valueOf(second), 9, "used once");
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        token.transferValue(first, second, 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, who(STRANGER)));
        vm.prank(who(STRANGER));
        token.recordUsage(first, "inference_calls", 1);
        vm.prank(who(CONSUMER));
        token.approveForClass(own, who(STRANGER), true);
        vm.prank(who(STRANGER));
        token.recordUsage(first, "inference_calls", 1);
        vm.warp(soon + 1);
        bytes memory expired = abi.encodeWithSelector(TokenBase.TokenExpired.selector, first, soon);
        vm.expectRevert(expired);
        vm.prank(who(CONSUMER));
        token.recordUsage(first, "inference_calls", 1);
        vm.expectRevert(expired);
        vm.prank(who(STRANGER));
        token.transferValue(second, first, 1);
    }

    function test_erc3525_moves_value_by_allowance_and_into_new_tokens() public {
        uint256 first = mint(CONSUMER, 10, 0, 0);
        uint256 second = mint(CONSUMER, 0, 0, 0);
        vm.prank(who(CONSUMER));
        token.approve(first, who(NODE), 5);
        eq(token.allowance(first, who(NODE)), 5, "allowed");
        vm.startPrank(who(NODE));
        token.transferFrom(first, second, 2);
        uint256 third = token.transferFrom(first, who(STRANGER), 3);
        vm.expectRevert(abi.encodeWithSelector(SemiFungible.AllowanceTooSmall.selector, first, who(NODE), 0, 1));
        token.transferFrom(first, second, 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, who(NODE)));
        token.approve(first, who(NODE), 5);
        vm.stopPrank();
        eq(token.balanceOf(first), 5, "first");
        eq(token.balanceOf(second), 2, "second");
        eq(token.balanceOf(third), 3, "third");
        eq(token.slotOf(third), own, "same slot");
        eq(token.ownerOf(third), who(STRANGER), "of whom it was for");
        eq(token.shareRatioOf(third), 0, "shares never move");
        eq(token.expireAtOf(third), 0, "expiry");
        eq(token.valueDecimals(), 0, "whole units");
        vm.startPrank(who(CONSUMER));
        token.transferFrom(first, second, 1);
        token.setApprovalForAll(who(NODE), true);
        vm.stopPrank();
        vm.deal(who(NODE), 1);
        vm.startPrank(who(NODE));
        token.transferFrom(first, second, 1);
        token.setApprovalForSlot(who(CONSUMER), own, who(STRANGER), true);
        holds(token.isApprovedForSlot(who(CONSUMER), own, who(STRANGER)), "slot operator");
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "coins", 1));
        token.transferFrom{value: 1}(first, second, 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, address(this)));
        token.setApprovalForSlot(who(CONSUMER), own, address(this), true);
    }

    function test_erc3525_receivers_may_refuse() public {
        SmartAccount account = new SmartAccount(who(STRANGER));
        uint256 first = mint(CONSUMER, 10, 0, 0);
        vm.startPrank(who(CONSUMER));
        token.transferFrom(first, address(account), 1);
        token.transferFrom(first, address(dollar), 1); // knows nothing of ERC-3525
        for (uint8 mode = 3; mode <= 4; ++mode) {
            account.misbehave(mode);
            vm.expectRevert(abi.encodeWithSelector(SemiFungible.Rejected.selector, address(account)));
            token.transferFrom(first, address(account), 1);
        }
        vm.stopPrank();
    }

    // Claims.

    function test_only_the_owner_claims_or_her_operator_to_her() public {
        settle(1, 1_000);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, who(STRANGER)));
        claim(STRANGER, 1);
        vm.prank(who(WRITER));
        token.approveForClass(1, who(STRANGER), true);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, who(STRANGER)));
        claim(STRANGER, 1);
        vm.prank(who(STRANGER));
        token.claim(1, COIN, payable(who(WRITER)));
        eq(who(WRITER).balance, 700, "paid to the owner");
        eq(token.accRevenuePerShare(1, 1, COIN), 10 ether, "scaled");
    }

    function test_revenue_in_other_assets_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(RevenueShares.AssetNotAccepted.selector, address(this)));
        token.settleRevenueERC20(1, address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(RevenueShares.AssetNotAccepted.selector, COIN));
        token.settleRevenueERC20(1, COIN, 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "amount", uint256(1) << 128));
        token.settleRevenueERC20(1, address(dollar), uint256(1) << 128);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, address(this)));
        token.creditRevenue(1, 1, COIN, 1);
    }

    // What it says of itself.

    function test_interfaces_are_declared() public view {
        eq(bytes32(type(IERC8028).interfaceId), bytes32(bytes4(0x2c0b686c)), "ERC-8028");
        eq(bytes32(type(IERC3525).interfaceId), bytes32(bytes4(0xd5358140)), "ERC-3525");
        bytes4[7] memory ids =
            [bytes4(0x2c0b686c), 0xd5358140, 0x01ffc9a7, 0x80ac58cd, 0x5b5e139f, 0xb688be58, 0xe1600902];
        for (uint256 i = 0; i < ids.length; ++i) {
            holds(token.supportsInterface(ids[i]), "declared");
        }
        holds(!token.supportsInterface(0xffffffff) && !token.supportsInterface(0x3b741b9e), "nothing else");
    }

    function test_uris_are_json() public view {
        holds(bytes(token.contractURI()).length > 29 && bytes(token.tokenURI(1)).length > 29, "data URIs");
        holds(keccak256(bytes(token.slotURI(1))) == keccak256("ipfs://class"), "slot");
    }
}

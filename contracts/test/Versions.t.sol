// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DatasetRegistry} from "../src/DatasetRegistry.sol";
import {Offer, Share, Submission} from "../src/interfaces/Types.sol";
import {RevenueShares} from "../src/token/RevenueShares.sol";
import {TokenBase} from "../src/token/TokenBase.sol";
import {Market} from "./support/Market.sol";

/// Revenue of the versions of a class: what each earns, and what those that it comes after keep.
contract VersionsTest is Market {
    uint256 internal own;

    function setUp() public override {
        super.setUp();
        minted();
        mintedNext(2, 3_000);
        mintedNext(3, 5_000);
        vm.prank(who(CREATOR));
        own = token.createClass("", 0, 0, "");
        vm.deal(address(this), 1_000_000 ether);
        dollar.give(address(this), type(uint192).max);
        dollar.approve(address(settlement), type(uint256).max);
    }

    function settle(uint32 version, uint256 amount) private {
        token.settleRevenueETH{value: amount}(1, version);
    }

    function claim(uint256 key, uint256 id) private returns (uint256) {
        vm.prank(who(key));
        return token.claim(id, COIN, payable(address(0xBEEF)));
    }

    function account(uint32 version, uint128 unclaimed, uint128 inbox, uint64 carry, string memory why) private view {
        (uint128 unclaimed_, uint128 inbox_, uint64 carry_) = token.unclaimedRevenue(1, version, COIN);
        eq(unclaimed_, unclaimed, string.concat(why, ": unclaimed"));
        eq(inbox_, inbox, string.concat(why, ": inbox"));
        eq(carry_, carry, string.concat(why, ": carry"));
    }

    function test_versions_before_keep_their_part_step_by_step() public {
        settle(3, 1_000);
        account(3, 500, 0, 0, "half is the third's");
        account(2, 0, 500, 0, "half waits at the second");
        account(1, 0, 0, 0, "nothing at the first yet");
        eq(token.accRevenuePerShare(1, 3, COIN), 5 ether, "scaled");
        eq(token.pendingRevenue(3, COIN), 245, "70 % of 70 % of 500, as if it were opened");
        eq(token.pendingRevenue(1, COIN), 0, "what waits further on is not counted");
        token.pass(1, 2, COIN);
        account(2, 350, 0, 0, "opened");
        account(1, 0, 150, 0, "and passed on");
        eq(token.pendingRevenue(1, COIN), 105, "70 % of 150");
        token.pass(1, 1, COIN);
        account(1, 150, 0, 0, "the first keeps all");
        eq(claim(WRITER, 1) + claim(WRITER + 1, 2), 150, "first");
        eq(claim(WRITER, 3) + claim(WRITER + 1, 4), 350, "second");
        eq(claim(WRITER, 5) + claim(WRITER + 1, 6), 500, "third");
        for (uint32 version = 1; version <= 3; ++version) {
            account(version, 0, 0, 0, "all is paid");
        }
    }

    /// Submissions of one time come after the same version, in whatever order they are minted: versions are a tree.
    function test_two_versions_may_come_after_one() public {
        mintedAfter(2, 4, 1_000, 30);
        mintedAfter(1, 5, 5_000, 30);
        settle(4, 1_000);
        settle(5, 1_000);
        settle(3, 1_000);
        account(4, 900, 0, 0, "nine tenths are the fourth's");
        account(3, 500, 0, 0, "nothing is the third's of it");
        account(2, 0, 600, 0, "a tenth of the fourth's and half of the third's wait at the second");
        account(1, 0, 500, 0, "half of the fifth's at the first");
        token.pass(1, 2, COIN);
        token.pass(1, 1, COIN);
        account(2, 420, 0, 0, "70 %");
        account(1, 680, 0, 0, "and all that came together");
        uint32[5] memory predecessors = [uint32(0), 1, 2, 2, 1];
        for (uint32 version = 1; version <= 5; ++version) {
            eq(token.versionOf(1, version).afterVersion, predecessors[version - 1], "as it was signed");
        }
    }

    function test_what_does_not_divide_waits() public {
        for (uint256 i = 0; i < 3; ++i) {
            settle(2, 3);
            account(1, 0, uint128((3 * (i + 1) * 3) / 10), 0, "30 %, floored once");
        }
        settle(2, 1);
        account(1, 0, 3, 0, "30 % of ten");
        account(2, 7, 0, 0, "and the rest");
    }

    function test_a_claim_and_a_transfer_open_their_version() public {
        settle(3, 1_000);
        eq(claim(WRITER, 3), 245, "opened by the claim");
        account(1, 0, 150, 0, "and passed on");
        vm.prank(who(WRITER));
        token.transferToken(1, who(STRANGER));
        eq(balance(WRITER), 105, "opened for the seller");
        account(1, 45, 0, 0, "the other's part is left");
        token.settleRevenueERC20(1, 2, address(dollar), 10);
        vm.prank(who(WRITER + 1));
        token.transferToken(2, who(STRANGER));
        eq(settlement.balanceOf(who(WRITER + 1), address(dollar)), 0, "floored: 30 % of 3");
        eq(token.pendingRevenue(1, address(dollar)), 2, "in every asset");
    }

    function test_sessions_pay_the_version_of_their_offer() public {
        Offer memory o = offer(COIN);
        o.version = 2;
        open(1, o, 1_000);
        redeem(1, o, 1_000);
        account(2, 490, 0, 0, "70 % of 700");
        account(1, 0, 210, 0, "30 %");
        account(3, 0, 0, 0, "nothing to the last");
    }

    function test_revenue_without_a_version_is_the_last_ones() public {
        token.settleRevenueETH{value: 10}(1);
        token.settleRevenueERC20(1, address(dollar), 10);
        account(3, 5, 0, 0, "coins");
        (uint128 unclaimed,,) = token.unclaimedRevenue(1, 3, address(dollar));
        eq(unclaimed, 5, "dollars");
        token.settleRevenueETH{value: 10}(own, 0);
        token.settleRevenueERC20(own, 0, address(dollar), 10);
        eq(balance(CREATOR), 10, "of a class without versions");
        eq(settlement.balanceOf(who(CREATOR), address(dollar)), 10, "in any asset");
    }

    function test_unknown_versions_are_refused() public {
        unknown(1, 0);
        settle(0, 1);
        unknown(1, 4);
        settle(4, 1);
        unknown(own, 1);
        token.settleRevenueETH{value: 1}(own, 1);
        unknown(1, 0);
        token.settleRevenueERC20(1, 0, address(dollar), 1);
        unknown(1, 0);
        token.pass(1, 0, COIN);
        unknown(1, 4);
        token.pass(1, 4, COIN);
        unknown(own, 1);
        token.totalShareOf(own, 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownClass.selector, 9));
        token.settleRevenueETH{value: 1}(9);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownClass.selector, 9));
        token.settleRevenueERC20(9, 1, address(dollar), 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownClass.selector, 9));
        token.pass(9, 1, COIN);
        vm.expectRevert(abi.encodeWithSelector(RevenueShares.AssetNotAccepted.selector, COIN));
        token.settleRevenueERC20(1, 1, COIN, 1);
        vm.expectRevert(abi.encodeWithSelector(RevenueShares.AssetNotAccepted.selector, address(this)));
        token.settleRevenueERC20(1, 1, address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.NotAllowed.selector, address(this)));
        token.creditRevenue(1, 2, COIN, 1);
        // Nothing waits: it says so and does nothing.
        token.pass(1, 1, address(this));
    }

    function unknown(uint256 class, uint32 version) private {
        vm.expectRevert(abi.encodeWithSelector(TokenBase.UnknownVersion.selector, class, version));
    }

    function test_share_tokens_know_their_version() public {
        for (uint256 id = 1; id <= 6; ++id) {
            eq(token.versionOfToken(id), (id + 1) / 2, "two a version");
        }
        vm.startPrank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), 5, 0, type(uint40).max);
        uint256 share = token.mint(own, who(CONSUMER), 0, 5, 0);
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "expireAt", uint256(1) << 40));
        token.mint(own, who(CONSUMER), 0, 5, uint64(1) << 40);
        vm.stopPrank();
        eq(token.versionOfToken(access) + token.versionOfToken(share), 0, "all others have none");
        eq(token.expireAtOf(access), type(uint40).max, "far away");
        vm.prank(who(CONSUMER));
        uint256 part = token.transferFrom(access, who(STRANGER), 1);
        eq(token.expireAtOf(part), type(uint40).max, "as where it came from");
        settle(1, 100);
        eq(token.pendingRevenue(access, COIN), 0, "no share of any version");
        eq(token.versionOf(1, 2).keepBps, 3_000, "kept");
        eq(token.versionOf(1, 2).totalShare, 100, "of its own");
    }

    function test_the_last_number_of_a_version_has_24_bits() public {
        (, Submission memory d) = dataset(4, 1, 0);
        bytes32 id = submit(d);
        attest(id, 3, true);
        // The length of the class's list of versions: `forge inspect DataAnchoringToken storageLayout` says its slot.
        bytes32 place = keccak256(abi.encode(1, 9));
        eq(uint256(vm.load(address(token), place)), 3, "three versions");
        vm.store(address(token), place, bytes32(uint256(type(uint24).max)));
        vm.warp(time() + 1 hours + 1);
        notMinted(id, abi.encodeWithSelector(TokenBase.OutOfRange.selector, "version", uint256(1) << 24));
        vm.store(address(token), place, bytes32(uint256(type(uint24).max) - 1));
        (, uint32 version) = mintNow(id);
        eq(token.versionOfToken(token.tokenCount()), version, "the last one");
    }

    function test_a_share_earns_at_most_176_bits() public {
        (, Submission memory d) = dataset(4, 0, 0);
        Share[] memory one = new Share[](1);
        (one[0], d.shares) = (d.shares[0], one);
        one[0].tokens = 1;
        agree(d, WRITER);
        bytes32 id = submit(d);
        attest(id, 3, true);
        (uint256 class,) = mintFinal(id);
        uint256 most = type(uint176).max / 1 ether;
        token.settleRevenueERC20(class, address(dollar), most);
        eq(token.pendingRevenue(7, address(dollar)), most, "all of it");
        uint256 next = (most + 1) * 1 ether;
        vm.expectRevert(abi.encodeWithSelector(TokenBase.OutOfRange.selector, "revenue per share", next));
        token.settleRevenueERC20(class, address(dollar), 1);
        vm.prank(who(WRITER));
        eq(token.claim(7, address(dollar), payable(who(WRITER))), most, "and it is paid");
        // Where it is of many, what is unclaimed is the bound.
        token.settleRevenueERC20(1, 1, address(dollar), most * 100);
        eq(token.pendingRevenue(1, address(dollar)), most * 70, "of the first");
    }

    // What a submission says of its class.

    function test_a_submission_names_its_submitters_class_and_at_most_half() public {
        vm.startPrank(who(CREATOR));
        refused(1, 5_001, abi.encodeWithSelector(DatasetRegistry.OutOfRange.selector, "keepBps", 5_001));
        refused(0, 1, abi.encodeWithSelector(DatasetRegistry.OutOfRange.selector, "keepBps", 1));
        bytes4 foreign = DatasetRegistry.NotOfSubmitter.selector;
        refused(9, 0, abi.encodeWithSelector(foreign, 9, who(CREATOR)));
        // One that is not anchored has no versions.
        refused(uint64(own), 0, abi.encodeWithSelector(foreign, own, who(CREATOR)));
        vm.stopPrank();
        vm.startPrank(who(STRANGER));
        refused(1, 5_000, abi.encodeWithSelector(foreign, 1, who(STRANGER)));
        vm.stopPrank();
        holds(!token.ownsAnchored(0, address(0)) && token.ownsAnchored(1, who(CREATOR)), "owned");
    }

    function refused(uint64 class, uint16 keepBps, bytes memory reason) private {
        (, Submission memory d) = dataset(9, class, keepBps);
        vm.expectRevert(reason);
        registry.submit(d, publicPart());
    }

    function test_a_submission_comes_after_a_version_that_there_is() public {
        for (uint32 version = 0; version <= 4; ++version) {
            bool known = version >= 1 && version <= 3;
            (, Submission memory d) = dataset(10 + version, 1, 100);
            d.afterVersion = version;
            agree(d, WRITER);
            bytes4 reason = DatasetRegistry.OutOfRange.selector;
            if (!known) vm.expectRevert(abi.encodeWithSelector(reason, "afterVersion", version));
            submit(d);
        }
        (, Submission memory first) = dataset(20, 0, 0);
        first.afterVersion = 1;
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.OutOfRange.selector, "afterVersion", 1));
        submit(first);
    }

    function test_weights_sum_up_to_64_bits() public {
        (, Submission memory d) = dataset(9, 0, 0);
        (d.shares[0].tokens, d.shares[1].tokens) = (type(uint64).max, 1);
        vm.expectRevert(abi.encodeWithSelector(DatasetRegistry.OutOfRange.selector, "tokens", uint256(1) << 64));
        submit(d);
        d.shares[0].tokens = type(uint64).max - 1;
        agree(d, WRITER);
        bytes32 id = submit(d);
        attest(id, 3, true);
        (uint256 class, uint32 version) = mintFinal(id);
        eq(token.totalShareOf(class, version), type(uint64).max, "all of them");
    }

    /// Many small sums come to what one large sum does: a batch of vouchers is booked at once.
    function testFuzz_parts_come_to_what_their_sum_does(uint64[8] calldata parts, uint64 waiting) public {
        uint256 sum;
        token.settleRevenueETH{value: waiting}(1, 3);
        token.settleRevenueERC20(1, 3, address(dollar), waiting);
        for (uint256 i = 0; i < parts.length; ++i) {
            settle(2, parts[i]);
            sum += parts[i];
        }
        token.settleRevenueERC20(1, 2, address(dollar), sum);
        for (uint32 version = 1; version <= 3; ++version) {
            (uint128 unclaimed, uint128 inbox, uint64 carry) = token.unclaimedRevenue(1, version, address(dollar));
            account(version, unclaimed, inbox, carry, "the same");
            uint256 perShare = token.accRevenuePerShare(1, version, address(dollar));
            eq(token.accRevenuePerShare(1, version, COIN), perShare, "a share");
        }
    }

    receive() external payable {}
}

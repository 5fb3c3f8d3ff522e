// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {SessionStatus} from "../src/libraries/Sessions.sol";
import {Offer} from "../src/interfaces/Types.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Market} from "./support/Market.sol";
import {Check} from "./support/Check.sol";

/// What random callers do to a market, and what must be so whatever they do.
contract ConservationTest is Market {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    // What went in and out, by asset; what was signed for and paid, by session.
    mapping(address => uint256) internal moneyIn;
    mapping(address => uint256) internal moneyOut;
    mapping(bytes32 => uint256) internal signedFor;
    mapping(uint256 => uint256) internal frozen;
    uint64 internal sessions;
    // Which offer a session is under.
    mapping(uint64 => uint256) internal seedOf;
    mapping(uint64 => bool) internal quotaSessions;
    // What a version of class 1 was given, but for what later ones passed on; what was claimed of it.
    mapping(uint256 version => mapping(address => uint256)) internal given;
    mapping(uint256 version => mapping(address => uint256)) internal claimed;
    // Which version each comes after, and what that one keeps. Two come after the first.
    uint32[5] internal predecessor = [0, 0, 1, 2, 1];
    uint16[5] internal keepBps = [0, 0, 3_000, 4_999, 1_234];
    uint256 internal own;
    // Set when something that must never happen did.
    string internal broken;

    function setUp() public override {
        super.setUp();
        minted();
        // Their shares sum to primes, so that something is carried.
        mintedNext(2, keepBps[2], 33);
        mintedNext(3, keepBps[3], 57);
        mintedAfter(predecessor[4], 4, keepBps[4], 39);
        vm.prank(who(CREATOR));
        own = token.createClass("", 0, 0, "");
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(who(CREATOR));
            token.mint(own, who(WRITER + i), 10, 1 + i, i == 0 ? uint64(time() + 2 hours) : 0);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(this);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = this.actDeposit.selector;
        selectors[1] = this.actOpen.selector;
        selectors[2] = this.actRedeem.selector;
        selectors[3] = this.actClose.selector;
        selectors[4] = this.actSettle.selector;
        selectors[5] = this.actClaim.selector;
        selectors[6] = this.actTransfer.selector;
        selectors[7] = this.actMint.selector;
        selectors[8] = this.actWithdraw.selector;
        selectors[9] = this.actTopUp.selector;
        selectors[10] = this.actSponsor.selector;
        selectors[11] = this.actOpenByQuota.selector;
        selectors[12] = this.actPass.selector;
        targets[0] = FuzzSelector(address(this), selectors);
    }

    function pick(uint256 seed) private view returns (address) {
        return seed % 2 == 0 ? COIN : address(dollar);
    }

    function fund(address account, address asset, uint256 amount) private returns (uint256 value) {
        moneyIn[asset] += amount;
        if (asset == COIN) {
            vm.deal(account, account.balance + amount);
            return amount;
        }
        dollar.give(account, amount);
        vm.prank(account);
        dollar.approve(address(settlement), amount);
    }

    function actDeposit(uint256 seed, uint96 amount) external {
        address asset = pick(seed);
        uint256 value = fund(who(CONSUMER), asset, amount);
        vm.prank(who(CONSUMER));
        settlement.deposit{value: value}(asset, amount);
    }

    function actOpen(uint256 seed, uint96 amount) external {
        Offer memory o = offerOf(seed);
        uint256 available = settlement.balanceOf(who(CONSUMER), o.asset);
        uint96 deposit = uint96(within(amount, 0, available > type(uint96).max ? type(uint96).max : available));
        seedOf[++sessions] = seed;
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(sessions, who(CONSUMER), deposit, 0), o, signed);
    }

    /// A session that was opened, and its offer.
    function session(uint256 seed) private view returns (uint64 nonce, Offer memory o, bytes32 id) {
        nonce = uint64(1 + seed % sessions);
        o = offerOf(seedOf[nonce]);
        id = sessionId(nonce, o);
    }

    /// Vouchers of two sessions at once, under one offer or two.
    function actRedeem(uint256 seed, uint96 first, uint96 second) external {
        if (sessions == 0) return;
        Settlement.Claims[] memory batches = new Settlement.Claims[](2);
        bytes32[2] memory ids;
        uint256[2] memory before;
        for (uint256 i = 0; i < 2; ++i) {
            Settlement.Claims memory b = batches[i];
            uint64 nonce;
            (nonce, b.offer, ids[i]) = session(seed >> (8 * i));
            b.claims = new Settlement.Claim[](1);
            b.claims[0] = voucher(nonce, b.offer, i == 0 ? first : second);
            if (b.claims[0].cumulative > signedFor[ids[i]]) signedFor[ids[i]] = b.claims[0].cumulative;
            (, before[i],,,) = settlement.sessionOf(ids[i]);
        }
        if (ids[0] == ids[1]) batches[1].claims = new Settlement.Claim[](0);
        uint256[16] memory pending = allPending();
        vm.prank(who(NODE));
        settlement.redeem(batches);
        for (uint256 i = 0; i < 2; ++i) {
            (, uint256 now_,,,) = settlement.sessionOf(ids[i]);
            if (now_ < before[i]) broken = "what was redeemed shrank";
            if (now_ > signedFor[ids[i]]) broken = "more than was signed for";
            uint256 increment = batches[i].claims.length == 0 ? 0 : now_ - before[i];
            Offer memory o = batches[i].offer;
            given[o.version][o.asset] += increment - (increment * 2_000) / 10_000 - (increment * 1_000) / 10_000;
        }
        noneShrank(pending);
    }

    /// Of the share tokens of all versions, in both assets.
    function allPending() private view returns (uint256[16] memory pending) {
        for (uint256 i = 0; i < 16; ++i) {
            pending[i] = token.pendingRevenue(1 + i / 2, pick(i));
        }
    }

    function noneShrank(uint256[16] memory before) private {
        uint256[16] memory pending = allPending();
        for (uint256 i = 0; i < 16; ++i) {
            if (pending[i] < before[i]) broken = "a claim shrank";
        }
    }

    function actPass(uint256 seed) external {
        uint256[16] memory before = allPending();
        uint32 version = uint32(1 + (seed >> 1) % 4);
        token.pass(1, version, pick(seed));
        noneShrank(before);
        (, uint128 inbox,) = token.unclaimedRevenue(1, version, pick(seed));
        if (inbox != 0) broken = "something is left in an inbox";
        for (uint256 id = 2 * version - 1; id <= 2 * version; ++id) {
            uint256 pending = token.pendingRevenue(id, pick(seed));
            if (pending != before[2 * (id - 1) + seed % 2]) broken = "pending was not as if opened";
        }
    }

    function actClose(uint256 seed) external {
        if (sessions == 0) return;
        (uint64 nonce, Offer memory o, bytes32 id) = session(seed >> 8);
        (,, uint40 deadline,, SessionStatus status) = settlement.sessionOf(id);
        if (status == SessionStatus.Open) return close(seed % 3 == 0 ? NODE : CONSUMER, nonce, o);
        if (status != SessionStatus.Closing) return;
        if (seed % 3 == 0) vm.warp(deadline + 1);
        if (time() > deadline) close(STRANGER, nonce, o);
    }

    function actTopUp(uint256 seed, uint96 amount) external {
        if (sessions == 0) return;
        (uint64 nonce, Offer memory o, bytes32 id) = session(seed >> 8);
        (uint256 deposit,, uint40 deadline,, SessionStatus status) = settlement.sessionOf(id);
        bool byQuota = quotaSessions[nonce];
        if (status != SessionStatus.Open || time() > deadline || byQuota) return;
        uint256 most = type(uint96).max - deposit;
        uint256 available = settlement.balanceOf(who(CONSUMER), o.asset);
        uint96 part = uint96(within(amount, 0, available > most ? most : available));
        vm.prank(who(CONSUMER));
        settlement.topUp(nonce, who(CONSUMER), o, part);
    }

    function actSponsor(uint256 seed, uint96 amount) external {
        address asset = pick(seed);
        uint256 value = fund(who(CREATOR), asset, amount);
        vm.startPrank(who(CREATOR));
        settlement.deposit{value: value}(asset, amount);
        settlement.sponsor(1, asset, amount, type(uint128).max);
        (uint128 left,) = settlement.fundOf(1, asset);
        settlement.unsponsor(1, asset, uint128(within(seed >> 8, 0, left)));
        vm.stopPrank();
    }

    function actOpenByQuota(uint256 seed) external {
        Offer memory o = offerOf(seed);
        (uint128 left,) = settlement.fundOf(1, o.asset);
        if (left < o.quotaDeposit) return;
        vm.prank(who(CREATOR));
        uint256 access = token.mint(1, who(CONSUMER), 1, 0, 0);
        quotaSessions[++sessions] = true;
        seedOf[sessions] = seed;
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(sessions, who(CONSUMER), 0, access), o, signed);
    }

    function offerOf(uint256 seed) private view returns (Offer memory o) {
        o = offer(pick(seed));
        o.version = uint32(1 + (seed >> 1) % 4);
        (o.validUntil, o.quotaDeposit) = (type(uint64).max, 1_000_000);
    }

    /// On a version by its number, on the last without, or on the class that has none.
    function actSettle(uint256 seed, uint96 amount) external {
        address asset = pick(seed);
        uint32 version = uint32((seed >> 8) % 5);
        bool named = version != 4 || seed % 5 == 0;
        uint256 class = version == 0 ? own : 1;
        uint256 value = fund(who(STRANGER), asset, amount);
        if (version != 0) given[version][asset] += amount;
        note();
        vm.prank(who(STRANGER));
        if (asset == COIN && named) token.settleRevenueETH{value: value}(class, version);
        else if (asset == COIN) token.settleRevenueETH{value: value}(class);
        else if (named) token.settleRevenueERC20(class, version, asset, amount);
        else token.settleRevenueERC20(class, asset, amount);
        check();
    }

    /// Remembers what expired tokens could claim before a settlement.
    function note() private {
        for (uint256 id = 1; id <= token.tokenCount(); ++id) {
            uint64 at = token.expireAtOf(id);
            bool expired = at != 0 && time() > at;
            frozen[id] = expired ? token.pendingRevenue(id, COIN) + 1 : 0;
        }
    }

    function check() private {
        for (uint256 id = 1; id <= token.tokenCount(); ++id) {
            if (frozen[id] != 0 && token.pendingRevenue(id, COIN) + 1 != frozen[id]) {
                broken = "an expired token earned";
            }
        }
    }

    function actClaim(uint256 seed) external {
        address asset = pick(seed);
        uint256 id = 1 + (seed >> 8) % token.tokenCount();
        address owner = token.ownerOf(id);
        vm.prank(owner);
        uint256 amount = token.claim(id, asset, payable(address(0xBEEF)));
        moneyOut[asset] += amount;
        claimed[token.versionOfToken(id)][asset] += amount;
    }

    function actTransfer(uint256 seed) external {
        uint256 id = 1 + seed % token.tokenCount();
        address owner = token.ownerOf(id);
        for (uint256 i = 0; i < 2; ++i) {
            claimed[token.versionOfToken(id)][pick(i)] += token.pendingRevenue(id, pick(i));
        }
        vm.prank(owner);
        token.transferToken(id, who(WRITER + (seed >> 8) % 4));
    }

    function actMint(uint256 seed, uint32 share) external {
        vm.warp(time() + seed % 1 hours);
        if (token.tokenCount() > 60) return;
        uint64 expireAt = seed % 3 == 0 ? 0 : uint64(time() + (seed >> 8) % 1 hours);
        vm.prank(who(CREATOR));
        token.mint(own, who(WRITER), seed % 100, share, expireAt);
    }

    function actWithdraw(uint256 seed, uint96 amount) external {
        address asset = pick(seed);
        address[4] memory accounts = [who(NODE), who(CONSUMER), who(CREATOR), who(WRITER)];
        address account = accounts[(seed >> 8) % 4];
        uint256 part = within(amount, 0, settlement.balanceOf(account, asset));
        vm.prank(account);
        settlement.withdraw(asset, address(0xBEEF), part);
        moneyOut[asset] += part;
    }

    function held(address asset) private view returns (uint256 sum) {
        for (uint256 key = 1; key < 14; ++key) {
            sum += settlement.balanceOf(who(key), asset);
        }
        sum += settlement.balanceOf(address(timelock), asset);
        for (uint256 seed = 0; seed < sessions; ++seed) {
            (, Offer memory o, bytes32 id) = session(seed);
            (uint256 deposit, uint256 redeemed,,, SessionStatus status) = settlement.sessionOf(id);
            if (o.asset != asset) continue;
            if (status == SessionStatus.Open || status == SessionStatus.Closing) sum += deposit - redeemed;
        }
        (uint128 put,) = settlement.fundOf(1, asset);
        sum += put;
        for (uint256 version = 0; version <= 4; ++version) {
            (uint128 unclaimed, uint128 inbox,) = revenueOf(version, asset);
            sum += unclaimed + inbox;
        }
    }

    /// Of a version of class 1; 0 is the class without versions.
    function revenueOf(uint256 version, address asset) private view returns (uint128, uint128, uint64) {
        return token.unclaimedRevenue(version == 0 ? own : 1, uint32(version), asset);
    }

    function isOf(uint256 id, uint256 version) private view returns (bool) {
        return token.classOf(id) == (version == 0 ? own : 1) && token.versionOfToken(id) == version;
    }

    function invariant_money_in_is_money_out_plus_money_held() public view {
        for (uint256 i = 0; i < 2; ++i) {
            address asset = pick(i);
            uint256 owns = asset == COIN ? address(settlement).balance : dollar.balanceOf(address(settlement));
            eq(moneyIn[asset], moneyOut[asset] + owns, "in = out + held");
            eq(owns, held(asset), "held = balances + funds + deposits + revenue");
        }
    }

    function invariant_counted_shares_are_the_total_share() public view {
        for (uint256 version = 0; version <= 4; ++version) {
            uint256 sum;
            for (uint256 id = 1; id <= token.tokenCount(); ++id) {
                if (isOf(id, version) && token.countedInShare(id)) sum += token.shareRatioOf(id);
            }
            eq(sum, token.totalShareOf(version == 0 ? own : 1, uint32(version)), "shares");
        }
    }

    function invariant_claims_and_carry_are_what_is_unclaimed() public view {
        for (uint256 version = 0; version <= 4; ++version) {
            for (uint256 i = 0; i < 2; ++i) {
                (uint128 unclaimed, uint128 inbox,) = revenueOf(version, pick(i));
                uint256 pending;
                for (uint256 id = 1; id <= token.tokenCount(); ++id) {
                    if (isOf(id, version)) pending += token.pendingRevenue(id, pick(i));
                }
                le(pending, uint256(unclaimed) + inbox, "claims are covered");
                // What is not claimable yet: less than a unit for each token, and one carried.
                le(unclaimed, pending + token.tokenCount() + 1, "and nothing is lost");
            }
        }
    }

    function invariant_what_a_version_was_given_is_its_shares_and_what_its_predecessor_keeps() public view {
        for (uint256 i = 0; i < 2; ++i) {
            uint256[5] memory passed;
            for (uint256 version = 4; version >= 1; --version) {
                (uint128 unclaimed, uint128 inbox, uint64 carry) = revenueOf(version, pick(i));
                uint256 opened = given[version][pick(i)] + passed[version] - inbox;
                uint256 earned = unclaimed + claimed[version][pick(i)];
                uint256 kept = (opened * keepBps[version]) / 10_000;
                passed[predecessor[version]] += kept;
                eq(opened, earned + kept, "floored once, however often it was opened");
                // Nobody joins: what is claimed is the only debt.
                uint256 perShare = token.accRevenuePerShare(1, uint32(version), pick(i));
                uint256 total = token.totalShareOf(1, uint32(version));
                eq(total * perShare + carry, earned * 1 ether, "to the last part of a unit");
            }
        }
    }

    function invariant_nothing_that_must_never_happen_did() public view {
        holds(bytes(broken).length == 0, broken);
    }
}

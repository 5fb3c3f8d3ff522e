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
    mapping(uint64 => bool) internal quotaSessions;
    uint256 internal own;
    // Set when something that must never happen did.
    string internal broken;

    function setUp() public override {
        super.setUp();
        minted();
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
        bytes4[] memory selectors = new bytes4[](12);
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
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(++sessions, who(CONSUMER), deposit, 0), o, signed);
    }

    function actRedeem(uint256 seed, uint96 first, uint96 second) external {
        if (sessions == 0) return;
        Offer memory o = offerOf(seed);
        Settlement.Claim[] memory claims = new Settlement.Claim[](2);
        uint256[2] memory before;
        for (uint256 i = 0; i < 2; ++i) {
            uint64 nonce = uint64(1 + (seed >> (8 * (i + 1))) % sessions);
            bytes32 id = sessionId(nonce, o);
            claims[i] = voucher(nonce, o, i == 0 ? first : second);
            if (claims[i].cumulative > signedFor[id]) signedFor[id] = claims[i].cumulative;
            (, before[i],,,) = settlement.sessionOf(id);
        }
        uint256[5] memory pending;
        for (uint256 id = 1; id <= 5; ++id) {
            pending[id - 1] = token.pendingRevenue(id, o.asset);
        }
        vm.prank(who(NODE));
        settlement.redeem(batch(o, claims));
        for (uint256 i = 0; i < 2; ++i) {
            (, uint256 now_,,,) = settlement.sessionOf(sessionId(claims[i].nonce, o));
            if (now_ < before[i]) broken = "what was redeemed shrank";
            if (now_ > signedFor[sessionId(claims[i].nonce, o)]) broken = "more than was signed for";
        }
        for (uint256 id = 1; id <= 5; ++id) {
            if (token.pendingRevenue(id, o.asset) < pending[id - 1]) broken = "a claim shrank";
        }
    }

    function actClose(uint256 seed) external {
        if (sessions == 0) return;
        Offer memory o = offerOf(seed);
        uint64 nonce = uint64(1 + (seed >> 8) % sessions);
        (,, uint40 deadline,, SessionStatus status) = settlement.sessionOf(sessionId(nonce, o));
        if (status == SessionStatus.Open) return close(seed % 3 == 0 ? NODE : CONSUMER, nonce, o);
        if (status != SessionStatus.Closing) return;
        if (seed % 3 == 0) vm.warp(deadline + 1);
        if (time() > deadline) close(STRANGER, nonce, o);
    }

    function actTopUp(uint256 seed, uint96 amount) external {
        if (sessions == 0) return;
        Offer memory o = offerOf(seed);
        uint64 nonce = uint64(1 + (seed >> 8) % sessions);
        (uint256 deposit,, uint40 deadline,, SessionStatus status) = settlement.sessionOf(sessionId(nonce, o));
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
        bytes memory signed = signature(NODE, this.hashOf(o));
        vm.prank(who(CONSUMER));
        settlement.open(Settlement.Opening(sessions, who(CONSUMER), 0, access), o, signed);
    }

    function offerOf(uint256 seed) private view returns (Offer memory o) {
        o = offer(pick(seed));
        (o.validUntil, o.quotaDeposit) = (type(uint64).max, 1_000_000);
    }

    function actSettle(uint256 seed, uint96 amount) external {
        address asset = pick(seed);
        uint256 class = 1 + (seed >> 8) % 2;
        uint256 value = fund(who(STRANGER), asset, amount);
        note();
        vm.prank(who(STRANGER));
        if (asset == COIN) token.settleRevenueETH{value: value}(class);
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
        moneyOut[asset] += token.claim(id, asset, payable(address(0xBEEF)));
    }

    function actTransfer(uint256 seed) external {
        uint256 id = 1 + seed % token.tokenCount();
        address owner = token.ownerOf(id);
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
        Offer memory o = offerOf(asset == COIN ? 0 : 1);
        for (uint64 nonce = 1; nonce <= sessions; ++nonce) {
            (uint256 deposit, uint256 redeemed,,, SessionStatus status) = settlement.sessionOf(sessionId(nonce, o));
            if (status == SessionStatus.Open || status == SessionStatus.Closing) sum += deposit - redeemed;
        }
        (uint128 put,) = settlement.fundOf(1, asset);
        sum += put;
        for (uint256 class = 1; class <= 2; ++class) {
            (uint128 unclaimed,,) = token.unclaimedRevenue(class, class == 1 ? 1 : 0, asset);
            sum += unclaimed;
        }
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
        for (uint256 class = 1; class <= 2; ++class) {
            uint256 sum;
            for (uint256 id = 1; id <= token.tokenCount(); ++id) {
                if (token.classOf(id) == class && token.countedInShare(id)) sum += token.shareRatioOf(id);
            }
            eq(sum, token.totalShareOf(class, class == 1 ? 1 : 0), "shares");
        }
    }

    function invariant_claims_and_carry_are_what_is_unclaimed() public view {
        for (uint256 class = 1; class <= 2; ++class) {
            for (uint256 i = 0; i < 2; ++i) {
                (uint128 unclaimed,,) = token.unclaimedRevenue(class, class == 1 ? 1 : 0, pick(i));
                uint256 pending;
                for (uint256 id = 1; id <= token.tokenCount(); ++id) {
                    if (token.classOf(id) == class) pending += token.pendingRevenue(id, pick(i));
                }
                le(pending, unclaimed, "claims are covered");
                // What is not claimable yet: less than a unit for each token, and one carried.
                le(unclaimed, pending + token.tokenCount() + 1, "and nothing is lost");
            }
        }
    }

    function invariant_nothing_that_must_never_happen_did() public view {
        holds(bytes(broken).length == 0, broken);
    }
}

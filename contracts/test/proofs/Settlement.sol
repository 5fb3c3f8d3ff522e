// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DataAnchoringToken} from "../../src/DataAnchoringToken.sol";
import {MarketParameters} from "../../src/governance/MarketParameters.sol";
import {Offer, Params} from "../../src/interfaces/Types.sol";
import {Sessions} from "../../src/libraries/Sessions.sol";
import {Settlement} from "../../src/Settlement.sol";
import {Check} from "../support/Check.sol";

/// What the settlement asks of the parameters. (The real ones are named by a SHA-256, which halmos does not know.)
contract Parameters {
    address public constant governance = address(0x9001);
    bytes32 public constant ledgerId = "ledger";
    bytes32 public constant domainSeparator = "domain";
    uint32 public constant currentVersion = 1;

    function requireOpen() external pure {}

    function isAccepted(address asset) external pure returns (bool) {
        return asset == address(0);
    }

    function current() external pure returns (Params memory p) {
        p.maxSession = 1 days;
    }

    function splitAt(uint32) external pure returns (uint16 nodeBps, uint16 poolBps) {
        return (2_000, 1_000);
    }
}

/// What the settlement asks of the token contract.
contract Classes {
    uint256 public revenue;

    function accepts(uint256, uint32, bool) external pure returns (bool) {
        return true;
    }

    function creditRevenue(uint256, uint32, address, uint128 amount) external {
        revenue += amount;
    }
}

/// A proof over the whole contract: a session is opened, redeemed twice and ended, with any deposit and any vouchers.
/// The proof itself is node and consumer, as a contract account that says yes to everything.
contract SettlementProof is Check {
    address private constant PAYER = address(0x9a7e);
    address private constant POOL = address(0x9001);

    Classes private classes;
    Settlement private settlement;

    function setUp() external {
        classes = new Classes();
        MarketParameters parameters = MarketParameters(address(new Parameters()));
        settlement = new Settlement(parameters, DataAnchoringToken(address(classes)));
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }

    function check_every_unit_of_a_deposit_is_somebodys(uint96 deposit, uint128 cumulative) external {
        Offer memory o = opened(deposit);
        redeem(o, cumulative);
        // More than the deposit is not redeemed at all.
        uint256 expected = cumulative <= deposit ? cumulative : 0;
        assert(paid() == expected);
        end(o, deposit, expected);
    }

    /// A second voucher is split for what it is more, and what was redeemed is its sum. (That the parts are the whole is
    /// proved in `SplitProof`: here they are only compared.)
    function check_a_second_voucher_is_split_for_what_is_new(uint96 deposit, uint96 first, uint96 second) external {
        if (first >= second || second > deposit) return;
        Offer memory o = opened(deposit);
        redeem(o, first);
        (uint256 node, uint256 pool, uint256 rest) = Sessions.split(first, 2_000, 1_000);
        (uint256 nodeNow, uint256 poolNow, uint256 restNow) = Sessions.split(uint256(second) - first, 2_000, 1_000);
        redeem(o, second);
        unchecked {
            assert(settlement.balanceOf(address(this), address(0)) == node + nodeNow);
            assert(settlement.balanceOf(POOL, address(0)) == pool + poolNow);
            assert(classes.revenue() == uint256(uint128(rest)) + uint128(restNow));
        }
        end(o, deposit, second);
    }

    /// A voucher for less than was redeemed changes nothing.
    function check_what_was_redeemed_never_shrinks(uint96 deposit, uint96 first, uint128 second) external {
        if (first > deposit || second > first) return;
        Offer memory o = opened(deposit);
        redeem(o, first);
        redeem(o, second);
        assert(paid() == first);
        end(o, deposit, first);
    }

    function opened(uint96 deposit) private returns (Offer memory o) {
        (o.node, o.class, o.version, o.sessionSeconds) = (address(this), 1, 1, 1 hours);
        o.validUntil = type(uint64).max;
        vm.deal(PAYER, deposit);
        vm.prank(PAYER);
        settlement.open{value: deposit}(Settlement.Opening(1, address(this), deposit, 0), o, "");
    }

    function end(Offer memory o, uint256 deposit, uint256 redeemed) private {
        settlement.close(PAYER, 1, address(this), o);
        assert(settlement.balanceOf(PAYER, address(0)) == deposit - redeemed);
        assert(address(settlement).balance == deposit);
    }

    function redeem(Offer memory o, uint128 cumulative) private {
        Settlement.Claims[] memory batches = new Settlement.Claims[](1);
        batches[0] = Settlement.Claims(o, new Settlement.Claim[](1));
        batches[0].claims[0] = Settlement.Claim(PAYER, 1, address(this), cumulative, "");
        settlement.redeem(batches);
    }

    /// What node, pool and class have.
    function paid() private view returns (uint256) {
        uint256 node = settlement.balanceOf(address(this), address(0));
        return node + settlement.balanceOf(POOL, address(0)) + classes.revenue();
    }
}

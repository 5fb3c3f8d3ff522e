// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DataAnchoringToken} from "../../src/DataAnchoringToken.sol";
import {DatasetRegistry} from "../../src/DatasetRegistry.sol";
import {MarketParameters} from "../../src/governance/MarketParameters.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Account} from "../../src/token/Accounts.sol";

/// A class of two versions with one between them, whose revenue the proof brings.
contract TwoVersions is DataAnchoringToken {
    constructor(uint16 keepBps, uint64 first, uint64 second)
        DataAnchoringToken(MarketParameters(address(1)), DatasetRegistry(address(1)), IVault(msg.sender))
    {
        classCount = 1;
        _classes[1].anchored = true;
        _versions[1].push(Version(0, 0, 0, false, 0, 0, first));
        // One between them, which has no part in what follows.
        _versions[1].push(Version(0, 0, 0, false, 1, 0, 1));
        _versions[1].push(Version(0, 0, 0, false, 1, keepBps, second));
    }
}

/// Proofs about what comes in, for any account and amount. Where an amount does not fit, nothing happens: it reverts.
contract RevenueProof {
    address private constant COIN = address(0);

    /// What is kept and what is distributed are what came in, and remainders are less than what they remain of.
    function check_what_came_in_is_kept_or_distributed(
        uint128 unclaimed,
        uint128 inbox,
        uint64 carry,
        uint16 rest,
        uint16 keepBps,
        uint64 totalShare
    ) external pure {
        if (rest >= 10_000 || keepBps > 5_000 || carry >= totalShare) return;
        Account memory a = Account(0, carry, rest, unclaimed, inbox);
        uint256 kept = a.open(keepBps, totalShare);
        assert(a.inbox == 0);
        assert(a.rest < 10_000);
        assert(a.carry < totalShare);
        unchecked {
            assert(kept <= inbox);
            assert(kept + a.unclaimed == uint256(inbox) + unclaimed);
            assert(kept * 10_000 + a.rest == uint256(inbox) * keepBps + rest);
        }
    }

    /// What all shares earned and what is carried is what is distributed, to the last part of a unit.
    function check_shares_and_carry_are_what_is_distributed(
        uint176 perShare,
        uint64 carry,
        uint128 inbox,
        uint64 totalShare
    ) external pure {
        if (carry >= totalShare) return;
        Account memory a = Account(perShare, carry, 0, 0, inbox);
        uint256 kept = a.open(0, totalShare);
        assert(kept == 0);
        unchecked {
            uint256 earned = a.perShare - perShare;
            assert(earned * totalShare + a.carry == uint256(inbox) * 1e18 + carry);
        }
    }

    /// The whole way through the contract's storage: a sum comes to a version, and a part waits at the one that it comes
    /// after, and nothing at the one that was minted between them.
    function check_revenue_of_two_versions_is_conserved(uint96 amount, uint16 keepBps, uint64 first, uint64 second)
        external
    {
        if (first == 0 || second == 0 || keepBps > 5_000) return;
        TwoVersions token = new TwoVersions(keepBps, first, second);
        token.creditRevenue(1, 3, COIN, amount);
        (uint128 unclaimed, uint128 inbox, uint64 carry) = token.unclaimedRevenue(1, 3, COIN);
        (uint128 below, uint128 waits,) = token.unclaimedRevenue(1, 1, COIN);
        assert(inbox == 0 && below == 0 && carry < second);
        (uint128 between, uint128 waiting,) = token.unclaimedRevenue(1, 2, COIN);
        assert(between == 0 && waiting == 0);
        unchecked {
            assert(uint256(unclaimed) + waits == amount);
        }
        token.pass(1, 1, COIN);
        (below, inbox,) = token.unclaimedRevenue(1, 1, COIN);
        assert(below == waits && inbox == 0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TokenBase} from "./TokenBase.sol";

/// @notice Revenue of a version of a class in one asset, or of a class without versions.
struct Account {
    // What one share has earned since the beginning, times 10^18.
    uint176 perShare;
    // What did not divide, times 10^18: less than the total share at that time.
    uint64 carry;
    // What did not divide of the part that its predecessor gets, times 10^4: less than 10,000.
    uint16 rest;
    // Distributed and not claimed yet, the carried part included.
    uint128 unclaimed;
    // What came in and is not distributed yet: from versions that come after it.
    uint128 inbox;
}

using Accounts for Account global;

/// @title What comes in, between the version's predecessor and the shares, to the unit
/// @notice Remainders are kept instead of dropped, so many small sums come to what one large sum does.
library Accounts {
    uint256 internal constant SCALE = 1e18;

    /// @notice Distributes what is in the inbox over the shares. Returns what the predecessor keeps of it: that goes into
    /// the inbox there.
    /// @param totalShare Is not 0.
    function open(Account memory a, uint256 keepBps, uint256 totalShare) internal pure returns (uint256 kept) {
        uint256 own = a.inbox;
        a.inbox = 0;
        uint256 parts = own * keepBps + a.rest;
        kept = parts / 10_000;
        a.rest = uint16(parts % 10_000);
        own -= kept;
        uint256 available = own * SCALE + a.carry;
        uint256 perShare = a.perShare + available / totalShare;
        // Where one share earned 2^116 units: more than there is of any asset worth accepting.
        if (perShare > type(uint176).max) revert TokenBase.OutOfRange("revenue per share", perShare);
        a.perShare = uint176(perShare);
        a.carry = uint64(available % totalShare);
        a.unclaimed = fit(a.unclaimed + own);
    }

    function fit(uint256 amount) internal pure returns (uint128) {
        if (amount > type(uint128).max) revert TokenBase.OutOfRange("amount", amount);
        return uint128(amount);
    }
}

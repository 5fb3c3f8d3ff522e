// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {MarketParameters} from "./MarketParameters.sol";

/// @title The delay between a vote and its effect, with bounds that no vote moves
/// @notice OpenZeppelin's takes any delay, 0 too: then whoever wins one vote gets the next ones at once, before anybody
/// who disagrees can leave. Nobody administers it but itself.
contract MarketTimelock is TimelockController {
    /// @notice Holders must be able to notice what was voted.
    uint256 public constant MIN_DELAY = 1 hours;
    /// @notice No vote can put the next ones off for longer.
    uint256 public constant MAX_DELAY = 60 days;

    constructor(uint256 minDelay, address[] memory proposers, address[] memory executors)
        TimelockController(minDelay, proposers, executors, address(0))
    {
        _check(minDelay);
    }

    /// @notice Changes the delay of what is scheduled from now on; by vote.
    function updateDelay(uint256 newDelay) public override {
        _check(newDelay);
        super.updateDelay(newDelay);
    }

    function _check(uint256 delay) private pure {
        if (delay < MIN_DELAY || delay > MAX_DELAY) revert MarketParameters.OutOfBounds("timelock", delay);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The token contract, as the registry sees it: the two name each other
interface IClasses {
    /// @notice Whether an account has a class that is anchored to submissions; false for unknown classes.
    function ownsAnchored(uint256 classId, address account) external view returns (bool);
    /// @notice How many versions a class has; 0 for unknown classes.
    function versionCount(uint256 classId) external view returns (uint256);
}

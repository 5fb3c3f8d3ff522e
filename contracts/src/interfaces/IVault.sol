// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where the market's money is: the settlement, as the other contracts see it
interface IVault {
    /// @notice Adds money that comes with the call, or by allowance, to an account's balance.
    function depositFor(address account, address asset, uint256 amount) external payable;

    /// @notice Adds revenue that its class had to an account's balance; by the token contract.
    function creditFromRevenue(address account, address asset, uint256 amount) external;

    /// @notice Pays revenue that its class had out; by the token contract.
    function payFromRevenue(address to, address asset, uint256 amount) external;

    /// @notice Takes money that becomes a class's revenue; by the token contract.
    function takeAsRevenue(address from, address asset, uint256 amount) external payable;
}

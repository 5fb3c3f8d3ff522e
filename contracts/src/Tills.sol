// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Settlement} from "./Settlement.sol";
import {SignedTransfers} from "./libraries/SignedTransfers.sol";

/// @title A till: an address whose money is the revenue of one version at one node
contract Till {
    using SafeERC20 for IERC20;

    error NotAllowed(address sender);

    address private immutable _tills = msg.sender;

    /// @notice Hands all of an asset over; to the contract that made it.
    function empty(address asset) external returns (uint256 amount) {
        if (msg.sender != _tills) revert NotAllowed(msg.sender);
        amount = IERC20(asset).balanceOf(address(this));
        if (amount != 0) IERC20(asset).safeTransfer(msg.sender, amount);
    }
}

/// @title Payments to a plain address that are split as the market's revenue is
/// @notice A wallet that knows nothing of the market pays the till of a version at a node: by a transfer that it signs
/// (ERC-3009), as x402's scheme "exact" asks for. Whoever sends that transfer, and by which call, the money is at an
/// address that only this contract empties, into the settlement, for that version and node. Nobody owns this contract,
/// and it holds nothing between calls.
contract Tills {
    using SafeERC20 for IERC20;

    /// @notice A version at a node, for whose replies is paid.
    struct Sale {
        address node;
        uint64 class;
        uint32 version;
        address asset;
    }

    /// @notice What a payer signed: a `TransferWithAuthorization` of ERC-3009 to the sale's till.
    struct Authorization {
        address from;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }

    Settlement public immutable settlement;
    address private immutable _till;

    constructor(Settlement settlement_) {
        settlement = settlement_;
        _till = address(new Till());
    }

    /// @notice The till of a version at a node, for any asset. It is good before there is code at it.
    function tillOf(address node, uint64 class, uint32 version) public view returns (address) {
        return Clones.predictDeterministicAddress(_till, _salt(node, class, version));
    }

    /// @notice Takes a signed payment, and what else is in the till, to the settlement. Anybody may send it. A payment
    /// that was taken before reverts, as the asset says.
    function settle(Sale calldata sale, Authorization calldata a, bytes calldata signature)
        external
        returns (uint256 amount)
    {
        address to = tillOf(sale.node, sale.class, sale.version);
        SignedTransfers.Transfer memory t =
            SignedTransfers.Transfer(a.from, to, a.value, a.validAfter, a.validBefore, a.nonce);
        SignedTransfers.send(sale.asset, t, signature);
        return sweep(sale);
    }

    /// @notice Takes what is in a till to the settlement, where it is split. Anybody may send it.
    function sweep(Sale calldata sale) public returns (uint256 amount) {
        bytes32 salt = _salt(sale.node, sale.class, sale.version);
        address till = Clones.predictDeterministicAddress(_till, salt);
        if (till.code.length == 0) till = Clones.cloneDeterministic(_till, salt);
        amount = Till(till).empty(sale.asset);
        if (amount == 0) return 0;
        IERC20(sale.asset).forceApprove(address(settlement), amount);
        settlement.deposit(sale.asset, amount);
        settlement.pay(sale.node, sale.class, sale.version, sale.asset, SafeCast.toUint128(amount));
    }

    function _salt(address node, uint64 class, uint32 version) private pure returns (bytes32) {
        return keccak256(abi.encode(node, class, version));
    }
}

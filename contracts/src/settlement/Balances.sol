// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {DataAnchoringToken} from "../DataAnchoringToken.sol";
import {MarketParameters} from "../governance/MarketParameters.sol";
import {IVault} from "../interfaces/IVault.sol";
import {SignedTransfers} from "../libraries/SignedTransfers.sol";

/// @title Money of accounts, and of classes that pay for their quota
/// @notice Nothing is pushed to anybody: what is earned is a balance, to be withdrawn.
abstract contract Balances is IVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    error AmountReceived(address asset, uint256 expected, uint256 received);
    error AssetNotAccepted(address asset);
    error BalanceTooSmall(address account, address asset, uint256 available, uint256 needed);
    error FundTooSmall(uint256 class, address asset, uint256 available, uint256 needed);
    error NotAllowed(address sender);
    error PaymentFailed(address to, uint256 amount);

    event Deposited(address indexed account, address indexed asset, uint256 amount);
    event Withdrawn(address indexed account, address indexed asset, address to, uint256 amount);
    event Transferred(address indexed from, address indexed to, address indexed asset, uint256 amount);
    /// Revenue that became a balance: a seller's, or a class owner's where no share counts.
    event RevenueCredited(address indexed account, address indexed asset, uint256 amount);
    event Sponsored(uint256 indexed class, address indexed asset, uint128 amount, uint128 perUnit);
    event Unsponsored(uint256 indexed class, address indexed asset, uint128 amount);

    /// @notice What a payer signed beside what a call says already: from when to when the transfer is valid (ERC-3009).
    struct SignedTransfer {
        uint256 validAfter;
        uint256 validBefore;
        bytes signature;
    }

    /// @notice What a class's owner put aside for sessions that are opened by quota.
    struct Fund {
        uint128 amount;
        // The most that one unit of quota takes: an offer that wants more is not served by quota.
        uint128 perUnit;
    }

    MarketParameters public immutable parameters;
    DataAnchoringToken public immutable token;

    mapping(address account => mapping(address asset => uint256)) public balanceOf;
    mapping(uint256 class => mapping(address asset => Fund)) public fundOf;

    constructor(MarketParameters parameters_, DataAnchoringToken token_) {
        parameters = parameters_;
        token = token_;
    }

    /// @notice Adds to the sender's balance: coins with the call, or an ERC-20 by allowance.
    function deposit(address asset, uint256 amount) external payable nonReentrant {
        _deposit(msg.sender, asset, amount);
    }

    /// @inheritdoc IVault
    function depositFor(address account, address asset, uint256 amount) external payable nonReentrant {
        _deposit(account, asset, amount);
    }

    /// @notice Pays a part of the sender's balance out.
    function withdraw(address asset, address to, uint256 amount) external nonReentrant {
        _debit(msg.sender, asset, amount);
        emit Withdrawn(msg.sender, asset, to, amount);
        _pay(to, asset, amount);
    }

    /// @notice Moves a part of the sender's balance to somebody else's.
    function transfer(address to, address asset, uint256 amount) external {
        _debit(msg.sender, asset, amount);
        balanceOf[to][asset] += amount;
        emit Transferred(msg.sender, to, asset, amount);
    }

    /// @notice Moves money of the class's owner into the fund that pays for the class's quota, and says how much of it
    /// one unit takes at most.
    function sponsor(uint256 class, address asset, uint128 amount, uint128 perUnit) external {
        _onlyOwner(class);
        if (!parameters.isAccepted(asset)) revert AssetNotAccepted(asset);
        _debit(msg.sender, asset, amount);
        Fund storage fund = fundOf[class][asset];
        (fund.amount, fund.perUnit) = (fund.amount + amount, perUnit);
        emit Sponsored(class, asset, amount, perUnit);
    }

    /// @notice Takes money out of a class's fund; by the class's owner. Sessions that are open keep theirs.
    function unsponsor(uint256 class, address asset, uint128 amount) external {
        _onlyOwner(class);
        _debitFund(class, asset, amount);
        balanceOf[msg.sender][asset] += amount;
        emit Unsponsored(class, asset, amount);
    }

    /// @inheritdoc IVault
    function creditFromRevenue(address account, address asset, uint256 amount) external {
        _onlyToken();
        balanceOf[account][asset] += amount;
        emit RevenueCredited(account, asset, amount);
    }

    /// @inheritdoc IVault
    function payFromRevenue(address to, address asset, uint256 amount) external nonReentrant {
        _onlyToken();
        _pay(to, asset, amount);
    }

    /// @inheritdoc IVault
    function takeAsRevenue(address from, address asset, uint256 amount) external payable nonReentrant {
        _onlyToken();
        _take(from, asset, amount);
    }

    function _deposit(address account, address asset, uint256 amount) internal {
        _take(msg.sender, asset, amount);
        balanceOf[account][asset] += amount;
        emit Deposited(account, asset, amount);
    }

    /// Adds money of an account's wallet to its balance, by a transfer to this contract that it signed.
    function _depositSigned(
        address account,
        address asset,
        uint256 amount,
        bytes32 nonce,
        SignedTransfer calldata transfer_
    ) internal {
        if (!parameters.isAccepted(asset)) revert AssetNotAccepted(asset);
        uint256 before = IERC20(asset).balanceOf(address(this));
        SignedTransfers.Transfer memory t = SignedTransfers.Transfer(
            account, address(this), amount, transfer_.validAfter, transfer_.validBefore, nonce
        );
        SignedTransfers.receive_(asset, t, transfer_.signature);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != amount) revert AmountReceived(asset, amount, received);
        balanceOf[account][asset] += amount;
        emit Deposited(account, asset, amount);
    }

    function _debit(address account, address asset, uint256 amount) internal {
        uint256 available = balanceOf[account][asset];
        if (amount > available) revert BalanceTooSmall(account, asset, available, amount);
        balanceOf[account][asset] = available - amount;
    }

    function _debitFund(uint256 class, address asset, uint128 amount) internal {
        Fund storage fund = fundOf[class][asset];
        uint128 available = fund.amount;
        if (amount > available) revert FundTooSmall(class, asset, available, amount);
        fund.amount = available - amount;
    }

    /// Takes exactly `amount`: a token that takes a fee on the way is refused.
    function _take(address from, address asset, uint256 amount) private {
        if (asset == address(0)) {
            if (msg.value != amount) revert AmountReceived(asset, amount, msg.value);
            return;
        }
        if (msg.value != 0) revert AmountReceived(address(0), 0, msg.value);
        if (!parameters.isAccepted(asset)) revert AssetNotAccepted(asset);
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(from, address(this), amount);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != amount) revert AmountReceived(asset, amount, received);
    }

    function _pay(address to, address asset, uint256 amount) private {
        if (asset != address(0)) return IERC20(asset).safeTransfer(to, amount);
        // slither-disable-next-line arbitrary-send-eth: whose balance it was said where it goes.
        (bool success,) = to.call{value: amount}("");
        if (!success) revert PaymentFailed(to, amount);
    }

    function _onlyOwner(uint256 class) private view {
        if (msg.sender != token.classOwner(class)) revert NotAllowed(msg.sender);
    }

    function _onlyToken() private view {
        if (msg.sender != address(token)) revert NotAllowed(msg.sender);
    }
}

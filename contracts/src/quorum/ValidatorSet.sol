// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Params} from "../interfaces/Types.sol";
import {MarketParameters} from "../governance/MarketParameters.sol";
import {IVault} from "../interfaces/IVault.sol";
import {CodeStorage} from "../libraries/CodeStorage.sol";

/// @title Who validates, with what weight and what at stake
/// @notice Governance admits members and gives weights; a weight counts while its member has enough at stake. Stake is
/// the chain's own coin, leaves after an unbonding window, and not while a verdict of its member's can be disputed; it
/// can be slashed until it has left.
abstract contract ValidatorSet {
    error NotAllowed(address sender);
    error StakeTooSmall(address member, uint256 available, uint256 needed);
    error TooManyMembers(uint256 count);
    error Unbonding(address member, uint64 availableAt);
    error UnknownValidator(address validator);
    error WeightTooLarge(address member, uint64 weight, uint64 most);

    event MemberSet(address indexed member, uint64 weight);
    event Staked(address indexed member, uint128 amount);
    event UnstakeRequested(address indexed member, uint128 amount, uint64 availableAt);
    event Unstaked(address indexed member, uint128 amount);
    event Slashed(
        address indexed member, bytes32 indexed submission, uint128 amount, address indexed reporter, uint128 reward
    );

    struct Member {
        address member;
        uint64 weight;
    }

    struct Stake {
        uint128 bonded;
        uint128 unbonding;
        uint64 availableAt;
        // Until then a verdict of hers can be disputed, and nothing leaves.
        uint64 heldUntil;
    }

    /// @notice Members have a bit each in a submission's verdicts.
    uint256 public constant MAX_MEMBERS = 64;
    /// @notice So that all weights sum up.
    uint64 public constant MAX_WEIGHT = type(uint64).max / 64;

    MarketParameters public immutable parameters;
    /// @notice Where rewards, bonds and unbonded stakes are credited.
    IVault public immutable settlement;

    address[] private _members;
    mapping(address member => uint64) public weightOf;
    mapping(address member => Stake) public stakeOf;

    // The last snapshot, and what it was of: taken anew only when something changed.
    address private _lastSnapshot;
    uint64 private _lastTotal;
    uint32 private _lastParams;

    constructor(MarketParameters parameters_, address settlement_, Member[] memory members_) {
        parameters = parameters_;
        settlement = IVault(settlement_);
        for (uint256 i = 0; i < members_.length; ++i) {
            _setMember(members_[i].member, members_[i].weight);
        }
    }

    /// @notice Admits a member, changes a weight, or with weight 0 dismisses; by governance.
    function setMember(address member, uint64 weight) external {
        if (msg.sender != parameters.governance()) revert NotAllowed(msg.sender);
        _setMember(member, weight);
    }

    /// @notice Puts something at stake for the sender.
    function stake() external payable {
        if (msg.value == 0) revert StakeTooSmall(msg.sender, 0, 1);
        // A chain's own coin fits 128 bits many times over.
        stakeOf[msg.sender].bonded += uint128(msg.value);
        _forgetSnapshot(msg.sender);
        emit Staked(msg.sender, uint128(msg.value));
    }

    /// @notice Begins to take stake back. A second request starts the window anew for all of it.
    function requestUnstake(uint128 amount) external {
        Stake storage own = stakeOf[msg.sender];
        if (amount == 0) revert StakeTooSmall(msg.sender, 0, 1);
        if (amount > own.bonded) revert StakeTooSmall(msg.sender, own.bonded, amount);
        own.bonded -= amount;
        own.unbonding += amount;
        own.availableAt = uint64(block.timestamp) + parameters.current().unbondingWindow;
        _forgetSnapshot(msg.sender);
        emit UnstakeRequested(msg.sender, amount, own.availableAt);
    }

    /// @notice Credits what has unbonded to the sender's balance in the settlement.
    function withdrawStake() external returns (uint128 amount) {
        Stake storage own = stakeOf[msg.sender];
        amount = own.unbonding;
        uint64 from = own.availableAt > own.heldUntil ? own.availableAt : own.heldUntil;
        if (block.timestamp <= from) revert Unbonding(msg.sender, from);
        own.unbonding = 0;
        emit Unstaked(msg.sender, amount);
        _credit(msg.sender, amount);
    }

    function members() external view returns (address[] memory) {
        return _members;
    }

    function _setMember(address member, uint64 weight) private {
        if (weight > MAX_WEIGHT) revert WeightTooLarge(member, weight, MAX_WEIGHT);
        uint64 before = weightOf[member];
        if (before == 0 && weight != 0) {
            if (_members.length == MAX_MEMBERS) revert TooManyMembers(MAX_MEMBERS + 1);
            _members.push(member);
        } else if (before != 0 && weight == 0) {
            uint256 last = _members.length - 1;
            for (uint256 i = 0; i <= last; ++i) {
                if (_members[i] == member) {
                    _members[i] = _members[last];
                    break;
                }
            }
            _members.pop();
        }
        weightOf[member] = weight;
        _lastSnapshot = address(0);
        emit MemberSet(member, weight);
    }

    /// Has the next snapshot taken anew. Whoever has no weight changes none, and does not have a submitter pay for it.
    function _forgetSnapshot(address account) private {
        if (weightOf[account] != 0) _lastSnapshot = address(0);
    }

    /// Validators that count now with their weights, as code; and the sum of these.
    function _snapshot() internal returns (address snapshot, uint64 total) {
        uint32 version = parameters.currentVersion();
        if (_lastSnapshot != address(0) && _lastParams == version) return (_lastSnapshot, _lastTotal);
        uint128 minStake = parameters.current().minStake;
        uint256 count = _members.length;
        address[] memory validators = new address[](count);
        uint64[] memory weights = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) {
            validators[i] = _members[i];
            // Without enough at stake a member has no weight, but keeps her place.
            if (stakeOf[_members[i]].bonded >= minStake) weights[i] = weightOf[_members[i]];
            total += weights[i];
        }
        snapshot = CodeStorage.write(abi.encode(validators, weights))[0];
        (_lastSnapshot, _lastTotal, _lastParams) = (snapshot, total, version);
    }

    function _read(address snapshot) internal view returns (address[] memory, uint64[] memory) {
        return abi.decode(CodeStorage.read(snapshot), (address[], uint64[]));
    }

    function _place(address[] memory validators, address validator) internal pure returns (uint256) {
        for (uint256 i = 0; i < validators.length; ++i) {
            if (validators[i] == validator) return i;
        }
        revert UnknownValidator(validator);
    }

    /// Keeps a member's stake at least until then.
    function _hold(address member, uint64 until) internal {
        Stake storage own = stakeOf[member];
        if (own.heldUntil < until) own.heldUntil = until;
    }

    /// Takes a part of everything a member has not got back yet, by the parameters of the submission: some for the
    /// reporter, at most what she risked, so that no lie pays more than it costs; the rest for the pool.
    function _slash(address member, address reporter, bytes32 submission, Params memory params, uint256 risked)
        internal
    {
        Stake storage own = stakeOf[member];
        // slither-disable-next-line divide-before-multiply: the reward is a part of what was taken, to the unit.
        uint256 amount = ((uint256(own.bonded) + own.unbonding) * params.slashBps) / 10_000;
        uint128 fromUnbonding = amount > own.bonded ? uint128(amount - own.bonded) : 0;
        own.bonded -= uint128(amount) - fromUnbonding;
        own.unbonding -= fromUnbonding;
        uint256 reward = (amount * params.challengerBps) / 10_000;
        if (reward > risked) reward = risked;
        _lastSnapshot = address(0);
        emit Slashed(member, submission, uint128(amount), reporter, uint128(reward));
        _credit(reporter, reward);
        _credit(parameters.governance(), amount - reward);
    }

    function _credit(address account, uint256 amount) internal {
        settlement.depositFor{value: amount}(account, address(0), amount);
    }
}

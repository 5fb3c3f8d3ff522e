// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Params} from "../interfaces/Types.sol";
import {Ids} from "../libraries/Ids.sol";
import {Signed} from "../libraries/Signed.sol";

/// @title What the DAO sets, version by version, and what names this market
/// @notice Every change is a new version; a session keeps the version it was opened under, a submission the windows it
/// was submitted under. Only `governance`, the timelock that executes what was voted, changes anything.
///
/// Pausing: the guardian may stop new business (submitting, opening sessions, minting) for at most `MAX_PAUSE`, and
/// not again before `PAUSE_COOLDOWN` after that. Money is never stopped: nothing that deposits, redeems, closes,
/// claims, withdraws or unbonds asks whether the market is paused.
contract MarketParameters {
    using Checkpoints for Checkpoints.Trace208;

    error AssetRefused(address asset);
    error CreatorBelowMinimum(uint16 creatorBps);
    error MarketPaused(uint64 until);
    error NotAllowed(address sender);
    error OutOfBounds(string parameter, uint256 value);
    error PauseRefused(uint64 allowedFrom);
    error SplitSum(uint256 sum);
    error UnknownVersion(uint32 version);

    event ParametersApplied(uint32 indexed version, Params params);
    event AssetAccepted(address indexed asset);
    event GuardianChanged(address indexed guardian);
    event Paused(uint64 until);

    /// @notice The creator's class never gets less than half, whatever is voted.
    uint16 public constant MIN_CREATOR_BPS = 5_000;
    /// @notice Assets that prices can be in. More would make transfers of shares cost too much.
    uint256 public constant MAX_ASSETS = 8;
    /// @notice No vote can lock money up for longer than this.
    uint64 public constant MAX_WINDOW = 60 days;
    /// @notice No vote can be shorter: holders must be able to notice it.
    uint64 public constant MIN_VOTING_WINDOW = 1 hours;
    /// @notice Nor begin sooner: votes that are borrowed for two blocks decide nothing.
    uint64 public constant MIN_VOTING_DELAY = 1 minutes;
    /// @notice No vote can set the quorum of votes to less, in basis points: a hundredth of all.
    uint16 public constant MIN_QUORUM_BPS = 100;
    /// @notice No vote can leave nodes less time to redeem what they were promised.
    uint64 public constant MIN_DISPUTE_WINDOW = 10 minutes;
    uint64 public constant MAX_PAUSE = 7 days;
    /// @notice No vote can leave an ExEx less time to mint (a day more than the longest pause, in which nobody mints),
    /// or a submission undecided for longer.
    uint64 public constant MIN_MINT_WINDOW = MAX_PAUSE + 1 days;
    uint64 public constant MAX_MINT_WINDOW = 365 days;
    uint64 public constant PAUSE_COOLDOWN = 30 days;

    /// @notice The timelock: all that is voted comes from it, and the pool is its account.
    address public immutable governance;
    /// @notice Names this market in everything that is derived or proved.
    bytes32 public immutable ledgerId;

    address public guardian;
    uint64 public pausedUntil;
    uint64 private _nextPauseFrom;

    address[] private _assets;
    mapping(address asset => bool) public isAccepted;
    Params[] private _versions;
    /// The quorum of votes by time: a proposal is counted by that of its moment.
    Checkpoints.Trace208 private _quorums;

    /// @param assets Accepted beside the chain's own coin, which always is.
    constructor(address governance_, address guardian_, Params memory first, address[] memory assets) {
        governance = governance_;
        ledgerId = Ids.ledger(block.chainid, address(this));
        guardian = guardian_;
        _accept(address(0));
        for (uint256 i = 0; i < assets.length; ++i) {
            _accept(assets[i]);
        }
        _apply(first);
    }

    modifier onlyGovernance() {
        if (msg.sender != governance) revert NotAllowed(msg.sender);
        _;
    }

    /// @notice Puts new parameters into force, for what begins after this.
    function applyParameters(Params calldata next) external onlyGovernance {
        _apply(next);
    }

    /// @notice Accepts an asset for prices. It is never dropped again: what it earned stays claimable.
    function acceptAsset(address asset) external onlyGovernance {
        _accept(asset);
    }

    function setGuardian(address next) external onlyGovernance {
        guardian = next;
        emit GuardianChanged(next);
    }

    /// @notice Stops new business for some time.
    function pause(uint64 duration) external {
        if (msg.sender != guardian) revert NotAllowed(msg.sender);
        if (duration > MAX_PAUSE) revert OutOfBounds("pause", duration);
        if (block.timestamp < _nextPauseFrom) revert PauseRefused(_nextPauseFrom);
        pausedUntil = uint64(block.timestamp) + duration;
        _nextPauseFrom = pausedUntil + PAUSE_COOLDOWN;
        emit Paused(pausedUntil);
    }

    /// @notice Ends a pause; by the guardian or by vote.
    function unpause() external {
        if (msg.sender != guardian && msg.sender != governance) revert NotAllowed(msg.sender);
        pausedUntil = uint64(block.timestamp);
        emit Paused(pausedUntil);
    }

    /// @notice Reverts while the market takes no new business.
    function requireOpen() external view {
        if (block.timestamp < pausedUntil) revert MarketPaused(pausedUntil);
    }

    function currentVersion() public view returns (uint32) {
        return uint32(_versions.length);
    }

    function current() external view returns (Params memory) {
        return _versions[_versions.length - 1];
    }

    function versionAt(uint32 version) public view returns (Params memory) {
        if (version == 0 || version > _versions.length) revert UnknownVersion(version);
        return _versions[version - 1];
    }

    /// @notice The shares of node and pool; the class gets what is left.
    function splitAt(uint32 version) external view returns (uint16 nodeBps, uint16 poolBps) {
        if (version == 0 || version > _versions.length) revert UnknownVersion(version);
        Params storage params = _versions[version - 1];
        return (params.nodeBps, params.poolBps);
    }

    /// @notice The quorum of votes, in basis points, that was in force at a time (seconds since 1970).
    function quorumBpsAt(uint48 time) external view returns (uint256) {
        return _quorums.upperLookupRecent(time);
    }

    function acceptedAssets() external view returns (address[] memory) {
        return _assets;
    }

    /// @notice The EIP-712 domain of everything signed for this market.
    function domainSeparator() external view returns (bytes32) {
        return Signed.domainSeparator(address(this));
    }

    function _accept(address asset) private {
        if (isAccepted[asset] || _assets.length == MAX_ASSETS) revert AssetRefused(asset);
        isAccepted[asset] = true;
        _assets.push(asset);
        emit AssetAccepted(asset);
    }

    function _apply(Params memory p) private {
        uint256 sum = uint256(p.creatorBps) + p.nodeBps + p.poolBps;
        if (sum != 10_000) revert SplitSum(sum);
        if (p.creatorBps < MIN_CREATOR_BPS) revert CreatorBelowMinimum(p.creatorBps);
        _atMost("slashBps", p.slashBps, 10_000);
        _atMost("challengerBps", p.challengerBps, 10_000);
        _atMost("quorumBps", p.quorumBps, 10_000);
        _window("attestationWindow", p.attestationWindow);
        _window("challengeWindow", p.challengeWindow);
        _window("challengeVoteWindow", p.challengeVoteWindow);
        _window("unbondingWindow", p.unbondingWindow);
        _window("votingDelay", p.votingDelay);
        _window("votingWindow", p.votingWindow);
        _window("maxSession", p.maxSession);
        _window("disputeWindow", p.disputeWindow);
        _atMost("mintWindow", p.mintWindow, MAX_MINT_WINDOW);
        _atLeast("disputeWindow", p.disputeWindow, MIN_DISPUTE_WINDOW);
        _atLeast("mintWindow", p.mintWindow, MIN_MINT_WINDOW);
        _atLeast("quorumBps", p.quorumBps, MIN_QUORUM_BPS);
        _atLeast("votingDelay", p.votingDelay, MIN_VOTING_DELAY);
        _atLeast("votingWindow", p.votingWindow, MIN_VOTING_WINDOW);
        // A verdict is disputed at the latest that long after its submission: stake must not be gone before.
        uint256 dispute = uint256(p.attestationWindow) + p.challengeWindow + p.challengeVoteWindow;
        _atLeast("unbondingWindow", p.unbondingWindow, dispute);
        // Sessions keep their version in sixteen bits.
        if (_versions.length == type(uint16).max) revert OutOfBounds("version", _versions.length);
        _versions.push(p);
        // What it gives is the quorum before and after: of no use here.
        // slither-disable-next-line unused-return
        _quorums.push(uint48(block.timestamp), p.quorumBps);
        emit ParametersApplied(uint32(_versions.length), p);
    }

    function _window(string memory parameter, uint64 value) private pure {
        _atMost(parameter, value, MAX_WINDOW);
    }

    function _atLeast(string memory parameter, uint256 value, uint256 least) private pure {
        if (value < least) revert OutOfBounds(parameter, value);
    }

    function _atMost(string memory parameter, uint256 value, uint256 most) private pure {
        if (value > most) revert OutOfBounds(parameter, value);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

import {MarketParameters} from "./MarketParameters.sol";

/// @title The DAO: proposals, votes, and a timelock between a vote and its effect
/// @notice Delay, window and quorum of votes are parameters of the market, so the DAO changes them as it changes the
/// split. A proposal keeps its window, and its quorum is that of the moment whose votes count: a later change moves no
/// old proposal. What succeeded and is not queued in time expires: nobody brings it out years later, when its voters
/// have forgotten it.
contract MarketGovernor is Governor, GovernorCountingSimple, GovernorVotes, GovernorTimelockControl {
    /// @notice How long after its vote a proposal that succeeded can be queued.
    uint256 public constant QUEUE_WINDOW = 14 days;

    MarketParameters public immutable parameters;

    constructor(IVotes token_, TimelockController timelock_, MarketParameters parameters_)
        Governor("LazAI Governor")
        GovernorVotes(token_)
        GovernorTimelockControl(timelock_)
    {
        parameters = parameters_;
    }

    function votingDelay() public view override returns (uint256) {
        return parameters.current().votingDelay;
    }

    function votingPeriod() public view override returns (uint256) {
        return parameters.current().votingWindow;
    }

    function quorum(uint256 timepoint) public view override returns (uint256) {
        return (token().getPastTotalSupply(timepoint) * parameters.quorumBpsAt(uint48(timepoint))) / 10_000;
    }

    /// @notice A proposer needs a thousandth of all votes, so that nobody floods the DAO.
    function proposalThreshold() public view override returns (uint256) {
        return token().getPastTotalSupply(clock() - 1) / 1_000;
    }

    function state(uint256 proposalId) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        ProposalState now_ = super.state(proposalId);
        if (now_ != ProposalState.Succeeded) return now_;
        return clock() > proposalDeadline(proposalId) + QUEUE_WINDOW ? ProposalState.Expired : now_;
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DatasetRegistry} from "./DatasetRegistry.sol";
import {Settlement} from "./Settlement.sol";
import {ValidatorQuorum} from "./ValidatorQuorum.sol";
import {MarketParameters} from "./governance/MarketParameters.sol";
import {Offer, Params, Receipt} from "./interfaces/Types.sol";
import {CodeStorage} from "./libraries/CodeStorage.sol";
import {Ids} from "./libraries/Ids.sol";
import {SessionStatus} from "./libraries/Sessions.sol";
import {Signed} from "./libraries/Signed.sol";

/// @title Bonds of nodes and ExExes, and disputes about replies and trainings
/// @notice A node posts a bond. A session's consumer, or its payer, doubts one receipt that the node signed, with a stake;
/// as much of the node's bond is locked. The validators repeat the reply and vote, with the weights of that moment; the
/// node, the consumer and the payer do not. Two thirds of all weight decide, and the loser pays: a part to the winner, the
/// rest to the pool. Where two thirds do not agree in time, both have back what they put at risk.
///
/// An ExEx posts a bond, too. The submitter of what it minted, or a contributor, doubts its training at one state of the
/// record that it signed: validators repeat the steps from the state before.
///
/// Nothing is pushed: what is won, or comes back to a challenger, is a balance in the settlement.
contract Disputes {
    error DisputeRefused(bytes32 dispute, string reason);
    error NotAllowed(address sender);
    error StakeTooSmall(address account, uint256 available, uint256 needed);
    error Unbonding(address node, uint64 availableAt);
    error UnknownDispute(bytes32 dispute);
    error UnknownSession(bytes32 session);
    error UnknownSubmission(bytes32 submission);

    event BondPosted(address indexed node, uint128 amount);
    event BondLeaving(address indexed node, uint128 amount, uint64 availableAt);
    event BondTaken(address indexed node, uint128 amount);
    event DisputeOpened(
        bytes32 indexed dispute,
        address indexed node,
        address indexed challenger,
        uint128 stake,
        uint64 deadline,
        Receipt receipt,
        bytes signature
    );
    /// @param state The place of the state in the training record, from 0.
    event TrainingDisputed(
        bytes32 indexed dispute,
        address indexed exex,
        address indexed challenger,
        bytes32 submission,
        uint32 state,
        uint128 stake,
        uint64 deadline
    );
    event DisputeVoted(bytes32 indexed dispute, address indexed validator, bool same);
    event DisputeDecided(bytes32 indexed dispute, Outcome outcome, uint128 reward);

    enum Outcome {
        None,
        Open,
        // It was repeated: the challenger pays.
        Same,
        // It is another than was claimed: who claimed it pays.
        Other,
        Undecided
    }

    struct Bond {
        // Free, and stays.
        uint128 bonded;
        // Free, and leaves: until it is taken, disputes can lock it.
        uint128 leaving;
        // At risk in open disputes.
        uint128 locked;
        uint64 availableAt;
    }

    struct Dispute {
        address node;
        uint64 deadline;
        uint32 params;
        address challenger;
        uint64 totalWeight;
        Outcome outcome;
        uint128 stake;
        // What of the node's stake was leaving: there it goes back to.
        uint128 fromLeaving;
        // Who may vote, and their weights, as code.
        address snapshot;
        uint64 eligible;
        // Who voted, by their place in the snapshot.
        uint64 voted;
        uint64 sameWeight;
        uint64 otherWeight;
    }

    /// @notice What names a session.
    struct Named {
        address payer;
        uint64 nonce;
        address consumer;
        Offer offer;
    }

    /// @notice How long after a session's end its receipts can be disputed. The end is its deadline, or the time up to
    /// which its node redeems where its payer asked for the end. A training can be disputed as long after the last second in
    /// which it could be minted.
    uint64 public constant DISPUTE_WINDOW = 7 days;
    /// @notice How long validators have to decide.
    uint64 public constant VOTE_WINDOW = 7 days;

    bytes32 private constant TRAINING_TYPEHASH =
        keccak256("TrainingDoubt(bytes32 submission,uint32 state,address challenger)");

    MarketParameters public immutable parameters;
    ValidatorQuorum public immutable quorum;
    DatasetRegistry public immutable registry;
    Settlement public immutable settlement;
    bytes32 private immutable _ledgerId;

    mapping(address node => Bond) public bondOf;
    mapping(bytes32 dispute => Dispute) private _disputes;

    constructor(MarketParameters parameters_, ValidatorQuorum quorum_, Settlement settlement_) {
        parameters = parameters_;
        quorum = quorum_;
        registry = DatasetRegistry(quorum_.registry());
        settlement = settlement_;
        _ledgerId = parameters_.ledgerId();
    }

    /// @notice Adds to the sender's bond.
    function postBond() external payable {
        if (msg.value == 0) revert StakeTooSmall(msg.sender, 0, 1);
        // A chain's own coin fits 128 bits many times over.
        bondOf[msg.sender].bonded += uint128(msg.value);
        emit BondPosted(msg.sender, uint128(msg.value));
    }

    /// @notice Begins to take a bond back. What leaves can be locked until it is taken: no sooner than when every session
    /// that was opened before, and whose end was asked for by its deadline, and every training that was accepted before, can
    /// no longer be disputed. A second request starts the time anew for all of it.
    function leaveBond(uint128 amount) external {
        Bond storage own = bondOf[msg.sender];
        if (amount == 0) revert StakeTooSmall(msg.sender, 0, 1);
        if (amount > own.bonded) revert StakeTooSmall(msg.sender, own.bonded, amount);
        own.bonded -= amount;
        own.leaving += amount;
        Params memory params = parameters.current();
        uint64 ofSessions = params.maxSession + params.disputeWindow;
        uint64 ofTrainings = params.challengeWindow + params.challengeVoteWindow + params.mintWindow;
        uint64 longest = ofSessions > ofTrainings ? ofSessions : ofTrainings;
        own.availableAt = uint64(block.timestamp) + longest + DISPUTE_WINDOW;
        emit BondLeaving(msg.sender, amount, own.availableAt);
    }

    /// @notice Credits what has left to the sender's balance in the settlement.
    function takeBond() external returns (uint128 amount) {
        Bond storage own = bondOf[msg.sender];
        amount = own.leaving;
        if (amount == 0) revert StakeTooSmall(msg.sender, 0, 1);
        if (block.timestamp <= own.availableAt) revert Unbonding(msg.sender, own.availableAt);
        own.leaving = 0;
        emit BondTaken(msg.sender, amount);
        _credit(msg.sender, amount);
    }

    /// @notice Doubts a receipt, with the coins of the call; by its session's consumer or payer, once for a receipt. Its
    /// hash names the dispute: it holds the session, whose id holds market, payer and offer, and only the node signs it.
    function open(Named calldata session, Receipt calldata receipt, bytes calldata signature)
        external
        payable
        returns (bytes32 id)
    {
        id = Signed.hash(receipt);
        _checkReceipt(id, session, receipt, signature);
        uint64 deadline = _begin(id, session.offer.node, session.payer, session.consumer);
        emit DisputeOpened(id, session.offer.node, msg.sender, uint128(msg.value), deadline, receipt, signature);
    }

    /// @notice Doubts a training at one state of its record, with the coins of the call; by the submitter or a contributor of
    /// what was minted, each once for a state.
    function openTraining(bytes32 submission, uint32 state) external payable returns (bytes32 id) {
        (address submitter, address exex) = _trained(submission);
        id = keccak256(abi.encode(TRAINING_TYPEHASH, submission, state, msg.sender));
        if (block.timestamp > uint256(quorum.mintableUntil(submission)) + DISPUTE_WINDOW) {
            revert DisputeRefused(id, "window");
        }
        uint64 deadline = _begin(id, exex, submitter, msg.sender);
        emit TrainingDisputed(id, exex, msg.sender, submission, state, uint128(msg.value), deadline);
    }

    /// @notice The word of a validator who repeated the reply or the steps of training, and is no party.
    function vote(bytes32 id, bool same) external {
        Dispute storage d = _open(id);
        if (block.timestamp > d.deadline) revert DisputeRefused(id, "window");
        uint64 weight = _cast(d);
        emit DisputeVoted(id, msg.sender, same);
        if (same) d.sameWeight += weight;
        else d.otherWeight += weight;
        uint64 silent = d.eligible - d.sameWeight - d.otherWeight;
        if (quorum.isQuorum(d.sameWeight, d.totalWeight)) {
            _decide(id, Outcome.Same);
        } else if (quorum.isQuorum(d.otherWeight, d.totalWeight)) {
            _decide(id, Outcome.Other);
        } else if (
            !quorum.isQuorum(d.sameWeight + silent, d.totalWeight)
                && !quorum.isQuorum(d.otherWeight + silent, d.totalWeight)
        ) {
            // Neither side can have two thirds any more.
            _decide(id, Outcome.Undecided);
        }
    }

    /// @notice Ends a dispute that was not decided in time: nobody loses. Anyone may.
    function lapse(bytes32 id) external {
        Dispute storage d = _open(id);
        if (block.timestamp <= d.deadline) revert DisputeRefused(id, "window");
        _decide(id, Outcome.Undecided);
    }

    function disputeOf(bytes32 id) external view returns (Dispute memory) {
        return _disputes[id];
    }

    /// The node signed it in this session, and who sends it may doubt it now.
    function _checkReceipt(bytes32 id, Named calldata session, Receipt calldata receipt, bytes calldata signature)
        private
        view
    {
        bytes32 named =
            Ids.session(_ledgerId, session.payer, session.nonce, session.consumer, Signed.hash(session.offer));
        // slither-disable-next-line unused-return
        (,, uint40 end,, SessionStatus status) = settlement.sessionOf(receipt.session);
        // slither-disable-next-line incorrect-equality: a state, not a balance.
        if (status == SessionStatus.None || named != receipt.session) revert UnknownSession(receipt.session);
        if (msg.sender != session.payer && msg.sender != session.consumer) revert NotAllowed(msg.sender);
        if (block.timestamp > uint256(end) + DISPUTE_WINDOW) revert DisputeRefused(id, "window");
        if (!Signed.isBy(session.offer.node, Signed.digest(parameters.domainSeparator(), id), signature)) {
            revert DisputeRefused(id, "signature");
        }
    }

    /// Who submitted what was minted, and its ExEx. The sender had a part in the dataset.
    function _trained(bytes32 submission) private view returns (address, address) {
        // slither-disable-next-line unused-return
        (address submitter, DatasetRegistry.Status status,,, address exex,, address shares) =
            registry.entries(submission);
        // slither-disable-next-line incorrect-equality: a state, not a balance.
        if (status != DatasetRegistry.Status.Minted) revert UnknownSubmission(submission);
        if (msg.sender != submitter && !_contributed(shares)) revert NotAllowed(msg.sender);
        return (submitter, exex);
    }

    /// Whether the sender is among those who contributed.
    function _contributed(address shares) private view returns (bool) {
        (address[] memory contributors,) = abi.decode(CodeStorage.read(shares), (address[], uint64[]));
        for (uint256 i = 0; i < contributors.length; ++i) {
            if (contributors[i] == msg.sender) return true;
        }
        return false;
    }

    /// Locks what is at risk, and keeps who may vote. Gives the time up to which votes count.
    function _begin(bytes32 id, address node, address party, address other) private returns (uint64 deadline) {
        Dispute storage d = _disputes[id];
        if (d.outcome != Outcome.None) revert DisputeRefused(id, "known");
        d.params = parameters.currentVersion();
        uint128 least = parameters.versionAt(d.params).challengeBond;
        if (least == 0) least = 1;
        if (msg.value < least) revert StakeTooSmall(msg.sender, msg.value, least);
        deadline = uint64(block.timestamp) + VOTE_WINDOW;
        (d.node, d.challenger, d.stake) = (node, msg.sender, uint128(msg.value));
        (d.deadline, d.outcome) = (deadline, Outcome.Open);
        d.fromLeaving = _lock(node, uint128(msg.value));
        _snapshot(d, party, other);
        if (!quorum.isQuorum(d.eligible, d.totalWeight)) revert DisputeRefused(id, "others");
    }

    /// Locks a part of a bond: what stays first. Gives how much of it was leaving.
    function _lock(address node, uint128 amount) private returns (uint128 fromLeaving) {
        Bond storage own = bondOf[node];
        if (uint256(own.bonded) + own.leaving < amount) {
            revert StakeTooSmall(node, uint256(own.bonded) + own.leaving, amount);
        }
        uint128 staying = amount < own.bonded ? amount : own.bonded;
        fromLeaving = amount - staying;
        own.bonded -= staying;
        own.leaving -= fromLeaving;
        own.locked += amount;
    }

    /// Keeps who may vote, with the weights of now. A party's counts in the total alone.
    function _snapshot(Dispute storage d, address party, address other) private {
        address[] memory members = quorum.members();
        (uint64[] memory weights, uint64 total) = _weights(members, parameters.versionAt(d.params).minStake);
        uint64 eligible = total;
        for (uint256 i = 0; i < members.length; ++i) {
            address member = members[i];
            if (member != d.node && member != party && member != other) continue;
            eligible -= weights[i];
            weights[i] = 0;
        }
        (d.totalWeight, d.eligible) = (total, eligible);
        d.snapshot = CodeStorage.write(abi.encode(members, weights))[0];
    }

    /// The weights of members, of whom there are at most 64: one counts while its member has enough at stake.
    function _weights(address[] memory members, uint128 minStake)
        private
        view
        returns (uint64[] memory weights, uint64 total)
    {
        weights = new uint64[](members.length);
        for (uint256 i = 0; i < members.length; ++i) {
            // slither-disable-next-line unused-return,calls-loop
            (uint128 bonded,,,) = quorum.stakeOf(members[i]);
            // slither-disable-next-line calls-loop
            if (bonded >= minStake) weights[i] = quorum.weightOf(members[i]);
            total += weights[i];
        }
    }

    /// Takes the sender's vote, and gives its weight. Who has none does not vote.
    function _cast(Dispute storage d) private returns (uint64) {
        (address[] memory members, uint64[] memory weights) =
            abi.decode(CodeStorage.read(d.snapshot), (address[], uint64[]));
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] != msg.sender) continue;
            uint64 bit = uint64(1) << uint64(i);
            if (weights[i] == 0 || d.voted & bit != 0) break;
            d.voted |= bit;
            return weights[i];
        }
        revert NotAllowed(msg.sender);
    }

    /// The loser's stake goes to the winner for a part, and to the pool for the rest. Were all of it the winner's, a node
    /// would move its bond to an account of its own by a dispute with itself.
    function _decide(bytes32 id, Outcome outcome) private {
        Dispute storage d = _disputes[id];
        (address node, address challenger, uint128 stake) = (d.node, d.challenger, d.stake);
        Bond storage own = bondOf[node];
        d.outcome = outcome;
        own.locked -= stake;
        if (outcome != Outcome.Other) {
            own.leaving += d.fromLeaving;
            own.bonded += stake - d.fromLeaving;
        }
        if (outcome == Outcome.Undecided) {
            emit DisputeDecided(id, outcome, 0);
            return _credit(challenger, stake);
        }
        uint128 reward = uint128((uint256(stake) * parameters.versionAt(d.params).challengerBps) / 10_000);
        emit DisputeDecided(id, outcome, reward);
        if (outcome == Outcome.Other) _credit(challenger, uint256(stake) + reward);
        else _credit(node, reward);
        _credit(parameters.governance(), stake - reward);
    }

    function _open(bytes32 id) private view returns (Dispute storage d) {
        d = _disputes[id];
        if (d.outcome == Outcome.None) revert UnknownDispute(id);
        if (d.outcome != Outcome.Open) revert DisputeRefused(id, "decided");
    }

    function _credit(address account, uint256 amount) private {
        settlement.depositFor{value: amount}(account, address(0), amount);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Attestation, Params} from "./interfaces/Types.sol";
import {MarketParameters} from "./governance/MarketParameters.sol";
import {Signed} from "./libraries/Signed.sol";
import {ValidatorSet} from "./quorum/ValidatorSet.sol";

/// @title The validators of an iDAO: verdicts on submissions, and what false ones cost
/// @notice Plonky2 proofs are NOT verified on chain. Each validator verifies the proof off chain and signs a verdict
/// (EIP-712); two thirds of the weights at submission accept. So a dataset is *attested* here, not proved: whoever
/// wants it proved verifies the proof, which the submission names by its digest.
///
/// Two checks on validators: two different verdicts signed by one validator on one submission cost stake without any
/// vote (equivocation); and within a window anyone may challenge an accepting verdict with a bond. All other
/// validators of the submission decide, whatever they signed themselves: see `upholds`. Who does not vote has denied,
/// so that nobody is punished by a few; no vote of the DAO decides who lied.
contract ValidatorQuorum is ValidatorSet {
    error AttestationMismatch(bytes32 submission, address validator);
    error AttestationTooLate(bytes32 submission, uint64 deadline);
    error AttestationsClosed(bytes32 submission);
    error ChallengeNotOpen(bytes32 submission, address validator);
    error ChallengeRefused(bytes32 submission, address validator, string reason);
    error NotEquivocation(bytes32 submission, address validator);
    error NotSigned(bytes32 submission, address validator);
    error UnknownSubmission(bytes32 submission);

    event Attested(bytes32 indexed submission, address indexed validator, bool accepted, bytes signature);
    event SubmissionAccepted(bytes32 indexed submission, address indexed exex);
    event SubmissionRejected(bytes32 indexed submission);
    event Challenged(bytes32 indexed submission, address indexed validator, address challenger, uint64 deadline);
    event ChallengeVoted(bytes32 indexed submission, address indexed validator, address voter, bool upheld);
    event ChallengeDecided(bytes32 indexed submission, address indexed validator, bool upheld);

    enum Status {
        None,
        Pending,
        Accepted,
        Rejected
    }

    /// @notice A verdict with who signed it.
    struct Verdict {
        address validator;
        Attestation attestation;
        bytes signature;
    }

    struct Case {
        // Validators and weights at submission, as code.
        address snapshot;
        Status status;
        uint8 openChallenges;
        uint32 params;
        // What verdicts are about: `Signed.content`.
        bytes32 content;
        address exex;
        uint64 deadline;
        uint64 acceptedAt;
        uint64 acceptedWeight;
        uint64 rejectedWeight;
        uint64 totalWeight;
        // Who attested, by their place in the snapshot; who may still be challenged for it.
        uint64 attested;
        uint64 accepted;
    }

    struct Challenge {
        address challenger;
        uint64 deadline;
        bool open;
        uint128 bond;
        // Weight of everybody but the accused; who of them voted, and how.
        uint64 eligible;
        uint64 voted;
        uint64 upheldWeight;
        uint64 deniedWeight;
    }

    /// What verdicts are counted against, and what they come to.
    struct Bench {
        address[] validators;
        uint64[] weights;
        bytes32 separator;
        uint128 minStake;
        uint64 heldUntil;
        uint64 attested;
        uint64 accepted;
        uint64 acceptedWeight;
        uint64 rejectedWeight;
        // Somebody who was passed over, with too little at stake.
        address short;
    }

    /// @notice The registry, which alone opens cases.
    address public immutable registry;

    mapping(bytes32 submission => Case) private _cases;
    mapping(bytes32 submission => mapping(address validator => Challenge)) private _challenges;
    /// @notice Equivocation on a submission is punished once.
    mapping(bytes32 submission => mapping(address validator => bool)) public equivocated;

    constructor(MarketParameters parameters_, address registry_, address settlement_, Member[] memory members_)
        ValidatorSet(parameters_, settlement_, members_)
    {
        registry = registry_;
    }

    /// @notice Opens a case; by the registry. Weights, windows and content are fixed here.
    function open(bytes32 id, bytes32 content, address exex) external returns (uint64 deadline) {
        if (msg.sender != registry) revert NotAllowed(msg.sender);
        Case storage c = _cases[id];
        (c.snapshot, c.totalWeight) = _snapshot();
        c.params = parameters.currentVersion();
        c.status = Status.Pending;
        c.content = content;
        c.exex = exex;
        deadline = uint64(block.timestamp) + parameters.current().attestationWindow;
        c.deadline = deadline;
    }

    /// @notice Counts a batch of signed verdicts on one submission; anyone may bring them. One that is counted already
    /// is passed over, and so is one of a validator who has too little at stake by now: nobody can spoil a batch by
    /// bringing one of them first, or by taking stake back. Where nothing is left of a batch for want of stake, it
    /// reverts.
    ///
    /// Attestations stay open while a verdict is challenged, or one bond would close them. What comes late only adds:
    /// who votes on a challenge, and with what weight, does not depend on it; what is rejected stays so.
    function attest(bytes32 id, Verdict[] calldata verdicts) external {
        Case storage c = _case(id);
        if (block.timestamp > c.deadline) revert AttestationTooLate(id, c.deadline);
        if (c.status == Status.Rejected) revert AttestationsClosed(id);
        Bench memory bench = _bench(c);
        for (uint256 i = 0; i < verdicts.length; ++i) {
            _count(id, c.content, bench, verdicts[i]);
        }
        if (bench.short != address(0) && bench.attested == c.attested) {
            revert StakeTooSmall(bench.short, stakeOf[bench.short].bonded, bench.minStake);
        }
        (c.attested, c.accepted) = (bench.attested, bench.accepted);
        (c.acceptedWeight, c.rejectedWeight) = (bench.acceptedWeight, bench.rejectedWeight);
        if (c.status != Status.Pending) return;
        if (isQuorum(bench.acceptedWeight, c.totalWeight)) {
            c.status = Status.Accepted;
            c.acceptedAt = uint64(block.timestamp);
            emit SubmissionAccepted(id, c.exex);
        } else if (!isQuorum(c.totalWeight - bench.rejectedWeight, c.totalWeight)) {
            // What is left cannot reach two thirds any more.
            c.status = Status.Rejected;
            emit SubmissionRejected(id);
        }
    }

    /// @notice Slashes a validator who signed two different verdicts on one submission; anyone may show them. All of it
    /// goes to the pool: a reward would go to whoever is first in the block, or back to the culprit herself.
    function slashEquivocation(Verdict calldata a, Verdict calldata b) external {
        (bytes32 id, address validator) = (a.attestation.submission, a.validator);
        Case storage c = _case(id);
        (address[] memory validators,) = _read(c.snapshot);
        _place(validators, validator);
        bytes32 first = Signed.hash(a.attestation);
        bytes32 second = Signed.hash(b.attestation);
        bool same = first == second || b.attestation.submission != id || b.validator != validator;
        if (same || equivocated[id][validator]) revert NotEquivocation(id, validator);
        bytes32 separator = parameters.domainSeparator();
        bool signed = Signed.isBy(validator, Signed.digest(separator, first), a.signature)
            && Signed.isBy(validator, Signed.digest(separator, second), b.signature);
        if (!signed) revert NotSigned(id, validator);
        equivocated[id][validator] = true;
        _slash(validator, msg.sender, id, parameters.versionAt(c.params), 0);
    }

    /// @notice Doubts an accepting verdict, with a bond, while the window after acceptance lasts. One doubt at a time
    /// is open on a verdict; another may follow one that was denied, so that a liar who doubts herself shuts nobody out.
    /// Nothing is held up for longer than that window and one vote, and each doubt costs a bond.
    function challenge(bytes32 id, address validator) external payable {
        Case storage c = _case(id);
        Params memory params = parameters.versionAt(c.params);
        if (c.status != Status.Accepted || block.timestamp >= c.acceptedAt + params.challengeWindow) {
            revert ChallengeRefused(id, validator, "window");
        }
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        uint256 place = _place(validators, validator);
        if (c.accepted & (uint64(1) << uint64(place)) == 0) revert ChallengeRefused(id, validator, "verdict");
        if (_challenges[id][validator].open) revert ChallengeRefused(id, validator, "open");
        if (msg.value != params.challengeBond) revert ChallengeRefused(id, validator, "bond");
        uint64 eligible = c.totalWeight - weights[place];
        // The others are too few, even all together: the doubt could only be denied.
        if (!upholds(eligible, eligible, c.totalWeight)) revert ChallengeRefused(id, validator, "others");
        uint64 deadline = uint64(block.timestamp) + params.challengeVoteWindow;
        _challenges[id][validator] = Challenge(msg.sender, deadline, true, uint128(msg.value), eligible, 0, 0, 0);
        ++c.openChallenges;
        emit Challenged(id, validator, msg.sender, deadline);
    }

    /// @notice The word of a validator of the submission, other than the accused, on a challenged verdict.
    function voteOnChallenge(bytes32 id, address validator, bool upheld) external {
        (Case storage c, Challenge storage doubt) = _openChallenge(id, validator);
        if (block.timestamp > doubt.deadline) revert ChallengeRefused(id, validator, "window");
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        uint256 place = _place(validators, msg.sender);
        bool voted = doubt.voted & (uint64(1) << uint64(place)) != 0;
        if (msg.sender == validator || voted) revert NotAllowed(msg.sender);
        doubt.voted |= uint64(1) << uint64(place);
        emit ChallengeVoted(id, validator, msg.sender, upheld);
        if (upheld) doubt.upheldWeight += weights[place];
        else doubt.deniedWeight += weights[place];
        if (upholds(doubt.upheldWeight, doubt.eligible, c.totalWeight)) {
            _uphold(id, validator);
        } else if (!upholds(doubt.eligible - doubt.deniedWeight, doubt.eligible, c.totalWeight)) {
            // What is left cannot uphold it any more.
            _deny(id, validator);
        }
    }

    /// @notice Ends a challenge whose vote is over: who did not vote has denied. Anyone may.
    function lapseChallenge(bytes32 id, address validator) external {
        (, Challenge storage doubt) = _openChallenge(id, validator);
        if (block.timestamp <= doubt.deadline) revert ChallengeRefused(id, validator, "window");
        _deny(id, validator);
    }

    function caseOf(bytes32 id) external view returns (Case memory) {
        return _cases[id];
    }

    function challengeOf(bytes32 id, address validator) external view returns (Challenge memory) {
        return _challenges[id][validator];
    }

    /// @notice Whether a submission is accepted, be it finally or not.
    function isAccepted(bytes32 id) external view returns (bool) {
        // slither-disable-next-line incorrect-equality: a state, not a balance.
        return _cases[id].status == Status.Accepted;
    }

    /// @notice Whether a submission is accepted and can no longer be challenged.
    function isFinal(bytes32 id) external view returns (bool) {
        Case storage c = _cases[id];
        if (c.status != Status.Accepted || c.openChallenges != 0) return false;
        return block.timestamp >= c.acceptedAt + parameters.versionAt(c.params).challengeWindow;
    }

    /// @notice The last second in which an accepted submission can be minted; 0 for one that was never accepted. No
    /// challenge runs on beyond the windows of challenges, so the ExEx always has the whole window for minting.
    function mintableUntil(bytes32 id) external view returns (uint64) {
        Case storage c = _cases[id];
        if (c.acceptedAt == 0) return 0;
        Params memory params = parameters.versionAt(c.params);
        return c.acceptedAt + params.challengeWindow + params.challengeVoteWindow + params.mintWindow;
    }

    /// @notice Two thirds, exactly: 3 parts >= 2 total.
    function isQuorum(uint64 part, uint64 total) public pure returns (bool) {
        return total > 0 && 3 * uint256(part) >= 2 * uint256(total);
    }

    /// @notice Whether so much weight upholds a challenge: two thirds of everybody but the accused, and more than a third
    /// of all. The second counts where the accused has more than half: so, while less than a third of all weight lies,
    /// no honest validator is ever punished.
    function upholds(uint64 weight, uint64 eligible, uint64 total) public pure returns (bool) {
        return isQuorum(weight, eligible) && 3 * uint256(weight) > total;
    }

    /// What was risked goes to the pool, not to the accused: a validator who doubts herself, to win time, pays for it.
    function _deny(bytes32 id, address validator) private {
        Challenge storage doubt = _challenges[id][validator];
        doubt.open = false;
        --_cases[id].openChallenges;
        emit ChallengeDecided(id, validator, false);
        _credit(parameters.governance(), doubt.bond);
    }

    function _uphold(bytes32 id, address validator) private {
        Case storage c = _cases[id];
        Challenge storage doubt = _challenges[id][validator];
        doubt.open = false;
        --c.openChallenges;
        emit ChallengeDecided(id, validator, true);
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        uint256 place = _place(validators, validator);
        c.accepted &= ~(uint64(1) << uint64(place));
        c.acceptedWeight -= weights[place];
        if (c.status == Status.Accepted && !isQuorum(c.acceptedWeight, c.totalWeight)) {
            c.status = Status.Rejected;
            emit SubmissionRejected(id);
        }
        _credit(doubt.challenger, doubt.bond);
        _slash(validator, doubt.challenger, id, parameters.versionAt(c.params), doubt.bond);
    }

    function _bench(Case storage c) private view returns (Bench memory bench) {
        Params memory params = parameters.versionAt(c.params);
        (bench.validators, bench.weights) = _read(c.snapshot);
        bench.separator = parameters.domainSeparator();
        bench.minStake = params.minStake;
        bench.heldUntil = c.deadline + params.challengeWindow + params.challengeVoteWindow;
        (bench.attested, bench.accepted) = (c.attested, c.accepted);
        (bench.acceptedWeight, bench.rejectedWeight) = (c.acceptedWeight, c.rejectedWeight);
    }

    function _count(bytes32 id, bytes32 content, Bench memory bench, Verdict calldata v) private {
        uint256 place = _place(bench.validators, v.validator);
        uint64 bit = uint64(1) << uint64(place);
        if (bench.attested & bit != 0) return;
        _check(id, content, bench.separator, v);
        if (stakeOf[v.validator].bonded < bench.minStake) {
            bench.short = v.validator;
            return;
        }
        _hold(v.validator, bench.heldUntil);
        bench.attested |= bit;
        if (v.attestation.accepted) {
            bench.accepted |= bit;
            bench.acceptedWeight += bench.weights[place];
        } else {
            bench.rejectedWeight += bench.weights[place];
        }
        emit Attested(id, v.validator, v.attestation.accepted, v.signature);
    }

    function _check(bytes32 id, bytes32 content, bytes32 separator, Verdict calldata v) private view {
        Attestation calldata a = v.attestation;
        if (a.submission != id || a.content != content) revert AttestationMismatch(id, v.validator);
        if (!Signed.isBy(v.validator, Signed.digest(separator, Signed.hash(a)), v.signature)) {
            revert NotSigned(id, v.validator);
        }
    }

    function _case(bytes32 id) private view returns (Case storage c) {
        c = _cases[id];
        if (c.status == Status.None) revert UnknownSubmission(id);
    }

    function _openChallenge(bytes32 id, address validator)
        private
        view
        returns (Case storage c, Challenge storage doubt)
    {
        c = _case(id);
        doubt = _challenges[id][validator];
        if (!doubt.open) revert ChallengeNotOpen(id, validator);
    }
}

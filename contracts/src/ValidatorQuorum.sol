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
/// vote (equivocation); and within a window anyone may challenge an accepting verdict with a bond. Those who had not
/// signed decide with two thirds of their weight; where they do not, governance does; where it does not either, the
/// challenge lapses.
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
    event ChallengeLapsed(bytes32 indexed submission, address indexed validator);

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
        // Digest of statement, public part and ciphertext.
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
        bool challenged;
    }

    struct Challenge {
        address challenger;
        uint64 deadline;
        bool open;
        uint128 bond;
        // Weight of those who had not signed when it was opened; who of them voted, and how.
        uint64 eligible;
        uint64 voted;
        uint64 upheldWeight;
        uint64 deniedWeight;
    }

    /// @notice How long governance has to decide what those who had not signed did not.
    uint64 public constant GOVERNANCE_WINDOW = 30 days;

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
    function open(bytes32 id, bytes32 statement, bytes32 publicPart, bytes32 ciphertext, address exex)
        external
        returns (uint64 deadline)
    {
        if (msg.sender != registry) revert NotAllowed(msg.sender);
        Case storage c = _cases[id];
        (c.snapshot, c.totalWeight) = _snapshot();
        c.params = parameters.currentVersion();
        c.status = Status.Pending;
        c.content = keccak256(abi.encode(statement, publicPart, ciphertext));
        c.exex = exex;
        deadline = uint64(block.timestamp) + parameters.current().attestationWindow;
        c.deadline = deadline;
    }

    /// @notice Counts a batch of signed verdicts on one submission; anyone may bring them. One that is counted already
    /// is passed over, so that nobody can spoil a batch by bringing one of them first.
    function attest(bytes32 id, Verdict[] calldata verdicts) external {
        Case storage c = _case(id);
        if (block.timestamp > c.deadline) revert AttestationTooLate(id, c.deadline);
        if (c.challenged || c.status == Status.Rejected) revert AttestationsClosed(id);
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        bytes32 separator = parameters.domainSeparator();
        (uint64 attested, uint64 accepted) = (c.attested, c.accepted);
        (uint64 acceptedWeight, uint64 rejectedWeight) = (c.acceptedWeight, c.rejectedWeight);
        for (uint256 i = 0; i < verdicts.length; ++i) {
            Verdict calldata v = verdicts[i];
            uint256 place = _place(validators, v.validator);
            if (attested & (uint64(1) << uint64(place)) != 0) continue;
            _check(id, c.content, separator, v);
            attested |= uint64(1) << uint64(place);
            if (v.attestation.accepted) {
                accepted |= uint64(1) << uint64(place);
                acceptedWeight += weights[place];
            } else {
                rejectedWeight += weights[place];
            }
            emit Attested(id, v.validator, v.attestation.accepted, v.signature);
        }
        (c.attested, c.accepted) = (attested, accepted);
        (c.acceptedWeight, c.rejectedWeight) = (acceptedWeight, rejectedWeight);
        if (c.status != Status.Pending) return;
        if (isQuorum(acceptedWeight, c.totalWeight)) {
            c.status = Status.Accepted;
            c.acceptedAt = uint64(block.timestamp);
            emit SubmissionAccepted(id, c.exex);
        } else if (!isQuorum(c.totalWeight - rejectedWeight, c.totalWeight)) {
            // What is left cannot reach two thirds any more.
            c.status = Status.Rejected;
            emit SubmissionRejected(id);
        }
    }

    /// @notice Slashes a validator who signed two different verdicts on one submission; anyone may show them.
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
        _slash(validator, msg.sender, id);
    }

    /// @notice Doubts an accepting verdict, with a bond, while the window after acceptance lasts.
    function challenge(bytes32 id, address validator) external payable {
        Case storage c = _case(id);
        Params memory params = parameters.versionAt(c.params);
        if (c.status != Status.Accepted || block.timestamp >= c.acceptedAt + params.challengeWindow) {
            revert ChallengeRefused(id, validator, "window");
        }
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        uint256 place = _place(validators, validator);
        if (c.accepted & (uint64(1) << uint64(place)) == 0) revert ChallengeRefused(id, validator, "verdict");
        Challenge storage doubt = _challenges[id][validator];
        if (doubt.challenger != address(0)) revert ChallengeRefused(id, validator, "repeated");
        if (msg.value != params.challengeBond) revert ChallengeRefused(id, validator, "bond");
        uint64 eligible = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            if (c.attested & (uint64(1) << uint64(i)) == 0) eligible += weights[i];
        }
        doubt.challenger = msg.sender;
        doubt.bond = uint128(msg.value);
        doubt.open = true;
        doubt.eligible = eligible;
        doubt.deadline = uint64(block.timestamp) + params.challengeVoteWindow;
        c.challenged = true;
        ++c.openChallenges;
        emit Challenged(id, validator, msg.sender, doubt.deadline);
    }

    /// @notice The word of a validator who had not signed on a challenged verdict.
    function voteOnChallenge(bytes32 id, address validator, bool upheld) external {
        (Case storage c, Challenge storage doubt) = _openChallenge(id, validator);
        if (block.timestamp > doubt.deadline) revert ChallengeRefused(id, validator, "window");
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        uint256 place = _place(validators, msg.sender);
        if ((c.attested | doubt.voted) & (uint64(1) << uint64(place)) != 0) revert NotAllowed(msg.sender);
        doubt.voted |= uint64(1) << uint64(place);
        emit ChallengeVoted(id, validator, msg.sender, upheld);
        if (upheld) {
            doubt.upheldWeight += weights[place];
            if (isQuorum(doubt.upheldWeight, doubt.eligible)) _decide(id, validator, true);
        } else {
            doubt.deniedWeight += weights[place];
            if (isQuorum(doubt.deniedWeight, doubt.eligible)) _decide(id, validator, false);
        }
    }

    /// @notice Decides a challenge that those who had not signed did not decide in time; by governance.
    function resolveChallenge(bytes32 id, address validator, bool upheld) external {
        (, Challenge storage doubt) = _openChallenge(id, validator);
        if (msg.sender != parameters.governance()) revert NotAllowed(msg.sender);
        bool pending = doubt.eligible != 0 && block.timestamp <= doubt.deadline;
        if (pending) revert ChallengeRefused(id, validator, "window");
        _decide(id, validator, upheld);
    }

    /// @notice Ends a challenge that nobody decided: the bond goes back, nobody is slashed.
    function lapseChallenge(bytes32 id, address validator) external {
        (Case storage c, Challenge storage doubt) = _openChallenge(id, validator);
        if (block.timestamp <= doubt.deadline + GOVERNANCE_WINDOW) revert ChallengeRefused(id, validator, "window");
        doubt.open = false;
        --c.openChallenges;
        emit ChallengeLapsed(id, validator);
        _credit(doubt.challenger, doubt.bond);
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

    /// @notice Two thirds, exactly: 3 parts >= 2 total.
    function isQuorum(uint64 part, uint64 total) public pure returns (bool) {
        return total > 0 && 3 * uint256(part) >= 2 * uint256(total);
    }

    function _decide(bytes32 id, address validator, bool upheld) private {
        Case storage c = _cases[id];
        Challenge storage doubt = _challenges[id][validator];
        doubt.open = false;
        --c.openChallenges;
        emit ChallengeDecided(id, validator, upheld);
        if (!upheld) {
            // Who doubted without ground pays the one she doubted.
            _credit(validator, doubt.bond);
            return;
        }
        (address[] memory validators, uint64[] memory weights) = _read(c.snapshot);
        c.acceptedWeight -= weights[_place(validators, validator)];
        if (c.status == Status.Accepted && !isQuorum(c.acceptedWeight, c.totalWeight)) {
            c.status = Status.Rejected;
            emit SubmissionRejected(id);
        }
        _credit(doubt.challenger, doubt.bond);
        _slash(validator, doubt.challenger, id);
    }

    function _check(bytes32 id, bytes32 content, bytes32 separator, Verdict calldata v) private view {
        Attestation calldata a = v.attestation;
        bool same = a.submission == id && keccak256(abi.encode(a.statement, a.publicPart, a.ciphertext)) == content;
        if (!same) revert AttestationMismatch(id, v.validator);
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

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Share, Submission} from "./interfaces/Types.sol";
import {MarketParameters} from "./governance/MarketParameters.sol";
import {CodeStorage} from "./libraries/CodeStorage.sol";
import {Ids} from "./libraries/Ids.sol";
import {Signed} from "./libraries/Signed.sol";
import {ValidatorQuorum} from "./ValidatorQuorum.sol";

/// @title Datasets, submitted for validation
/// @notice Kept here: digests, the public part (at most 32 KiB, as code), each contributor's weight and signed consent.
/// The private part is elsewhere, encrypted; its key is sealed to the ExEx that the submission names. The proof of the
/// dataset (plonky2) is not verified on chain: validators verify it and sign, see `ValidatorQuorum`.
contract DatasetRegistry {
    error ConsentNotSigned(bytes32 submission, address contributor);
    error EmptySubmission(string what);
    error Finished(bytes32 submission, Status status);
    error NotAllowed(address sender);
    error NotFinal(bytes32 submission);
    error SubmissionExists(bytes32 submission);
    error TooLarge(string what, uint256 length);

    /// @param content Where the public part is kept as code, in order.
    event Submitted(
        bytes32 indexed submission,
        address indexed submitter,
        address indexed exex,
        Submission dataset,
        address[] content,
        uint64 deadline
    );
    event SubmissionRefused(bytes32 indexed submission, string reason);

    enum Status {
        None,
        Submitted,
        Refused,
        Minted
    }

    struct Entry {
        address submitter;
        Status status;
        address exex;
        // abi.encode of (contributor, tokens) pairs, as code.
        address shares;
    }

    uint256 public constant MAX_PUBLIC_BYTES = 32 * 1024;
    uint256 public constant MAX_CONTRIBUTORS = 64;
    uint256 public constant MAX_REASON_BYTES = 1_000;
    /// The longest sealed key and pointer.
    uint256 public constant MAX_TEXT_BYTES = 1_024;

    MarketParameters public immutable parameters;
    ValidatorQuorum public immutable quorum;
    /// @notice The token contract, which alone says that a submission is minted.
    address public immutable token;

    mapping(bytes32 submission => Entry) public entries;
    mapping(bytes32 submission => address[]) private _content;

    constructor(MarketParameters parameters_, ValidatorQuorum quorum_, address token_) {
        parameters = parameters_;
        quorum = quorum_;
        token = token_;
    }

    /// @notice Submits a dataset. All contributors signed for their records in this very submission.
    function submit(Submission calldata dataset, bytes calldata publicPart) external returns (bytes32 id) {
        parameters.requireOpen();
        id = Ids.submission(parameters.ledgerId(), msg.sender, dataset.nonce);
        Entry storage entry = entries[id];
        if (entry.status != Status.None) revert SubmissionExists(id);
        if (publicPart.length == 0) revert EmptySubmission("public part");
        if (publicPart.length > MAX_PUBLIC_BYTES) revert TooLarge("public part", publicPart.length);
        if (dataset.sealedKey.length > MAX_TEXT_BYTES) revert TooLarge("sealed key", dataset.sealedKey.length);
        if (bytes(dataset.pointer).length > MAX_TEXT_BYTES) revert TooLarge("pointer", bytes(dataset.pointer).length);

        entry.submitter = msg.sender;
        entry.status = Status.Submitted;
        entry.exex = dataset.exex;
        entry.shares = CodeStorage.write(_weights(id, dataset.shares))[0];
        address[] memory content = CodeStorage.write(publicPart);
        _content[id] = content;
        uint64 deadline =
            quorum.open(id, dataset.statement, Ids.publicPart(publicPart), dataset.ciphertext, dataset.exex);
        emit Submitted(id, msg.sender, dataset.exex, dataset, content, deadline);
    }

    /// @notice The ExEx's reason for not training.
    function refuse(bytes32 id, string calldata reason) external {
        if (bytes(reason).length > MAX_REASON_BYTES) revert TooLarge("reason", bytes(reason).length);
        if (!quorum.isAccepted(id)) revert NotFinal(id);
        _finish(id, msg.sender, Status.Refused);
        emit SubmissionRefused(id, reason);
    }

    /// @notice Marks a submission as minted by its ExEx: once, after finality; by the token contract.
    function markMinted(bytes32 id, address exex)
        external
        returns (address submitter, address[] memory contributors, uint64[] memory tokens)
    {
        if (msg.sender != token) revert NotAllowed(msg.sender);
        if (!quorum.isFinal(id)) revert NotFinal(id);
        _finish(id, exex, Status.Minted);
        Entry storage entry = entries[id];
        (contributors, tokens) = abi.decode(CodeStorage.read(entry.shares), (address[], uint64[]));
        submitter = entry.submitter;
    }

    /// @notice The public part of a submission.
    function publicPartOf(bytes32 id) external view returns (bytes memory content) {
        address[] storage parts = _content[id];
        for (uint256 i = 0; i < parts.length; ++i) {
            content = bytes.concat(content, CodeStorage.read(parts[i]));
        }
    }

    function _finish(bytes32 id, address exex, Status status) private {
        Entry storage entry = entries[id];
        if (entry.exex != exex || entry.status == Status.None) revert NotAllowed(exex);
        if (entry.status != Status.Submitted) revert Finished(id, entry.status);
        entry.status = status;
    }

    /// Checks each contributor's consent; her weight, to be kept.
    function _weights(bytes32 id, Share[] calldata shares) private view returns (bytes memory) {
        uint256 count = shares.length;
        if (count == 0) revert EmptySubmission("shares");
        if (count > MAX_CONTRIBUTORS) revert TooLarge("shares", count);
        address[] memory contributors = new address[](count);
        uint64[] memory tokens = new uint64[](count);
        bytes32 separator = parameters.domainSeparator();
        uint64 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            Share calldata share = shares[i];
            if (share.tokens == 0) revert EmptySubmission("tokens of a contributor");
            bytes32 consent = Signed.consent(id, share.root, share.licence, share.consent);
            bytes32 digest = Signed.digest(separator, consent);
            if (!Signed.isBy(share.contributor, digest, share.signature)) {
                revert ConsentNotSigned(id, share.contributor);
            }
            // Checked: weights of one submission can never overflow the class's total alone.
            sum += share.tokens;
            (contributors[i], tokens[i]) = (share.contributor, share.tokens);
        }
        return abi.encode(contributors, tokens);
    }
}

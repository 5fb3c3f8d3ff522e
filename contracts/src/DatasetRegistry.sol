// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IClasses} from "./interfaces/IClasses.sol";
import {ContributorConsent, Share, Submission, VersionMetadata} from "./interfaces/Types.sol";
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
    error MintTooLate(bytes32 submission, uint64 deadline);
    error NotAllowed(address sender);
    error NotFinal(bytes32 submission);
    error NotOfSubmitter(uint256 classId, address submitter);
    error OutOfRange(string what, uint256 value);
    error SubmissionExists(bytes32 submission);
    error TooLarge(string what, uint256 length);

    /// @param content Where the public part is kept as code, in order.
    event Submitted(
        bytes32 indexed submission,
        address indexed submitter,
        address indexed exex,
        Submission dataset,
        address[] content,
        bytes32 publicPart,
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
        // The class that gets a next version, or 0; and what the version that it comes after keeps of its revenue.
        uint64 class;
        uint16 keepBps;
        address exex;
        uint32 afterVersion;
        // abi.encode of (contributor, tokens) pairs, as code.
        address shares;
    }

    uint256 public constant MAX_PUBLIC_BYTES = 32 * 1024;
    uint256 public constant MAX_CONTRIBUTORS = 64;
    uint256 public constant MAX_REASON_BYTES = 1_000;
    /// The longest sealed key and pointer.
    uint256 public constant MAX_TEXT_BYTES = 1_024;
    /// @notice The most that a version's predecessor keeps of its revenue: whoever makes it has half at least.
    uint16 public constant MAX_KEEP_BPS = 5_000;

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

    /// @notice Submits a dataset, for a new class or as the next version of the sender's. All contributors signed for
    /// their records in this very submission, and for what becomes of them.
    function submit(Submission calldata dataset, bytes calldata publicPart) external returns (bytes32 id) {
        parameters.requireOpen();
        id = Ids.submission(parameters.ledgerId(), msg.sender, dataset.nonce);
        Entry storage entry = entries[id];
        if (entry.status != Status.None) revert SubmissionExists(id);
        if (publicPart.length == 0) revert EmptySubmission("public part");
        if (publicPart.length > MAX_PUBLIC_BYTES) revert TooLarge("public part", publicPart.length);
        if (dataset.sealedKey.length > MAX_TEXT_BYTES) revert TooLarge("sealed key", dataset.sealedKey.length);
        if (bytes(dataset.pointer).length > MAX_TEXT_BYTES) revert TooLarge("pointer", bytes(dataset.pointer).length);
        _checkClass(dataset.class, dataset.afterVersion, dataset.keepBps);

        entry.submitter = msg.sender;
        entry.status = Status.Submitted;
        (entry.class, entry.keepBps) = (dataset.class, dataset.keepBps);
        (entry.exex, entry.afterVersion) = (dataset.exex, dataset.afterVersion);
        entry.shares = CodeStorage.write(_weights(id, dataset))[0];
        address[] memory content = CodeStorage.write(publicPart);
        _content[id] = content;
        // Logged, so that whoever reads the parts' code can tell that it is all of it.
        bytes32 digest = Ids.publicPart(publicPart);
        uint64 deadline = quorum.open(id, Signed.content(dataset, digest), dataset.exex);
        emit Submitted(id, msg.sender, dataset.exex, dataset, content, digest, deadline);
    }

    /// @notice The ExEx's reason for not training.
    function refuse(bytes32 id, string calldata reason) external {
        if (bytes(reason).length > MAX_REASON_BYTES) revert TooLarge("reason", bytes(reason).length);
        if (!quorum.isAccepted(id)) revert NotFinal(id);
        _finish(id, msg.sender, Status.Refused);
        emit SubmissionRefused(id, reason);
    }

    /// @notice Marks a submission as minted by its ExEx: once, after finality and in time; by the token contract. After
    /// that its submitter may name another ExEx in a new submission, and no second version of the data can come of it.
    function markMinted(bytes32 id, address exex)
        external
        returns (
            address submitter,
            uint64 class,
            uint32 afterVersion,
            uint16 keepBps,
            address[] memory contributors,
            uint64[] memory tokens
        )
    {
        if (msg.sender != token) revert NotAllowed(msg.sender);
        if (!quorum.isFinal(id)) revert NotFinal(id);
        uint64 deadline = quorum.mintableUntil(id);
        if (block.timestamp > deadline) revert MintTooLate(id, deadline);
        _finish(id, exex, Status.Minted);
        Entry storage entry = entries[id];
        (contributors, tokens) = abi.decode(CodeStorage.read(entry.shares), (address[], uint64[]));
        (submitter, class) = (entry.submitter, entry.class);
        (afterVersion, keepBps) = (entry.afterVersion, entry.keepBps);
    }

    /// @notice The hash of what a version says of itself. It stands here, since the token's code has no room for it.
    function versionHash(VersionMetadata calldata metadata) external pure returns (bytes32) {
        return Signed.hash(metadata);
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

    /// The first version of a new class comes after none that could keep anything; another class is the submitter's, and
    /// its new version comes after one that there is: no version ever goes, so there is this one when it is minted, too.
    function _checkClass(uint64 class, uint32 afterVersion, uint16 keepBps) private view {
        if (keepBps > (class == 0 ? 0 : MAX_KEEP_BPS)) revert OutOfRange("keepBps", keepBps);
        if (class != 0 && !IClasses(token).ownsAnchored(class, msg.sender)) revert NotOfSubmitter(class, msg.sender);
        bool known =
            class == 0 ? afterVersion == 0 : afterVersion != 0 && afterVersion <= IClasses(token).versionCount(class);
        if (!known) revert OutOfRange("afterVersion", afterVersion);
    }

    /// Checks each contributor's consent; all weights, to be kept.
    function _weights(bytes32 id, Submission calldata dataset) private view returns (bytes memory) {
        Share[] calldata shares = dataset.shares;
        uint256 count = shares.length;
        if (count == 0) revert EmptySubmission("shares");
        if (count > MAX_CONTRIBUTORS) revert TooLarge("shares", count);
        address[] memory contributors = new address[](count);
        uint64[] memory tokens = new uint64[](count);
        uint256 total = 0;
        ContributorConsent memory consent =
            ContributorConsent(id, 0, 0, 0, 0, 0, dataset.class, dataset.afterVersion, dataset.keepBps);
        for (uint256 i = 0; i < count; ++i) {
            Share calldata share = shares[i];
            if (share.tokens == 0) revert EmptySubmission("tokens of a contributor");
            total += share.tokens;
            (contributors[i], tokens[i]) = (share.contributor, share.tokens);
        }
        // It is the total share of the version.
        if (total > type(uint64).max) revert OutOfRange("tokens", total);
        consent.total = uint64(total);
        bytes32 separator = parameters.domainSeparator();
        for (uint256 i = 0; i < count; ++i) {
            Share calldata share = shares[i];
            (consent.root, consent.licence, consent.consent) = (share.root, share.licence, share.consent);
            consent.tokens = share.tokens;
            bytes32 digest = Signed.digest(separator, Signed.hash(consent));
            if (!Signed.isBy(share.contributor, digest, share.signature)) {
                revert ConsentNotSigned(id, share.contributor);
            }
        }
        return abi.encode(contributors, tokens);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {DatasetRegistry} from "./DatasetRegistry.sol";
import {MarketParameters} from "./governance/MarketParameters.sol";
import {IClasses} from "./interfaces/IClasses.sol";
import {IERC3525} from "./interfaces/IERC3525.sol";
import {IERC8028} from "./interfaces/IERC8028.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VersionMetadata} from "./interfaces/Types.sol";
import {Signed} from "./libraries/Signed.sol";
import {SemiFungible} from "./token/SemiFungible.sol";
import {TokenBase} from "./token/TokenBase.sol";

/// @title Data Anchoring Tokens: models, their versions, and rights in them (ERC-8028)
/// @notice A class stands for one character. One *anchored* to submissions gets a version and share tokens from each,
/// minted once, by the ExEx that the submission names, after finality; nobody else can add shares to it. Classes that
/// anyone creates by `createClass` are ERC-8028 without more: their owner mints what she likes, and they have no
/// versions, so no sessions.
///
/// The submission names the class, the version that the new one comes after, and what that one keeps of its revenue;
/// contributors signed all this, and their weights. So neither another version nor the ExEx takes from them.
///
/// What the draft leaves open, and what holds here: shares and values are unsigned 64-bit integers, and what exceeds
/// them reverts; revenue without a counted share goes to the class's owner; revenue so far is credited to the seller on
/// transfer; a token takes no part in what was earned before it was minted or after it expired.
contract DataAnchoringToken is SemiFungible {
    error MetadataMismatch(string field);
    error SharesComeFromSubmissions(uint256 classId);
    error RecordNotSigned(bytes32 submission, address exex);
    error VersionWithdrawn(uint256 classId, uint32 version);

    event ClassOwned(uint256 indexed classId, address indexed owner, bool anchored);
    event VersionMinted(
        uint256 indexed classId,
        uint32 indexed version,
        bytes32 indexed submission,
        VersionMetadata metadata,
        bytes recordSignature
    );
    event VersionWithdrawal(uint256 indexed classId, uint32 indexed version);

    /// Who gets share tokens of a submission, and of which class.
    struct Holders {
        address submitter;
        uint64 class;
        uint32 afterVersion;
        uint16 keepBps;
        address[] contributors;
        uint64[] tokens;
    }

    /// @notice keccak-256 of "inference_sessions": what opening a session by quota records.
    bytes32 public constant SESSION_METRIC = keccak256("inference_sessions");
    uint8 private constant GAS = 0;
    uint8 private constant QUOTA = 1;
    uint8 private constant EITHER = 2;

    DatasetRegistry public immutable registry;

    constructor(MarketParameters parameters_, DatasetRegistry registry_, IVault settlement_)
        TokenBase(parameters_, settlement_)
    {
        registry = registry_;
    }

    /// @notice Creates a class of one's own, without versions.
    function createClass(
        string calldata metadataURI,
        bytes32 integrityHash,
        uint8 unitDecimals,
        string calldata policyURI
    ) external returns (uint256 classId) {
        classId = _create(msg.sender, false, integrityHash);
        Class storage class = _classes[classId];
        (class.metadataURI, class.policyURI, class.unitDecimals) = (metadataURI, policyURI, unitDecimals);
        emit ClassCreated(classId, metadataURI, integrityHash);
    }

    /// @notice Changes where a class's metadata is. The integrity hash of an anchored class is its last version's.
    function updateClassMetadata(uint256 classId, string calldata metadataURI, bytes32 integrityHash) external {
        Class storage class = _owned(classId);
        if (class.anchored && integrityHash != class.integrityHash) revert MetadataMismatch("integrityHash");
        (class.metadataURI, class.integrityHash) = (metadataURI, integrityHash);
        emit MetadataUpdated(classId, metadataURI, integrityHash);
    }

    function updateClassPolicy(uint256 classId, string calldata policyURI) external {
        _owned(classId).policyURI = policyURI;
        emit ClassPolicyUpdated(classId, policyURI);
    }

    /// @notice Mints a token; by the owner of the class. In anchored classes, tokens without shares only.
    function mint(uint256 classId, address to, uint256 value, uint256 shareRatio, uint64 expireAt)
        external
        returns (uint256 tokenId)
    {
        parameters.requireOpen();
        Class storage class = _owned(classId);
        if (shareRatio != 0 && class.anchored) revert SharesComeFromSubmissions(classId);
        if (value > type(uint64).max) revert OutOfRange("value", value);
        if (shareRatio > type(uint64).max) revert OutOfRange("share", shareRatio);
        if (expireAt > type(uint40).max) revert OutOfRange("expireAt", expireAt);
        if (expireAt != 0 && expireAt < block.timestamp) revert TokenExpired(0, expireAt);
        processExpiries(classId);
        return _mintToken(to, Token(uint64(classId), uint64(value), uint64(shareRatio), uint40(expireAt), 0));
    }

    /// @notice Mints the model of an accepted submission: as a new class, or as the next version of the submitter's
    /// class that the submission names. Its contributors get share tokens by the weight of their records.
    /// @param recordSignature The ExEx's, over `TrainingRecord(submission, record)`.
    function mintVersion(VersionMetadata calldata metadata, bytes calldata recordSignature, string calldata metadataURI)
        external
        returns (uint256 classId, uint32 version)
    {
        parameters.requireOpen();
        Holders memory holders = _finish(metadata, recordSignature);
        bytes32 integrityHash = registry.versionHash(metadata);
        classId = _anchor(holders, metadataURI, integrityHash);
        (uint32 afterVersion, uint16 keepBps) = (holders.afterVersion, holders.keepBps);
        version = _add(
            classId, Version(integrityHash, metadata.submission, metadata.payment, false, afterVersion, keepBps, 0)
        );
        emit VersionMinted(classId, version, metadata.submission, metadata, recordSignature);
        uint64 totalShare = 0;
        for (uint256 i = 0; i < holders.contributors.length; ++i) {
            totalShare += holders.tokens[i];
            _mintToken(holders.contributors[i], Token(uint64(classId), 0, holders.tokens[i], 0, uint24(version)));
        }
        _versions[classId][version - 1].totalShare = totalShare;
    }

    /// @notice Takes a version out of service: no new sessions, and the end of those that there are may be
    /// asked for at once, with the dispute window after it.
    function withdrawVersion(uint256 classId, uint32 version) external {
        _owned(classId);
        Version storage found = _version(classId, version);
        if (found.withdrawn) revert VersionWithdrawn(classId, version);
        found.withdrawn = true;
        emit VersionWithdrawal(classId, version);
    }

    /// @notice Takes a unit of quota for a session; by the settlement.
    function useForSession(address payer, uint256 tokenId, uint256 classId, uint32 version) external {
        if (msg.sender != address(settlement)) revert NotAllowed(msg.sender);
        if (!accepts(classId, version, true)) revert MetadataMismatch("payment");
        if (classOf(tokenId) != classId) revert DifferentClasses(tokenId, classId);
        _use(payer, tokenId, SESSION_METRIC, 1);
    }

    /// @notice Whether new sessions on a version can be paid by quota, or else by vouchers. Reverts where none can be
    /// opened.
    function accepts(uint256 classId, uint32 version, bool quota) public view returns (bool) {
        Version storage found = _version(classId, version);
        if (found.withdrawn) revert VersionWithdrawn(classId, version);
        return found.payment != (quota ? GAS : QUOTA);
    }

    /// @inheritdoc IClasses
    function ownsAnchored(uint256 classId, address account) external view returns (bool) {
        Class storage class = _classes[classId];
        return class.anchored && class.owner == account;
    }

    /// @notice Moves a token; by its owner or whom she approved for it (ERC-721).
    function transferToken(uint256 tokenId, address to) external {
        transferFrom(ownerOf(tokenId), to, tokenId);
    }

    function supportsInterface(bytes4 id) public view override returns (bool) {
        // ERC-3525's slot approvals and metadata have ids of their own.
        return id == type(IERC8028).interfaceId || id == type(IERC3525).interfaceId || id == 0xb688be58
            || id == 0xe1600902 || super.supportsInterface(id);
    }

    /// Whatever moves a token first credits what it earned to the seller.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = _ownerOf(tokenId);
        if (from != address(0)) _creditOwner(tokenId, from);
        super._update(to, tokenId, auth);
        emit TransferToken(tokenId, from, to);
    }

    /// Checks what the ExEx says, and marks the submission as minted.
    function _finish(VersionMetadata calldata metadata, bytes calldata recordSignature)
        private
        returns (Holders memory holders)
    {
        if (metadata.exex != msg.sender) revert MetadataMismatch("exex");
        if (metadata.payment > EITHER) revert MetadataMismatch("payment");
        bytes32 record = Signed.record(metadata.submission, metadata.record);
        bool signed = Signed.isBy(msg.sender, Signed.digest(parameters.domainSeparator(), record), recordSignature);
        if (!signed) revert RecordNotSigned(metadata.submission, msg.sender);
        (
            holders.submitter,
            holders.class,
            holders.afterVersion,
            holders.keepBps,
            holders.contributors,
            holders.tokens
        ) = registry.markMinted(metadata.submission, msg.sender);
    }

    function _add(uint256 classId, Version memory version) private returns (uint32) {
        // Tokens keep their version in twenty-four bits.
        uint256 number = _versions[classId].length + 1;
        if (number > type(uint24).max) revert OutOfRange("version", number);
        _versions[classId].push(version);
        return uint32(number);
    }

    /// A new anchored class, or the one that the submission names, with what its new version says. The registry asked
    /// whose it is, and no class changes hands.
    function _anchor(Holders memory holders, string calldata metadataURI, bytes32 integrityHash)
        private
        returns (uint256 classId)
    {
        classId = holders.class;
        if (classId == 0) {
            classId = _create(holders.submitter, true, integrityHash);
            emit ClassCreated(classId, metadataURI, integrityHash);
        } else {
            _classes[classId].integrityHash = integrityHash;
            emit MetadataUpdated(classId, metadataURI, integrityHash);
        }
        _classes[classId].metadataURI = metadataURI;
    }

    function _create(address owner, bool anchored, bytes32 integrityHash) private returns (uint256 classId) {
        classId = ++classCount;
        Class storage class = _classes[classId];
        (class.owner, class.anchored, class.integrityHash) = (owner, anchored, integrityHash);
        emit ClassOwned(classId, owner, anchored);
    }

    function _owned(uint256 classId) private view returns (Class storage class) {
        class = _class(classId);
        if (class.owner != msg.sender) revert NotAllowed(msg.sender);
    }
}

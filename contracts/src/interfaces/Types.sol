// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice What governance sets. Amounts are base units, times are seconds, shares are basis points.
struct Params {
    // The split of each redeemed increment; the three sum to 10,000.
    uint16 creatorBps;
    uint16 nodeBps;
    uint16 poolBps;
    // What a validator at fault loses of its stake, and what of that goes to who challenged it: at most the bond.
    uint16 slashBps;
    uint16 challengerBps;
    // Votes in favour or abstaining that a proposal needs, of all votes.
    uint16 quorumBps;
    // Stake below which a validator's weight does not count.
    uint128 minStake;
    // What a challenger puts at risk.
    uint128 challengeBond;
    // The most that an offer may ask for one token of text.
    uint128 maxPrice;
    uint64 attestationWindow;
    uint64 challengeWindow;
    uint64 challengeVoteWindow;
    uint64 unbondingWindow;
    uint64 votingDelay;
    uint64 votingWindow;
    uint64 maxSession;
    // How long a node has to redeem once a payer asked for the end of a session.
    uint64 disputeWindow;
    // How long an ExEx has to mint what is final.
    uint64 mintWindow;
}

/// @notice A validator's verdict on a submission.
struct Attestation {
    bytes32 submission;
    // What the submission says, and its public part: `Signed.content`.
    bytes32 content;
    bool accepted;
}

/// @notice What a contributor agrees to.
struct ContributorConsent {
    bytes32 submission;
    bytes32 root;
    // keccak-256 of the licence's SPDX identifier, and of the words of consent.
    bytes32 licence;
    bytes32 consent;
    // The contributor's weight, and that of all contributors of the submission.
    uint64 tokens;
    uint64 total;
    // As in the submission.
    uint64 class;
    uint32 afterVersion;
    uint16 keepBps;
}

/// @notice What a contributor has in a submission, and the consent to it.
struct Share {
    address contributor;
    // Tokens of the contributor's records: the weight in the version's revenue.
    uint64 tokens;
    // Root over the contributor's records alone.
    bytes32 root;
    // keccak-256 of the licence's SPDX identifier, and of the words of consent: both are in the public part.
    bytes32 licence;
    bytes32 consent;
    bytes signature;
}

/// @notice A dataset, submitted for validation.
struct Submission {
    uint64 nonce;
    bytes32 statement;
    bytes32 root;
    bytes32 proof;
    // SHA-256 of the encrypted private part, and where it can be fetched.
    bytes32 ciphertext;
    string pointer;
    // The data key, sealed to the ExEx (HPKE).
    bytes sealedKey;
    // Who may decrypt, train and mint.
    address exex;
    // The submitter's class that gets a next version; 0: a new class.
    uint64 class;
    // The version that the new one comes after; 0: none, in a new class.
    uint32 afterVersion;
    // What that one keeps of the new version's revenue, in basis points.
    uint16 keepBps;
    Share[] shares;
}

/// @notice What a version of a model says of itself.
struct VersionMetadata {
    string character;
    string baseName;
    bytes32 baseDigest;
    string baseLicence;
    bytes32 adapter;
    // The base voice and the character's own; zeros if none was trained.
    bytes32 voiceBase;
    bytes32 voice;
    // Mean losses on records that were held out, in millionths of a nat per token; zeros if none were.
    uint32 heldOutRecords;
    uint64 heldOutTokens;
    uint64 baseLoss;
    // Behind the published card; 0 without one.
    uint64 promptedLoss;
    uint64 tunedLoss;
    bytes32 record;
    bytes32 submission;
    address exex;
    uint8 rating;
    uint8 minimumAge;
    // 0: gas, 1: quota, 2: either.
    uint8 payment;
    string consent;
    string reportContact;
    string[] endpoints;
}

/// @notice What a node asks for serving a version of a class.
struct Offer {
    address node;
    uint64 class;
    uint32 version;
    // address(0) is the chain's own coin.
    address asset;
    uint128 promptPrice;
    uint128 completionPrice;
    uint32 promptCeiling;
    uint32 completionCeiling;
    uint64 sessionSeconds;
    uint64 validUntil;
    // The least that a payer reserves.
    uint128 minDeposit;
    // What a class's fund reserves for a session that is opened by a unit of quota; 0: not served by quota.
    uint128 quotaDeposit;
    // Which of the node's series of offers it belongs to: beginning the next one revokes this.
    uint64 series;
}

/// @notice What a node claims of one reply.
struct Receipt {
    bytes32 session;
    // The reply's number in the session, from 1.
    uint32 turn;
    bytes32 requestDigest;
    bytes32 replyDigest;
    uint64 promptTokens;
    uint64 completionTokens;
    bytes32 tokenizerDigest;
    uint32 temperatureMilli;
    uint32 topPMilli;
    uint64 seed;
    bytes32 baseDigest;
    bytes32 adapterDigest;
    // What is owed for the session, this reply included.
    uint128 cumulative;
}

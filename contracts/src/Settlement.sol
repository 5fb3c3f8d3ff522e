// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DataAnchoringToken} from "./DataAnchoringToken.sol";
import {MarketParameters} from "./governance/MarketParameters.sol";
import {Offer, Params} from "./interfaces/Types.sol";
import {Ids} from "./libraries/Ids.sol";
import {Session, SessionStatus, Sessions} from "./libraries/Sessions.sol";
import {Signed} from "./libraries/Signed.sol";
import {Balances} from "./settlement/Balances.sol";

/// @title All of the market's money: balances, sessions, and the revenue of classes until it is claimed
/// @notice A session reserves a deposit under a node's signed offer; the node redeems the consumer's last cumulative
/// voucher; what is left goes back. The node may end it at once, the payer asks for its end at any time: then the node
/// has the dispute window to redeem what it was promised, and after that anyone ends it.
///
/// Of each redeemed increment the node's and the pool's parts are floored and the class gets the rest, under the
/// parameters of the session. For every asset, always: what this contract holds = balances + funds of classes + open
/// deposits less what was redeemed of them + revenue that is unclaimed or waits in an inbox.
contract Settlement is Balances {
    using Sessions for Sessions.Hasher;

    error DepositRefused(bytes32 session, uint256 amount);
    error NotReleased(bytes32 session, uint256 redeemed);
    error OfferRefused(string reason);
    error SessionClosed(bytes32 session);
    error SessionExists(bytes32 session);
    error SessionRunning(bytes32 session, uint64 deadline);
    error UnknownSession(bytes32 session);
    error UnknownVersion(uint256 class, uint32 version);

    event OffersRevoked(address indexed node, uint64 series);
    event SessionOpened(
        bytes32 indexed session,
        address indexed payer,
        address indexed node,
        Opening opening,
        Offer offer,
        bytes offerSignature,
        uint32 params,
        uint64 deadline
    );
    /// @param cumulative What was redeemed of each session now, after its id.
    event Redeemed(address indexed node, bytes32[] sessions, uint128[] cumulative);
    /// @param reason 1: unknown or closed session, 2: not signed by the consumer, 3: not more than before, 4: more than
    /// the deposit.
    event VoucherSkipped(address indexed node, bytes32 indexed session, uint8 reason);
    /// @param deposit What it is now.
    event SessionToppedUp(bytes32 indexed session, uint256 deposit);
    /// @param finalAt After this time anyone may end it.
    event SessionClosing(bytes32 indexed session, uint64 finalAt);
    event SessionEnded(bytes32 indexed session, uint256 refunded);
    /// @param params Version of the parameters that the amount was split under.
    event Paid(
        address indexed payer,
        address indexed node,
        uint64 indexed class,
        uint32 version,
        address asset,
        uint128 amount,
        uint32 params
    );

    /// @notice How a session is opened: `deposit` from the payer's balance, or one unit of quota of `tokenId`.
    struct Opening {
        uint64 nonce;
        address consumer;
        uint96 deposit;
        uint256 tokenId;
    }

    /// @notice A voucher to be redeemed; with the offer, it names its session. A consumer of zero is the payer herself:
    /// zeros cost less.
    struct Claim {
        address payer;
        uint64 nonce;
        address consumer;
        uint128 cumulative;
        bytes signature;
    }

    /// @notice Vouchers of sessions under one offer.
    struct Claims {
        Offer offer;
        Claim[] claims;
    }

    bytes32 private immutable _ledgerId;

    /// @notice Which series a node's offers must name to be good.
    mapping(address node => uint64) public seriesOf;
    mapping(bytes32 session => Session) private _sessions;

    constructor(MarketParameters parameters_, DataAnchoringToken token_) Balances(parameters_, token_) {
        _ledgerId = parameters_.ledgerId();
    }

    /// @notice Revokes all offers that the sender signed so far: no session can be opened under them any more.
    function revokeOffers() external {
        emit OffersRevoked(msg.sender, ++seriesOf[msg.sender]);
    }

    /// @notice Opens a session under a node's signed offer; the sender pays, or the fund of the class whose quota she
    /// uses. Coins that come with the call are added to her balance first.
    function open(Opening calldata opening, Offer calldata offer, bytes calldata offerSignature)
        external
        payable
        nonReentrant
        returns (bytes32 id)
    {
        if (msg.value != 0) _deposit(msg.sender, address(0), msg.value);
        return _open(msg.sender, opening, offer, offerSignature);
    }

    /// @notice Opens a session that its payer signed for, with one signature: ERC-3009's `ReceiveWithAuthorization` of the
    /// deposit to this contract, whose nonce is the session's id. That binds payer, consumer and offer. Anybody may send
    /// it, and pays the gas.
    function openFor(
        address payer,
        Opening calldata opening,
        Offer calldata offer,
        bytes calldata offerSignature,
        SignedTransfer calldata transfer_
    ) external nonReentrant returns (bytes32 id) {
        // A unit of quota is used by its owner alone.
        if (opening.tokenId != 0) revert OfferRefused("payment");
        id = Ids.session(_ledgerId, payer, opening.nonce, opening.consumer, Signed.hash(offer));
        _depositSigned(payer, offer.asset, opening.deposit, id, transfer_);
        return _open(payer, opening, offer, offerSignature);
    }

    function _open(address payer, Opening calldata opening, Offer calldata offer, bytes calldata offerSignature)
        private
        returns (bytes32 id)
    {
        parameters.requireOpen();
        bytes32 offerHash = Signed.hash(offer);
        id = Ids.session(_ledgerId, payer, opening.nonce, opening.consumer, offerHash);
        if (_sessions[id].status() != SessionStatus.None) revert SessionExists(id);
        uint32 version = parameters.currentVersion();
        _checkOffer(offer, offerHash, offerSignature);
        uint64 deadline = uint64(block.timestamp) + offer.sessionSeconds;
        bool byQuota = opening.tokenId != 0;
        uint96 reserved = byQuota ? uint96(offer.quotaDeposit) : opening.deposit;
        _sessions[id] = Sessions.open(reserved, uint40(deadline), uint16(version), byQuota);
        if (byQuota) {
            _takeQuota(payer, opening, offer);
        } else {
            if (!token.accepts(offer.class, offer.version, false)) revert OfferRefused("payment");
            if (reserved < offer.minDeposit) revert OfferRefused("minDeposit");
            _debit(payer, offer.asset, reserved);
        }
        emit SessionOpened(id, payer, offer.node, opening, offer, offerSignature, version, deadline);
    }

    /// @notice Adds to the deposit of the sender's session, until its deadline. Coins that come with the call are added
    /// to her balance first.
    function topUp(uint64 nonce, address consumer, Offer calldata offer, uint96 amount) external payable nonReentrant {
        if (msg.value != 0) _deposit(msg.sender, address(0), msg.value);
        (bytes32 id, Session session) = _live(msg.sender, nonce, consumer, offer);
        // slither-disable-next-line incorrect-equality: a state, not a balance.
        bool open_ = session.status() == SessionStatus.Open && block.timestamp <= session.deadline();
        uint256 sum = session.deposit() + amount;
        if (!open_ || session.sponsored() || sum > type(uint96).max) revert DepositRefused(id, amount);
        _debit(msg.sender, offer.asset, amount);
        _sessions[id] = session.withDeposit(uint96(sum));
        emit SessionToppedUp(id, sum);
    }

    /// @notice Redeems vouchers of sessions, offer by offer; by their node. One that is not good is passed over, with
    /// its reason in an event. Returns how many were good. It costs least where offers of one version and asset follow
    /// each other: they are booked together.
    function redeem(Claims[] calldata batches) external nonReentrant returns (uint256 redeemed) {
        uint256 left = 0;
        for (uint256 i = 0; i < batches.length; ++i) {
            left += batches[i].claims.length;
        }
        bytes32 separator = parameters.domainSeparator();
        // It begins empty.
        // slither-disable-next-line uninitialized-local
        Batch memory batch;
        for (uint256 i = 0; i < batches.length; ++i) {
            Offer calldata offer = batches[i].offer;
            if (msg.sender != offer.node) revert NotAllowed(msg.sender);
            bool same = offer.class == batch.class && offer.version == batch.version && offer.asset == batch.asset;
            if (i == 0 || !same) {
                redeemed += _book(batch);
                (batch.class, batch.version, batch.asset) = (offer.class, offer.version, offer.asset);
                (batch.ids, batch.cumulative) = (new bytes32[](left), new uint128[](left));
                (batch.redeemed, batch.node, batch.pool, batch.revenue) = (0, 0, 0, 0);
            }
            batch.hasher = Sessions.hasher(_ledgerId, separator, offer);
            Claim[] calldata claims = batches[i].claims;
            left -= claims.length;
            for (uint256 j = 0; j < claims.length; ++j) {
                _redeemOne(batch, claims[j]);
            }
        }
        redeemed += _book(batch);
    }

    /// @notice Ends a session, and gives back what was not redeemed. Its node ends it at once. Its payer asks for it at
    /// any time; the node can still redeem until the dispute window is over, and then anyone ends it. Of a session by quota
    /// anyone asks once its deadline is over: what is left is the fund's, and nobody else may care.
    function close(address payer, uint64 nonce, address consumer, Offer calldata offer) external {
        (bytes32 id, Session session) = _live(payer, nonce, consumer, offer);
        // slither-disable-next-line incorrect-equality: a state, not a balance.
        bool asked = session.status() == SessionStatus.Closing;
        if (msg.sender == offer.node || (asked && block.timestamp > session.deadline())) {
            return _end(id, session, payer, offer);
        }
        bool over = !asked && session.sponsored() && block.timestamp > session.deadline();
        if (msg.sender != payer && !over) revert NotAllowed(msg.sender);
        if (asked) revert SessionRunning(id, session.deadline());
        uint64 finalAt = uint64(block.timestamp) + parameters.versionAt(session.params()).disputeWindow;
        _sessions[id] = session.closing(uint40(finalAt));
        emit SessionClosing(id, finalAt);
    }

    /// @notice Ends a session at once, by its payer, where its node signed that it wants no more than was redeemed.
    function closeTogether(address payer, uint64 nonce, address consumer, Offer calldata offer, bytes calldata release)
        external
    {
        if (msg.sender != payer) revert NotAllowed(msg.sender);
        (bytes32 id, Session session) = _live(payer, nonce, consumer, offer);
        bytes32 released = Signed.release(id, session.redeemed());
        if (!Signed.isBy(offer.node, Signed.digest(parameters.domainSeparator(), released), release)) {
            revert NotReleased(id, session.redeemed());
        }
        _end(id, session, payer, offer);
    }

    /// @notice Pays a node for a version's replies at once, without a session: out of the sender's balance, split as a
    /// redeemed increment is, under the parameters of now. A version that was withdrawn is paid too: what was sold before
    /// is owed.
    function pay(address node, uint64 class, uint32 version, address asset, uint128 amount) external nonReentrant {
        if (version == 0 || version > token.versionCount(class)) revert UnknownVersion(class, version);
        if (amount == 0) revert OfferRefused("payment");
        _debit(msg.sender, asset, amount);
        uint32 params = parameters.currentVersion();
        (uint256 nodeBps, uint256 poolBps) = parameters.splitAt(params);
        (uint256 ofNode, uint256 ofPool, uint256 revenue) = Sessions.split(amount, nodeBps, poolBps);
        balanceOf[node][asset] += ofNode;
        balanceOf[parameters.governance()][asset] += ofPool;
        emit Paid(msg.sender, node, class, version, asset, amount, params);
        // A part of a number of 128 bits.
        token.creditRevenue(class, version, asset, uint128(revenue));
    }

    /// @notice What is known of a session here; the rest is in the event of its opening. The deadline of one that is
    /// closing is that of the dispute.
    function sessionOf(bytes32 id)
        external
        view
        returns (uint256 deposited, uint256 redeemed, uint40 deadline, uint16 params, SessionStatus status)
    {
        Session s = _sessions[id];
        return (s.deposit(), s.redeemed(), s.deadline(), s.params(), s.status());
    }

    /// What is summed up over the vouchers of offers of one version and asset.
    struct Batch {
        Sessions.Hasher hasher;
        uint64 class;
        uint32 version;
        address asset;
        bytes32[] ids;
        uint128[] cumulative;
        uint256 redeemed;
        uint256 node;
        uint256 pool;
        uint256 revenue;
        // The split of the parameters that were used last.
        uint256 params;
        uint256 nodeBps;
        uint256 poolBps;
    }

    /// Books what a batch summed up, and says what was redeemed.
    function _book(Batch memory batch) private returns (uint256 redeemed) {
        redeemed = batch.redeemed;
        if (redeemed == 0) return 0;
        address asset = batch.asset;
        balanceOf[msg.sender][asset] += batch.node;
        balanceOf[parameters.governance()][asset] += batch.pool;
        // Every increment was deposited, so their sum is far below 2^128.
        // slither-disable-next-line reentrancy-no-eth: the token only counts, and calls nobody.
        token.creditRevenue(batch.class, batch.version, asset, uint128(batch.revenue));
        (bytes32[] memory ids, uint128[] memory cumulative) = (batch.ids, batch.cumulative);
        assembly ("memory-safe") {
            mstore(ids, redeemed)
            mstore(cumulative, redeemed)
        }
        emit Redeemed(msg.sender, ids, cumulative);
    }

    function _redeemOne(Batch memory batch, Claim calldata c) private {
        address consumer = c.consumer == address(0) ? c.payer : c.consumer;
        bytes32 id = batch.hasher.sessionId(c.payer, c.nonce, consumer);
        Session session = _sessions[id];
        uint8 reason = _judge(batch, id, session, consumer, c);
        if (reason != 0) {
            emit VoucherSkipped(msg.sender, id, reason);
            return;
        }
        if (batch.params != session.params()) {
            (batch.nodeBps, batch.poolBps) = parameters.splitAt(session.params());
            batch.params = session.params();
        }
        uint128 cumulative = c.cumulative;
        // It is more than before, and the sum of a batch cannot overflow.
        unchecked {
            (uint256 node, uint256 pool, uint256 revenue) =
                Sessions.split(cumulative - session.redeemed(), batch.nodeBps, batch.poolBps);
            batch.node += node;
            batch.pool += pool;
            batch.revenue += revenue;
        }
        _sessions[id] = session.withRedeemed(cumulative);
        uint256 place = batch.redeemed;
        (batch.ids[place], batch.cumulative[place]) = (id, cumulative);
        batch.redeemed = place + 1;
    }

    /// Why a voucher is not good; 0 if it is.
    function _judge(Batch memory batch, bytes32 id, Session session, address consumer, Claim calldata c)
        private
        view
        returns (uint8)
    {
        if (!session.isLive()) return 1;
        bytes32 digest = batch.hasher.voucherDigest(id, c.cumulative);
        if (!Signed.isBy(consumer, digest, c.signature)) return 2;
        if (c.cumulative <= session.redeemed()) return 3;
        return c.cumulative > session.deposit() ? 4 : 0;
    }

    /// A unit of quota, and the deposit that it stands for, out of the class's fund.
    function _takeQuota(address payer, Opening calldata opening, Offer calldata offer) private {
        uint128 worth = offer.quotaDeposit;
        Fund storage fund = fundOf[offer.class][offer.asset];
        if (opening.deposit != 0 || worth == 0) revert OfferRefused("payment");
        if (worth > fund.perUnit || worth > type(uint96).max) revert OfferRefused("quotaDeposit");
        _debitFund(offer.class, offer.asset, worth);
        token.useForSession(payer, opening.tokenId, offer.class, offer.version);
    }

    function _live(address payer, uint64 nonce, address consumer, Offer calldata offer)
        private
        view
        returns (bytes32 id, Session session)
    {
        id = Ids.session(_ledgerId, payer, nonce, consumer, Signed.hash(offer));
        session = _sessions[id];
        // slither-disable-start incorrect-equality: states, not balances.
        if (session.status() == SessionStatus.None) revert UnknownSession(id);
        if (session.status() == SessionStatus.Closed) revert SessionClosed(id);
        // slither-disable-end incorrect-equality
    }

    function _end(bytes32 id, Session session, address payer, Offer calldata offer) private {
        _sessions[id] = session.closed();
        uint256 refunded = session.deposit() - session.redeemed();
        if (session.sponsored()) fundOf[offer.class][offer.asset].amount += uint128(refunded);
        else balanceOf[payer][offer.asset] += refunded;
        emit SessionEnded(id, refunded);
    }

    function _checkOffer(Offer calldata offer, bytes32 offerHash, bytes calldata signature) private view {
        Params memory params = parameters.current();
        if (!Signed.isBy(offer.node, Signed.digest(parameters.domainSeparator(), offerHash), signature)) {
            revert OfferRefused("signature");
        }
        if (!parameters.isAccepted(offer.asset)) revert AssetNotAccepted(offer.asset);
        if (offer.series != seriesOf[offer.node]) revert OfferRefused("series");
        if (block.timestamp > offer.validUntil) revert OfferRefused("validUntil");
        if (offer.sessionSeconds == 0 || offer.sessionSeconds > params.maxSession) {
            revert OfferRefused("sessionSeconds");
        }
        if (offer.promptPrice > params.maxPrice || offer.completionPrice > params.maxPrice) {
            revert OfferRefused("price");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {DataAnchoringToken} from "./DataAnchoringToken.sol";
import {MarketParameters} from "./governance/MarketParameters.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Offer, Params} from "./interfaces/Types.sol";
import {Ids} from "./libraries/Ids.sol";
import {Session, SessionStatus, Sessions} from "./libraries/Sessions.sol";
import {Signed} from "./libraries/Signed.sol";

/// @title All of the market's money: balances, sessions, and the revenue of classes until it is claimed
/// @notice A session reserves a deposit under a node's signed offer; the node redeems the consumer's last cumulative
/// voucher; what is left goes back. Nothing is pushed to anybody: what is earned is a balance, to be withdrawn.
///
/// Of each redeemed increment the node's and the pool's parts are floored and the class gets the rest, under the
/// parameters of the session. For every asset, always: what this contract holds = balances + open deposits less what was
/// redeemed of them + unclaimed revenue.
contract Settlement is IVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Sessions for Sessions.Hasher;

    error AmountReceived(address asset, uint256 expected, uint256 received);
    error AssetNotAccepted(address asset);
    error BalanceTooSmall(address account, address asset, uint256 available, uint256 needed);
    error DepositTooLarge(uint256 amount);
    error NotAllowed(address sender);
    error OfferRefused(string reason);
    error PaymentFailed(address to, uint256 amount);
    error SessionClosed(bytes32 session);
    error SessionExists(bytes32 session);
    error SessionRunning(bytes32 session, uint64 deadline);
    error UnknownSession(bytes32 session);

    event Deposited(address indexed account, address indexed asset, uint256 amount);
    event Withdrawn(address indexed account, address indexed asset, address to, uint256 amount);
    event Transferred(address indexed from, address indexed to, address indexed asset, uint256 amount);
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
    event SessionEnded(bytes32 indexed session, uint256 refunded);
    /// Revenue that became a balance: a seller's, or a class owner's where no share counts. (That of a redemption
    /// without a counted share follows from `Redeemed`.)
    event RevenueCredited(address indexed account, address indexed asset, uint256 amount);

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

    MarketParameters public immutable parameters;
    DataAnchoringToken public immutable token;
    bytes32 private immutable _ledgerId;

    mapping(address account => mapping(address asset => uint256)) public balanceOf;
    mapping(bytes32 session => Session) private _sessions;

    constructor(MarketParameters parameters_, DataAnchoringToken token_) {
        parameters = parameters_;
        token = token_;
        _ledgerId = parameters_.ledgerId();
    }

    /// @notice Adds to the sender's balance: coins with the call, or an ERC-20 by allowance.
    function deposit(address asset, uint256 amount) external payable nonReentrant {
        _deposit(msg.sender, asset, amount);
    }

    /// @inheritdoc IVault
    function depositFor(address account, address asset, uint256 amount) external payable nonReentrant {
        _deposit(account, asset, amount);
    }

    /// @notice Pays a part of the sender's balance out.
    function withdraw(address asset, address to, uint256 amount) external nonReentrant {
        _debit(msg.sender, asset, amount);
        emit Withdrawn(msg.sender, asset, to, amount);
        _pay(to, asset, amount);
    }

    /// @notice Moves a part of the sender's balance to somebody else's.
    function transfer(address to, address asset, uint256 amount) external {
        _debit(msg.sender, asset, amount);
        balanceOf[to][asset] += amount;
        emit Transferred(msg.sender, to, asset, amount);
    }

    /// @notice Opens a session under a node's signed offer; the sender pays. Coins that come with the call are added to
    /// her balance first.
    function open(Opening calldata opening, Offer calldata offer, bytes calldata offerSignature)
        external
        payable
        nonReentrant
        returns (bytes32 id)
    {
        parameters.requireOpen();
        if (msg.value != 0) _deposit(msg.sender, address(0), msg.value);
        bytes32 offerHash = Signed.hash(offer);
        id = Ids.session(_ledgerId, msg.sender, opening.nonce, opening.consumer, offerHash);
        if (_sessions[id].status() != SessionStatus.None) revert SessionExists(id);
        uint32 version = parameters.currentVersion();
        _checkOffer(offer, offerHash, offerSignature);
        uint64 deadline = uint64(block.timestamp) + offer.sessionSeconds;
        _sessions[id] = Sessions.open(opening.deposit, uint40(deadline), uint16(version));
        if (opening.tokenId == 0) {
            if (!token.accepts(offer.class, offer.version, false)) revert OfferRefused("payment");
            _debit(msg.sender, offer.asset, opening.deposit);
        } else {
            if (opening.deposit != 0) revert OfferRefused("payment");
            token.useForSession(msg.sender, opening.tokenId, offer.class, offer.version);
        }
        emit SessionOpened(id, msg.sender, offer.node, opening, offer, offerSignature, version, deadline);
    }

    /// @notice Redeems vouchers of sessions under one offer; by its node. One that is not good is passed over, with its
    /// reason in an event. Returns how many were good.
    function redeem(Offer calldata offer, Claim[] calldata claims) external nonReentrant returns (uint256 redeemed) {
        if (msg.sender != offer.node) revert NotAllowed(msg.sender);
        Batch memory batch;
        batch.hasher = Sessions.hasher(_ledgerId, parameters.domainSeparator(), offer);
        batch.ids = new bytes32[](claims.length);
        batch.cumulative = new uint128[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            _redeemOne(batch, claims[i]);
        }
        redeemed = batch.redeemed;
        if (redeemed == 0) return 0;
        balanceOf[msg.sender][offer.asset] += batch.node;
        balanceOf[parameters.governance()][offer.asset] += batch.pool;
        // Every increment was deposited, so their sum is far below 2^128.
        // slither-disable-next-line reentrancy-no-eth: the token only counts, and calls nobody.
        address instead = token.creditRevenue(offer.class, offer.asset, uint128(batch.class));
        if (instead != address(0)) balanceOf[instead][offer.asset] += batch.class;
        (bytes32[] memory ids, uint128[] memory cumulative) = (batch.ids, batch.cumulative);
        assembly ("memory-safe") {
            mstore(ids, redeemed)
            mstore(cumulative, redeemed)
        }
        emit Redeemed(msg.sender, ids, cumulative);
    }

    /// @notice Ends a session and gives back what was not redeemed: by its node at any time; by its payer after the
    /// deadline, or once the version was withdrawn.
    function close(address payer, uint64 nonce, address consumer, Offer calldata offer) external {
        bytes32 id = Ids.session(_ledgerId, payer, nonce, consumer, Signed.hash(offer));
        Session session = _sessions[id];
        // slither-disable-start incorrect-equality: states, not balances.
        if (session.status() == SessionStatus.None) revert UnknownSession(id);
        if (session.status() == SessionStatus.Closed) revert SessionClosed(id);
        // slither-disable-end incorrect-equality
        if (msg.sender != offer.node) {
            if (msg.sender != payer) revert NotAllowed(msg.sender);
            bool over = block.timestamp > session.deadline() || token.isWithdrawn(offer.class, offer.version);
            if (!over) revert SessionRunning(id, session.deadline());
        }
        _sessions[id] = session.closed();
        uint256 refunded = session.deposit() - session.redeemed();
        balanceOf[payer][offer.asset] += refunded;
        emit SessionEnded(id, refunded);
    }

    /// @notice What is known of a session here; the rest is in the event of its opening.
    function sessionOf(bytes32 id)
        external
        view
        returns (uint256 deposited, uint256 redeemed, uint40 deadline, uint16 params, SessionStatus status)
    {
        Session s = _sessions[id];
        return (s.deposit(), s.redeemed(), s.deadline(), s.params(), s.status());
    }

    /// @inheritdoc IVault
    function creditFromRevenue(address account, address asset, uint256 amount) external {
        _onlyToken();
        balanceOf[account][asset] += amount;
        emit RevenueCredited(account, asset, amount);
    }

    /// @inheritdoc IVault
    function payFromRevenue(address to, address asset, uint256 amount) external nonReentrant {
        _onlyToken();
        _pay(to, asset, amount);
    }

    /// @inheritdoc IVault
    function takeAsRevenue(address from, address asset, uint256 amount) external payable nonReentrant {
        _onlyToken();
        _take(from, asset, amount);
    }

    /// What is summed up over the vouchers of a batch.
    struct Batch {
        Sessions.Hasher hasher;
        bytes32[] ids;
        uint128[] cumulative;
        uint256 redeemed;
        uint256 node;
        uint256 pool;
        uint256 class;
        // The shares of the version that was used last.
        uint256 version;
        uint256 nodeBps;
        uint256 poolBps;
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
        if (batch.version != session.params()) {
            (batch.nodeBps, batch.poolBps) = parameters.splitAt(session.params());
            batch.version = session.params();
        }
        uint128 cumulative = c.cumulative;
        // Node and pool are floored, the class gets the rest: the parts are the whole. Ninety-six bits times ten
        // thousand cannot overflow, nor can the sum of a batch.
        unchecked {
            uint256 increment = cumulative - session.redeemed();
            uint256 node = (increment * batch.nodeBps) / 10_000;
            uint256 pool = (increment * batch.poolBps) / 10_000;
            batch.node += node;
            batch.pool += pool;
            batch.class += increment - node - pool;
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
        if (session.status() != SessionStatus.Open) return 1;
        bytes32 digest = batch.hasher.voucherDigest(id, c.cumulative);
        if (!Signed.isBy(consumer, digest, c.signature)) return 2;
        if (c.cumulative <= session.redeemed()) return 3;
        return c.cumulative > session.deposit() ? 4 : 0;
    }

    function _checkOffer(Offer calldata offer, bytes32 offerHash, bytes calldata signature) private view {
        Params memory params = parameters.current();
        if (!Signed.isBy(offer.node, Signed.digest(parameters.domainSeparator(), offerHash), signature)) {
            revert OfferRefused("signature");
        }
        if (!parameters.isAccepted(offer.asset)) revert AssetNotAccepted(offer.asset);
        if (block.timestamp > offer.validUntil) revert OfferRefused("validUntil");
        if (offer.sessionSeconds == 0 || offer.sessionSeconds > params.maxSession) {
            revert OfferRefused("sessionSeconds");
        }
        if (offer.promptPrice > params.maxPrice || offer.completionPrice > params.maxPrice) {
            revert OfferRefused("price");
        }
    }

    function _deposit(address account, address asset, uint256 amount) private {
        _take(msg.sender, asset, amount);
        balanceOf[account][asset] += amount;
        emit Deposited(account, asset, amount);
    }

    /// Takes exactly `amount`: a token that takes a fee on the way is refused.
    function _take(address from, address asset, uint256 amount) private {
        if (asset == address(0)) {
            if (msg.value != amount) revert AmountReceived(asset, amount, msg.value);
            return;
        }
        if (msg.value != 0) revert AmountReceived(address(0), 0, msg.value);
        if (!parameters.isAccepted(asset)) revert AssetNotAccepted(asset);
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(from, address(this), amount);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != amount) revert AmountReceived(asset, amount, received);
    }

    function _debit(address account, address asset, uint256 amount) private {
        uint256 available = balanceOf[account][asset];
        if (amount > available) revert BalanceTooSmall(account, asset, available, amount);
        balanceOf[account][asset] = available - amount;
    }

    function _pay(address to, address asset, uint256 amount) private {
        if (asset != address(0)) return IERC20(asset).safeTransfer(to, amount);
        // slither-disable-next-line arbitrary-send-eth: whose balance it was said where it goes.
        (bool success,) = to.call{value: amount}("");
        if (!success) revert PaymentFailed(to, amount);
    }

    function _onlyToken() private view {
        if (msg.sender != address(token)) revert NotAllowed(msg.sender);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Bytes kept as the code of contracts that do nothing
/// @notice 32 KiB would be 1,024 storage slots: more gas than a transaction may use. As code a byte costs 200 gas. A
/// contract holds at most 24,576 bytes (EIP-170), so longer content is kept in several. The first byte is STOP: nobody
/// can run what was stored.
library CodeStorage {
    /// @notice The chain refused to keep the bytes.
    error NotStored(uint256 length);

    uint256 private constant MAX_BYTES = 24_575;

    /// @notice Keeps bytes; the contracts that hold them, in order.
    function write(bytes memory content) internal returns (address[] memory parts) {
        uint256 count = (content.length + MAX_BYTES - 1) / MAX_BYTES;
        parts = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 from = i * MAX_BYTES;
            uint256 length = content.length - from;
            if (length > MAX_BYTES) length = MAX_BYTES;
            parts[i] = _create(content, from, length);
        }
    }

    /// @notice The bytes that `write` kept in one contract.
    function read(address part) internal view returns (bytes memory content) {
        uint256 length = part.code.length - 1;
        content = new bytes(length);
        assembly ("memory-safe") {
            extcodecopy(part, add(content, 32), 1, length)
        }
    }

    function _create(bytes memory content, uint256 from, uint256 length) private returns (address part) {
        bytes memory chunk = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(chunk, 32), add(add(content, 32), from), length)
        }
        // Init code that returns what follows it: PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY,
        // RETURNDATASIZE, RETURN; then STOP and the content.
        bytes memory init = abi.encodePacked(hex"61", uint16(length + 1), hex"80600a3d393df3", hex"00", chunk);
        assembly ("memory-safe") {
            part := create(0, add(init, 32), mload(init))
        }
        if (part == address(0)) revert NotStored(length);
    }
}

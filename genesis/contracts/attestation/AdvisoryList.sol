// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// Names of Intel's advisories joined by commas, as `TDX_VERIFY` returns them.
library AdvisoryList {
    /// The name that begins at `from`, and where the next one does; `next` is the length of the list at its end.
    function nameAt(string memory list, uint256 from) internal pure returns (string memory name, uint256 next) {
        bytes memory text = bytes(list);
        uint256 end = from;
        while (end < text.length && text[end] != ",") ++end;
        uint256 length = end - from;
        name = new string(length);
        assembly ("memory-safe") {
            mcopy(add(name, 32), add(add(text, 32), from), length)
        }
        next = end < text.length ? end + 1 : end;
    }
}

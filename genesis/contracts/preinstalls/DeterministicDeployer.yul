// SPDX-License-Identifier: MIT OR Apache-2.0

// The deterministic deployment proxy at 0x4e59b44847b379578588920cA78FbF26c0B4956C, as deployed on
// every chain: input is a salt (32 bytes) and creation code, CREATE2 is given the call's value, and
// the answer is the new contract's address in 20 bytes. A failed creation reverts without data.
//
// Input shorter than a salt makes the length of the code negative, and copying that much runs out of
// gas, as in the original.
object "DeterministicDeployer" {
    code {
        datacopy(0, dataoffset("runtime"), datasize("runtime"))
        return(0, datasize("runtime"))
    }
    object "runtime" {
        code {
            let length := sub(calldatasize(), 32)
            calldatacopy(0, 32, length)
            let created := create2(callvalue(), 0, length, calldataload(0))
            if iszero(created) { revert(0, 0) }
            mstore(0, created)
            return(12, 20)
        }
    }
}

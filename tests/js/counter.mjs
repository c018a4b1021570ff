// A counter that emits an event, assembled by hand.
import { concatHex, parseAbi, toEventSelector } from 'viem'

export const abi = parseAbi([
  'function increment()',
  'function count() view returns (uint256)',
  'event Incremented(address indexed caller, uint256 value)',
])

// 00  PUSH1 00 CALLDATALOAD PUSH1 e0 SHR
// 06  DUP1 PUSH4 count() EQ PUSH1 1d JUMPI
// 10  PUSH4 increment() EQ PUSH1 29 JUMPI
// 19  PUSH1 00 DUP1 REVERT
// 1d  JUMPDEST PUSH1 00 SLOAD PUSH1 00 MSTORE PUSH1 20 PUSH1 00 RETURN
// 29  JUMPDEST PUSH1 00 SLOAD PUSH1 01 ADD DUP1 PUSH1 00 SSTORE PUSH1 00 MSTORE
// 37  CALLER PUSH32 Incremented(address,uint256) PUSH1 20 PUSH1 00 LOG2 STOP
export const runtime = concatHex([
  '0x60003560e01c',
  '0x806306661abd14601d57',
  '0x63d09de08a14602957',
  '0x600080fd',
  '0x5b60005460005260206000f3',
  '0x5b60005460010180600055600052',
  '0x337f',
  toEventSelector('Incremented(address,uint256)'),
  '0x60206000a200',
])

// PUSH1 5f DUP1 PUSH1 0b PUSH1 00 CODECOPY PUSH1 00 RETURN, then the runtime code.
export const creation = concatHex(['0x605f80600b6000396000f3', runtime])

// kona-node follows our devnet with our node as its engine.
//
//   node interop.mjs PROGRAMS KONA_NODE [BLOCKS]
//
// PROGRAMS is the folder of our binaries. Starts a devnet of the `isthmus` profile (the newest that
// kona-node knows), an execution node that nobody drives, and kona-node, which derives the chain
// from L1 and drives that node over the Engine API. Sends transfers and deposits meanwhile. Ends with 0 when
// kona-node has derived BLOCKS blocks (500) and every hash is that of the sequencer.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createWalletClient, http, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const [programs, kona, wanted = '500'] = process.argv.slice(2)
if (!programs || !kona) {
  console.error('usage: node interop.mjs PROGRAMS KONA_NODE [BLOCKS]')
  process.exit(2)
}
const blocks = Number(wanted)
const folder = mkdtempSync(path.join(tmpdir(), 'phala-interop-'))
const children = []

/** Starts a program; its output goes to a file in the folder. */
function start(name, program, args, env = {}) {
  const log = openSync(path.join(folder, `${name}.log`), 'w')
  const child = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
  child.on('exit', (code, signal) => {
    if (!stopping) fail(`${name} ended: ${signal ?? code}`)
  })
  children.push(child)
}

let stopping = false
async function stop(code) {
  stopping = true
  for (const child of [...children].reverse()) child.kill('SIGINT')
  await sleep(3000)
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  if (code === 0) rmSync(folder, { recursive: true, force: true })
  process.exit(code)
}

function fail(reason) {
  if (stopping) return
  console.error(`interop: ${reason}; logs are in ${folder}`)
  stop(1)
}
process.on('SIGINT', () => fail('interrupted'))
process.on('unhandledRejection', error => fail(error?.message ?? error))

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Asks until the answer is not undefined. */
async function until(what, seconds, ask) {
  for (let tries = 0; tries < seconds * 2; tries++) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await sleep(500)
  }
  throw new Error(`${what}: not within ${seconds} s`)
}

async function rpc(url, method, ...params) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { result, error } = await response.json()
  if (error) throw new Error(`${method}: ${error.message}`)
  return result
}

function freePort() {
  return new Promise(resolve => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** A block as a payload that kona-node takes. */
async function payload(url, number) {
  const block = await rpc(url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, false)
  if (!block) return undefined
  const transactions = []
  for (const hash of block.transactions) transactions.push(await rpc(url, 'debug_getRawTransaction', hash))
  const same = ['parentHash', 'stateRoot', 'receiptsRoot', 'logsBloom', 'gasLimit', 'gasUsed', 'timestamp',
    'extraData', 'baseFeePerGas', 'blobGasUsed', 'excessBlobGas', 'withdrawalsRoot']
  const executionPayload = Object.fromEntries(same.map(key => [key, block[key]]))
  Object.assign(executionPayload, {
    feeRecipient: block.miner, prevRandao: block.mixHash, blockNumber: block.number,
    blockHash: block.hash, transactions, withdrawals: [],
  })
  return { parentBeaconBlockRoot: block.parentBeaconBlockRoot, executionPayload }
}

const net = path.join(folder, 'net')
const any = ['l1', 'beacon', 'sequencer', 'follower', 'batcher'].flatMap(part => [`--${part}-port`, '0'])
start('devnet', path.join(programs, 'phala-devnet'), ['--profile', 'isthmus', '--keep', '--dir', net,
  '--l1-block-time', '2', '--l2-block-time', '1', ...any])
const state = await until('the devnet', 120, async () => {
  const file = path.join(net, 'state.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
})
const { l1, l1_beacon: beacon, sequencer } = state.urls
const key = role => state.accounts.find(account => account.role === role)
console.log(`devnet: l1 ${l1}, sequencer ${sequencer}`)

const [httpPort, authPort, konaPort, p2pPort] = [await freePort(), await freePort(), await freePort(), await freePort()]
const engine = `http://127.0.0.1:${httpPort}`
const jwt = path.join(folder, 'jwt.hex')
writeFileSync(jwt, randomBytes(32).toString('hex'), { mode: 0o600 })
start('engine', path.join(programs, 'phala-node'), ['node', '--chain', state.chain_file, '--datadir', path.join(folder, 'engine'),
  '--http', '--http.port', `${httpPort}`, '--authrpc.port', `${authPort}`, '--authrpc.jwtsecret', jwt])
await until('our engine', 30, () => rpc(engine, 'eth_chainId'))
start('kona-node', kona, ['--l2-chain-id', `${state.l2_chain_id}`, 'node', '--mode', 'Validator',
  '--l1-eth-rpc', l1, '--l1-beacon', beacon, '--l2-engine-rpc', `http://127.0.0.1:${authPort}`,
  '--l2-engine-jwt-secret', jwt, '--l2-config-file', path.join(net, 'rollup-isthmus.json'), '--port', `${konaPort}`,
  '--rpc.enable-admin', '--p2p.no-discovery', '--p2p.listen.tcp', `${p2pPort}`, '--p2p.listen.udp', `${p2pPort}`,
  '--p2p.bootstore', path.join(folder, 'bootstore'), '--p2p.unsafe.block.signer', key('sequencer').address],
  { RUST_LOG: process.env.RUST_LOG ?? 'info' })

// It derives nothing before it has seen one unsafe block; gossip would bring it.
const konaUrl = `http://127.0.0.1:${konaPort}`
const first = await until('block 1', 60, () => payload(sequencer, 1))
await until('kona-node', 60, () => rpc(konaUrl, 'admin_postUnsafePayload', first).then(() => true))

// Traffic: transfers on L2, and a deposit now and then.
const account = privateKeyToAccount(key('user 1').key)
const chain = (id, url) => ({ id, name: `${id}`, nativeCurrency: { name: 'ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [url] } } })
const l2Wallet = createWalletClient({ account, chain: chain(state.l2_chain_id, sequencer), transport: http(sequencer) })
const l1Wallet = createWalletClient({ account, chain: chain(state.l1_chain_id, l1), transport: http(l1) })
let sent = 0
async function traffic() {
  for (let round = 0; !stopping; round++) {
    await l2Wallet.sendTransaction({ to: key('user 2').address, value: 1n })
    if (round % 8 === 0) await l1Wallet.sendTransaction({ to: state.l1_contracts.optimism_portal, value: parseEther('0.001') })
    sent++
    await sleep(700)
  }
}
traffic().catch(error => fail(`traffic: ${error.message}`))

let checked = 0
while (checked < blocks) {
  const safe = await rpc(engine, 'eth_getBlockByNumber', 'safe', false).catch(() => null)
  const target = Math.min(Number(safe?.number ?? 0), blocks)
  for (; checked < target; checked++) {
    const number = `0x${(checked + 1).toString(16)}`
    const [ours, theirs] = [await rpc(sequencer, 'eth_getBlockByNumber', number, false), await rpc(engine, 'eth_getBlockByNumber', number, false)]
    if (ours.hash !== theirs.hash) throw new Error(`block ${checked + 1}: sequenced ${ours.hash}, derived by kona-node ${theirs.hash}`)
  }
  console.log(`kona-node has derived ${checked} of ${blocks} blocks, all as sequenced; ${sent} transfers sent`)
  await sleep(10_000)
}
console.log(`interop: ${blocks} blocks, equal hashes`)
await stop(0)

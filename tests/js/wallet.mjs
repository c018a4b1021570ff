// What a wallet does with a node, through viem. Exits with 1 and says what went wrong.
//
//   PHALA_RPC   HTTP URL                       (default http://127.0.0.1:8545)
//   PHALA_WS    WebSocket URL                  (default ws://127.0.0.1:8546)
//   PHALA_KEY   private key of a funded account
//   PHALA_PLAIN=1 skips what only OP-stack chains have, to try the script on another node
import assert from 'node:assert/strict'
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  formatEther,
  fromRlp,
  hexToBigInt,
  http,
  isAddressEqual,
  keccak256,
  numberToHex,
  pad,
  parseEther,
  toRlp,
  webSocket,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

import { abi, creation, runtime } from './counter.mjs'
import { verifyProof } from './trie.mjs'

const RPC = process.env.PHALA_RPC ?? 'http://127.0.0.1:8545'
const WS = process.env.PHALA_WS ?? 'ws://127.0.0.1:8546'
const KEY = process.env.PHALA_KEY
const PLAIN = process.env.PHALA_PLAIN === '1'
const TIMEOUT_MS = 60_000

const steps = []
const step = (name, run) => steps.push({ name, run })

const account = KEY && privateKeyToAccount(KEY.startsWith('0x') ? KEY : `0x${KEY}`)
const transport = http(RPC, { timeout: 10_000, retryCount: 0 })
// The id is asked from the node in the first step.
let client = createPublicClient({ transport, pollingInterval: 200 })
let wallet
let contract

step('says which chain it is', async () => {
  const id = await client.getChainId()
  const chain = defineChain({
    id,
    name: 'under test',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [RPC], webSocket: [WS] } },
  })
  client = createPublicClient({ chain, transport, pollingInterval: 200 })
  wallet = createWalletClient({ chain, transport, account })
  const balance = await client.getBalance({ address: account.address })
  assert(balance > parseEther('1'), `${account.address} has only ${formatEther(balance)} ether`)
  assert.match(await client.request({ method: 'web3_clientVersion' }), /.+/)
  assert.equal(await client.request({ method: 'net_version' }), String(id))
})

step('sends ether to the wei', async () => {
  const to = privateKeyToAccount(generatePrivateKey()).address
  const value = parseEther('0.125')
  const { receipt } = await mined(await wallet.sendTransaction({ to, value }))
  const blockNumber = receipt.blockNumber
  assert.equal(await client.getBalance({ address: to, blockNumber }), value)
  assert.equal(receipt.gasUsed, 21_000n)
  assert.equal(receipt.type, 'eip1559')

  const [before, after] = await Promise.all(
    [blockNumber - 1n, blockNumber].map((blockNumber) =>
      client.getBalance({ address: account.address, blockNumber }),
    ),
  )
  assert.equal(before - after, value + (await feeOf(receipt.transactionHash)))
})

step('takes every transaction type a wallet may send', async () => {
  const to = account.address
  const gasPrice = 2n * (await client.getGasPrice())
  for (const [type, extra] of [
    ['legacy', { gasPrice }],
    ['eip2930', { gasPrice, accessList: [{ address: to, storageKeys: [pad('0x1')] }] }],
    ['eip1559', {}],
  ]) {
    const { receipt } = await mined(await wallet.sendTransaction({ to, value: 1n, type, ...extra }))
    assert.equal(receipt.type, type)
    const tx = await client.getTransaction({ hash: receipt.transactionHash })
    assert.equal(tx.type, type)
    assert(isAddressEqual(tx.from, account.address))
  }
})

step('deploys a contract', async () => {
  const { receipt } = await mined(await wallet.deployContract({ abi, bytecode: creation }))
  contract = receipt.contractAddress
  assert(contract, 'receipt has no contract address')
  assert.equal(await client.getCode({ address: contract }), runtime)
  assert.equal(await count(), 0n)
})

step('pushes heads and logs over WebSocket', async () => {
  const ws = createPublicClient({ transport: webSocket(WS, { reconnect: false }) })
  const heads = []
  const logs = []
  const failures = []
  const onError = (error) => failures.push(error)
  try {
    const stopHeads = ws.watchBlocks({ onBlock: (block) => heads.push(block), onError })
    const stopLogs = ws.watchContractEvent({
      address: contract,
      abi,
      eventName: 'Incremented',
      onLogs: (found) => logs.push(...found),
      onError,
    })
    // Both subscriptions are made in the background.
    await until('a pushed head', () => heads.length > 0, failures)
    const sent = [await increment(), await increment()]
    await until('two pushed logs', () => logs.length >= 2, failures)
    const last = sent.at(-1).receipt.blockNumber
    await until(`the pushed head ${last}`, () => heads.some((head) => head.number >= last), failures)
    stopHeads()
    stopLogs()
    assert.deepEqual(logs.map((log) => log.args.value), [1n, 2n])
    assert.deepEqual(
      logs.map((log) => log.transactionHash),
      sent.map(({ receipt }) => receipt.transactionHash),
    )
    for (const [i, head] of heads.slice(1).entries()) {
      assert.equal(head.parentHash, heads[i].hash, 'pushed heads do not follow each other')
    }
  } finally {
    ;(await ws.transport.getRpcClient()).close()
  }
})

step('calls the contract and reads its logs', async () => {
  assert.equal(await count(), 2n)
  const logs = await client.getContractEvents({
    address: contract,
    abi,
    eventName: 'Incremented',
    args: { caller: account.address },
    fromBlock: 0n,
  })
  assert.deepEqual(logs.map((log) => log.args.value), [1n, 2n])
  const none = await client.getContractEvents({
    address: contract,
    abi,
    eventName: 'Incremented',
    args: { caller: contract },
    fromBlock: 0n,
  })
  assert.deepEqual(none, [])
  const { receipt } = await increment()
  assert.equal(receipt.logs.length, 1)
  assert(isAddressEqual(receipt.logs[0].address, contract))
  // The state of an earlier block still answers.
  assert.equal(await count(receipt.blockNumber - 1n), 2n)
  assert.equal(await count(receipt.blockNumber), 3n)
})

step('reports a revert as such', async () => {
  await assert.rejects(
    client.call({ to: contract, data: '0xdeadbeef' }),
    (error) => /revert/i.test(error.message),
  )
  await assert.rejects(
    client.estimateGas({ account, to: contract, data: '0xdeadbeef' }),
    (error) => /revert/i.test(error.message),
  )
})

step('estimates gas and fees', async () => {
  assert.equal(await client.estimateGas({ account, to: account.address, value: 1n }), 21_000n)
  const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [10, 50] })
  assert(history.baseFeePerGas.length >= 2, 'fee history is empty')
  const fees = await client.estimateFeesPerGas()
  assert(fees.maxFeePerGas >= fees.maxPriorityFeePerGas)
})

step('proves its state against a header', async () => {
  const block = await client.getBlock()
  const nobody = privateKeyToAccount(generatePrivateKey()).address
  const slots = [pad('0x0'), pad('0x1')]
  const proof = await client.getProof({ address: contract, storageKeys: slots, blockNumber: block.number })
  assert.equal(headerHash(await rawBlock(block.number)), block.hash, 'header does not hash to the block hash')

  const leaf = verifyProof(block.stateRoot, contract, proof.accountProof)
  assert(leaf, 'proof shows no contract')
  assert.equal(leaf, toRlp([compact(proof.nonce), compact(proof.balance), proof.storageHash, proof.codeHash]))
  assert.equal(proof.codeHash, keccak256(runtime))
  const [, , storageRoot] = fromRlp(leaf)

  const [counter, empty] = proof.storageProof
  assert.equal(counter.value, 3n)
  assert.equal(verifyProof(storageRoot, slots[0], counter.proof), toRlp(compact(3n)))
  assert.equal(empty.value, 0n)
  assert.equal(verifyProof(storageRoot, slots[1], empty.proof), null)

  const absent = await client.getProof({ address: nobody, storageKeys: [], blockNumber: block.number })
  assert.equal(verifyProof(block.stateRoot, nobody, absent.accountProof), null)

  const sender = await client.getProof({
    address: account.address,
    storageKeys: [],
    blockNumber: block.number,
  })
  const [nonce, balance] = fromRlp(verifyProof(block.stateRoot, account.address, sender.accountProof))
  const at = { address: account.address, blockNumber: block.number }
  assert.equal(hexToBigInt(nonce), BigInt(await client.getTransactionCount(at)))
  assert.equal(hexToBigInt(balance), await client.getBalance(at))

  // And a proof that was tampered with is no proof.
  const [first, ...rest] = proof.accountProof
  const forged = first.slice(0, -1) + (first.endsWith('0') ? '1' : '0')
  assert.throws(() => verifyProof(block.stateRoot, contract, [forged, ...rest]))
})

step('queues what comes too early and replaces what pays more', async () => {
  const nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' })
  const early = { to: account.address, nonce: nonce + 1, gas: 21_000n, ...(await fees(1n)) }
  const waiting = await wallet.sendTransaction(early)
  const status = await poolStatus()
  assert(status.queued >= 1, `txpool_status counts ${status.queued} queued`)
  assert.equal(await client.getTransactionCount({ address: account.address, blockTag: 'pending' }), nonce)
  const { queued } = await client.request({ method: 'txpool_content' })
  const [, ours] = Object.entries(queued).find(([address]) => isAddressEqual(address, account.address))
  assert.equal(ours[nonce + 1].hash, waiting)

  await refused('replacement transaction underpriced', { ...early, value: 1n })
  await refused('nonce too low', { ...early, nonce: 0 })
  await refused('insufficient funds', { ...early, nonce: nonce + 2, value: parseEther('1000000000') })
  await refused('intrinsic gas too low', { ...early, nonce: nonce + 2, gas: 20_999n })

  const better = await wallet.sendTransaction({ ...early, ...(await fees(2n)) })
  const first = await wallet.sendTransaction({ to: account.address, nonce, value: 0n })
  await mined(first)
  await mined(better)
  assert.equal(await client.request({ method: 'eth_getTransactionByHash', params: [waiting] }), null)
  await until('an empty pool', async () => {
    const { pending, queued } = await poolStatus()
    return pending === 0 && queued === 0
  })
})

step('delegates an account to code (EIP-7702)', async () => {
  const owner = privateKeyToAccount(generatePrivateKey())
  const authorization = await wallet.signAuthorization({ account: owner, contractAddress: contract })
  const { receipt } = await mined(
    await wallet.sendTransaction({
      to: owner.address,
      data: '0xd09de08a',
      authorizationList: [authorization],
      gas: 200_000n,
    }),
  )
  assert.equal(receipt.type, 'eip7702')
  assert.equal(receipt.status, 'success')
  assert.equal(await client.getCode({ address: owner.address }), `0xef0100${contract.slice(2).toLowerCase()}`)
  assert.equal(await count(undefined, owner.address), 1n)
})

if (!PLAIN) {
  step('has an attributes deposit first in each block', async () => {
    const block = await rawBlock(await client.getBlockNumber(), true)
    const [deposit] = block.transactions
    assert.equal(deposit.type, '0x7e')
    assert.equal(deposit.from, '0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001')
    assert.equal(deposit.to, '0x4200000000000000000000000000000000000015')
    assert.match(deposit.sourceHash, /^0x[0-9a-f]{64}$/)
    assert.equal(hexToBigInt(deposit.gasPrice), 0n)
    const receipt = await rawReceipt(deposit.hash)
    assert.equal(receipt.status, '0x1')
    assert.equal(receipt.depositNonce, deposit.nonce)
    assert.equal(receipt.depositReceiptVersion, '0x1')
    assert.equal(receipt.l1Fee, undefined, 'a deposit pays no L1 fee')
    assert.equal(block.miner, '0x4200000000000000000000000000000000000011')
    assert.match(block.withdrawalsRoot, /^0x[0-9a-f]{64}$/)
  })

  step('tells the L1 fields of a receipt', async () => {
    const { receipt } = await increment()
    const raw = await rawReceipt(receipt.transactionHash)
    const always = ['l1GasPrice', 'l1GasUsed', 'l1Fee', 'l1BaseFeeScalar', 'l1BlobBaseFee', 'l1BlobBaseFeeScalar']
    const jovian = ['daFootprintGasScalar', 'blobGasUsed']
    for (const field of [...always, ...jovian]) {
      assert.match(raw[field] ?? 'nothing', /^0x[0-9a-f]+$/, `receipt has ${raw[field]} as ${field}`)
    }
    assert.equal(raw.depositNonce, undefined)
    const block = await rawBlock(receipt.blockNumber)
    const receipts = await client.request({
      method: 'eth_getBlockReceipts',
      params: [numberToHex(receipt.blockNumber)],
    })
    const footprints = receipts.map((r) => hexToBigInt(r.blobGasUsed ?? '0x0'))
    assert.equal(footprints.reduce((a, b) => a + b, 0n), hexToBigInt(block.blobGasUsed))
    assert.deepEqual(receipts.find((r) => r.transactionHash === raw.transactionHash), raw)
  })
}

// What a transaction cost beside its value, from the node's own receipt.
async function feeOf(hash) {
  const receipt = await rawReceipt(hash)
  const number = (field) => hexToBigInt(receipt[field] ?? '0x0')
  const gas = number('gasUsed')
  // From Jovian on the scalar counts in hundreds.
  const operator = gas * number('operatorFeeScalar') * 100n + number('operatorFeeConstant')
  return gas * number('effectiveGasPrice') + number('l1Fee') + operator
}

// Fees for a transaction that must wait, `times` those of the moment.
async function fees(times) {
  const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
  const tip = maxPriorityFeePerGas + 1_000n
  return { maxFeePerGas: (maxFeePerGas + tip) * times, maxPriorityFeePerGas: tip * times }
}

async function refused(message, request) {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId: client.chain.id,
    value: 0n,
    ...request,
  })
  const body = { jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [raw] }
  const answer = await fetch(RPC, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).then((response) => response.json())
  assert(answer.error, `${message} was expected, but the transaction was taken`)
  assert(
    answer.error.message.toLowerCase().includes(message),
    `${message} was expected, the node says ${answer.error.message}`,
  )
}

async function poolStatus() {
  const { pending, queued } = await client.request({ method: 'txpool_status' })
  return { pending: Number(pending), queued: Number(queued) }
}

async function mined(hash) {
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: TIMEOUT_MS })
  assert.equal(receipt.status, 'success', `transaction ${hash} failed`)
  return { receipt }
}

async function increment() {
  return mined(await wallet.writeContract({ address: contract, abi, functionName: 'increment' }))
}

function count(blockNumber, address = contract) {
  return client.readContract({ address, abi, functionName: 'count', blockNumber })
}

function rawBlock(number, full = false) {
  return client.request({ method: 'eth_getBlockByNumber', params: [numberToHex(number), full] })
}

function rawReceipt(hash) {
  return client.request({ method: 'eth_getTransactionReceipt', params: [hash] })
}

// Numbers in RLP have no leading zeros, and zero has no bytes.
function compact(number) {
  return BigInt(number) === 0n ? '0x' : evenHex(numberToHex(number))
}

function evenHex(hex) {
  return hex.length % 2 ? `0x0${hex.slice(2)}` : hex
}

function headerHash(block) {
  const bytes = ['parentHash', 'sha3Uncles', 'miner', 'stateRoot', 'transactionsRoot', 'receiptsRoot', 'logsBloom']
  const numbers = ['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp']
  const tail = [
    ['baseFeePerGas', compact],
    ['withdrawalsRoot'],
    ['blobGasUsed', compact],
    ['excessBlobGas', compact],
    ['parentBeaconBlockRoot'],
    ['requestsHash'],
  ]
  const fields = [
    ...bytes.map((name) => block[name]),
    ...numbers.map((name) => compact(block[name])),
    block.extraData,
    block.mixHash,
    block.nonce,
    ...tail.filter(([name]) => block[name] != null).map(([name, as = (x) => x]) => as(block[name])),
  ]
  return keccak256(toRlp(fields))
}

async function until(what, isDone, failures = []) {
  const deadline = Date.now() + TIMEOUT_MS
  while (!(await isDone())) {
    if (failures.length > 0) throw failures[0]
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${TIMEOUT_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

if (!account) {
  console.error('PHALA_KEY is not set: private key of a funded account')
  process.exit(1)
}
for (const { name, run } of steps) {
  try {
    await run()
    console.log(`ok    ${name}`)
  } catch (error) {
    console.error(`FAIL  ${name}\n${error?.stack ?? error}`)
    console.log(`${steps.findIndex((step) => step.name === name)} passed, 1 failed`)
    process.exit(1)
  }
}
console.log(`${steps.length} passed, 0 failed`)
process.exit(0)

// Verifies EIP-1186 proofs: walks a Merkle-Patricia trie from its root along a key.
import { fromRlp, hexToBytes, keccak256, toRlp } from 'viem'

const EMPTY_ROOT = keccak256('0x80')

/** The value (hex of its RLP) that `proof` shows under keccak256(key), or null if it shows there is none. */
export function verifyProof(root, key, proof) {
  if (proof.length === 0) {
    if (root !== EMPTY_ROOT) throw new Error(`empty proof for the trie with root ${root}`)
    return null
  }
  const path = nibbles(hexToBytes(keccak256(key)))
  const nodes = proof.values()
  const next = () => {
    const { value, done } = nodes.next()
    if (done) throw new Error('proof ends before the key does')
    return value
  }
  const finish = (value) => {
    if (!nodes.next().done) throw new Error('proof goes on behind the end of the path')
    return value
  }

  let encoded = next()
  if (keccak256(encoded) !== root) throw new Error(`first node does not hash to the root ${root}`)
  for (let depth = 0; ; ) {
    const node = fromRlp(encoded)
    let child
    if (node.length === 17) {
      if (depth === path.length) return finish(node[16] === '0x' ? null : node[16])
      child = node[path[depth]]
      depth += 1
    } else {
      const [flag, ...rest] = nibbles(hexToBytes(node[0]))
      const part = flag & 1 ? rest : rest.slice(1)
      if (part.some((nibble, i) => nibble !== path[depth + i])) return finish(null)
      depth += part.length
      if (flag & 2) return finish(depth === path.length ? node[1] : null)
      child = node[1]
    }
    if (child === '0x') return finish(null)
    if (Array.isArray(child)) {
      // A node shorter than 32 bytes is part of its parent.
      encoded = toRlp(child)
      continue
    }
    encoded = next()
    if (keccak256(encoded) !== child) throw new Error(`node at depth ${depth} does not hash to ${child}`)
  }
}

function nibbles(bytes) {
  return [...bytes].flatMap((byte) => [byte >> 4, byte & 15])
}

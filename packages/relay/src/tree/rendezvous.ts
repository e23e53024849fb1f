/**
 * Rendezvous (highest random weight) hashing: everybody who knows the same nodes gives them the same order for a
 * key, without talking to each other, and a node that comes or goes moves only the keys that it gains or had.
 */

/** Key of a broadcast or viewer: 32-bit FNV-1a over the UTF-16 code units. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** How much the key wants this node, 0 to 2^32 - 1: the highest wins, the lower id among equals. */
export function rendezvousScore(keyHash: number, nodeId: number): number {
  const low = mix((nodeId >>> 0) ^ 0x9e3779b9);
  const high = mix(Math.floor(nodeId / 0x1_0000_0000) ^ low);
  return mix(keyHash ^ high);
}

/** The finalizer of MurmurHash3: every bit of the input moves half of the output's. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Negative if the key wants `a` more than `b`: for sorting, best first. */
export function compareByRendezvous(keyHash: number, a: number, b: number): number {
  return rendezvousScore(keyHash, b) - rendezvousScore(keyHash, a) || a - b;
}

/**
 * As `rendezvousScore`, for nodes of unequal size: a node of twice the weight is the best for twice as many keys.
 * The highest wins.
 */
export function weightedScore(keyHash: number, nodeId: number, weight: number): number {
  // A score of 0 must not divide by the logarithm of 0, nor the largest one give the logarithm of 1.
  const uniform = (rendezvousScore(keyHash, nodeId) + 0.5) / 0x1_0000_0000;
  return weight / -Math.log(uniform);
}

import { randomBytes } from 'node:crypto';

/**
 * Polynomials over GF(2) as bit masks. restic's chunker takes an irreducible one of degree 53 from the configuration and
 * refuses to open a repository without; Holdfast cuts files by a gear table instead and only provides it.
 */

const degree = 53;

function degreeOf(polynomial: bigint): number {
  return polynomial === 0n ? -1 : polynomial.toString(2).length - 1;
}

function remainder(dividend: bigint, divisor: bigint): bigint {
  const divisorDegree = degreeOf(divisor);
  let rest = dividend;
  for (let at = degreeOf(rest); at >= divisorDegree; at = degreeOf(rest)) rest ^= divisor << BigInt(at - divisorDegree);
  return rest;
}

function multiply(a: bigint, b: bigint, modulus: bigint): bigint {
  let product = 0n;
  for (let bit = 0n; b >> bit > 0n; bit += 1n) if (((b >> bit) & 1n) === 1n) product ^= a << bit;
  return remainder(product, modulus);
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, remainder(a, b));
}

/** Ben-Or's test: no factor of degree i divides x^(2^i) - x, for i up to half the degree. */
export function isIrreducible(polynomial: bigint): boolean {
  const x = 2n;
  let power = x;
  for (let i = 1; i <= Math.floor(degreeOf(polynomial) / 2); i += 1) {
    power = multiply(power, power, polynomial);
    if (gcd(polynomial, power ^ x) !== 1n) return false;
  }
  return degreeOf(polynomial) >= 1;
}

/** A random irreducible polynomial of degree 53, as restic makes it: about every 50th candidate is one. */
export function newChunkerPolynomial(): bigint {
  for (;;) {
    const random = randomBytes(8).readBigUInt64BE() & (2n ** BigInt(degree) - 1n);
    const candidate = random | (1n << BigInt(degree)) | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
}

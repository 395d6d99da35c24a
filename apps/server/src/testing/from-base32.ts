/** The bytes of a one-time password's secret, as an authenticator reads it (RFC 4648). */
export function fromBase32(text: string): Buffer {
  const bits = Array.from(text)
    .map((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

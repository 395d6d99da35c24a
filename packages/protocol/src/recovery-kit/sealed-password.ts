import { HoldfastError } from '@holdfast/core';
import { hpke } from './hpke.ts';
import type { KitKeys, KitSeal } from './kit-keys.ts';

const encapsulatedBytes = 32;
const info = (id: string): ArrayBuffer => bytesOf(`holdfast-recovery-kit-1 password ${id}`);

/** A repository's password that only the kit's words open: base64url, for the key file of that password. */
export async function sealPassword(password: string, kit: KitSeal): Promise<string> {
  const recipientPublicKey = await hpke.kem.deserializePublicKey(Buffer.from(kit.publicKey, 'base64url'));
  const { ct, enc } = await hpke.seal({ recipientPublicKey, info: info(kit.id) }, bytesOf(password));
  return Buffer.concat([new Uint8Array(enc), new Uint8Array(ct)]).toString('base64url');
}

/** @throws kit.other when it was sealed to another kit, or changed */
export async function openPassword(sealed: string, kit: KitKeys): Promise<string> {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const plain = await hpke.open(
      { recipientKey: kit.privateKey, enc: bytesOf(bytes.subarray(0, encapsulatedBytes)), info: info(kit.id) },
      bytesOf(bytes.subarray(encapsulatedBytes)),
    );
    return Buffer.from(plain).toString('utf8');
  } catch (cause) {
    throw new HoldfastError('kit.other', {
      message: `The sealed password of the repository does not open with recovery kit ${kit.id}.`,
      cause,
    });
  }
}

function bytesOf(value: string | Uint8Array): ArrayBuffer {
  return new Uint8Array(Buffer.from(value)).buffer;
}

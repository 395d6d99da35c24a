import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A passkey in software, as a browser would hand it over: WebAuthn level 3 with ES256 and no attestation. */
export class TestAuthenticator {
  readonly #key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #id = randomBytes(16);
  readonly #origin: string;
  signCount = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** What `navigator.credentials.create` gives. */
  create(options: Readonly<Record<string, unknown>>) {
    const { x = '', y = '' } = this.#key.publicKey.export({ format: 'jwk' });
    // A COSE key (RFC 9053): EC2, ES256, P-256 and the point.
    const key = cborMap([
      [cborInt(1), cborInt(2)],
      [cborInt(3), cborInt(-7)],
      [cborInt(-1), cborInt(1)],
      [cborInt(-2), cborBytes(Buffer.from(x, 'base64url'))],
      [cborInt(-3), cborBytes(Buffer.from(y, 'base64url'))],
    ]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.#id.length);
    const data = Buffer.concat([this.#header(0x41), Buffer.alloc(16), length, this.#id, key]);
    const attestation = cborMap([
      [cborText('fmt'), cborText('none')],
      [cborText('attStmt'), cborMap([])],
      [cborText('authData'), cborBytes(data)],
    ]);
    return {
      ...this.#names(),
      response: {
        clientDataJSON: this.#client('webauthn.create', options).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
      },
    };
  }

  /** What `navigator.credentials.get` gives. */
  get(options: Readonly<Record<string, unknown>>) {
    this.signCount += 1;
    const data = this.#header(0x01);
    const client = this.#client('webauthn.get', options);
    const signed = Buffer.concat([data, createHash('sha256').update(client).digest()]);
    return {
      ...this.#names(),
      response: {
        clientDataJSON: client.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: sign('sha256', signed, this.#key.privateKey).toString('base64url'),
      },
    };
  }

  #names() {
    const id = this.#id.toString('base64url');
    return { id, rawId: id, type: 'public-key' as const };
  }

  /** `flags`: 0x01 somebody was there, 0x40 a new key follows. */
  #header(flags: number): Buffer {
    const count = Buffer.alloc(5);
    count.writeUInt8(flags);
    count.writeUInt32BE(this.signCount, 1);
    return Buffer.concat([createHash('sha256').update(new URL(this.#origin).hostname).digest(), count]);
  }

  #client(type: string, { challenge }: Readonly<Record<string, unknown>>): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.#origin, crossOrigin: false }));
  }
}

/** RFC 8949, as far as a passkey needs it. */
function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  return Buffer.from(length < 256 ? [(major << 5) | 24, length] : [(major << 5) | 25, length >> 8, length & 0xff]);
}

function cborInt(value: number): Buffer {
  return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value);
}

function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([cborHead(2, bytes.length), bytes]);
}

function cborText(text: string): Buffer {
  return Buffer.concat([cborHead(3, text.length), Buffer.from(text)]);
}

function cborMap(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([cborHead(5, entries.length), ...entries.flat()]);
}

import { HoldfastError } from '@holdfast/core';
import type { PasskeyRegistration, SecondFactorProof } from '@holdfast/protocol';
import { ceremonyMs } from '../limits.ts';

type Assertion = Extract<SecondFactorProof, { kind: 'passkey' }>['response'];

export interface StoredPasskey {
  readonly credentialId: string;
  /** The COSE key, base64url. */
  readonly publicKey: string;
  readonly signCount: number;
}

/** EdDSA, ES256, RS256 (COSE). */
const algorithms = [-8, -7, -257];

/**
 * WebAuthn level 3 for second factors. Browsers bind a passkey to the name of the site, so there are passkeys only where the
 * server was told under which address people reach it.
 */
export class Passkeys {
  readonly #site: { readonly origin: string; readonly name: string } | undefined;

  constructor(publicUrl: string | undefined) {
    if (publicUrl === undefined) return;
    const url = new URL(publicUrl);
    this.#site = { origin: url.origin, name: url.hostname };
  }

  get isPossible(): boolean {
    return this.#site !== undefined;
  }

  async registrationOptions(o: {
    account: { readonly id: string; readonly name: string; readonly displayName: string };
    present: readonly StoredPasskey[];
  }): Promise<{ readonly challenge: string; readonly options: Record<string, unknown> }> {
    const site = this.#required();
    // Loaded where it is needed: most servers never do.
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    const options = await generateRegistrationOptions({
      rpName: 'Holdfast',
      rpID: site.name,
      userID: new Uint8Array(Buffer.from(o.account.id)),
      userName: o.account.name,
      userDisplayName: o.account.displayName,
      supportedAlgorithmIDs: algorithms,
      timeout: ceremonyMs,
      excludeCredentials: o.present.map(({ credentialId }) => ({ id: credentialId })),
      // The password was the first factor: the second one need not know who holds it.
      authenticatorSelection: { residentKey: 'discouraged', userVerification: 'preferred' },
    });
    return { challenge: options.challenge, options: { ...options } };
  }

  /** Throws `auth.sign-in` when it does not answer the challenge, or comes from another site. */
  async register(response: PasskeyRegistration, challenge: string): Promise<StoredPasskey> {
    const site = this.#required();
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const { verified, registrationInfo } = await refusing(() =>
      verifyRegistrationResponse({
        response,
        supportedAlgorithmIDs: algorithms,
        expectedChallenge: challenge,
        expectedOrigin: site.origin,
        expectedRPID: site.name,
        requireUserVerification: false,
      }),
    );
    if (!verified) throw refused();
    const { id, publicKey, counter } = registrationInfo.credential;
    return { credentialId: id, publicKey: Buffer.from(publicKey).toString('base64url'), signCount: counter };
  }

  async assertionOptions(
    present: readonly StoredPasskey[],
  ): Promise<{ readonly challenge: string; readonly options: Record<string, unknown> }> {
    const site = this.#required();
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    const options = await generateAuthenticationOptions({
      rpID: site.name,
      timeout: ceremonyMs,
      userVerification: 'preferred',
      allowCredentials: present.map(({ credentialId }) => ({ id: credentialId })),
    });
    return { challenge: options.challenge, options: { ...options } };
  }

  /** Gives the authenticator's new count. Throws `auth.sign-in`, also for a count that went back: of a copied authenticator. */
  async verify(response: Assertion, o: { stored: StoredPasskey; challenge: string }): Promise<number> {
    const site = this.#required();
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const { verified, authenticationInfo } = await refusing(() =>
      verifyAuthenticationResponse({
        response: {
          ...response,
          response: { ...response.response, userHandle: response.response.userHandle ?? '' },
        },
        expectedChallenge: o.challenge,
        expectedOrigin: site.origin,
        expectedRPID: site.name,
        requireUserVerification: false,
        credential: {
          id: o.stored.credentialId,
          publicKey: new Uint8Array(Buffer.from(o.stored.publicKey, 'base64url')),
          counter: o.stored.signCount,
        },
      }),
    );
    if (!verified) throw refused();
    return authenticationInfo.newCounter;
  }

  #required(): { readonly origin: string; readonly name: string } {
    if (this.#site) return this.#site;
    throw new HoldfastError('request.conflict', {
      message: 'There are no passkeys on this server: it does not know under which address people reach it.',
      guidance: 'Set `publicUrl` in its configuration, for example https://backup.example.org.',
    });
  }
}

/** The library says with errors what does not fit. */
async function refusing<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (error) {
    throw refused(error);
  }
}

function refused(cause?: unknown): HoldfastError {
  return new HoldfastError('auth.sign-in', { message: 'The passkey did not prove itself.', cause });
}

import type { Clock } from '@holdfast/core';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { ServerConfig } from '../config.ts';
import type { Vault } from '../vault.ts';
import { Credentials } from './credentials.ts';
import { Passkeys } from './passkeys.ts';
import { PasswordHasher } from './password-hash.ts';
import { SecondFactors } from './second-factors.ts';
import { SignIn } from './sign-in.ts';
import { SignInDelays } from './sign-in-delays.ts';

/** What accounts consist of, made once for a server. */
export class People {
  readonly clock: Clock;
  readonly hasher = new PasswordHasher();
  readonly credentials: Credentials;
  readonly factors: SecondFactors;
  readonly signIn: SignIn;

  constructor(o: {
    catalogue: Catalogue;
    vault: Vault;
    config: ServerConfig;
    onRevoked: () => void;
    onDelay: (name: string, address: string) => void;
    clock: Clock;
  }) {
    const { clock } = o;
    const { sessionIdleMinutes, sessionHours, apiTokenIdleDays } = o.config.people;
    this.clock = clock;
    this.credentials = new Credentials({
      catalogue: o.catalogue,
      clock,
      lifetimes: {
        sessionIdleMs: sessionIdleMinutes * 60_000,
        sessionMs: sessionHours * 3_600_000,
        apiTokenIdleMs: apiTokenIdleDays * 86_400_000,
      },
      onRevoked: o.onRevoked,
    });
    this.factors = new SecondFactors({ vault: o.vault, passkeys: new Passkeys(o.config.publicUrl), clock });
    const delays = new SignInDelays(clock, o.onDelay);
    this.signIn = new SignIn({
      credentials: this.credentials,
      factors: this.factors,
      hasher: this.hasher,
      delays,
      clock,
    });
  }
}
